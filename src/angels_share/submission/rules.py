"""The rules that a bundle is held against; every finding names one of them."""

from __future__ import annotations

from dataclasses import dataclass

from angels_share.submission.model import Finding, Severity


@dataclass(frozen=True)
class Rule:
    """What is asked of a bundle, and what to do where it is not so."""

    severity: Severity
    asks: str
    hint: str


PACK_AGAIN = "Pack the pair again"
RULES: dict[str, Rule] = {
    "AS-101": Rule("error", "Every file of the bundle is there.", PACK_AGAIN),
    "AS-102": Rule(
        "error",
        "The bundle holds submission.json, statement.json, score.json and, for each role, results.json and "
        "samples/<task>.jsonl.gz; nothing else.",
        "Remove it from the bundle",
    ),
    "AS-103": Rule(
        "error", "Everything is a plain file or folder: no links, no devices.", "Replace it by a copy of the file"
    ),
    "AS-104": Rule(
        "error",
        "A bundle has at most 200 MB in 1000 files, a samples file 64 MB, another one 4 MB and 200 000 values. Its "
        "samples unpack to at most 800 MB, each file to 256 MB and, beyond 16 MB, to 200 times its size, each line to "
        "1 MiB; a file has a row an item.",
        "Choose a smaller profile",
    ),
    "AS-105": Rule("error", "Samples are whole gzip files.", PACK_AGAIN),
    "AS-107": Rule(
        "error",
        "A generated answer has at most 32768 characters, and all of a bundle take at most 500 MB of memory.",
        "Run the task with the max_gen_toks that it ships with",
    ),
    "AS-108": Rule(
        "error",
        "Validating a bundle takes at most 300 seconds of processor time.",
        "Choose a smaller profile, and look for answers that take long to read",
    ),
    "AS-201": Rule("error", "Files are JSON in UTF-8, nested at most 32 deep.", PACK_AGAIN),
    "AS-202": Rule("error", "No JSON object names a key twice: readers would disagree about its value.", PACK_AGAIN),
    "AS-203": Rule("error", "Numbers are finite, and whole numbers at most 2^53: a missing one is null.", PACK_AGAIN),
    "AS-211": Rule("error", "Every file fits its form, with no field missing or unknown.", PACK_AGAIN),
    "AS-212": Rule("error", "The bundle's folder, pair id and the names in its files agree.", PACK_AGAIN),
    "AS-213": Rule(
        "error",
        "A model's name is its own: it differs from its teacher's, and from a registered teacher's, in more than case "
        "and punctuation, unless it is the same model with the same weights.",
        "Choose another name; for the same model, spell it the same way and give the folder of its weights",
    ),
    "AS-214": Rule(
        "error",
        "A bundle holds no credentials, and no e-mail address or home folder outside a model's answers.",
        "Revoke what is a credential at once, for a pull request is public already; then remove it, and pack again. "
        "If a model answered with it, leave that task out and claim it as unmeasured",
    ),
    "AS-215": Rule(
        "warning",
        "A model's answers hold no e-mail address and no home folder. Models make them up, so this is for a human to "
        "decide.",
        "Look at the answer; if it names a real person, leave that task out and claim it as unmeasured",
    ),
    "AS-301": Rule(
        "error", "Every file has the SHA-256 that submission.json gives.", "Undo the change, or pack the pair again"
    ),
    "AS-302": Rule("error", "submission.json lists exactly the files that are there.", PACK_AGAIN),
    "AS-401": Rule(
        "error",
        "Tasks and suites are those of this release, in the same version.",
        "Run and pack the pair with this release, or validate with the one that packed it",
    ),
    "AS-402": Rule(
        "error",
        "The measure block of each task is the one that this release ships: it decides how answers are scored.",
        "Run the task without replacing metadata.angels_share",
    ),
    "AS-403": Rule("error", "Every item of a task is answered.", "Run the task again, without --limit"),
    "AS-404": Rule("error", "Nothing but the items of a task is answered.", "Run the task again with this release"),
    "AS-405": Rule("error", "Every item is answered once.", "Run the task again into an empty folder"),
    "AS-406": Rule("error", "Answers are what the task's readout asks for.", "Run the task again"),
    "AS-407": Rule(
        "note",
        "tasks/LOCK.json pins the measure block of the task, so that it can never change unnoticed.",
        "Nothing to do for a submitter; a maintainer runs `angels-share lock`",
    ),
    "AS-408": Rule(
        "error",
        "A privacy task, and no other, names the canary key that its items follow. The key covers track and profile, "
        "and this release makes the inserted texts from it again.",
        "Run the task with --canaries, and pack with the release that made the key",
    ),
    "AS-409": Rule(
        "error",
        "The items of a second-stage task are made from the answers of this pair's own first stages, and its logs lie "
        "apart from those.",
        "Run the second stage again with the first-stage runs of this pair, and pack both",
    ),
    "AS-501": Rule(
        "error",
        "All runs of a pair used one track, profile, item seed and canary key; a calibration run used its own item "
        "seed.",
        "Run the models with the same --metadata, and pack again",
    ),
    "AS-502": Rule(
        "error",
        "A canonical teacher is registered under submissions/teachers, with the run that the pair refers to.",
        "Register the teacher, or pack the pair with the teacher's own log",
    ),
    "AS-503": Rule(
        "error", "Teacher and student can be compared and scored.", "Run the models again as the message says"
    ),
    "AS-504": Rule(
        "error",
        "A pair of a registered teacher, known by its weights or its name, refers to its registered runs, all of them, "
        "wherever they are of the pair's track, profile and item seed.",
        "Pack the pair again with --canonical",
    ),
    "AS-505": Rule(
        "error",
        "Both models were asked in the same way: with one system instruction, and either without a chat template or "
        "each with one. The teacher's other runs were asked as its first.",
        "Run the models again with the same --system-instruction and --apply-chat-template",
    ),
    "AS-506": Rule(
        "warning",
        "Both models were asked through the same chat template. A pair of two templates is shown but not ranked.",
        "Nothing to do where each model needs its own template",
    ),
    "AS-601": Rule(
        "error",
        "score.json is what the logs give, to nine digits.",
        "Pack the pair again; after a release that changes numbers, run `angels-share rescore`",
    ),
    "AS-701": Rule("error", "The author has answered items 1, 4, 7 and 8 of the statement.", "Write the missing parts"),
    "AS-702": Rule(
        "error",
        "Items 2, 3, 5 and 6 of the statement are what the score gives; the author's words have items of their own.",
        PACK_AGAIN,
    ),
    "AS-703": Rule(
        "error",
        "No claim is contradicted by the score.",
        "Correct the claim, or leave it out",
    ),
    "AS-704": Rule(
        "warning",
        "No claim declares a loss that the score does not show.",
        "Leave the claim out, or keep it: the pages show it as over-declared",
    ),
    "AS-705": Rule(
        "warning",
        "Every harmful or shifted task, and every task that was not measured, is addressed by a claim. "
        "A pair with an undisclosed loss is shown but not ranked.",
        "Add a claim of kind lost, unmeasured, accepted or corrective",
    ),
    "AS-706": Rule(
        "note", "Every task of a suite is measured; one that is not is charged in full.", "Run the task, and pack again"
    ),
    "AS-707": Rule("warning", "The pair can be ranked in each of its suites.", "See the reason"),
    "AS-801": Rule(
        "warning",
        "The student is not its teacher: other weights, and other answers. A pair without a difference is shown but "
        "not ranked.",
        "If the teacher was meant to stand in for a student, pack the pair as a control",
    ),
    "AS-802": Rule(
        "warning",
        "Log-likelihoods are such as a model can give: those of options of which none begins another add up to a "
        "probability of at most 1, and an option that is likelier than not is the greedy one.",
        "Run the task again, and pack what lm-eval wrote",
    ),
    "AS-803": Rule(
        "warning",
        "No other pair of the same teacher has the same answers.",
        "If it is the same student, withdraw or supersede one of the pairs",
    ),
    "AS-804": Rule(
        "warning",
        "The student looks at the items: on most tasks it does not give one answer to all of them.",
        "Look at the answers; a template that the model does not know is a common cause",
    ),
    "AS-901": Rule(
        "error",
        "HISTORY.jsonl is a whole chain, each line holding the SHA-256 of the line before, and only grows.",
        "Take the lines back from version control; nothing is ever removed or changed there",
    ),
    "AS-902": Rule(
        "error",
        "An accepted pair stays as it was accepted, until the history says otherwise.",
        "Put the bundle back, or run `angels-share history accept` after a rescoring, or `withdraw` or `supersede`",
    ),
    "AS-903": Rule("warning", "Every bundle was accepted.", "A maintainer runs `angels-share history accept`"),
    "AS-904": Rule(
        "error",
        "A pair that was accepted keeps its answers and its folder.",
        "Withdraw or supersede the accepted one first; the history then shows both",
    ),
    "AS-905": Rule(
        "warning",
        "A withdrawn or superseded pair is a line of the history, and its bundle is gone.",
        "Remove the folder; until then the pair is shown but not ranked",
    ),
    "AS-950": Rule(
        "error",
        "Validation comes to its end, whatever a bundle holds.",
        "This is a fault of the project: report it in an issue, with this line and the bundle",
    ),
    "AS-951": Rule(
        "error",
        "A pull request with submissions adds whole new folders under submissions/ and changes nothing else: no other "
        "bundle, canonical teacher, history, workflow or code.",
        "Take the other changes out; they are welcome in a pull request of their own",
    ),
    "AS-952": Rule(
        "error",
        "At most five submissions of one person are accepted in seven days: the best of many tries is no measurement.",
        "Submit fewer, or later",
    ),
    "AS-953": Rule(
        "error",
        "The folder's name and the pair's id are new, those of withdrawn pairs included.",
        "Nothing has to be submitted twice; to replace a submission, ask in an issue",
    ),
}


def rules() -> dict[str, str]:
    """Return what each rule asks and what to do about a finding, by the rule's id."""
    return {name: f"{rule.asks} Otherwise ({rule.severity}): {rule.hint}." for name, rule in RULES.items()}


def finding(rule: str, place: str, message: str) -> Finding:
    """Return a finding with the severity and the hint of its rule."""
    return Finding(
        rule=rule,
        severity=RULES[rule].severity,
        place=place,
        message=message.rstrip("."),
        hint=f"{RULES[rule].hint}.",
    )
