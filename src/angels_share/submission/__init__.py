"""Submission bundles: a folder a pair, made by ``pack`` and held against the rules by ``validate``.

::

    submissions/<slug>-<first digits of the pair id>/
        submission.json        who the pair is, where its logs are, the SHA-256 of every file
        statement.json         the Distillation Loss Statement
        score.json             the score, which a validator computes again
        student/               results.json, samples/<task>.jsonl.gz; likewise teacher/, teacher_repeat/, calibration/
    submissions/teachers/<name>/
        teacher.json           what is known of a canonical teacher, the SHA-256 of every file
        runs/<track>-<profile>-<item seed>/    as student/ above

The parts, in the order in which they build on each other:

* :mod:`~angels_share.submission.model`: what the files of a bundle consist of
* :mod:`~angels_share.submission.rules`: the rules, by id
* :mod:`~angels_share.submission.files`: writing and reading files
* :mod:`~angels_share.submission.timing`: a limit on the time that a bundle may take
* :mod:`~angels_share.submission.documents`: the items of tasks, made again
* :mod:`~angels_share.submission.answers`: the answers to one task, row by row
* :mod:`~angels_share.submission.role`: one model's run inside a bundle
* :mod:`~angels_share.submission.scoring`: the pair's identity and its score
* :mod:`~angels_share.submission.differences`: where two scores differ
* :mod:`~angels_share.submission.teachers`: canonical teachers
* :mod:`~angels_share.submission.pack`: making a bundle
* :mod:`~angels_share.submission.forensics`: signs that a log is not what it seems
* :mod:`~angels_share.submission.validate`: checking one
* :mod:`~angels_share.submission.history`: what was accepted, and what became of it
* :mod:`~angels_share.submission.rescoring`: giving one its score again
* :mod:`~angels_share.submission.reporting`: telling what was found, to people and programs
* :mod:`~angels_share.submission.schemas`: JSON Schemas and the list of the rules
* :mod:`~angels_share.submission.intake`: examining a pull request
"""

from angels_share.submission.model import Declarations, Finding, Manifest, ModelFacts, Report
from angels_share.submission.pack import pack
from angels_share.submission.rescoring import Rescored, rescore_bundle
from angels_share.submission.role import read_role
from angels_share.submission.rules import rules
from angels_share.submission.teachers import register_teacher
from angels_share.submission.validate import validate

__all__ = [
    "Declarations",
    "Finding",
    "Manifest",
    "ModelFacts",
    "Report",
    "Rescored",
    "pack",
    "read_role",
    "register_teacher",
    "rescore_bundle",
    "rules",
    "validate",
]
