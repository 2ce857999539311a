"""Pack the controls of the toy teacher as submissions: students whose loss is known before anybody measures it.

Run from the project's root: ``python models/pack_controls.py`` writes all of them; with names it writes those. Nothing
is trained or run: every control is made from the teacher's registered answers.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from angels_share import spec, submission
from angels_share import statement as statements
from angels_share.items import package_folder
from angels_share.logs import Run, TaskLog
from angels_share.score import score_pair
from angels_share.score.controls import CONTROL_SEED, control_run
from angels_share.statement import Method, Statement
from angels_share.taxonomy import HUB

SUITES = tuple(name for name in spec.suites() if not name.endswith(HUB))

TEACHER = "toy-teacher"

RUN = "toy-lite-0"
"""The run of the teacher that the controls are made from; its repeat is a control itself."""

CALIBRATION = "toy-lite-1000003"

DIGITS = 6
"""Decimals of a control's log-likelihoods, so that every machine writes the same ones."""

CONTEXT = (
    "None. It is a control, a student whose loss is known beforehand: it shows what the scale means with this teacher."
)


@dataclass(frozen=True)
class Said:
    """The author's parts of a control's statement.

    Attributes
    ----------
    does : str
        What the control answers.
    kept : str
        What of the teacher it was meant to keep.
    known : str
        Why its loss is known, and what to make of another one.
    implies : str
        What a reader may conclude.
    """

    does: str
    kept: str
    known: str
    implies: str


UNSEEN = (
    "All losses. A student that does not look at the item can be no closer to the teacher than the teacher's average "
    "answer, which is a loss of 100. {more} A task on which it lost clearly less could be won unseen, and would be a "
    "fault of the task."
)

FLOOR = "A student that does no better than this has kept nothing. Conclude nothing about real models."

SAID = {
    "repeat": Said(
        does="The teacher itself, run again with another sampling seed and another batch size. No weight differs.",
        kept="Everything, because nothing was changed.",
        known="None. A loss of 0 is expected on every task. What is found is rounding and chance in sampled answers; a "
        "loss beyond them would be a fault of the task.",
        implies="A difference of this size between a student and this teacher means nothing.",
    ),
    "copy": Said(
        does="The teacher's own log, handed in as a student's. Nothing was run again.",
        kept="Everything, because nothing was changed.",
        known="The charge for sampled tasks. Where likelihoods or greedy answers are read, a copy is the teacher, and "
        "its loss is 0 by definition. A copied sample is no second sample: those tasks are refused as coupled, count "
        "as unmeasured, and are charged in full.",
        implies="Handing in the teacher's answers does not pay: a student that was really run is not charged for "
        "sampled tasks. Conclude nothing about real models.",
    ),
    "oracle": Said(
        does="A student that knows every right answer, the true distribution where one is asked for, and the whole "
        "text where one is recited.",
        kept="Nothing of the teacher's: it follows the items, and is right where the teacher errs.",
        known="All differences. It is right where the teacher is wrong, so most of what differs is an improvement and "
        "is credited. The rest is a loss: an answer can be right and not be the teacher's, and knowing texts by heart "
        "is a harm in the privacy tasks.",
        implies="Being better than the teacher is not the same as being like it, and the score tells them apart. "
        "Conclude nothing about real models.",
    ),
    "constant": Said(
        does="A student that answers every item with the teacher's average answer, whatever is asked.",
        kept="The teacher's average answer, and nothing else.",
        known=UNSEEN.format(more="Where answers are sampled, chance moves it a little below."),
        implies=FLOOR,
    ),
    "uniform": Said(
        does="A student that chooses among the possible answers without looking at the item.",
        kept="Nothing.",
        known=UNSEEN.format(more="Being further from the teacher than that counts as 100 too."),
        implies=FLOOR,
    ),
    "shuffled": Said(
        does="A student that gives the teacher's own answers, but to other items of the task.",
        kept="How often the teacher gives each answer, and nothing of when.",
        known=UNSEEN.format(more="It is further from the teacher than that, which counts as 100 too."),
        implies=FLOOR + " Saying what the teacher says as often as it does is no copy of it.",
    ),
}
"""The controls, by name, from the one nearest to the teacher to those that never look."""


def pack_control(name: str, registered: Path, out: Path) -> Path:
    """Pack one control as a submission under ``out``, and return the bundle's folder.

    Parameters
    ----------
    name : str
        A key of :data:`SAID`.
    registered : Path
        Folder of the teachers' logs, ``submissions/teachers``.
    out : Path
        Folder of submissions.
    """
    runs = registered / TEACHER / "runs"
    teacher = submission.read_role(runs / RUN)
    student = made(name, registered)
    score = score_pair(teacher, student, suites=SUITES, calibration=submission.read_role(runs / CALIBRATION))
    method = Method(family="control", description=SAID[name].does)
    return submission.pack(
        teacher,
        student,
        filled(statements.draft(score, method=method), SAID[name]),
        out,
        suites=SUITES,
        canonical=registered / TEACHER,
        student_folder=package_folder("models") / TEACHER if name in ("repeat", "copy") else None,
        student_licence="Apache-2.0",
        declarations=submission.Declarations(trained_on_evaluated_items="no", n_variants_tried=1),
        submitter="Angel's Share",
        notes="Made from the teacher's registered answers by models/pack_controls.py.",
        force=True,
    )


def made(name: str, registered: Path) -> Run:
    """Return what a control answers, by its name and the folder of the teachers' logs."""
    run = submission.read_role(registered / TEACHER / "runs" / (f"{RUN}-repeat" if name == "repeat" else RUN))
    if name not in ("repeat", "copy"):
        run = control_run(name, run)
        run = replace(run, tasks={task: _as_published(log) for task, log in run.tasks.items()})
    return replace(run, model=f"{TEACHER}-{name}")


def _as_published(log: TaskLog) -> TaskLog:
    """Return the log of a model that no backend ran, with rounded log-likelihoods."""
    settings = replace(log.settings, sampling_seed=CONTROL_SEED, backend="control", dtype=None, batch_size=None)
    if log.log_likelihoods is None:
        return replace(log, settings=settings)
    return replace(log, settings=settings, log_likelihoods=np.round(log.log_likelihoods, DIGITS))


def filled(drafted: Statement, said: Said) -> Statement:
    """Return a drafted statement with the author's parts."""
    items = {
        "deployment_context": CONTEXT,
        "preservation_targets": said.kept,
        "accepted_losses": said.known,
        "deployment_implication": said.implies,
    }
    return statements.with_items(drafted, items)


if __name__ == "__main__":
    root = package_folder("models").parent
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("names", nargs="*", default=list(SAID), metavar="NAME", help=", ".join(SAID))
    arguments.add_argument("--submissions", type=Path, default=root / "submissions", help="folder of submissions")
    given = arguments.parse_args()
    for chosen in given.names:
        print(pack_control(chosen, given.submissions / "teachers", given.submissions))
