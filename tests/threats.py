"""The threats to an honest leaderboard and what stops them, written down once: SECURITY.md shows this table.

``test_threats`` does what the attackers do, and names the rule that stops them.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Threat:
    """What an attacker does, and what stops it or what is left of it."""

    attack: str
    control: str


THREATS = {
    "T1": Threat(
        "Better numbers are written into the score, or metrics into the rows.",
        "The score is computed again from the logs and compared to nine digits (AS-601). Rows have no metrics "
        "(AS-211).",
    ),
    "T2": Threat(
        "Better answers are written into the log, and the score made from them.",
        "Nothing in a bundle can prove that a model gave these answers. Impossible log-likelihoods are flagged "
        "(AS-802), `angels-share verify` asks the model again, and the trust level says what was done.",
    ),
    "T3": Threat(
        "Items or tasks that went badly are left out.",
        "Every item of a task is answered (AS-403); a task that is missing is charged in full (AS-706).",
    ),
    "T4": Threat(
        "Rows are added, repeated, or exchanged among items.",
        "AS-404 and AS-405. The order of rows changes nothing.",
    ),
    "T5": Threat(
        "Items are made easier, and their hashes computed again.",
        "A bundle holds no items (AS-211). They are made again from this release, and answers to others are "
        "refused (AS-404).",
    ),
    "T6": Threat(
        "A weak log of a known teacher makes the student look as good as its teacher.",
        "A registered teacher, known by weights or name, is compared by its registered runs alone (AS-504).",
    ),
    "T7": Threat(
        "Teacher and student are asked differently, by chat template or system instruction.",
        "AS-505; where each model has a template of its own, the pair is shown but not ranked (AS-506).",
    ),
    "T8": Threat(
        "The student is the teacher itself, renamed or rounded.",
        "Same weights, or the same answers, are flagged and keep the pair from a rank (AS-801); so is each "
        "sampled task that repeats the teacher's samples (AS-706).",
    ),
    "T9": Threat(
        "Another metric, filter or measure is put in the place of the suite's.",
        "The suite is pinned by its digest (AS-401) and each task's measure block by tasks/LOCK.json (AS-402).",
    ),
    "T10": Threat(
        "An easy profile or scenario is chosen.",
        "Profiles and suites are the package's own (AS-401, AS-501), and pairs of different ones are ranked apart.",
    ),
    "T11": Threat(
        "Every loss is declared accepted or corrective.",
        "Claims change what is told of a loss, never its size; `corrective` must be shown by the answers (AS-703).",
    ),
    "T12": Threat(
        "Many students are submitted, and those that do badly vanish.",
        "A pair has one id; accepted pairs stay in a chained history, withdrawn ones too (AS-902, AS-904). At most "
        "five of a login are taken in seven days (AS-952). How many variants were tried is declared, and cannot be "
        "checked.",
    ),
    "T13": Threat(
        "Names and texts carry HTML, Markdown or badges of the pages.",
        "Names are ASCII letters, digits and `._+-` (AS-211); the pages show texts as plain text and never use the "
        "functions that render HTML.",
    ),
    "T14": Threat(
        "A link leads to a script or to another site.",
        "A bundle has no field for a link (AS-211), and no page makes one from its texts.",
    ),
    "T15": Threat("A name is a formula in a spreadsheet.", "Names begin with a letter or a digit (AS-211)."),
    "T16": Threat(
        "A path or a link leads out of the bundle.",
        "A bundle is a folder of plain files with known names; nothing is unpacked to disk (AS-102, AS-103, AS-211).",
    ),
    "T17": Threat("A small file unpacks to a huge one.", "Unpacked bytes are counted while they are read (AS-104)."),
    "T18": Threat(
        "A file executes code or explodes when it is loaded: pickle, NumPy objects, Parquet.",
        "A bundle holds JSON and gzipped JSON lines only (AS-102).",
    ),
    "T19": Threat(
        "YAML runs code or doubles itself through aliases.",
        "A bundle holds no YAML (AS-102). Statements may be written in YAML on the author's machine: plain data, "
        "without tags or aliases, of bounded size and depth.",
    ),
    "T20": Threat(
        "JSON that readers disagree about: NaN, huge numbers, a key twice, deep nesting.",
        "AS-201, AS-202, AS-203; answers that are no numbers where numbers are due: AS-406.",
    ),
    "T21": Threat(
        "A huge line or text blocks validator or page.",
        "Lines, answers and texts are bounded (AS-104, AS-107, AS-211), and so are the memory and time of validation.",
    ),
    "T22": Threat(
        "A text makes a regular expression run for ever.",
        "The pages search nothing by expression; the validator's expressions take time in proportion to the text.",
    ),
    "T23": Threat(
        "A pair is submitted again under another name.",
        "The folder and the pair id follow from the pair (AS-212); the same answers of another student are flagged "
        "(AS-803).",
    ),
    "T24": Threat(
        "A name looks like another model's, or is that of a registered teacher.",
        "Names are ASCII (AS-211) and differ in more than case and punctuation; a registered name belongs to its "
        "weights (AS-213).",
    ),
    "T25": Threat(
        "Keys, addresses or home folders are published with a log.",
        "`pack` writes allowed fields only and refuses what it finds; validation looks again (AS-214, in answers "
        "AS-215). What was in a pull request is public: revoke it.",
    ),
    "T26": Threat(
        "A pull request takes over the workflow that validates it.",
        "The workflow runs the base branch's code with a token that can only read. A bundle holds no workflow "
        "(AS-102), any other change is refused (AS-951), and a changed workflow's report is not shown.",
    ),
    "T27": Threat(
        "The benchmark's texts end up in training data.",
        "Items are made from a seed, and each data card has a canary of its own; tasks on data sets of the Hub are "
        "never in a bundle (AS-401).",
    ),
    "T28": Threat(
        "An answer gives orders to whoever reviews it.",
        "Nothing reviews by a language model or over the network: an answer is compared and counted.",
    ),
    "T29": Threat(
        "An old release is used, whose rules were weaker.",
        "Suites, tasks and forms are those of this release (AS-401, AS-211).",
    ),
    "T30": Threat(
        "The index is changed after it was built.",
        "The pages hold each file against its SHA-256 and show nothing of one that differs.",
    ),
    "T31": Threat(
        "Beside a registered teacher, its calibration or repeated run is replaced or left out, which takes tasks out "
        "of the score or widens its floor.",
        "A pair refers to all registered runs or to none (AS-504).",
    ),
    "T32": Threat(
        "The registered log of a teacher is replaced.",
        "The scores of all pairs that refer to it are no longer what the logs give (AS-601).",
    ),
    "T33": Threat(
        "Invisible or reordering characters make a text read differently from what it says.",
        "They are refused (AS-211).",
    ),
    "T34": Threat(
        "The student's samples are drawn with the teacher's seed, and so agree by luck.",
        "Samples that share a seed or are equal are not scored, and the task is charged in full (AS-706).",
    ),
    "T35": Threat(
        "The author's margins are so wide that everything counts as kept.",
        "Verdicts, charges and ranks follow the suite's margins; the author's are shown beside them.",
    ),
    "T36": Threat(
        "The inserted texts of a privacy task are chosen after training.",
        "They follow from a key, and a task that follows none may not name one (AS-408).",
    ),
    "T37": Threat(
        "More answers are sampled than were asked for.",
        "Each item has as many as the measure asks for (AS-406, AS-402).",
    ),
}
"""Every threat, in the order of SECURITY.md."""


def security_table() -> str:
    """Return the table of SECURITY.md."""
    rows = (f"| {name} | {threat.attack} | {threat.control} |" for name, threat in THREATS.items())
    return "\n".join(("| | Threat | Control |", "|---|---|---|", *rows))
