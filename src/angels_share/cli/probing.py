"""Command that looks inside two models: probe."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer
from rich import box
from rich.progress import track as shown
from rich.table import Table

from angels_share import items, spec
from angels_share.cli.shell import TrackOption, app, err, out, tell, write_text
from angels_share.errors import RunError
from angels_share.probe.model import Probe

DOCUMENTS = "as_distribution_bpb"
"""Task whose items are the documents that are read where none are given."""


@app.command()
def probe(
    teacher: Annotated[str, typer.Argument(help="Folder of the teacher's weights, or a name of the Hub.")],
    student: Annotated[str, typer.Argument(help="The same of the student.")],
    texts: Annotated[
        Path | None, typer.Option(help='JSONL file with a line {"text": …} a document; else the project\'s own.')
    ] = None,
    track: TrackOption = "small",
    documents: Annotated[int, typer.Option(min=2, help="How many documents to read at most.")] = 200,
    head: Annotated[int, typer.Option(min=1, help="Tokens in the teacher's head at each place.")] = 16,
    dtype: Annotated[str, typer.Option(help="In which the models run; statistics are in float64.")] = "float32",
    device: Annotated[str, typer.Option(help="Where the models run.")] = "cpu",
    resamples: Annotated[int, typer.Option(min=100)] = 2000,
    output: Annotated[Path | None, typer.Option("-o", "--output", help="File for the result as JSON.")] = None,
) -> None:
    """Compare two sets of weights: every token's distribution, and the hidden states layer by layer."""
    from angels_share.probe import load
    from angels_share.probe import probe as compare

    read, source = (read_texts(texts), str(texts)) if texts else own_texts(track, documents)
    result = compare(
        load(teacher, dtype, device),
        load(student, dtype, device),
        read[:documents],
        source,
        head=head,
        resamples=resamples,
        progress=lambda given: shown(list(given), "documents", console=err, transient=True),
    )
    if output is not None:
        write_text(output, result.model_dump_json(indent=1) + "\n")
        tell(f"wrote {output}")
    print_probe(result)


def own_texts(track: str, n: int) -> tuple[list[str], str]:
    """Return documents of the project's own for a track, and where they came from."""
    measure, path = spec.task(DOCUMENTS).measure, spec.task_files()[DOCUMENTS]
    made = items.build(
        items.find_generator(path.parent, measure.generator),
        levels=items.levels_of(track),
        clusters=n,
        per_cluster=measure.per_cluster,
        source=items.Source(0),
    )
    return [str(item["choices"][-1]) for item in made], f"{DOCUMENTS}, track {track}, item seed 0"


def read_texts(path: Path) -> list[str]:
    """Return the documents of a file, or say which line is none."""
    try:
        lines = path.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise RunError(f"{path}: cannot be read: {error}") from error
    found = []
    for k, line in enumerate(lines, 1):
        try:
            text = json.loads(line)["text"]
        except (json.JSONDecodeError, KeyError, TypeError) as error:
            raise RunError(f'{path}, line {k}: expected {{"text": …}}, found {line[:60]!r}') from error
        if not isinstance(text, str) or not text.strip():
            raise RunError(f"{path}, line {k}: text is {text!r:.60}, expected words")
        found.append(text)
    return found


def print_probe(found: Probe) -> None:
    """Print what a probe found."""
    out.print(f"[bold]{found.student}[/] ← {found.teacher}   weights, on {found.texts}")
    if found.divergence is None:
        out.print(f"tokens: not compared: {found.divergence_reason}", markup=False, soft_wrap=True)
    else:
        table = Table(box=box.SIMPLE, padding=(0, 1))
        for heading in ("per token", "mean [95 %]", "root mean square", "median", "99 %", "largest"):
            table.add_column(heading, no_wrap=True)
        for c in found.divergence.columns:
            interval = f"{c.mean.value:.4f} [{c.mean.low:.4f}, {c.mean.high:.4f}]"
            rest = (c.root_mean_square, c.percentiles["50"], c.percentiles["99"], c.largest)
            table.add_row(c.name, interval, *(f"{value:.4f}" for value in rest))
        out.print(table)
        out.print(f"{found.divergence.tokens} tokens of {found.divergence.documents} documents; nats")
    if found.similarity is None:
        out.print(f"hidden states: not compared: {found.similarity_reason}", markup=False, soft_wrap=True)
    else:
        s = found.similarity.summary
        out.print(
            f"hidden states: debiased CKA {s.value:.3f} [{s.low:.3f}, {s.high:.3f}], the best layer at like depth, "
            f"over {found.similarity.words} words of {found.similarity.documents} documents",
            soft_wrap=True,
        )
