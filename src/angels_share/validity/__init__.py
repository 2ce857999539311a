"""Whether the scorer measures what it should: losses of known size, planted in a teacher's log."""

from angels_share.validity.doses import DOSES
from angels_share.validity.invented import invented_teacher
from angels_share.validity.misses import INVENTED, LEAST_CHARGED, MISSES, Miss, MissKind
from angels_share.validity.planting import Dose
from angels_share.validity.response import Point, Response, measure_response, measure_responses

__all__ = [
    "DOSES",
    "INVENTED",
    "LEAST_CHARGED",
    "MISSES",
    "Dose",
    "Miss",
    "MissKind",
    "Point",
    "Response",
    "invented_teacher",
    "measure_response",
    "measure_responses",
]
