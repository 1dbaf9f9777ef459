"""The sponsored places of all collections of a lake, as one replica sells them."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING

from mmpipe.errors import RetryableError
from mmpipe.objects import open_store
from mmpipe.recommend.sponsored.bids import BidFile
from mmpipe.recommend.sponsored.charges import Charges
from mmpipe.recommend.sponsored.ledger import Ledger
from mmpipe.recommend.sponsored.place import Sponsored
from mmpipe.recommend.sponsored.tickets import Tickets, open_key
from mmpipe.recommend.sponsored.wallet import Wallet

if TYPE_CHECKING:
    from mmpipe.lake import Lake
    from mmpipe.settings import Settings

log = logging.getLogger(__name__)
_CLOSE_SECONDS = 10.0


def open_sponsored(settings: Settings, lake: Lake) -> SponsoredBook | None:
    """The book of a lake, following its bids; None where sponsored places are switched off: nothing is read
    and nothing runs then. Raises ``StorageUnavailable``."""
    return SponsoredBook(settings, lake) if settings.sponsored.enabled else None


def sponsored_of(
    settings: Settings, lake: Lake, collection: str, key: bytes, wake: threading.Event | None = None
) -> Sponsored:
    """The places of one collection, with a wallet of its own."""
    uri = f"{lake.uri}/{collection}"
    store = open_store(uri, settings.storage)
    return Sponsored(
        settings.sponsored,
        BidFile(store, uri),
        Tickets(key, collection),
        Wallet(Ledger(store, uri), settings.sponsored.lease),
        Charges(store, uri),
        wake=wake,
    )


class SponsoredBook:
    """Collections by name, each worked for on one thread of this book. Safe to share between threads."""

    def __init__(self, settings: Settings, lake: Lake) -> None:
        self._settings = settings
        self._lake = lake
        self._key = open_key(open_store(lake.uri, settings.storage), lake.uri)
        self._wake = threading.Event()
        self._closing = False
        self._of: dict[str, Sponsored] = {}
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._run, name="sponsored", daemon=True)
        self._thread.start()

    def of(self, collection: str) -> Sponsored:
        """A collection's places; nothing is sold before its bids were read, a moment after the first call.
        No I/O."""
        found = self._of.get(collection)
        if found is None:
            with self._lock:
                found = self._of.get(collection)
                if found is None:
                    found = sponsored_of(self._settings, self._lake, collection, self._key, self._wake)
                    self._of[collection] = found
            self._wake.set()
        return found

    def close(self) -> None:
        """Charge what waits, give back what is left of leases, end the thread."""
        self._closing = True
        self._wake.set()
        self._thread.join(_CLOSE_SECONDS)

    def _run(self) -> None:
        pause = self._settings.sponsored.poll_seconds
        while not self._closing:
            for name, each in list(self._of.items()):
                try:
                    each.work()
                except RetryableError as error:
                    log.warning("sponsored places of %s: %s", name, error)
            # What came meanwhile has set it again; a failure is not repeated at once for that.
            self._wake.wait(pause)
            self._wake.clear()
        for each in list(self._of.values()):
            each.close()
