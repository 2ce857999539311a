"""How many items a comparison needs: by hand, and against simulated pairs of the planned size."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from angels_share.estimate import p_equivalence
from angels_share.power import CERTIFY_Z, plan
from angels_share.score.task import POWER_Z
from fixture_entries import distilled

GROUPS = next(task for task in distilled().score.tasks if task.task == "as_boundary_groups")


def test_by_hand() -> None:
    """A standard error of 0.02 from 50 clusters; the task has 150 at standard."""
    task = GROUPS.model_copy(update={"minimum_detectable_effect": 0.056, "n_clusters": 50})
    found = plan(task, "standard", 0.05)
    assert found is not None
    assert (found.clusters, found.planned) == (50, 150)
    assert found.detectable == pytest.approx(0.056 * (50 / 150) ** 0.5)
    assert found.needed == 69  # 50 · (2.9264 · 0.02 / 0.05)²
    assert found.profile == "standard"


def test_more_than_the_largest_profile() -> None:
    found = plan(GROUPS.model_copy(update={"minimum_detectable_effect": 0.9, "n_clusters": 50}), "pilot", 0.01)
    assert found is not None
    assert found.profile is None


def test_task_without_a_change_has_no_plan() -> None:
    assert plan(GROUPS.model_copy(update={"minimum_detectable_effect": None}), "lite", 0.05) is None


def test_the_needed_number_certifies_with_the_power_that_is_said() -> None:
    spread, epsilon = 0.3, 0.05
    n = int(np.ceil((CERTIFY_Z * spread / epsilon) ** 2))
    rng = np.random.default_rng(0)
    certified = []
    for _ in range(2000):
        x = rng.normal(0, spread, n)
        certified.append(p_equivalence(float(x.mean()), float(x.std(ddof=1) / np.sqrt(n)), epsilon, n) < 0.05)
    assert np.mean(certified) == pytest.approx(0.8, abs=0.03)


def test_the_detectable_change_is_found_with_the_power_that_is_said() -> None:
    n, spread = 400, 0.3
    effect = POWER_Z * spread / np.sqrt(n)
    rng = np.random.default_rng(1)
    found = [stats.ttest_1samp(rng.normal(effect, spread, n), 0).pvalue < 0.05 for _ in range(2000)]
    assert np.mean(found) == pytest.approx(0.8, abs=0.03)
