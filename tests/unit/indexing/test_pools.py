"""How many actors a large feed gets, on clusters that have what they need and on clusters that grow."""

from __future__ import annotations

from typing import Any

import pytest

from mmpipe.indexing.lanes.ray import Pools, pools
from mmpipe.settings import IndexingSettings


@pytest.mark.parametrize(
    ("resources", "free", "settings", "preparers", "encoders"),
    [
        ({"CPU": 4}, 4, {}, 0, 4),
        ({"CPU": 4}, 4, {"workers": 2}, 0, 2),
        ({"CPU": 8, "GPU": 2}, 8, {}, 7, 2),
        ({"CPU": 8, "GPU": 2}, 8, {"workers": 1}, 7, 1),
        ({"CPU": 8, "GPU": 2}, 8, {"gpus": 0}, 0, 8),
        # An autoscaled cluster: a head of two CPUs, and no GPU node yet.
        ({"CPU": 2}, 1, {"autoscaled": True, "workers": 6}, 0, 6),
        ({"CPU": 2}, 1, {"autoscaled": True, "workers": 6, "gpus": 2}, 6, 2),
        ({"CPU": 2}, 1, {"autoscaled": True, "gpus": 1}, 1, 1),
    ],
)
def test_sizes(
    resources: dict[str, float], free: float, settings: dict[str, Any], preparers: int, encoders: int
) -> None:
    found = pools(resources, free, IndexingSettings(**settings))
    assert (found.preparers, found.encoders) == (preparers, encoders)


def test_a_cluster_that_grows_is_asked_for_whole_cpus_however_busy_it_is() -> None:
    assert pools({"CPU": 2}, 0, IndexingSettings(autoscaled=True, workers=6)) == Pools(0, 6, 0.1, 1.0)


def test_a_fixed_cluster_is_asked_only_for_what_is_free() -> None:
    busy = pools({"CPU": 2}, 0.25, IndexingSettings())
    assert (busy.reader_cpus, busy.actor_cpus) == (0.0, 0.0), "asking for more would wait for ever"
    free = pools({"CPU": 4}, 4, IndexingSettings())
    assert free.reader_cpus + free.encoders * free.actor_cpus <= 4
