"""Interactions: checked, then stored in the lake before the caller hears that they were accepted."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from mmpipe.errors import InvalidRequest
from mmpipe.lake import Lake
from mmpipe.schemas.search import Interaction
from mmpipe.serve.group_commit import GroupCommit

# One commit takes what waits, up to this many; a shop's page views arrive by the hundred.
_MAX_ITEMS = 10_000
_CLOCK_SKEW = timedelta(days=1)
_EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)


class InteractionLog:
    """Appends interactions of one lake, one group commit at a time per collection, off the event loop."""

    def __init__(self, lake: Lake) -> None:
        self._lake = lake
        self._groups: dict[str, GroupCommit[Interaction, None]] = {}

    async def store(self, collection: str, interactions: Sequence[Interaction]) -> int:
        """Durable once this returns; gives how many. ``collection`` must exist.

        Raises ``InvalidRequest`` for a time that is none, ``StorageUnavailable`` or ``CommitConflict``
        where nothing was stored.
        """
        checked = [_in_utc(item, n) for n, item in enumerate(interactions)]
        group = self._groups.get(collection)
        if group is None:
            group = self._groups[collection] = self._group(collection)
        return len(await group.submit(checked))

    def _group(self, collection: str) -> GroupCommit[Interaction, None]:
        def commit(items: list[Interaction]) -> list[None]:
            self._lake.collection(collection).interactions.append(items)
            return [None] * len(items)

        return GroupCommit(commit, max_items=_MAX_ITEMS, name=f"interactions-{collection}")

    def check_alive(self) -> None:
        """Raises ``NotReady`` while storing hangs."""
        for group in self._groups.values():
            group.check_alive()

    async def close(self) -> None:
        """Finish what is waiting."""
        for group in self._groups.values():
            await group.close()


def _in_utc(item: Interaction, position: int) -> Interaction:
    """Its time in UTC, that of arrival where it has none; one without an offset is taken as UTC."""
    now = datetime.now(UTC)
    if item.time is None:
        # Set here: waiting for a commit must not move it.
        return item.model_copy(update={"time": now.isoformat()})
    field = f"interactions.{position}.time"
    try:
        moment = datetime.fromisoformat(item.time)
        moment = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise InvalidRequest(
            field, f"'{item.time}' is no ISO 8601 time, as in 2026-01-31T12:00:00Z"
        ) from None
    if not _EARLIEST <= moment <= now + _CLOCK_SKEW:
        raise InvalidRequest(field, f"'{item.time}' lies before 1970 or in the future")
    return item.model_copy(update={"time": moment.isoformat()})
