"""The Distillation Loss Statement: eight answers and a list of claims for each suite.

The parts, in the order they are used:

* :mod:`~angels_share.statement.model`: what a statement consists of; reading and writing it
* :mod:`~angels_share.statement.draft`: filling in what the scores answer
* :mod:`~angels_share.statement.check`: holding the author's claims against the verdicts
* :mod:`~angels_share.statement.markdown`: the statement as a page for readers
* :mod:`~angels_share.statement.wording`: numbers and verdicts in words
"""

from angels_share.statement.check import ClaimCheck, check
from angels_share.statement.draft import draft, refresh
from angels_share.statement.markdown import sentence, to_markdown
from angels_share.statement.model import Method, Statement, SuiteStatement, missing, read, write

__all__ = [
    "ClaimCheck",
    "Method",
    "Statement",
    "SuiteStatement",
    "check",
    "draft",
    "missing",
    "read",
    "refresh",
    "sentence",
    "to_markdown",
    "write",
]
