"""Items of the task on variety: to name a member of a small closed set, any of which is as right as the others."""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

from angels_share.caskworld import KINDS, NAMES
from angels_share.items import Item, Source, Stream


class Closed(NamedTuple):
    """A set with no other members than these."""

    one: str
    """What a member is called, with its article."""
    members: tuple[str, ...]
    aliases: tuple[tuple[str, str], ...] = ()
    """Other names, each with the member that it names."""

    @property
    def bare(self) -> str:
        """What a member is called, without the article."""
        return self.one.partition(" ")[2]


def _set(one: str, members: str, **aliases: str) -> Closed:
    told = tuple(m.strip() for m in (members.split(",") if "," in members else members.split()))
    return Closed(one, told, tuple((other.replace("_", " "), member) for other, member in aliases.items()))


SETS = {
    "small": (
        _set("a day of the week", "Monday Tuesday Wednesday Thursday Friday Saturday Sunday"),
        _set("a planet of the Solar System", "Mercury Venus Earth Mars Jupiter Saturn Uranus Neptune"),
        _set("a colour of the rainbow", "red orange yellow green blue indigo violet", purple="violet"),
        _set("a piece in chess", "king queen rook bishop knight pawn", castle="rook"),
        _set("a Nordic country", "Denmark Finland Iceland Norway Sweden"),
        _set("a Great Lake of North America", "Superior, Michigan, Huron, Erie, Ontario",
             lake_superior="Superior", lake_michigan="Michigan", lake_huron="Huron", lake_erie="Erie",
             lake_ontario="Ontario"),
        _set("a note of the scale", "do re mi fa sol la ti", so="sol", si="ti"),
        _set("a country of Central America", "Belize, Costa Rica, El Salvador, Guatemala, Honduras, Nicaragua, Panama"),
    ),
    "middle": (
        _set("a month of the year", "January February March April May June July August September October November "
             "December"),
        _set("a sign of the zodiac", "Aries Taurus Gemini Cancer Leo Virgo Libra Scorpio Sagittarius Capricorn "
             "Aquarius Pisces"),
        _set("a country of South America", "Argentina Bolivia Brazil Chile Colombia Ecuador Guyana Paraguay Peru "
             "Suriname Uruguay Venezuela"),
        _set("an animal of the Chinese zodiac", "rat ox tiger rabbit dragon snake horse goat monkey rooster dog pig",
             sheep="goat", ram="goat", hare="rabbit", mouse="rat"),
        _set("a reindeer of Santa Claus", "Dasher Dancer Prancer Vixen Comet Cupid Donner Blitzen Rudolph"),
        _set("a Muse of Greek myth", "Calliope Clio Erato Euterpe Melpomene Polyhymnia Terpsichore Thalia Urania"),
        _set("a period of geology", "Cambrian Ordovician Silurian Devonian Carboniferous Permian Triassic Jurassic "
             "Cretaceous Paleogene Neogene Quaternary"),
        _set("a province of Canada", "Alberta, British Columbia, Manitoba, New Brunswick, Newfoundland, Nova Scotia, "
             "Ontario, Prince Edward Island, Quebec, Saskatchewan"),
    ),
    "large": (
        _set("a letter of the Greek alphabet", "alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu "
             "xi omicron pi rho sigma tau upsilon phi chi psi omega"),
        _set("a word of the NATO spelling alphabet", "Alfa Bravo Charlie Delta Echo Foxtrot Golf Hotel India Juliett "
             "Kilo Lima Mike November Oscar Papa Quebec Romeo Sierra Tango Uniform Victor Whiskey X-ray Yankee Zulu",
             alpha="Alfa", juliet="Juliett", xray="X-ray"),
        _set("an amino acid of proteins", "alanine, arginine, asparagine, aspartic acid, cysteine, glutamine, glutamic "
             "acid, glycine, histidine, isoleucine, leucine, lysine, methionine, phenylalanine, proline, serine, "
             "threonine, tryptophan, tyrosine, valine", aspartate="aspartic acid", glutamate="glutamic acid"),
        _set("a state of the United States", "Alabama, Alaska, Arizona, Arkansas, California, Colorado, Connecticut, "
             "Delaware, Florida, Georgia, Hawaii, Idaho, Illinois, Indiana, Iowa, Kansas, Kentucky, Louisiana, Maine, "
             "Maryland, Massachusetts, Michigan, Minnesota, Mississippi, Missouri, Montana, Nebraska, Nevada, New "
             "Hampshire, New Jersey, New Mexico, New York, North Carolina, North Dakota, Ohio, Oklahoma, Oregon, "
             "Pennsylvania, Rhode Island, South Carolina, South Dakota, Tennessee, Texas, Utah, Vermont, Virginia, "
             "Washington, West Virginia, Wisconsin, Wyoming"),
        _set("a state of Germany", "Baden-Württemberg, Bavaria, Berlin, Brandenburg, Bremen, Hamburg, Hesse, "
             "Mecklenburg-Vorpommern, Lower Saxony, North Rhine-Westphalia, Rhineland-Palatinate, Saarland, Saxony, "
             "Saxony-Anhalt, Schleswig-Holstein, Thuringia", bayern="Bavaria", hessen="Hesse"),
    ),
}  # fmt: skip
"""Sets by size: at most 8 members, 9 to 15, and more."""

RULED_OUT = 4
"""Names that a question of level 0 rules out; one, two or three of them are of the kind that it asks for."""

OWN = ("one", "two", "three")
LEAST = 3
"""Members that must be left."""


class Question(NamedTuple):
    """What is asked, the members that answer it, and their other names."""

    prompt: str
    members: list[str]
    aliases: list[list[str]]
    weights: list[int]


def modes(source: Source, level: int, n: int) -> list[Item]:
    """One question an item; strata take turns.

    Level 0 asks for a name of a kind of caskworld, other than some. Levels 1, after four examples, and 2 ask for a
    member of a set other than one or two; 3 for one whose name contains a letter; 4 for one of either of two sets
    whose name contains a letter but not another.
    """
    return [_item(source, level, i) for i in range(n)]


def _item(source: Source, level: int, cluster: int) -> Item:
    strata = OWN if level == 0 else tuple(SETS)
    stratum = strata[cluster % len(strata)]
    question = source.draw(
        lambda s: _caskworld(s, stratum) if level == 0 else _world(s, level, stratum),
        lambda q: sorted(q.prompt.split()) if level == 0 else q.prompt,
        "modes", level, cluster,
    )  # fmt: skip
    return {
        "item_id": f"modes-{level}-{cluster}",
        "cluster_id": f"modes-{level}-{cluster}",
        "stratum": stratum,
        "level": level,
        "prompt": question.prompt,
        "choices": question.members,
        "aliases": question.aliases,
        "truth": [w / sum(question.weights) for w in question.weights],
    }


# --- caskworld -------------------------------------------------------------------------------------------------------


@cache
def _ranks(kind: str) -> list[str]:
    """Return the names of a kind, those first that training shows most; the same for every seed and split."""
    return Stream("modes", kind).shuffled(KINDS[kind])


def _caskworld(s: Stream, stratum: str) -> Question:
    kind, own = s.choice(list(KINDS)), OWN.index(stratum) + 1
    foreign = [name for name in NAMES if name not in KINDS[kind]]
    out = s.shuffled([*s.sample(KINDS[kind], own), *s.sample(foreign, RULED_OUT - own)])
    weights = {name: 60 // rank for rank, name in enumerate(_ranks(kind), 1) if name not in out}
    return Question(f"kind {kind} not {' '.join(out)} such as", list(weights), [], list(weights.values()))


# --- sets of the world -----------------------------------------------------------------------------------------------


def _world(s: Stream, level: int, stratum: str) -> Question:
    """Draw a question to which at least three members are right answers."""
    while True:
        asked = s.sample(SETS[stratum], 2 if level == 4 else 1)
        pool = list(dict.fromkeys(member for one in asked for member in one.members))
        held, lacked = s.sample("aeilnorst", 2)
        fits = [m for m in pool if level < 3 or held in m.lower()]
        fits = [m for m in fits if level < 4 or lacked not in m.lower()]
        if len(fits) < LEAST + 2 or (level > 2 and len(fits) == len(pool)):
            continue
        out = s.sample(fits, 1 if level == 1 else 2)
        members = [m for m in fits if m not in out]
        aliases = [[other, m] for one in asked for other, m in one.aliases if m in members]
        return Question(_prompt(s, level, asked, out, (held, lacked)), members, aliases, [1] * len(members))


def _prompt(s: Stream, level: int, asked: list[Closed], out: list[str], letters: tuple[str, str]) -> str:
    if level == 1:
        others = s.sample([one for sets in SETS.values() for one in sets if one not in asked], 4)
        lines = [_line(one, *s.sample(one.members, 2)) for one in others]
        return "\n".join([*lines, _line(asked[0], out[0])])
    told, (held, lacked), name = " and ".join(out), letters, s.choice(("Name", "Give", "Tell me", "Write down"))
    if level == 2:
        question, opening = f"{name} {asked[0].one} other than {told}.", f"Another {asked[0].bare} is"
    elif level == 3:
        question = f"{name} {asked[0].one}, other than {told}, whose name contains the letter {held}."
        opening = f"Another {asked[0].bare} whose name contains the letter {held} is"
    else:
        question = (
            f"{name} {' or '.join(one.one for one in asked)}, other than {told}, whose name contains the letter {held} "
            f"but not the letter {lacked}."
        )
        opening = "One right answer is"
    return f"Question: {question}\nAnswer: {opening}"


def _line(one: Closed, out: str, said: str = "") -> str:
    return f"{one.one[0].upper()}{one.one[1:]}, other than {out}:{f' {said}' if said else ''}"
