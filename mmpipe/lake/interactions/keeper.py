"""Keeping every collection's logs in order, on a thread of its own."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from mmpipe.errors import MmpipeError

if TYPE_CHECKING:
    from mmpipe.lake.lake import Collection, Lake

log = logging.getLogger(__name__)


class InteractionKeeper:
    """Maintains the logs of all collections, that of searches too, every ``interactions.compact_seconds``,
    until it is closed.

    What fails is logged and tried again at the next round: until then readers are slower, never wrong.
    """

    def __init__(self, lake: Lake, before: Callable[[Collection], None] = lambda _: None) -> None:
        """``before`` is done to each collection first: what erasures have to have done before they are
        settled."""
        self._lake = lake
        self._before = before
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._run, name="interaction-keeper", daemon=True)

    def start(self) -> None:
        """Begin; the first round comes after the interval."""
        self._thread.start()

    def close(self) -> None:
        """End after the collection that is being maintained."""
        self._closed.set()
        if self._thread.is_alive():
            self._thread.join()

    def round(self) -> None:
        """Maintain each collection once, now."""
        try:
            names = self._lake.collections()
        except (MmpipeError, OSError) as error:
            log.warning("interactions are kept later", extra={"reason": str(error)})
            return
        try:
            self._lake.audit.maintain()
        except (MmpipeError, OSError) as error:
            log.warning("the audit log is kept later", extra={"reason": str(error)})
        for name in names:
            if self._closed.is_set():
                return
            try:
                collection = self._lake.collection(name)
                self._before(collection)
                collection.interactions.maintain()
                collection.searches.maintain()
            except (MmpipeError, OSError) as error:
                log.warning("interactions are kept later", extra={"collection": name, "reason": str(error)})
            except Exception:
                # The other collections' logs, and the next round, must not end with this one.
                log.exception("interactions are kept later", extra={"collection": name})

    def _run(self) -> None:
        while not self._closed.wait(self._lake.settings.interactions.compact_seconds):
            self.round()
