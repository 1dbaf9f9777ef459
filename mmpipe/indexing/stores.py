"""Which object store serves an address."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from mmpipe.objects import open_store, scheme_of, to_uri

if TYPE_CHECKING:
    from mmpipe.objects import ObjectStore
    from mmpipe.settings import Settings


def stores(settings: Settings) -> Callable[[str], ObjectStore]:
    """A function from an address to the store that holds it; S3 clients are made once and shared between
    threads.
    """
    shared: dict[str, ObjectStore] = {}
    lock = threading.Lock()

    def store_for(uri: str) -> ObjectStore:
        if scheme_of(to_uri(uri)) == "file":
            # A folder's store reaches nothing outside the address it is made for, so each address gets its
            # own.
            return open_store(uri, settings.storage)
        place = uri.split("/", 3)[2]
        with lock:
            if place not in shared:
                shared[place] = open_store(uri, settings.storage)
            return shared[place]

    return store_for
