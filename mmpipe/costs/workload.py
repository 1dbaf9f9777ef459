"""What is asked: how many products, how many queries, how many changes."""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass

from mmpipe.costs.environments import ENVIRONMENTS
from mmpipe.costs.figures import PROFILES
from mmpipe.errors import InvalidRequest

MAX_PRODUCTS = 10_000_000_000
MAX_QPS = 10_000_000.0
MAX_REPLICAS = 100_000
_CHANGED_PER_DAY = 0.01


@dataclass(frozen=True)
class Workload:
    """One deployment's load, all month long. Raises :class:`InvalidRequest` for what cannot be.

    ``qps`` are hybrid searches a second, sustained day and night; ``uploads_per_day`` are products that
    change (None: one in a hundred); ``replicas`` of the queries run whatever the load, where nothing is split
    into shards; ``gpu_items_per_second`` is what one GPU encodes, texts or photos, where
    GPUs are to be used at all.
    """

    products: int
    qps: float
    uploads_per_day: float | None = None
    replicas: int = 1
    profile: str = "starter"
    environment: str = "prod"
    gpu_items_per_second: float | None = None
    gpu: str = "g6.xlarge"

    def __post_init__(self) -> None:
        """Check every field."""
        _within("products", self.products, 1, MAX_PRODUCTS)
        _within("qps", self.qps, 0, MAX_QPS)
        _within("replicas", self.replicas, 1, MAX_REPLICAS)
        if self.uploads_per_day is not None:
            _within("uploads_per_day", self.uploads_per_day, 0, MAX_PRODUCTS)
        if self.gpu_items_per_second is not None and not 0 < self.gpu_items_per_second < 1e6:
            raise InvalidRequest(
                "gpu_items_per_second", "must be above 0 and below a million; leave it out to use no GPU"
            )
        _one_of("profile", self.profile, PROFILES)
        _one_of("environment", self.environment, ENVIRONMENTS)

    @property
    def changes_per_day(self) -> float:
        """Products that change on a day."""
        return self.products * _CHANGED_PER_DAY if self.uploads_per_day is None else self.uploads_per_day


def _within(name: str, value: float, low: float, high: float) -> None:
    if not math.isfinite(value) or not low <= value <= high:
        raise InvalidRequest(name, f"must be from {low:,.0f} to {high:,.0f}, not {value:,}")


def _one_of(name: str, value: str, known: Collection[str]) -> None:
    if value not in known:
        raise InvalidRequest(name, f"{value!r} is not one of {', '.join(sorted(known))}")
