"""The project keeps its own rules: imports, cards, task files, documentation and pinned versions."""

from __future__ import annotations

import ast
import importlib
import json
import re
import shlex
import subprocess
import sys
import tomllib
import uuid
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

import angels_share
from angels_share import items, observables, spec, statistics
from angels_share.taxonomy import HUB, ROWS, SCENARIOS

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src" / "angels_share"

ORDER = (
    "errors",
    "parallel",
    "taxonomy",
    "items",
    "caskworld",
    "reading",
    "refusals",
    "interpreter",
    "models",
    "spec",
    "costs",
    "canaries",
    "anchors",
    "claims",
    "logs",
    "pairing",
    "second_stage",
    "observables",
    "discrepancies",
    "estimate",
    "statistics",
    "score",
    "comparison",
    "power",
    "probe",
    "statement",
    "submission",
    "ranking",
    "index",
    "validity",
    "harness",
    "verify",
    "cli",
)
"""The modules of the package; each may import those before it."""

ONLY_IN = {
    "lm_eval": {"harness"},
    "torch": {"models", "probe"},
    "transformers": {"models", "probe"},
    "typer": {"cli"},
    "rich": {"cli"},
}
"""Heavy or noisy dependencies, and the modules that may import them."""


# --- imports ---------------------------------------------------------------------------------------------------------


def sources() -> list[tuple[str, Path]]:
    """Return every source file with the name of its module: a top-level file or folder of the package."""
    files = [p for p in SOURCE.rglob("*.py") if p != SOURCE / "__init__.py"]
    return [(p.relative_to(SOURCE).parts[0].removesuffix(".py"), p) for p in sorted(files)]


def imported(path: Path) -> Iterator[str]:
    """Yield the dotted name of everything that a file imports, wherever in the file."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: a relative import"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def test_every_module_has_its_place() -> None:
    assert sorted({module for module, _ in sources()} - set(ORDER)) == []


@pytest.mark.parametrize("module", ORDER)
def test_imports_go_up_the_table(module: str) -> None:
    above = set(ORDER[: ORDER.index(module) + 1])
    for path in (p for m, p in sources() if m == module):
        for name in imported(path):
            if name.startswith("angels_share.") and (used := name.split(".")[1]) in ORDER:
                assert used in above, f"{path.relative_to(ROOT)} imports {name}"


@pytest.mark.parametrize("package", sorted(ONLY_IN))
def test_dependency_stays_in_its_module(package: str) -> None:
    users = {module for module, path in sources() for name in imported(path) if name.split(".")[0] == package}
    assert users <= ONLY_IN[package]


@pytest.mark.parametrize("module", ["score", "submission", "index"])
def test_scoring_imports_neither_torch_nor_lm_eval(module: str) -> None:
    code = f"import sys, angels_share.{module}; print(*sorted(m for m in sys.modules if '.' not in m))"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=True)
    loaded = set(out.stdout.split())
    assert "angels_share" in loaded
    assert loaded.isdisjoint({"torch", "transformers", "lm_eval", "datasets", "streamlit"})


def test_generators_import_only_the_standard_library_and_items() -> None:
    for path in (ROOT / "tasks").glob("*/*.py"):
        for name in imported(path):
            top = name.split(".")[0]
            assert top in sys.stdlib_module_names or name.startswith(
                tuple(f"angels_share.{module}." for module in ("items", "caskworld", "reading", "interpreter"))
            )


# --- tasks and suites ------------------------------------------------------------------------------------------------


LOADERS = {"as_tail_hetero": "anchors"}
"""Modules whose function ``load`` makes the items of a task, where users may bring some of their own."""


def yaml_files() -> list[Path]:
    return sorted([*(ROOT / "tasks").rglob("*.yaml"), *(ROOT / "suites").rglob("*.yaml")])


@pytest.mark.parametrize("path", yaml_files(), ids=lambda p: p.name)
def test_yaml_is_read(path: Path) -> None:
    content = spec.read_yaml(path)
    groups = {"rows": f"as_row_{path.stem}", "hub": f"as_suite_{path.stem}{HUB}"}
    expected = groups.get(path.parent.name, f"as_suite_{path.stem}")
    assert path.name == f"{content['task']}.yaml" or content["group"] == expected


def test_every_task_is_well_formed() -> None:
    for name, task in spec.tasks().items():
        content = spec.read_yaml(spec.task_files()[name])
        folder = spec.task_files()[name].parent.name
        assert folder in (task.measure.row, "applied")
        assert name.startswith(f"as_{folder}_")
        own = "canaries" if task.measure.row == "privacy" else LOADERS.get(name, "items")
        loader = "second_stage" if task.measure.first_stage else own
        assert content["custom_dataset"] == f"angels_share.{loader}.load"
        assert items.find_generator(spec.task_files()[name].parent, task.measure.generator)
        assert all(statistics.get(s) for s in task.measure.statistics)
        read = {"likelihood": "multiple_choice"}.get(task.measure.readout, "generate_until")
        whole = task.measure.observable == "document_likelihood"
        assert content["output_type"] == ("loglikelihood_rolling" if whole else read)
        assert content.get("repeats", 1) >= 8 if task.measure.readout == "sampled" else "repeats" not in content


def test_plain_lm_eval_prints_the_declared_utility() -> None:
    for name, task in spec.tasks().items():
        if task.measure.utility is not None:
            content = spec.read_yaml(spec.task_files()[name])
            module, _, utility = content["process_results"].rpartition(".")
            assert utility == task.measure.utility
            assert getattr(importlib.import_module(module), utility) is observables.get_utility(utility)
            joint = "angels_share.observables.registry.mean_over_items"
            expected = joint if observables.get_utility(utility).joint else "mean"
            assert [m["aggregation"] for m in content["metric_list"]] == [expected]
            assert [m["metric"] for m in content["metric_list"]] == ["utility"]


def test_suites_name_known_tasks_once() -> None:
    for name in SCENARIOS:
        suite, listed = spec.suite(name), spec.read_yaml(ROOT / "suites" / f"{name}.yaml")["task"]
        assert max(Counter(listed).values()) == 1
        assert set(listed) <= set(spec.tasks())
        assert {spec.task(t).measure.row for t in listed} == set(suite.rows)
        assert not any(spec.task(t).measure.first_stage for t in listed)
        assert all(spec.task(t).measure.first_stage for t in suite.second_stage)


def test_hub_suites_name_tasks_of_lm_eval_once() -> None:
    for name in SCENARIOS:
        suite, entries = spec.suite(f"{name}{HUB}"), spec.read_yaml(ROOT / "suites" / "hub" / f"{name}.yaml")["task"]
        assert suite.tasks == tuple(entry["task"] for entry in entries)
        assert max(Counter(suite.tasks).values()) == 1
        assert not set(suite.tasks) & set(spec.tasks())
        assert {spec.task(t).measure.row for t in suite.tasks} == set(suite.rows)
        assert suite.second_stage == ()


def test_every_second_stage_follows_its_first_in_some_suite() -> None:
    listed = {name for suite in spec.suites().values() for name in suite.second_stage}
    assert listed == {name for name, task in spec.tasks().items() if task.measure.first_stage}


@pytest.mark.slow
def test_lm_eval_finds_every_task_and_suite() -> None:
    code = (
        "import json, sys; from lm_eval.tasks import TaskManager; "
        "print(json.dumps(list(TaskManager(include_path=sys.argv[1:], include_defaults=False).all_tasks)))"
    )
    folders = [str(ROOT / "tasks"), str(ROOT / "suites")]
    out = subprocess.run(
        [sys.executable, "-c", code, *folders], capture_output=True, text=True, timeout=300, check=True
    )
    found = set(json.loads(out.stdout.splitlines()[-1]))
    groups = {suite.group for suite in spec.suites().values()}
    groups |= {suite.second_stage_group for suite in spec.suites().values() if suite.second_stage}
    groups |= {f"as_row_{row}" for row in ROWS}
    assert found == {*spec.tasks(), *groups}


# --- data cards ------------------------------------------------------------------------------------------------------

FRONT_MATTER = {"pretty_name", "license", "language", "tags", "task_categories", "size_categories", "configs"}
HEADINGS = (
    "Why it exists",
    "What an item is",
    "How it is made",
    "Difficulty",
    "Known biases and limits",
    "Uses and misuses",
    "Licence and provenance",
    "Versions",
    "Canary",
)


def card(task: str) -> tuple[dict[str, Any], str]:
    """Return the front matter and the text of a task's data card."""
    _, front, text = (ROOT / "data_cards" / f"{task}.md").read_text("utf-8").split("---\n", 2)
    return yaml.safe_load(front), text


def test_every_task_has_a_card_and_every_card_a_task() -> None:
    assert {p.stem for p in (ROOT / "data_cards").glob("*.md")} == set(spec.tasks())


@pytest.mark.parametrize("task", sorted(spec.tasks()))
def test_card_is_complete(task: str) -> None:
    front, text = card(task)
    assert set(front) >= FRONT_MATTER
    assert task in front["pretty_name"] or task in text
    assert re.findall(r"^## (.+)$", text, re.MULTILINE) == list(HEADINGS)
    assert {c["config_name"] for c in front["configs"]} <= {f"level_{level}" for level in range(5)}
    assert f"version {spec.task(task).version}" in text.lower()


def test_every_card_has_its_own_canary() -> None:
    canaries = [re.findall(r"canary GUID ([0-9a-f-]{36})", card(task)[1]) for task in spec.tasks()]
    assert all(len(found) == 1 and uuid.UUID(found[0]).version == 4 for found in canaries)
    assert len({found[0] for found in canaries}) == len(canaries)


# --- documentation and metadata --------------------------------------------------------------------------------------


def commands(path: Path, program: str) -> list[list[str]]:
    """Return the words of every command line of a program in the code blocks of a document or in a Makefile."""
    text = expanded(path.read_text("utf-8"))
    if path.suffix == ".md":
        text = "\n".join(re.findall(r"^```\w*\n(.*?)^```", text, re.MULTILINE | re.DOTALL))
    text = re.sub(r"\\\n\s*", " ", text)
    found = re.findall(rf"^\s*@?(?:\$\(BIN\)/)?{re.escape(program)} (.*)", text, re.MULTILINE)
    return [shlex.split(line, comments=True) for line in found]


def expanded(text: str) -> str:
    """Return the text with references such as ``$(SUITES:%=--suite %)`` written out, as make does."""
    values = dict(re.findall(r"^(\w+) [:?]?= (.*)$", text, re.MULTILINE))

    def written_out(found: re.Match[str]) -> str:
        return " ".join(found[2].replace("%", word) for word in values[found[1]].split())

    return re.sub(r"\$\((\w+):%=([^)]*)\)", written_out, text)


def documents() -> list[Path]:
    folders = (ROOT, ROOT / "tasks", ROOT / "suites")
    return [*(folder / "README.md" for folder in folders), ROOT / "CONTRIBUTING.md", ROOT / "Makefile"]


def test_documented_commands_exist() -> None:
    """Every ``angels-share`` line of the documents and the Makefile names a command and options that there are."""
    import typer

    from angels_share.cli import app

    root: Any = typer.main.get_command(app)
    lines = [(path.name, words) for path in documents() for words in commands(path, "angels-share")]
    assert {name for name, _ in lines} >= {"README.md", "Makefile"}
    for place, words in lines:
        command, rest = root, words
        while rest and hasattr(command, "commands"):
            assert rest[0] in command.commands, f"{place}: angels-share {' '.join(words)}: no command {rest[0]!r}"
            command, rest = command.commands[rest[0]], rest[1:]
        known = {option for p in command.params for option in (*p.opts, *p.secondary_opts)}
        used = [w.partition("=")[0] for w in rest if w.startswith("-")]
        assert [o for o in used if o not in known] == [], f"{place}: angels-share {' '.join(words)}"
        required = [p for p in command.params if p.required and p.param_type_name == "option"]
        for param in required:
            assert set(param.opts) & set(used), f"{place}: angels-share {' '.join(words)} lacks {param.opts}"


def test_demo_runs_every_suite() -> None:
    (words,) = (words for words in commands(ROOT / "Makefile", "angels-share") if words[0] == "run")
    assert [words[k + 1] for k, word in enumerate(words) if word == "--suite"] == list(SCENARIOS)


@pytest.mark.slow
def test_documented_lm_eval_options_exist() -> None:
    lines = [words for path in documents() for words in commands(path, "lm-eval")]
    assert lines
    for command in sorted({words[0] for words in lines}):
        code = "from lm_eval.__main__ import cli_evaluate; cli_evaluate()"
        out = subprocess.run(
            [sys.executable, "-c", code, command, "--help"], capture_output=True, text=True, timeout=300, check=True
        )
        known = set(re.findall(r"(?<![\w-])--?\w[\w-]*", out.stdout))
        used = {w for words in lines if words[0] == command for w in words[1:] if w.startswith("-")}
        assert used <= known


def test_documented_make_targets_exist() -> None:
    makefile = (ROOT / "Makefile").read_text("utf-8")
    targets = set(re.findall(r"^([a-z][\w-]*):", makefile, re.MULTILINE))
    asked = {words[0] for path in documents()[:-1] for words in commands(path, "make")}
    assert {"demo", "test"} <= asked <= targets
    assert {"demo", "test", "check", "leaderboard", "toy", "clean"} <= targets


def test_constraints_pin_every_dependency() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    extras = project["optional-dependencies"]
    wanted = [*project["dependencies"], *extras["dev"], *extras["api"], *extras["plots"]]
    wanted = [one for one in wanted if one not in ("angels-share[api]", "angels-share[plots]")]
    lines = [x for x in (ROOT / "constraints.txt").read_text("utf-8").splitlines() if x and not x.startswith("#")]
    assert all(re.fullmatch(r"[A-Za-z0-9._-]+==[A-Za-z0-9.]+(; .+)?", line) for line in lines)
    pinned = {canonical(line.partition("==")[0]) for line in lines}
    assert "torch==2.13.0" in lines
    assert [d for d in wanted if canonical(re.split(r"[\[<>=]", d)[0]) not in pinned] == []
    assert not any(name.startswith("nvidia") for name in pinned)
    assert lines == sorted(lines, key=lambda line: canonical(line.partition("==")[0]))


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def test_one_version_everywhere() -> None:
    version = angels_share.__version__
    assert tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["version"] == version
    assert yaml.safe_load((ROOT / "CITATION.cff").read_text("utf-8"))["version"] == version
    changes = (ROOT / "CHANGELOG.md").read_text("utf-8")
    assert f"## [{version}]" in changes
    assert all("### Numbers" in part for part in re.split(r"^## ", changes, flags=re.MULTILINE)[1:])


def test_pre_commit_runs_local_hooks_only() -> None:
    config = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text("utf-8"))
    assert [repo["repo"] for repo in config["repos"]] == ["local"]


def test_continuous_integration_runs_make_test() -> None:
    script = ROOT / ".ci" / "run"
    assert script.stat().st_mode & 0o111
    assert script.read_text("utf-8").rstrip().endswith("make test")
