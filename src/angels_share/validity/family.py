"""The reference family: students of the toy teacher, one of them for each row with a loss planted in that row."""

from __future__ import annotations

from dataclasses import dataclass

from angels_share.taxonomy import ROWS


@dataclass(frozen=True)
class Size:
    """Shape of a Llama model."""

    hidden: int
    layers: int
    heads: int
    feed_forward: int


SIZES = {
    "small": Size(hidden=64, layers=3, heads=4, feed_forward=176),
    "middle": Size(hidden=96, layers=3, heads=4, feed_forward=264),
    "large": Size(hidden=128, layers=3, heads=4, feed_forward=352),
    "teacher": Size(hidden=192, layers=5, heads=6, feed_forward=512),
}
"""Sizes of the family's students; the last is the teacher's own."""

OBJECTIVES = {
    "soft": "the teacher's probabilities at each reference token (forward KL)",
    "hot": "the same, both at temperature 4",
    "hard": "the teacher's own greedy answers",
    "reverse": "its own sampled answers, held against the teacher's probabilities (reverse KL)",
    "truth": "the right answers, without the teacher",
}
"""What a member learns from."""


@dataclass(frozen=True)
class Member:
    """One student: what it learns from, how large it is, and which row's loss was planted."""

    name: str
    objective: str = "soft"
    size: str = "large"
    seed: int = 1
    planted: str | None = None

    @property
    def sibling(self) -> bool:
        """Whether it differs from the plainest student in nothing but the seed."""
        return self.objective == "soft" and self.size == "large" and self.planted is None

    @property
    def on_fresh_items(self) -> bool:
        """Whether it is measured on fresh items as well as on the public ones: what the detection matrix is made of."""
        return self.sibling or self.planted is not None


FAMILY: dict[str, Member] = {
    member.name: member
    for member in (
        *(Member(f"toy-soft-{seed}", seed=seed) for seed in range(1, 6)),
        *(Member(f"toy-planted-{row}", planted=row) for row in ROWS),
        *(Member(f"toy-{name}", objective=name) for name in ("hot", "truth", "hard", "reverse")),
        *(Member(f"toy-{size}", size=size) for size in ("small", "middle")),
        Member("toy-self", size="teacher"),
    )
}
"""The members, in the order in which they are trained; each has a folder of its name under ``models/family/``."""
