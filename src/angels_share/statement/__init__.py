"""The Distillation Loss Statement: eight answers and a list of claims for each suite.

The parts, in the order they are used:

* :mod:`~angels_share.statement.model`: what a statement consists of; reading and writing it
* :mod:`~angels_share.statement.wording`: numbers and verdicts in words
* :mod:`~angels_share.statement.draft`: filling in what the scores answer
* :mod:`~angels_share.statement.weights`: taking up what a probe of the weights found
* :mod:`~angels_share.statement.check`: holding the author's claims against the verdicts
* :mod:`~angels_share.statement.sentence`: one suite's statement as a single paragraph
* :mod:`~angels_share.statement.page`: what readers are told, in order and without markup
* :mod:`~angels_share.statement.plots`: the plots, as specifications that the leaderboard shows too
* :mod:`~angels_share.statement.render`: page and plots as Markdown, LaTeX, HTML or SVG
"""

from angels_share.statement.check import ClaimCheck, check
from angels_share.statement.draft import draft, refresh, with_items
from angels_share.statement.model import Method, Statement, SuiteStatement, Weights, missing, read, write
from angels_share.statement.render import RENDERED, render
from angels_share.statement.sentence import sentence
from angels_share.statement.weights import from_probe, of_pair

__all__ = [
    "RENDERED",
    "ClaimCheck",
    "Method",
    "Statement",
    "SuiteStatement",
    "Weights",
    "check",
    "draft",
    "from_probe",
    "missing",
    "of_pair",
    "read",
    "refresh",
    "render",
    "sentence",
    "with_items",
    "write",
]
