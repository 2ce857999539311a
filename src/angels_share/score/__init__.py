"""Scoring a pair: from two runs to losses, verdicts, retention and the angel's share.

- :mod:`angels_share.score.model`: what a score consists of
- :mod:`angels_share.score.measurable`: whether a teacher can show a task at all
- :mod:`angels_share.score.task`: one task of a pair
- :mod:`angels_share.score.verdict`: its verdict, and the tests that this rests on
- :mod:`angels_share.score.suite`: rows, retention and angel's share of a scenario
- :mod:`angels_share.score.pair`: everything together
- :mod:`angels_share.score.report`: one flat row a task, for tables
- :mod:`angels_share.score.controls`: students whose loss is known beforehand
"""

from angels_share.score.model import PairScore as PairScore
from angels_share.score.pair import score_pair as score_pair
