"""How fast, and in how much memory, the largest bundle is validated, beside a plain reading of the same rows."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from made_bundles import write_bundle
from workloads import cost, least

from angels_share.submission import files

MOST_MEMORY = 1000.0
"""In MB."""

PADDING = 1500
"""Characters behind each generated answer: with these the bundle has nearly as many bytes as one may have."""

MOST_TIMES = 12.0
"""How many times as long validating may take as reading the rows with ``json.loads``."""


def test_the_largest_bundle_is_validated_in_bounded_time_and_memory(
    tmp_path: Path, tell: Callable[[str], None]
) -> None:
    """All suites at the largest track and profile, with repeat and calibration."""
    if shutil.disk_usage(tmp_path).free < 5 * files.BUNDLE_LIMIT:
        pytest.skip(f"{tmp_path} has no room for a bundle")
    with tempfile.TemporaryDirectory(dir=tmp_path) as folder:
        bundle = write_bundle(Path(folder), PADDING)
        size = sum(path.stat().st_size for path in bundle.rglob("*") if path.is_file())
        ours, plain = cost("validate", bundle), least("unpack", *sorted(bundle.rglob("*.jsonl.gz")))
    tell(
        f"validation of a bundle of {size / 1e6:.0f} MB: {ours.seconds:.0f} s, {ours.processor:.0f} s of processor "
        f"time, {ours.peak:.0f} MB of memory (at most {MOST_MEMORY:.0f}); gunzip and json.loads {plain.seconds:.1f} s: "
        f"{ours.seconds / plain.seconds:.1f} times (at most {MOST_TIMES:.0f})"
    )
    assert 0.9 * files.BUNDLE_LIMIT < size <= files.BUNDLE_LIMIT
    assert ours.peak < MOST_MEMORY
    assert ours.seconds <= MOST_TIMES * plain.seconds
