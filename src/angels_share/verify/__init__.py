"""Holding a bundle against the models themselves, which its logs alone cannot prove.

- :mod:`~angels_share.verify.models`: how a bundle's models were run, and whether the ones at hand are the same
- :mod:`~angels_share.verify.documents`: some documents again, compared one by one
- :mod:`~angels_share.verify.fresh`: the suites on fresh items, compared by their scores
"""

from angels_share.verify.documents import Check, Floor, caught, floor_of, spot_check
from angels_share.verify.fresh import Agreement, rerun
from angels_share.verify.models import settings_of

__all__ = ["Agreement", "Check", "Floor", "caught", "floor_of", "rerun", "settings_of", "spot_check"]
