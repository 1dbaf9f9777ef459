"""What several threads have ready goes into one commit and one publication.

Commits to one table cannot overlap, and one costs about the same for one row as for a thousand. So what is
ready while a commit is under way shares the next.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

from mmpipe.errors import RetryableError
from mmpipe.indexing.writing.commit import Committed, commit_fresh, commit_together

if TYPE_CHECKING:
    from mmpipe.indexing.pipeline.result import ChunkResult
    from mmpipe.lake import ProductTable

logger = logging.getLogger(__name__)
T = TypeVar("T")


class Turns(Generic[T]):
    """Calls of one function, one at a time (:attr:`lock`), each with the items of all who waited for it."""

    def __init__(self, call: Callable[[Sequence[T]], object]) -> None:
        self.lock = threading.Lock()
        self._call = call
        self._adding = threading.Lock()
        self._waiting: list[tuple[T, Future[None]]] = []

    def take(self, item: T) -> None:
        """Wait until a call with this item has ended. Raises what it raised, as do all who shared it."""
        done: Future[None] = Future()
        with self._adding:
            self._waiting.append((item, done))
        with self.lock:
            if not done.done():
                with self._adding:
                    waiting, self._waiting = self._waiting, []
                self._run(waiting)
        done.result()

    def _run(self, waiting: Sequence[tuple[T, Future[None]]]) -> None:
        try:
            self._call([item for item, _ in waiting])
        except Exception as error:  # noqa: BLE001  raised where each item came from
            for _, done in waiting:
                done.set_exception(error)
        else:
            for _, done in waiting:
                done.set_result(None)


@dataclass(frozen=True, slots=True)
class Written:
    """What became of one share; ``note`` says why the commit is not live."""

    result: ChunkResult
    committed: Committed
    note: str


@dataclass(slots=True)
class Share(Generic[T]):
    """What one thread wants written of ``what``: ``ready``, or what ``again`` makes of it once others have
    changed its products."""

    what: T
    table: ProductTable
    ready: ChunkResult
    again: Callable[[], ChunkResult]
    written: Written | None = None
    error: Exception | None = None


class Together(Generic[T]):
    """Commits and publications of one collection, one at a time (:attr:`turn`).

    ``publish`` is called with what was committed in one version, that version, and whether readers see a
    difference; it returns why it is not live.
    """

    def __init__(self, publish: Callable[[Sequence[T], int, bool], str], max_shrink: float) -> None:
        self._publish = publish
        self._max_shrink = max_shrink
        self._turns: Turns[Share[T]] = Turns(self._write)
        self.turn = self._turns.lock

    def write(self, share: Share[T]) -> Written:
        """Commit and publish, with the shares of those who wait. Where only one share is at fault, the others
        are written without it. Raises as :func:`commit_fresh` and ``publish`` do."""
        self._turns.take(share)
        if share.error is not None:
            raise share.error
        if share.written is None:
            raise RuntimeError("a share was left out")
        return share.written

    def _write(self, shares: Sequence[Share[T]]) -> None:
        tables = {share.table.uri: share.table for share in shares}
        for uri, table in tables.items():
            mine = [share for share in shares if share.table.uri == uri]
            if len(mine) == 1 or not self._jointly(mine, table):
                for share in mine:
                    self._alone(share)

    def _jointly(self, shares: Sequence[Share[T]], table: ProductTable) -> bool:
        """False where nothing was written, and each is to be tried by itself."""
        try:
            committed = commit_together([share.ready for share in shares], table, self._max_shrink)
            if committed is None:
                return False
        except RetryableError as error:
            for share in shares:
                share.error = error
            return True
        except Exception as error:  # noqa: BLE001  whose fault it is turns out when each is by itself
            logger.warning("results are committed one by one", extra={"reason": str(error)})
            return False
        self._finish(shares, [share.ready for share in shares], committed)
        return True

    def _alone(self, share: Share[T]) -> None:
        ready = [share.ready]
        try:
            make = lambda: ready.pop() if ready else share.again()  # noqa: E731
            result, committed = commit_fresh(make, share.table, self._max_shrink)
        except Exception as error:  # noqa: BLE001  raised where the share came from
            share.error = error
            return
        self._finish([share], [result], [committed])

    def _finish(
        self, shares: Sequence[Share[T]], results: Sequence[ChunkResult], committed: Sequence[Committed]
    ) -> None:
        applied = committed[0].applied
        # Rows that an earlier attempt has written may be without their publication.
        visible = applied.visible or any(result.repeated for result in results)
        try:
            note = self._publish([share.what for share in shares], applied.version, visible)
        except Exception as error:  # noqa: BLE001  raised where the shares came from
            for share in shares:
                share.error = error
            return
        for share, result, each in zip(shares, results, committed, strict=True):
            share.written = Written(result, each, note)
