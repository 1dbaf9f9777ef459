"""Small pictures of products, of the media that the live version names; bounded in bytes and time."""

from __future__ import annotations

import base64
import io
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from threading import Lock
from typing import TYPE_CHECKING, Final

import numpy as np

from mmpipe import media
from mmpipe.errors import MmpipeError
from mmpipe.indexing.sources.stores import stores

if TYPE_CHECKING:
    from concurrent.futures import Future

    from mmpipe.lake import Lake
    from mmpipe.settings import MediaSettings, Settings

_SIDE: Final = 192
_THREADS: Final = 4
# What is not there by then is left out: who looks at a table would rather see it without.
_WAIT_SECONDS: Final = 5.0
_KEPT: Final = 1_000


class Thumbnails:
    """Of one lake. What was made is kept by its address. Calls may come from any thread."""

    def __init__(self, settings: Settings, lake: Lake) -> None:
        self._settings = settings.media
        self._lake = lake
        self._fetcher = media.Fetcher(settings.media, stores(settings))
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="thumbnails")
        self._made: OrderedDict[str, str] = OrderedDict()
        self._lock = Lock()

    def of(self, collection: str, ids: Sequence[str]) -> dict[str, str]:
        """JPEGs as ``data:`` addresses, by product id, of those whose first picture can be had in time."""
        addresses = self._addresses(collection, ids)
        running: dict[str, Future[str]] = {
            uri: self._threads.submit(self._thumbnail, uri) for uri in set(addresses.values())
        }
        wait(running.values(), timeout=_WAIT_SECONDS)
        done = {
            uri: future.result()
            for uri, future in running.items()
            if future.done() and future.exception() is None
        }
        for future in running.values():
            future.cancel()
        return {product_id: done[uri] for product_id, uri in addresses.items() if uri in done}

    def close(self) -> None:
        """End the threads, without waiting for them."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _addresses(self, collection: str, ids: Sequence[str]) -> Mapping[str, str]:
        try:
            home = self._lake.collection(collection)
            live = home.live()
            if live is None:
                return {}
            rows = home.table(live.table).fetch(ids, ["id", "media_uris"])
        except MmpipeError:
            return {}
        named = zip(rows.column("id").to_pylist(), rows.column("media_uris").to_pylist(), strict=True)
        return {product_id: uris[0] for product_id, uris in named if uris}

    def _thumbnail(self, uri: str) -> str:
        with self._lock:
            known = self._made.get(uri)
        if known is not None:
            return known
        found = self._fetcher.fetch(media.MediaRef("image_link", "image", uri))
        made = _small(found.data, self._settings)
        with self._lock:
            self._made[uri] = made
            while len(self._made) > _KEPT:
                self._made.popitem(last=False)
        return made


def _small(data: bytes, settings: MediaSettings) -> str:
    from PIL import Image

    pixels = media.decode("image", data, settings, "image_link", target=_SIDE)
    assert isinstance(pixels, np.ndarray)
    picture = Image.fromarray(pixels)
    picture.thumbnail((_SIDE, _SIDE))
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=80)
    return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode()
