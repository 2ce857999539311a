"""What a bundle's own files consist of, what a validator finds, and its report."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from angels_share.canaries import Key as CanaryKey
from angels_share.claims import PlainText
from angels_share.errors import BundleError
from angels_share.logs import Run
from angels_share.score.model import PairScore
from angels_share.spec import Access, Strict
from angels_share.statement import ClaimCheck, Statement
from angels_share.statement.model import Family

Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._+-]{0,99}$")]
"""A model, task or folder: ASCII letters, digits and ``._+-``, so that it is safe in a path and on a page."""

Word = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._:+-]{0,79}$")]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
FilePath = Annotated[str, Field(pattern=r"^[a-z0-9][A-Za-z0-9._+-]{0,99}(/[A-Za-z0-9][A-Za-z0-9._+-]{0,99}){0,3}$")]
RoleName = Literal["student", "teacher", "teacher_repeat", "calibration", "student_stage2", "teacher_stage2"]
"""The runs of a pair. The second stages, whose items differ from pair to pair, are apart from the first."""
Severity = Literal["error", "warning", "note"]
Option = bool | int | float | str | list[str] | None


class Seeds(Strict):
    """The seeds that lm-eval was started with."""

    random_seed: int | None = None
    numpy_seed: int | None = None
    torch_seed: int | None = None
    fewshot_seed: int | None = None


class TaskRun(Strict):
    """How one task was run: the part of lm-eval's results file that may be published."""

    version: float
    track: Word
    profile: Word
    item_seed: Annotated[int, Field(ge=0, lt=2**53)]
    canaries: CanaryKey | None = None
    """Key that the items of a privacy task follow, in place of the item seed."""
    measure: dict[str, Any]
    """The measure block as it was logged."""
    generation_kwargs: dict[Word, Option]
    num_fewshot: int
    repeats: Annotated[int, Field(ge=1, le=1000)]
    """Answers sampled per item; 1 where the readout is deterministic."""
    seeds: Seeds
    access: Access
    backend: Word
    dtype: Word | None
    batch_size: Word | None
    lm_eval_version: Word
    transformers_version: Word | None
    chat_template_sha: Sha256 | None
    system_instruction_sha: Sha256 | None
    max_length: int | None
    model_num_parameters: int | None


class Results(Strict):
    """How a model was run: the content of a role's ``results.json``."""

    schema_version: Literal["angels-share/results/1"] = "angels-share/results/1"
    model: Name
    tasks: dict[Name, TaskRun] = Field(min_length=1)

    @model_validator(mode="after")
    def _one_key(self) -> Results:
        if len({run.canaries for run in self.tasks.values()} - {None}) > 1:
            raise ValueError("privacy tasks follow several canary keys; run them all with the same --canaries")
        return self


class Row(Strict):
    """One line of a samples file: which item, and what the model answered."""

    doc_id: Annotated[int, Field(ge=0)]
    doc_hash: Sha256
    resps: list[Any]


class ModelFacts(Strict):
    """What is known of a model besides its answers."""

    name: Name
    weights_sha256: Sha256 | None = None
    parameters: Annotated[int, Field(ge=1)] | None = None
    licence: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9 ._+()-]{0,99}$")] | None = None


class SuitePin(Strict):
    """A suite, exactly as it was when the pair was scored."""

    name: Word
    version: Word
    digest: Sha256


class Key(Strict):
    """Where the items came from."""

    track: Word
    profile: Word
    item_seed: Annotated[int, Field(ge=0, lt=2**53)]


class Files(Strict):
    """The SHA-256 of each file, by its path."""

    files: dict[FilePath, Sha256] = Field(min_length=1)


class Canonical(Strict):
    """The run of a canonical teacher, kept once for all pairs."""

    canonical: Name


class Declarations(Strict):
    """What only the submitter can know."""

    trained_on_evaluated_items: Literal["no", "yes", "unknown"] = "unknown"
    n_variants_tried: Annotated[int, Field(ge=1)] | None = None
    """How many students were made before this one was chosen."""


class Manifest(Strict):
    """What a bundle says of itself: the content of ``submission.json``."""

    schema_version: Literal["angels-share/submission/1"] = "angels-share/submission/1"
    pair_id: Annotated[str, Field(pattern=r"^[0-9a-f]{16}$")]
    slug: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,119}$")]
    teacher: ModelFacts
    student: ModelFacts
    method: Family
    suites: tuple[SuitePin, ...] = Field(min_length=1)
    key: Key
    roles: dict[RoleName, Files | Canonical]
    files: dict[Literal["statement.json", "score.json"], Sha256]
    declarations: Declarations = Declarations()
    submitter: PlainText = ""
    notes: PlainText = ""
    digest: Sha256
    """SHA-256 of all of the above in canonical JSON."""

    @property
    def folder_name(self) -> str:
        """Readable name of the bundle's folder."""
        return f"{self.slug}-{self.pair_id[:8]}"


class Teacher(Strict):
    """A canonical teacher and its runs: the content of ``teacher.json``."""

    schema_version: Literal["angels-share/teacher/1"] = "angels-share/teacher/1"
    facts: ModelFacts
    runs: dict[Name, Files]
    """The files of each run, by ``<track>-<profile>-<item seed>``, with ``-repeat`` for a repeated one."""


class Finding(Strict):
    """One thing that a validator found."""

    rule: str
    """A key of :func:`angels_share.submission.rules`."""
    severity: Severity
    place: str
    """File within the bundle, with row or field where there is one."""
    message: str
    """What was found, and what was expected."""
    hint: str
    """What to do about it."""

    def __str__(self) -> str:
        return f"{self.severity} {self.rule} {self.place}: {self.message}. {self.hint}"


class RefusedError(BundleError):
    """A finding after which there is no going on with the file."""

    def __init__(self, finding: Finding) -> None:
        super().__init__(str(finding))
        self.finding = finding


@dataclass(frozen=True)
class Report:
    """Everything that validating a bundle brought to light."""

    folder: Path
    findings: tuple[Finding, ...]
    manifest: Manifest | None = None
    statement: Statement | None = None
    score: PairScore | None = None
    """Recomputed from the logs; what the bundle says is only compared with it."""
    checks: tuple[ClaimCheck, ...] = ()
    runs: Mapping[RoleName, Run] = field(default_factory=dict)
    """What was scored: the runs of the pair's suites, second stages joined to the first."""

    @property
    def accepted(self) -> bool:
        """Whether the bundle was scored and nothing is wrong with it; warnings and notes are allowed."""
        return self.score is not None and not any(finding.severity == "error" for finding in self.findings)
