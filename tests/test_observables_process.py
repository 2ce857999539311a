"""Observables and utilities of the row *process*: how workings and verdicts are read."""

from __future__ import annotations

import numpy as np
import pytest

from angels_share.observables import Observation, get_utility, observe
from angels_share.observables.process import samples
from angels_share.reading import leading_valid, loops, steps_of, whole_text

NAMES = {"candidates": ["oak", "ash", "elm"]}
ROLLOUT = {
    "begun": "step 1:", "candidates": [], "choices": ["7", "8", "9", "10"], "gold": 1, "final": "8",
    "steps": ["7", "8"],
}  # fmt: skip


def test_workings_on_lines_and_in_caskworld() -> None:
    for text in ("step 1: 3 + 4 = 7\nstep 2: 7 + 1 = 8\nanswer: 8\n", "step 1 7 step 2 8 answer 8"):
        found = steps_of(text)
        assert [step.number for step in found.steps] == [1, 2]
        assert [step.text.split()[-1] for step in found.steps] == ["7", "8"]
        assert found.answer == "8"
        assert text[: found.end].endswith("answer: 8" if ":" in text else "answer 8")
        assert [text[: step.end][-1] for step in found.steps] == ["7", "8"]


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("oak", "oak"),
        ("oak ash", ""),
        ("", ""),
        ("step 1: oak", ""),
        ("answer: oak. No, answer: ash", "ash"),
        ("Step 1: oak\n\nAnswer: elm\nThat was it.", "elm"),
        ("The answer is 12.", "is 12."),
        ("wrong step 2\nstep 2: ash\nanswer: ash", "ash"),
    ],
)
def test_final_answers(text: str, answer: str) -> None:
    assert steps_of(text).answer == answer


def test_ends_of_steps_are_growing_beginnings() -> None:
    text = "step 1: oak on top\nstep 2:  ash on top\n\nstep 3: elm on top\nanswer: elm\n"
    ends = [step.end for step in steps_of(text).steps]
    assert ends == sorted(set(ends))
    assert [text[:end].rsplit(": ", 1)[1].strip() for end in ends] == ["oak on top", "ash on top", "elm on top"]


@pytest.mark.parametrize(
    ("text", "valid"),
    [
        ("step 1: 3 + 4 = 7\nstep 2: 7 + 1 = 8\nanswer: 8", 2),
        ("step 1: 3 + 4 = 7\nstep 2: 7 + 1 = 9\nanswer: 8", 1),
        ("step 1: 3 + 4 = 6\nstep 2: 7 + 1 = 8\nanswer: 8", 0),
        ("step 2: 7\nstep 1: 8", 0),
        ("step 1: 7\nstep 2:\nanswer: 8", 1),
        ("step 1 7 step 2 8 step 3 9 answer 9", 2),
        ("8", 0),
    ],
)
def test_valid_steps_from_the_first_on(text: str, valid: int) -> None:
    assert leading_valid(ROLLOUT, steps_of(text)) == valid


def test_valid_steps_with_names() -> None:
    item = NAMES | {"steps": ["ash", "elm"]}
    assert leading_valid(item, steps_of("step 1: oak to ash\nstep 2: Ash to Elm now")) == 2
    assert leading_valid(item, steps_of("step 1: ash to oak")) == 0


def test_the_beginning_in_the_prompt_belongs_to_the_working() -> None:
    assert whole_text(ROLLOUT, " 3 + 4 = 7\nanswer: 7") == "step 1: 3 + 4 = 7\nanswer: 7"
    assert whole_text(NAMES, " oak") == " oak"


def test_loops_need_four_times_eight_words() -> None:
    passage = "a b c d e f g h"
    assert loops(f"x {passage} y {passage} z {passage} w {passage}")
    assert not loops(f"x {passage} y {passage} z {passage} w a b c d e f g")
    assert loops("again " * 11)
    assert not loops("again " * 10)
    assert not loops("")


def test_verdicts() -> None:
    items = [{"candidates": ["right", "wrong"], "final": f} for f in ("right", "wrong", "wrong", "right")]
    seen = observe("verdict", items, [["Right, in step 1."], ["wrong in step 12."], ["wrong"], ["who knows"]])
    assert seen.categories == ("right", "wrong", "invalid")
    assert seen.values.argmax(axis=1).tolist() == [0, 1, 1, 2]
    assert seen.features is not None
    assert seen.features[:, 0].tolist() == [0, 12, 0, 0]
    assert seen.invalid.tolist() == [0, 0, 0, 1]
    assert get_utility("right_verdict").of(items, seen).tolist() == [1, 1, 1, 0]
    assert get_utility("right_verdict").chance(items).tolist() == [0.5] * 4


def test_right_where_told_is_one_where_nothing_is_told() -> None:
    items = [
        {"variant": variant, "gold": 1, "choices": list("abcd")}
        for variant in ("full", "paraphrase", "hint", "cut 0", "cut 75", "corrupted", "filler")
    ]
    q = np.tile([0.5, 0.2, 0.2, 0.1], (7, 1))
    seen = Observation(q, ("a", "b", "c", "d"), np.zeros(7))
    utility = get_utility("right_where_told")
    assert utility.of(items, seen).tolist() == pytest.approx([0.2] * 3 + [1.0] * 4)
    assert utility.chance(items).tolist() == pytest.approx([0.25] * 3 + [1.0] * 4)


def test_final_answers_of_greedy_texts() -> None:
    items = [NAMES | {"final": "oak"}, {"candidates": [], "final": "12"}, {"candidates": [], "final": "7"}]
    texts = [["wrong step 1\nstep 1: Oak\nanswer: Oak."], ["step 3: 4 + 8 = 12\nanswer: 4 + 8 = 12"], ["step 1: 7"]]
    seen = observe("final_answer", items, texts)
    assert seen.categories == ("12", "oak", "invalid")
    assert seen.values.argmax(axis=1).tolist() == [1, 0, 2]
    assert seen.features is not None
    assert seen.features[:, 0].tolist() == [1, 0, 0]
    utility = get_utility("final_right")
    assert utility.of(items, seen).tolist() == [1, 1, 0]
    assert utility.chance(items).tolist() == pytest.approx([1 / 3, 0, 0])


def test_counts_of_final_answers() -> None:
    texts = ["3 + 4 = 7\nstep 2: 7 + 1 = 8\nanswer: 8", "answer: 7", "answer: 44", "no idea at all", "8", "Ä"]
    seen = observe("final_counts", [ROLLOUT], [texts])
    assert seen.categories == ("option 1", "option 2", "option 3", "option 4", "other", "invalid")
    assert seen.values.tolist() == [[1, 2, 0, 0, 1, 2]]
    assert seen.invalid.tolist() == [pytest.approx(2 / 6)]
    assert get_utility("share_right").of([ROLLOUT], seen).tolist() == [pytest.approx(2 / 6)]
    right, size, answered, valid, looped = samples(seen)[0].T
    assert right.tolist() == [1, 0, 0, 0, 1, 0]
    assert size.tolist() == [len(t.encode()) for t in texts]
    assert answered[[0, 1, 2, 4]].tolist() == size[[0, 1, 2, 4]].tolist()
    assert np.isnan(answered[[3, 5]]).all()
    assert valid.tolist() == [1, 0, 0, 0, 0, 0]
    assert looped.tolist() == [0] * 6


def test_order_of_items_changes_nothing() -> None:
    items = [ROLLOUT, ROLLOUT | {"gold": 0, "final": "7"}]
    texts = [["answer: 8", "answer: 9"], ["answer: 7", "nothing at all"]]
    ahead, back = observe("final_counts", items, texts), observe("final_counts", items[::-1], texts[::-1])
    np.testing.assert_array_equal(ahead.values, back.values[::-1])
    np.testing.assert_array_equal(samples(ahead), samples(back)[::-1])
