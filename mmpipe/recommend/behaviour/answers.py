"""What behaviour is asked with, and what it answers."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from mmpipe.recommend.behaviour.reading import session_key, user_key


@dataclass(frozen=True)
class Shopper:
    """Who acts, by pseudonyms: somebody logged in, a visit, or somebody logged in during a visit."""

    user: str | None
    session: str | None

    @cached_property
    def keys(self) -> tuple[np.uint64 | None, np.uint64 | None]:
        """What the user and the session are found by in memory."""
        return (
            None if self.user is None else np.uint64(user_key(self.user)),
            None if self.session is None else np.uint64(session_key(self.session)),
        )


@dataclass(frozen=True, slots=True)
class History:
    """Events of a shopper, oldest first: item codes int32 [n], types uint8 [n] (places in ``EVENT_TYPES``),
    moments float64 [n] in Unix seconds, and weights float32 [n] as in :data:`~.events.WEIGHTS`, of ratings
    by their value."""

    items: NDArray[np.int32]
    types: NDArray[np.uint8]
    times: NDArray[np.float64]
    weights: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.items)


@dataclass(frozen=True, slots=True)
class Done:
    """Items of a shopper, codes int32, ascending: all that the shopper ever did anything with (merely shown
    is not seen), those that were bought, and those whose last like or dislike is a dislike."""

    seen: NDArray[np.int32]
    purchased: NDArray[np.int32]
    disliked: NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class Counts:
    """What the shoppers of an item also bought, or viewed: item codes int32 [k], ascending; ``both`` int32
    [k], how many of the ``sampled`` latest shoppers of the item have each; ``totals`` int32 [k], how many
    shoppers each has altogether, as ``of_item`` says of the item itself and ``shoppers`` of any."""

    codes: NDArray[np.int32]
    both: NDArray[np.int32]
    totals: NDArray[np.int32]
    of_item: int
    sampled: int
    shoppers: int

    def __len__(self) -> int:
        return len(self.codes)
