"""What lists are made of besides the live version: what shoppers did, and what was learnt of it.

Both sides are held here as the little that lists ask of them, so that they can be tried without a log and
without a trained model. :class:`mmpipe.recommend.behaviour.Behaviour` is the real :class:`Actions`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from mmpipe.recommend.behaviour import Counts, Done, History, Shopper
    from mmpipe.search.versions.version import Version

Codes = NDArray[np.int32]
Weights = NDArray[np.float64]
Scores = NDArray[np.float32]


class Actions(Protocol):
    """The events of one collection, by item codes of their own. Quick, in memory, from any thread."""

    @property
    def event_count(self) -> int:
        """How many events are known."""

    @property
    def items(self) -> int:
        """Codes below this are valid."""

    def history(self, shopper: Shopper) -> History:
        """A shopper's latest events, oldest first; none of one who is not known."""

    def done(self, shopper: Shopper) -> Done:
        """Every item the shopper ever did anything with, and which of them were bought or are disliked."""

    def code(self, product_id: str) -> int | None:
        """The code of a product that any event names."""

    def product_ids(self, codes: Codes) -> list[str]:
        """The products of some codes."""

    def together(
        self, code: int, *, kind: Literal["bought", "viewed"], limit: int = ..., least: int = ...
    ) -> Counts:
        """What else at least ``least`` of the shoppers of a product bought or viewed."""

    def trending(self, now: float, half_life_seconds: float) -> tuple[Codes, Weights]:
        """Items with events, and these counted with a half-life."""

    def popular(self) -> tuple[Codes, Weights]:
        """Items with events, and these counted whenever they were."""

    def exposures(self, codes: Codes) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """How often each was shown, and how often it was clicked; 0 of a code that is not known."""

    def first_seen(self, codes: Codes) -> Weights:
        """When each was first part of an event, Unix seconds; NaN where there is none."""


class Recommender(Protocol):
    """A learnt model of one collection, for the items of a version. Both raise ``ModelUnavailable`` where it
    cannot be used with that version."""

    @property
    def name(self) -> str:
        """What it is."""

    @property
    def revision(self) -> str:
        """Which training it comes from."""

    def scores(
        self, version: Version, product_ids: Sequence[str], types: NDArray[np.uint8], times: Weights
    ) -> Scores:
        """Of every row of the version its share of what comes next after a history, oldest first; not finite
        where the model cannot tell."""

    def interest(
        self,
        version: Version,
        rows: Codes,
        product_ids: Sequence[str],
        types: NDArray[np.uint8],
        times: Weights,
        *,
        now: float,
        scores: Scores,
    ) -> Weights | None:
        """How probably the shopper of a history, of which ``scores`` are, is interested in some rows; None
        where nothing was learnt of that."""
