"""Who was erased, and up to which moment of arrival."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from mmpipe.recommend.behaviour.kernels.layout import I64, U64, Batch
from mmpipe.recommend.behaviour.reading import session_key, user_key

_EPOCH, _MICRO = datetime(1970, 1, 1, tzinfo=UTC), timedelta(microseconds=1)


@dataclass(frozen=True)
class Gone:
    """Keys of users and sessions, ascending, and of each the microseconds since 1970 through which what
    arrived is gone."""

    keys: U64
    through: I64

    @classmethod
    def of(cls, erased: Mapping[str, datetime]) -> Gone:
        """Of pseudonyms; which of them are users' and which sessions' need not be known."""
        keys = np.array([key(name) for name in erased for key in (user_key, session_key)], np.uint64)
        moments = [(moment - _EPOCH) // _MICRO for moment in erased.values() for _ in range(2)]
        order = np.argsort(keys)
        return cls(keys[order], np.array(moments, np.int64)[order])

    def holds(self, batch: Batch) -> NDArray[np.bool_]:
        """Which events are gone: a user's, and anonymous ones of a session."""
        if not len(self.keys):
            return np.zeros(len(batch.event), np.bool_)
        owners = np.where(batch.user != 0, batch.user, batch.session)
        at = np.minimum(np.searchsorted(self.keys, owners), len(self.keys) - 1)
        found: NDArray[np.bool_] = (self.keys[at] == owners) & (batch.received <= self.through[at])
        return found
