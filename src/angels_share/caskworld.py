"""Caskworld, the closed mini-language of level 0: few word types, one-word answers.

A model of a million parameters can learn it from the generators' ``train`` split, so that every stress task can be
run, and its scores tested, on a laptop. The words of each kind are also used at higher levels.
"""

from __future__ import annotations

from angels_share.items import Stream

NAMES = tuple(
    "oak ash elm fir yew bay fig ivy nut rye hop malt peat corn plum pear lime mint sage rose moss fern "
    "reed rush".split()
)
"""Keys, symbols and nodes."""

KINDS = {
    "tree": NAMES[:6],
    "fruit": ("fig", "nut", "corn", "plum", "pear", "lime"),
    "brew": ("ivy", "rye", "hop", "malt", "peat", "mint"),
    "herb": NAMES[18:],
}
"""The kind of each name, which every model of caskworld can learn: six names a kind."""

TRAITS = {
    "tree": ("tall", "hard", "old", "brown"),
    "fruit": ("sweet", "round", "ripe", "soft"),
    "brew": ("bitter", "dry", "strong", "dark"),
    "herb": ("green", "low", "wild", "thin"),
}
"""What the names of a kind are said to be."""

NUMBERS = tuple(str(i) for i in range(37))
"""Values; 36 is the largest sum of four digits."""

LANDS = tuple(
    "arland belmar corvia dunmark estova farrow galdor hestia isling jorvik kelton lorien mirova norwen "
    "ostria pellan quarn rivona solmar tarsia ulvia vesper wexley zandor".split()
)
"""Countries of caskworld; head, middle and tail thirds differ in how often a toy model reads of them."""

TOWNS = tuple(
    "abney bourne calder denby ember felton garth hadley inver jarrow kirby lydd marlow naseby oakham "
    "penrith quorn ripley selby thirsk upton wells yarm zeal".split()
)
"""Their capitals, in the order of ``LANDS``."""

REGIONS = ("north", "south", "east", "west")
"""Where countries and their capitals lie: ``LANDS[i]`` and ``TOWNS[i]`` in ``REGIONS[i % 4]``."""

UNKNOWN = "unknown"
"""The abstaining answer."""

WORDS = tuple(
    "cask draw total find from go push pop top sort smallest middle largest capital region kind of is now without "
    "seek odd before first last to such as or not step answer check right wrong reply query refer alarm ,".split()
)
"""Function words of the level-0 prompts."""

FIRST_VOCABULARY = (
    *NAMES,
    *KINDS,
    *(trait for traits in TRAITS.values() for trait in traits),
    *NUMBERS,
    *LANDS,
    *TOWNS,
    *REGIONS,
    UNKNOWN,
    *WORDS,
)
"""The words of the first tasks. Released items hold random words drawn from these, so none may be added here."""

VOCABULARY = (*FIRST_VOCABULARY, *"search abstain refuse swap copy turn".split())
"""Every word type of the language; words that a new task needs are added at the end."""

_ONSETS, _VOWELS, _CODAS = tuple("bdfgklmnprstvz"), tuple("aeiou"), ("l", "n", "r", "s", "th", "rk", "nd")


def invented(stream: Stream, k: int) -> list[str]:
    """Return k different capitalised words of two syllables that name nothing known."""
    made: list[str] = []
    while len(made) < k:
        word = "".join(stream.choice(part) for part in (_ONSETS, _VOWELS, _ONSETS, _VOWELS, _CODAS)).capitalize()
        if word not in made:
            made.append(word)
    return made
