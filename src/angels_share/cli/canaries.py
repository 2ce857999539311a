"""Command that makes texts with known membership: canaries make."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from angels_share.cli.shell import ProfileOption, app, tell
from angels_share.errors import RunError

canaries_app = typer.Typer(help="Make texts to insert into training data, for the privacy tasks.", no_args_is_help=True)
app.add_typer(canaries_app, name="canaries")


@canaries_app.command("make")
def make(
    level: Annotated[list[int], typer.Option(help="Level, 0 to 4; give every level of the track that will be run.")],
    seed: Annotated[int, typer.Option(min=0, max=2**53 - 1, help="Seed; whoever knows it knows the secrets.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder for IN.jsonl, OUT.jsonl and key.json.")],
    profile: ProfileOption = "standard",
) -> None:
    """Write the texts to insert (IN), those that must not be inserted (OUT), and the key that the tasks read."""
    from angels_share.canaries import key_of, lists, write

    key = key_of(seed, tuple(level), profile)
    try:
        write(output, key)
    except OSError as error:
        raise RunError(f"{output}: cannot be written ({error})") from error
    inserted, held_out = lists(seed, level, profile)
    lines = sum(row["repetitions"] for row in inserted)
    tell(f"wrote {output}: {len(inserted)} texts to insert, {lines} lines with repetitions, {len(held_out)} held out")
