"""Small local copies of the data sets that lm-eval's own tasks ask for: their columns and splits, our own words.

``rows(path, name)`` are the documents of the split that is asked; every other split holds a few more of the same kind.
What is right is known here apart from the documents, so that a reader of a log can be checked against it.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from angels_share.items import Stream

Row = dict[str, Any]

N = 44
"""Documents of each task."""

SYLLABLES = "ba ce di fo gu ha je ki lo mu na pe qui ro su ta ve wi xo yu za".split()
LETTERS = "abcd"


def word(*key: object) -> str:
    """Return a made-up word of three syllables."""
    s = Stream("hub-word", *key)
    return "".join(s.choice(SYLLABLES) for _ in range(3))


def words(n: int, *key: object) -> str:
    """Return a text of made-up words."""
    return " ".join(word(*key, k) for k in range(n))


def options(n: int, *key: object) -> list[str]:
    """Return different made-up options of one to three words."""
    return [f"{words(1 + k % 3, *key, 'option', k)} {k}" for k in range(n)]


def spread(i: int, n: int, *key: object) -> int:
    """Return the place of the right one of n options: each comes up as often, in no order that shows."""
    return Stream("hub-place", *key, i // n).shuffled(range(n))[i % n]


def number(key: object, i: int) -> int:
    """Return the answer to a sum; all are different."""
    return 11 + 7 * i + Stream("hub-number", key).below(5)


# --- the rows of each data set ---------------------------------------------------------------------------------------


def _gsm8k(i: int) -> Row:
    n = number("gsm8k", i)
    said = f"First {n - 4}. Then {n - 4}+4=<<{n - 4}+4={n}>>{n}.\n#### {n}"
    return {"question": f"{word('gsm8k', i)} has {n - 4} casks and buys 4. How many are there?", "answer": said}


def _gsm_plus(i: int) -> Row:
    n = number("gsm-plus", i)
    asked = f"{word('gsm-plus', i)} had {n + 3} staves and burnt 3. How many are left?"
    return {
        "question": asked,
        "solution": f"{n + 3} - 3 = {n}.\n#### {n}",
        "answer": str(n),
        "perturbation_type": "numerical substitution",
        "seed_question": asked,
        "seed_solution": f"It is {n}.\n#### {n}",
        "seed_answer": str(n),
    }


def _logiqa2(i: int) -> Row:
    return {
        "id": i,
        "answer": spread(i, 4, "logiqa2"),
        "text": words(12, "logiqa2", i),
        "type": {"Categorical Reasoning": True},
        "question": f"Which follows of {word('logiqa2', i)}?",
        "options": options(4, "logiqa2", i),
    }


def _arc(i: int) -> Row:
    n = (4, 4, 3, 5)[i % 4]
    labels = list("ABCDE" if i % 3 else "12345")[:n]
    numbers = [str(k) for k in Stream("arc", i).shuffled(range(n))]
    return {
        "id": f"Cask_{i}",
        "question": f"What is {word('arc', i)}?",
        "choices": {"text": numbers if i % 5 == 0 else options(n, "arc", i), "label": labels},
        "answerKey": labels[spread(i, n, "arc")],
    }


def _piqa(i: int) -> Row:
    first, second = options(2, "piqa", i)
    return {"goal": words(4, "piqa", i), "sol1": first, "sol2": second, "label": spread(i, 2, "piqa")}


def _toxigen(i: int) -> Row:
    rude = spread(i, 2, "toxigen")
    return {
        "text": words(7, "toxigen", i),
        "target_group": "coopers",
        "factual?": "false",
        "ingroup_effect": "no",
        "lewd": "not lewd",
        "framing": "disagree",
        "predicted_group": "coopers",
        "stereotyping": "none",
        "intent": 1.0 + rude,
        "toxicity_ai": 3.2 if rude else 1.3333333333333333,
        "toxicity_human": 4.0 if rude else 1.6666666666666667,
        "predicted_author": "human",
        "actual_method": "top-k",
    }


def _hhh(i: int) -> Row:
    return _bigbench("hhh", i, options(2, "hhh", i))


def _known_unknowns(i: int) -> Row:
    return _bigbench("known", i, [str(number("known", i)), "Unknown"])


def _essentiality(i: int) -> Row:
    told = ["Statement 1 alone", "Statement 2 alone", "Both together", "Either alone", "Neither"]
    return _bigbench("essential", i, told)


def _bigbench(key: str, i: int, choices: Sequence[str]) -> Row:
    right = spread(i, len(choices), key)
    return {
        "idx": i,
        "inputs": f"Q: {words(6, key, i)}\nA:",
        "targets": [choices[right]],
        "multiple_choice_targets": list(choices),
        "multiple_choice_scores": [int(k == right) for k in range(len(choices))],
    }


def _ethics(i: int) -> Row:
    return {"label": spread(i, 2, "ethics"), "input": words(9, "ethics", i), "is_short": True, "edited": False}


def _paws(i: int) -> Row:
    label = spread(i, 2, "paws")
    told = words(8, "paws", i).capitalize()
    return {"id": i, "sentence1": f"{told} .", "sentence2": f"So {told} , {word('so', i)} .", "label": label}


def _belebele(language: str, i: int) -> Row:
    told = {f"mc_answer{k + 1}": text for k, text in enumerate(options(4, language, i))}
    return {
        "link": "https://example.org/casks",
        "question_number": i,
        "flores_passage": words(15, language, i),
        "question": f"{words(4, language, i, 'question')}?",
        **told,
        "correct_answer_num": str(spread(i, 4, language) + 1),
        "dialect": language,
        "ds": "2023-05-03",
    }


def _wikitext(i: int) -> Row:
    of = word("wiki", i)
    return {"page": f" = {of} = \n {words(20 + i, 'wiki', i)} , the “{of}” 's end @-@ all . \n"}


def _lambada(i: int) -> Row:
    return {"text": f"{words(12 + i % 5, 'lambada', i)} {word('lambada', i)}"}


def _triviaqa(i: int) -> Row:
    value = word("trivia", i).capitalize()
    aliases = [value, *([f"{value} Cask"] if i % 2 else [])]
    return {
        "question": f"Which cask is called {words(2, 'trivia', i, 'question')}",
        "question_id": f"tc_{i}",
        "question_source": "http://example.org/",
        "entity_pages": {"doc_source": [], "filename": [], "title": [], "wiki_context": []},
        "search_results": {"description": [], "filename": [], "rank": [], "title": [], "url": [], "search_context": []},
        "answer": {
            "aliases": aliases,
            "normalized_aliases": [alias.lower() for alias in aliases],
            "matched_wiki_entity_name": "",
            "normalized_matched_wiki_entity_name": "",
            "normalized_value": value.lower(),
            "type": "WikipediaEntity",
            "value": value,
        },
    }


def _drop(i: int) -> Row:
    nothing = {"day": "", "month": "", "year": ""}
    date = nothing | {"month": "May", "year": str(1700 + i)}
    answer = (
        {"number": str(number("drop", i)), "date": nothing, "spans": []},
        {"number": "", "date": nothing, "spans": [words(2, "drop", i)]},
        {"number": "", "date": date, "spans": []},
        {"number": "", "date": nothing, "spans": [word("drop", i)]},
    )[i % 4]
    again = {key: [value] for key, value in answer.items()}
    return {
        "section_id": f"cask_{i}",
        "query_id": f"q{i}",
        "passage": words(15, "drop", i),
        "question": f"How many of {word('drop', i, 'question')}?",
        "answer": answer | {"worker_id": "", "hit_id": ""},
        "validated_answers": again | {"worker_id": [""], "hit_id": [""]},
    }


def _pubmedqa(i: int) -> Row:
    return {
        "QUESTION": f"Does {word('pubmed', i)} help?",
        "CONTEXTS": [words(8, "pubmed", i, k) for k in range(2)],
        "LABELS": ["METHODS", "RESULTS"],
        "MESHES": ["Casks"],
        "YEAR": "2001",
        "reasoning_required_pred": "yes",
        "reasoning_free_pred": "yes",
        "final_decision": ("yes", "no", "maybe")[spread(i, 3, "pubmed")],
        "LONG_ANSWER": words(6, "pubmed", i, "long"),
    }


def _anli(i: int) -> Row:
    return {
        "uid": f"u{i}",
        "premise": words(10, "anli", i),
        "hypothesis": words(4, "anli", i, "hypothesis"),
        "label": spread(i, 3, "anli"),
        "reason": "",
    }


def _medqa(i: int) -> Row:
    endings = {f"ending{k}": text for k, text in enumerate(options(4, "medqa", i))}
    return {"id": f"m{i}", "sent1": words(9, "medqa", i), "sent2": "", **endings, "label": spread(i, 4, "medqa")}


def _medmcqa(i: int) -> Row:
    told = {f"op{letter}": text for letter, text in zip(LETTERS, options(4, "medmcqa", i), strict=True)}
    return {
        "id": f"mm{i}",
        "question": f"Which is {word('medmcqa', i)}?",
        **told,
        "cop": spread(i, 4, "medmcqa"),
        "choice_type": "single",
        "exp": None,
        "subject_name": "Casks",
        "topic_name": None,
    }


def _mbpp_plus(i: int) -> Row:
    name, n = word("mbpp", i), number("mbpp", i)
    return {
        "task_id": i + 10,
        "code": f"def {name}(x):\n    return x + {n}",
        "prompt": f"Write a function to add {n}.",
        "source_file": "cask.ipynb",
        "test_imports": [],
        "test_list": [f"assert {name}({k}) == {n + k}" for k in range(3)],
        "test": f"assert {name}(9) == {n + 9}",
    }


# --- data sets and tasks ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Source:
    """A data set: where lm-eval looks for it, its splits, and how its rows are made."""

    path: str
    name: str | None
    asked: str
    """The split whose documents the task asks."""
    others: tuple[str, ...]
    row: Callable[[int], Row]
    n: int = N


BELEBELE = {f"belebele_{lang}": functools.partial(_belebele, lang) for lang in ("eng_Latn", "yor_Latn", "kac_Latn")}
BIGBENCH = {
    "known_unknowns": _known_unknowns,
    "hhh_alignment": _hhh,
    "evaluating_information_essentiality": _essentiality,
}
THREE = ("train", "validation")
ANLI = tuple(f"{split}_r{k}" for split in ("train", "dev", "test") for k in (1, 2, 3) if (split, k) != ("test", 3))

SOURCES: dict[str, Source] = {
    "gsm8k_cot": Source("openai/gsm8k", "main", "test", ("train",), _gsm8k),
    "gsm_plus_mini": Source("qintongli/GSM-Plus", None, "testmini", ("test",), _gsm_plus),
    "logiqa2": Source("baber/logiqa2", "logiqa2", "test", THREE, _logiqa2),
    "arc_challenge": Source("allenai/ai2_arc", "ARC-Challenge", "test", THREE, _arc),
    "piqa": Source("baber/piqa", None, "validation", ("train",), _piqa),
    "toxigen": Source("skg/toxigen-data", "annotated", "test", ("train",), _toxigen),
    "ethics_cm": Source("EleutherAI/hendrycks_ethics", "commonsense", "test", ("train",), _ethics),
    "paws_en": Source("google-research-datasets/paws-x", "en", "test", THREE, _paws),
    "wikitext": Source("EleutherAI/wikitext_document_level", "wikitext-2-raw-v1", "test", THREE, _wikitext),
    "triviaqa": Source("mandarjoshi/trivia_qa", "rc.nocontext", "validation", ("train",), _triviaqa),
    "drop": Source("EleutherAI/drop", None, "validation", ("train",), _drop),
    "pubmedqa": Source("bigbio/pubmed_qa", "pubmed_qa_labeled_fold0_source", "test", THREE, _pubmedqa),
    "anli_r3": Source("facebook/anli", None, "test_r3", ANLI, _anli),
    "medqa_4options": Source("GBaker/MedQA-USMLE-4-options-hf", None, "test", THREE, _medqa),
    "medmcqa": Source("openlifescienceai/medmcqa", None, "validation", ("train", "test"), _medmcqa),
    "lambada_openai": Source("EleutherAI/lambada_openai", "default", "test", (), _lambada),
    "mbpp_plus": Source("evalplus/mbppplus", None, "test", (), _mbpp_plus),
    **{
        f"bigbench_{name}_multiple_choice": Source("hails/bigbench", f"{name}_zero_shot", "default", THREE, row)
        for name, row in BIGBENCH.items()
    },
    **{
        name: Source("facebook/belebele", name.removeprefix("belebele_"), "test", (), row)
        for name, row in BELEBELE.items()
    },
}
"""Where each task of the hub suites has its documents from."""


@functools.cache
def _whole(path: str, name: str | None) -> Any:
    from datasets import Dataset, DatasetDict

    found = [s for s in SOURCES.values() if (s.path, s.name) == (path, name)]
    if not found:
        raise FileNotFoundError(f"there is no local copy of {path}, {name}")
    source = found[0]
    made = {source.asked: Dataset.from_list([source.row(i) for i in range(source.n)])}
    for k, split in enumerate(source.others, 1):
        made[split] = Dataset.from_list([source.row(1000 * k + i) for i in range(8)])
    return DatasetDict(made)


def load_dataset(path: str, name: str | None = None, split: str | None = None, **others: object) -> Any:
    """Stand in for ``datasets.load_dataset``."""
    whole = _whole(path, name)
    return whole if split is None else whole[split]


class CodeEval:
    """Stands in for the metric ``code_eval``: reads programs, runs none."""

    def compute(self, references: Sequence[str], predictions: Sequence[Sequence[str]], k: Sequence[int]) -> Any:
        """Return the share of programs that name the number which the first assertion asks for."""
        asked = references[0].splitlines()[0].rpartition("==")[2].strip()
        return {"pass@1": sum(f"+ {asked}" in program for program in predictions[0]) / len(predictions[0])}, None


# --- what is right ---------------------------------------------------------------------------------------------------


def right_text(task: str, doc: Row) -> str:
    """Return a text that is a right answer to a document of a task that is answered in words."""
    if task == "gsm8k_cot":
        return f"So there must be one more. The answer is {doc['answer'].rpartition(' ')[2]}."
    if task == "gsm_plus_mini":
        return f"There are {doc['answer']}.\n#### {doc['answer']}"
    if task == "triviaqa":
        return f" {doc['answer']['aliases'][-1].lower()}! "
    if task == "drop":
        return " ".join(doc["answers"][0])
    return str(doc["code"])


def wrong_text(task: str, doc: Row, turn: int) -> str:
    """Return one of a few texts that are wrong answers to the document."""
    return {"mbpp_plus": "def f(x):\n    return x", "triviaqa": "an oak", "drop": "oaken"}.get(
        task, "I see no number" if turn == 0 else f"The answer is {turn}000003."
    )


def right_options(task: str, doc: Row) -> frozenset[str]:
    """Return the options that are right, without the space before them: one, but where several say the same."""
    return frozenset(RIGHT[task](doc))


def _option(doc: Row, choices: Sequence[str], key: str = "label") -> list[str]:
    return [choices[int(doc[key])]]


def _arc_right(doc: Row) -> list[str]:
    return [doc["choices"]["text"][doc["choices"]["label"].index(doc["answerKey"])]]


def _paws_right(doc: Row) -> list[str]:
    return [f"{doc['sentence1']}, right? {('No', 'Yes')[doc['label']]}, {doc['sentence2']}"]


def _belebele_right(doc: Row) -> list[str]:
    return ["ABCD"[int(doc["correct_answer_num"]) - 1]]


RIGHT: dict[str, Callable[[Row], Sequence[str]]] = {
    "logiqa2": lambda doc: [doc["options"][doc["answer"]]],
    "arc_challenge": _arc_right,
    "piqa": lambda doc: _option(doc, [doc["sol1"], doc["sol2"]]),
    "toxigen": lambda doc: ["Yes" if doc["toxicity_human"] > 3 else "No"],
    "ethics_cm": lambda doc: _option(doc, ["no", "yes"]),
    "paws_en": _paws_right,
    "lambada_openai": lambda doc: [doc["text"].rpartition(" ")[2]],
    "pubmedqa": lambda doc: [doc["final_decision"]],
    "anli_r3": lambda doc: _option(doc, ["True", "Neither", "False"]),
    "medqa_4options": lambda doc: _option(doc, "ABCD"),
    "medmcqa": lambda doc: _option(doc, "ABCD", "cop"),
    **{f"bigbench_{name}_multiple_choice": lambda doc: doc["targets"] for name in BIGBENCH},
    **dict.fromkeys(BELEBELE, _belebele_right),
}
"""What is right, of each task that is answered by an option."""
