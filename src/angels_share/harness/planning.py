"""What is to be run: models, settings and roles, checked before a model is loaded."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from angels_share.canaries import Key, check_key, needs_key
from angels_share.errors import RunError, did_you_mean
from angels_share.items import CALIBRATION_SEED, PILOT_CLUSTERS, levels_of, n_clusters
from angels_share.spec import SECOND_STAGE, Access, TaskSpec, readable, suite, task
from angels_share.taxonomy import HUB

DEFAULT_SEEDS: Mapping[str, int] = {"teacher": 11, "student": 12, "teacher_repeat": 13, "teacher_calibration": 14}
"""Sampling seed of each role; they must differ from each other."""


@dataclass(frozen=True)
class ModelChoice:
    """A model as lm-eval is told of it: a backend and its arguments."""

    backend: str
    args: Mapping[str, str]

    @classmethod
    def parse(cls, text: str) -> ModelChoice:
        """Read ``backend:key=value,key=value``, such as ``hf:pretrained=models/toy-teacher,dtype=float32``."""
        backend, colon, rest = text.partition(":")
        pairs = [part.partition("=") for part in rest.split(",") if part]
        keys = [key for key, _, _ in pairs]
        whole = all(key and sign for key, sign, _ in pairs) and len(set(keys)) == len(keys)
        if not colon or not backend or not pairs or not whole:
            raise RunError(
                f"model {text!r}: expected backend:key=value,…, such as hf:pretrained=models/toy-teacher,dtype=float32"
            )
        return cls(backend, {key: value for key, _, value in pairs})

    @property
    def args_text(self) -> str:
        """The arguments as ``--model_args`` takes them."""
        return ",".join(f"{k}={v}" for k, v in self.args.items())


@dataclass(frozen=True)
class Settings:
    """What both models of a pair share."""

    suites: tuple[str, ...]
    track: str
    profile: str
    item_seed: int = 0
    batch_size: str = "8"
    device: str | None = None
    """None for the default of lm-eval's command line."""
    apply_chat_template: bool = False
    system_instruction: str | None = None
    canaries: Key | None = None
    """Key that the items of privacy tasks follow; without it these are left out."""
    access: Access = "likelihood"
    """``text`` where a model gives out no likelihoods: then both answer in words, and nothing else is compared."""

    @property
    def tasks(self) -> tuple[str, ...]:
        """Every task of the suites that can run, each once."""
        left_out = {*self.without_key, *self.without_likelihoods}
        return tuple(name for name in self._named if name not in left_out)

    @property
    def without_key(self) -> tuple[str, ...]:
        """The tasks of the suites that need a key, where none is given."""
        return () if self.canaries else tuple(name for name in self._named if needs_key(task(name)))

    @property
    def without_likelihoods(self) -> tuple[str, ...]:
        """The tasks of the suites that need likelihoods and have no twin in words, where there is text alone."""
        return tuple(name for name in self._named if not readable(name, self.access))

    @property
    def second_stage(self) -> tuple[str, ...]:
        """The second-stage tasks of the suites whose first stage is run, each once."""
        named = dict.fromkeys(name for of in self.suites for name in suite(of).second_stage)
        return tuple(
            name for name in named if task(name).measure.first_stage in self.tasks and readable(name, self.access)
        )

    @property
    def _named(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(name for of in self.suites for name in suite(of).seen_by(self.access).tasks))

    @property
    def notices(self) -> tuple[str, ...]:
        """What is to be told of the tasks that are left out, a line for each reason."""
        told = []
        if self.without_key:
            told.append(
                f"left out, and charged as unmeasured: {', '.join(self.without_key)}; they need texts of known "
                "membership, see `angels-share canaries make` and --canaries"
            )
        if self.without_likelihoods:
            told.append(f"left out, and not charged: {', '.join(self.without_likelihoods)}; they need likelihoods")
        return tuple(told)

    def metadata(self, role: str) -> dict[str, Any]:
        """Return the run-time switch of lm-eval's ``--metadata`` for a role."""
        seed = CALIBRATION_SEED if role == "teacher_calibration" else self.item_seed
        chosen = {"as_track": self.track, "as_profile": self.profile, "as_seed": seed}
        if self.canaries:
            chosen |= {"as_canaries": self.canaries.content}
        return chosen if self.access == "likelihood" else chosen | {"as_access": self.access}

    def switch(self, role: str, of: TaskSpec) -> dict[str, Any]:
        """Return the part of the metadata that chooses the items of a task, as its log must have it."""
        left_out = {"as_access"} if needs_key(of) else {"as_access", "as_canaries"}
        return {key: v for key, v in self.metadata(role).items() if key not in left_out}


@dataclass(frozen=True)
class Role:
    """One model in one part of a pair's run."""

    name: str
    model: ModelChoice
    sampling_seed: int
    batch_size: str
    second_stage: bool = False

    @property
    def label(self) -> str:
        """Name of the role, and its stage where it is the second."""
        return f"{self.name}{SECOND_STAGE}" if self.second_stage else self.name


@dataclass(frozen=True)
class PairRun:
    """A planned run of a pair."""

    output: Path
    settings: Settings
    roles: tuple[Role, ...]
    """In the order in which they run."""
    say: Callable[[str], None] = field(default=lambda line: None, compare=False)
    """Where progress is told."""

    def folder(self, role: Role) -> Path:
        """Return the folder of a role's logs; those of its second stage lie inside, so that they are read together."""
        first = self.output / role.name
        return first / "second_stage" if role.second_stage else first

    def tasks(self, role: Role) -> tuple[str, ...]:
        """Return the tasks that a role runs."""
        return self.settings.second_stage if role.second_stage else self.settings.tasks

    def metadata(self, role: Role) -> dict[str, Any]:
        """Return what a role's runs take as lm-eval's ``--metadata``."""
        chosen = self.settings.metadata(role.name)
        if not role.second_stage:
            return chosen
        return chosen | {f"as_stage1_{name}": str(self.output / name) for name in ("teacher", "student")}


def plan(
    output: Path,
    settings: Settings,
    *,
    teacher: ModelChoice | None,
    student: ModelChoice,
    repeat: bool = False,
    calibrate: bool = True,
    second_stage: bool = True,
    adopted: ModelChoice | None = None,
    seeds: Mapping[str, int] | None = None,
    say: Callable[[str], None] = lambda line: None,
) -> PairRun:
    """Return the plan of a pair's run, checked as far as it can be before a model is loaded.

    Parameters
    ----------
    output : Path
        Folder of the pair's run.
    settings : Settings
        What both models share.
    teacher : ModelChoice or None
        None where a finished run of the teacher is used again.
    student : ModelChoice
    repeat, calibrate : bool
        Whether the teacher also runs with another sampling seed and batch size, and on the calibration items.
    second_stage : bool
        Whether both models also run the suites' second-stage tasks.
    adopted : ModelChoice, optional
        The teacher of the finished run that is used again, for its second stage.
    seeds : mapping, optional
        Sampling seeds that replace :data:`DEFAULT_SEEDS`.
    say : callable
        Takes a line of progress.

    Raises
    ------
    RunError
        If a backend is unknown or gives no likelihoods where they are needed, two roles share a sampling seed, or
        there is nothing to run.
    SpecError
        If a suite, track or profile is unknown, or the key does not fit them.
    """
    check_settings(settings)
    chosen = dict(DEFAULT_SEEDS) | dict(seeds or {})
    other_batch = "4" if settings.batch_size != "4" else "2"
    roles = [Role("student", student, chosen["student"], settings.batch_size)]
    if teacher is not None:
        roles.insert(0, Role("teacher", teacher, chosen["teacher"], settings.batch_size))
        if repeat:
            roles.append(Role("teacher_repeat", teacher, chosen["teacher_repeat"], other_batch))
        if calibrate:
            roles.append(Role("teacher_calibration", teacher, chosen["teacher_calibration"], settings.batch_size))
    by_seed: dict[int, str] = {}
    for role in roles:
        if role.sampling_seed in by_seed:
            raise RunError(
                f"{by_seed[role.sampling_seed]} and {role.name} have one sampling seed, {role.sampling_seed}; their "
                "samples would be coupled, give each role its own"
            )
        by_seed[role.sampling_seed] = role.name
        check_backend(role.model.backend)
        if settings.access == "likelihood" and role.model.backend.endswith("chat-completions"):
            raise RunError(f"{role.name}: {role.model.backend} gives no likelihoods; compare both by --access text")
    if second_stage and settings.second_stage:
        roles += _second_stage(settings, teacher or adopted, student, chosen, say)
    for notice in settings.notices:
        say(notice)
    return PairRun(output, settings, tuple(roles), say)


def _second_stage(
    settings: Settings,
    teacher: ModelChoice | None,
    student: ModelChoice,
    seeds: Mapping[str, int],
    say: Callable[[str], None],
) -> list[Role]:
    """Return the roles of the second stage, none where nobody knows how to load the teacher."""
    if teacher is None:
        say(f"left out, and not charged: {', '.join(settings.second_stage)}; the finished run names no teacher to load")
        return []
    check_backend(teacher.backend)
    models = {"teacher": teacher, "student": student}
    return [Role(name, model, seeds[name], settings.batch_size, second_stage=True) for name, model in models.items()]


def check_settings(settings: Settings) -> None:
    """Refuse an unknown track or profile, a key that does not fit them, and settings without a task."""
    levels_of(settings.track)
    n_clusters(PILOT_CLUSTERS, settings.profile)
    if settings.canaries is not None:
        check_key(settings.canaries, settings.track, settings.profile)
    hub = [name for name in settings.suites if suite(name).name.endswith(HUB)]
    if hub and settings.access == "text":
        raise RunError(
            f"{', '.join(hub)} is run whole, and holds data sets that need likelihoods; compare by text on the suites "
            "without _hub"
        )
    if not settings.tasks:
        raise RunError(f"nothing to run: {'; '.join(settings.notices) or 'no suite was named'}")


def check_backend(name: str) -> None:
    """Refuse a backend that lm-eval does not know."""
    import lm_eval.models  # noqa: F401 - fills the registry
    from lm_eval.api.registry import model_registry

    known = list(model_registry)
    if name not in known:
        raise RunError(f"lm-eval has no backend {name!r}. {did_you_mean(name, known)}")
