"""What a run stands for: configurations and commands of plain lm-eval, and the record beside the logs."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterable, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import yaml

from angels_share import __version__
from angels_share.errors import RunError
from angels_share.harness.planning import ModelChoice, PairRun, Role, Settings, check_backend, check_settings
from angels_share.items import package_folder
from angels_share.spec import hub_entries, suite
from angels_share.taxonomy import HUB

SAMPLERS: Mapping[str, Mapping[str, Any]] = {
    "hf": {"top_k": 0, "top_p": 1.0},
    "vllm": {"top_k": -1, "top_p": 1.0},
    "sglang": {"top_k": -1, "top_p": 1.0},
}
"""Generation arguments that switch a backend's own truncation of samples off."""


SHOTS_SEED = 1234
"""lm-eval's own default: what is drawn as examples into a prompt is the same for both models."""


def lm_eval_config(settings: Settings, backend: str) -> str:
    """Return the content of an lm-eval configuration file that runs these suites with plain lm-eval."""
    check_settings(settings)
    check_backend(backend)
    whole_suite = len(settings.suites) == 1 and not settings.without_key and settings.access == "likelihood"
    content: dict[str, Any] = {
        "include_path": [str(package_folder("tasks")), str(package_folder("suites"))],
        "tasks": [suite(settings.suites[0]).group] if whole_suite else [*_own(settings.tasks), *_hub_groups(settings)],
        "model": backend,
        "batch_size": int(settings.batch_size) if settings.batch_size.isdigit() else settings.batch_size,
        "log_samples": True,
        "metadata": settings.metadata("teacher"),
    }
    if backend == "hf":
        content["model_args"] = {"dtype": "float32"}
    if backend in SAMPLERS:
        content["gen_kwargs"] = dict(SAMPLERS[backend])
    if settings.device:
        content["device"] = settings.device
    if settings.apply_chat_template:
        content["apply_chat_template"] = True
    if settings.system_instruction:
        content["system_instruction"] = settings.system_instruction
    return (
        "# lm-eval run --config THIS_FILE --model_args pretrained=…,dtype=float32 --output_path runs/t "
        f"--seed {_seeds(settings.suites, 11)}\n"
        "# Give the student another --seed: sampled tasks need independent samples.\n"
        + "".join(f"# {notice}\n" for notice in settings.notices)
        + yaml.safe_dump(content, sort_keys=False, allow_unicode=True)
    )


def _seeds(suites: Iterable[str], sampling_seed: int) -> str:
    """Return the argument of ``--seed``: where examples are drawn into a prompt, both models get the same ones."""
    drawn = any(suite(name).name.endswith(HUB) for name in suites)
    return ",".join([*[str(sampling_seed)] * 3, str(SHOTS_SEED)]) if drawn else str(sampling_seed)


def _own(names: Iterable[str]) -> list[str]:
    return [name for name in names if name not in hub_entries()]


def _hub_groups(settings: Settings) -> list[str]:
    """Return the groups of hub suites: only there do lm-eval's own tasks have their measures."""
    return [suite(name).group for name in settings.suites if suite(name).name.endswith(HUB)]


def commands(pair: PairRun) -> list[str]:
    """Return the plain lm-eval commands that this run stands for: one a role and stage, and one a hub suite."""
    lines = []
    for role in pair.roles:
        if own := _own(pair.tasks(role)):
            lines.append(_command(pair, role, ",".join(own), str(role.sampling_seed)))
        if not role.second_stage:
            seeds = _seeds(pair.settings.suites, role.sampling_seed)
            lines += [_command(pair, role, group, seeds) for group in _hub_groups(pair.settings)]
    return lines


def _command(pair: PairRun, role: Role, tasks: str, seeds: str) -> str:
    words = ["lm-eval", "run", "--config", str(pair.output / f"{role.name}.yaml"), "--tasks", tasks]
    words += ["--model", role.model.backend, "--model_args", role.model.args_text, "--batch_size", role.batch_size]
    words += ["--seed", seeds, "--metadata", json.dumps(pair.metadata(role))]
    return shlex.join([*words, "--output_path", str(pair.folder(role))])


def write_provenance(pair: PairRun) -> None:
    """Write ``run.json`` and the configuration files that its commands name."""
    for role in pair.roles:
        (pair.output / f"{role.name}.yaml").write_text(lm_eval_config(pair.settings, role.model.backend), "utf-8")
    record = {
        "schema_version": "angels-share/run/1",
        "commands": commands(pair),
        "tasks": list(dict.fromkeys(task for role in pair.roles for task in pair.tasks(role))),
        "suites": {name: suite(name).digest for name in pair.settings.suites},
        "track": pair.settings.track,
        "profile": pair.settings.profile,
        "item_seed": pair.settings.item_seed,
        "access": pair.settings.access,
        "canaries": pair.settings.canaries.content if pair.settings.canaries else None,
        "roles": earlier_roles(pair.output)
        | {role.label: conditions(pair, role) | {"weights": _weights(role.model)} for role in pair.roles},
        "versions": {"angels-share": __version__}
        | {name: version(name) for name in ("lm_eval", "torch", "transformers")},
    }
    write_record(pair.output, record)


def write_record(output: Path, record: Mapping[str, Any]) -> None:
    """Write ``run.json``, whole or not at all."""
    draft = output / ".run.json"
    draft.write_text(json.dumps(record, indent=1, sort_keys=True) + "\n", "utf-8")
    draft.replace(output / "run.json")


def _weights(model: ModelChoice) -> str | None:
    """Return the digest of the weights where they lie in a local folder."""
    from angels_share.models import weights_digest

    folder = Path(model.args.get("pretrained", ""))
    return weights_digest(folder) if model.args.get("pretrained") and folder.is_dir() else None


def conditions(pair: PairRun, role: Role) -> dict[str, Any]:
    """Return everything besides the items that decides a role's answers."""
    return {
        "backend": role.model.backend,
        "model_args": dict(role.model.args),
        "sampling_seed": role.sampling_seed,
        "batch_size": role.batch_size,
        "apply_chat_template": pair.settings.apply_chat_template,
        "system_instruction": pair.settings.system_instruction,
    }


def teacher_of(output: Path) -> ModelChoice | None:
    """Return the teacher of a finished run as its record names it, or None where there is no record of it."""
    record = earlier_roles(output).get("teacher", {})
    backend, args = record.get("backend"), record.get("model_args")
    return ModelChoice(backend, args) if isinstance(backend, str) and isinstance(args, dict) else None


def earlier_roles(output: Path) -> dict[str, dict[str, Any]]:
    """Return what ``run.json`` says of the roles that a folder holds."""
    path = output / "run.json"
    if not path.exists():
        return {}
    try:
        roles: dict[str, dict[str, Any]] = json.loads(path.read_text("utf-8"))["roles"]
    except (OSError, UnicodeDecodeError, json.JSONDecodeError, KeyError, TypeError) as error:
        raise RunError(
            f"{path}: is no record of a run ({error}); move it away, the logs beside it are whole"
        ) from error
    if not isinstance(roles, dict) or not all(isinstance(record, dict) for record in roles.values()):
        raise RunError(f"{path}: is no record of a run (roles is garbled); move it away, the logs beside it are whole")
    return roles
