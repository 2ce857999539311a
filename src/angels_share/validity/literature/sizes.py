"""Claims of the literature about a student's size: the gap to its teacher, and students of the teacher's own size."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from angels_share.errors import MeasureError
from angels_share.estimate import Draws
from angels_share.observables import Floats
from angels_share.score.model import TaskScore
from angels_share.validity.family import FAMILY
from angels_share.validity.literature.findings import Finding, Measured, estimated, rows_said, seed_margin, sides
from angels_share.validity.pairs import (
    Pairs,
    levels,
    losses,
    mean,
    measured_tasks,
    row_losses,
    siblings_of,
    useful_tasks,
)

LEARNABILITY = "Small Models Struggle to Learn from Strong Reasoners (arXiv 2502.12143)"
BORN_AGAIN = "Born Again Neural Networks (arXiv 1805.04770)"


def size_gap(pairs: Pairs) -> Finding:
    """How the loss grows as the student gets smaller.

    Surveys hold that a student far smaller than its teacher cannot take over what it knows. The slope is that of a
    least-squares line through the sizes, the siblings being one size, over the binary logarithm of the parameters.

    Raises
    ------
    MeasureError
        If fewer than two sizes are there, or the parameters of a student are not known.
    """
    siblings = siblings_of(pairs)
    single = [name for name in pairs if FAMILY[name].size != "large"]
    names = [*siblings, *single]
    if not single:
        raise MeasureError("all students have one size; a slope over sizes needs at least two")
    halvings = {name: -np.log2(_parameters(pairs, name)) for name in names}
    x = np.array([halvings[siblings[0]], *(halvings[name] for name in single)])
    slope = (x - x.mean()) / ((x - x.mean()) ** 2).sum()
    tasks, of_part = _losses_of_parts(pairs, names)
    told = []
    for part, (n, lost) in of_part.items():
        levels = [mean([lost[name] for name in siblings]), *(lost[name] for name in single)]
        sizes = ["large", *(FAMILY[name].size for name in single)]
        told += [
            Measured(statistic="loss", of=size, part=part, estimate=estimated(draws, n))
            for size, draws in zip(sizes, levels, strict=True)
        ]
        per_halving = _weighted(levels, slope)
        margin = seed_margin([lost[name].point for name in siblings], slope[1:].tolist())
        told.append(
            Measured(
                statistic="loss per halving",
                of=f"{len(x)} sizes",
                part=part,
                estimate=estimated(per_halving, n),
                null=0.0,
                seeds=margin,
            )
        )
    return Finding(
        claim="size",
        source=LEARNABILITY,
        claimed="The further a student's size is from its teacher's, the less it can take over.",
        definitions={
            "loss": f"Mean of L over rows, or L of a row, over {len(tasks)} tasks; of size large the siblings' mean.",
            "loss per halving": "Slope of the least-squares line of the loss over −log₂ of the parameters.",
        },
        measured=tuple(told),
        can=_size_said(told),
        cannot="Sizes other than large have one training seed, all students the same training, and there is one "
        "teacher, so the gap to the teacher and the size of the student are one thing here. Whether a smaller teacher "
        "or shorter reasoning would serve a small student better cannot be asked.",
    )


def _parameters(pairs: Pairs, name: str) -> int:
    found = pairs[name].parameters
    if not found:
        raise MeasureError(f"{name}: the number of parameters is not known, and the slope over sizes needs it")
    return found


def _weighted(draws: Sequence[Draws], weights: Floats) -> Draws:
    return Draws(float(np.dot(weights, [d.point for d in draws])), weights @ np.stack([d.replicates for d in draws]))


def _losses_of_parts(
    pairs: Pairs, names: Sequence[str]
) -> tuple[dict[str, TaskScore], dict[str, tuple[int, dict[str, Draws]]]]:
    """Return the tasks, and for all rows together (named ``""``) and for each row its items and each member's loss."""
    chosen = {name: pairs[name] for name in names}
    tasks = measured_tasks(chosen)
    rows = {name: row_losses(losses(pair), tasks) for name, pair in chosen.items()}
    parts = {
        row: (
            sum(task.n_items for task in tasks.values() if task.row == row),
            {name: of[row] for name, of in rows.items()},
        )
        for row in rows[names[0]]
    }
    whole = {name: mean(list(of.values())) for name, of in rows.items()}
    return tasks, {"": (sum(n for n, _ in parts.values()), whole)} | parts


def _size_said(told: Sequence[Measured]) -> str:
    slopes = [m for m in told if m.statistic == "loss per halving"]
    whole, rows = slopes[0], sides(slopes[1:])
    grows = {
        "above": "The mean loss grows with every halving of the parameters, as claimed",
        "below": "The mean loss falls with every halving of the parameters, against the claim",
        "around": "The mean loss is not shown to change with the parameters",
    }[whole.side]
    seeds = "" if whole.seeds is None else (
        ", more than another training seed explains" if whole.beyond_seeds else ", which training seeds alone can do"
    )  # fmt: skip
    return (
        f"{grows}: {whole} a halving{seeds if whole.side != 'around' else ''}. It grows in "
        f"{rows_said(rows['above'], len(slopes) - 1)} and falls in {rows_said(rows['below'], len(slopes) - 1)}."
    )


def self_distillation(pairs: Pairs) -> Finding:
    """Whether a student of the teacher's own size outdoes its teacher, and what it loses.

    Surveys of distillation hold, after Furlanello et al., that a self-distilled student consistently outperforms its
    teacher on held-out data.

    Raises
    ------
    MeasureError
        If the self-distilled student or a sibling is missing.
    """
    own = next((name for name in pairs if FAMILY[name].size == "teacher"), None)
    if own is None:
        raise MeasureError("no student has the teacher's size, so none is self-distilled")
    siblings = siblings_of(pairs)
    names = [own, *siblings]
    n, found = levels(pairs, useful_tasks({name: pairs[name] for name in names}), names)
    told = _self_against("change in utility", "", n, {name: change for name, (change, _) in found.items()}, own, 0.0)
    for part, (items, lost) in _losses_of_parts(pairs, names)[1].items():
        told += _self_against("loss", part, items, lost, own, None)
    return Finding(
        claim="self_distillation",
        source=BORN_AGAIN,
        claimed="A student of its teacher's size, trained on the teacher's probabilities, outperforms it.",
        definitions={
            "change in utility": "c(S) − c(T), the mean over tasks that have one net utility, without the privacy row.",
            "loss": "Mean of L over rows, or L of a row.",
            "difference in change in utility": "That of the self-distilled student less the mean of the siblings.",
            "difference in loss": "The same for the loss.",
        },
        measured=tuple(told),
        can=_self_said(told),
        cannot="One student of the teacher's size was trained, with one seed and for one generation, not as its "
        "teacher was. Whether its minimum is a flatter one was not looked at.",
    )


def _self_against(
    statistic: str, part: str, n: int, values: Mapping[str, Draws], own: str, null: float | None
) -> list[Measured]:
    """Return the level of the self-distilled student, the siblings' mean, and their difference."""
    siblings = [values[name] for name in siblings_of(values)]
    soft = mean(siblings)
    levels = [
        Measured(statistic=statistic, of=of, part=part, estimate=estimated(draws, n), null=null)
        for of, draws in (("self", values[own]), ("soft", soft))
    ]
    return [
        *levels,
        Measured(
            statistic=f"difference in {statistic}",
            of="self − soft",
            part=part,
            estimate=estimated(values[own] - soft, n),
            null=0.0,
            seeds=seed_margin([draws.point for draws in siblings]),
        ),
    ]


def _self_said(told: Sequence[Measured]) -> str:
    found = {(m.statistic, m.of): m for m in told if not m.part}
    change, utility = found["change in utility", "self"], found["difference in change in utility", "self − soft"]
    lost = found["difference in loss", "self − soft"]
    against_teacher = {
        "above": "The self-distilled student outperforms its teacher, as claimed",
        "below": "The self-distilled student falls short of its teacher, against the claim",
        "around": "The self-distilled student is not shown to differ from its teacher in utility",
    }[change.side]
    more = {"above": "more than", "below": "less than", "around": "not shown to differ from"}
    return (
        f"{against_teacher}: {change}. What it keeps of utility is {more[utility.side]} what the smaller siblings keep "
        f"({utility}), and what it loses is {more[lost.side]} what they lose ({lost})."
    )
