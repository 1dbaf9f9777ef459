"""The photos of reviews that go with a version: those of the encoder that encoded it.

They follow a version of a table of their own, which ``live.json`` names whatever is live. A fragment's photos
are one pack, as products' parts are, so following some new ones costs those.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import lance
import numpy as np
import pyarrow as pa

from mmpipe.lake.columns import ColumnFiles
from mmpipe.lake.mirror import Mirror
from mmpipe.lake.reviews import photos_table
from mmpipe.lake.reviews.photos import VECTOR
from mmpipe.lake.schema import vector_block
from mmpipe.lake.storage import lance_errors
from mmpipe.search.columns.photos import Numbered, PhotoColumn, Photos, build_photos
from mmpipe.search.versions.fragment import undeleted_rows

if TYPE_CHECKING:
    from mmpipe.lake import Collection
    from mmpipe.search.columns.photos import Arrays
    from mmpipe.search.versions.folder import HeldPack, NodeFolder
    from mmpipe.search.versions.version import Version
    from mmpipe.settings import Settings

_PART = "photos"
_READ = ("key", "product_id", "review_id", "usable", VECTOR)
# Raised with every change of what a part is made of.
_FORM = 1


class _Table:
    """One table as it is followed."""

    def __init__(self, mirror: Mirror) -> None:
        self.lock = threading.Lock()
        self.mirror = mirror
        self.version = 0
        self.packs: dict[str, HeldPack] = {}
        self.photos: Photos | None = None


class FollowedPhotos:
    """The photos of all collections that a node's replica answers for. Safe to share between threads."""

    def __init__(self, settings: Settings, folder: NodeFolder) -> None:
        self._settings = settings
        self._folder = folder
        self._tables: dict[str, _Table] = {}
        self._lock = threading.Lock()

    def follow(
        self,
        collection: Collection,
        version: Version,
        followed: Mapping[str, int],
        former: Version | None = None,
        progress: Callable[[], None] = lambda: None,
    ) -> Version:
        """A version with its photos as they are ``followed``: by table the version of it. What ``former``,
        the version before it, has of them is taken over. Blocks. Raises ``NotFound`` where that was cleaned
        up, ``StorageUnavailable``."""
        name = photos_table(version.profile)
        number = 0 if name is None else followed.get(name, 0)
        if name is None or not number or not self._settings.serve.review_photos:
            return version if version.photos is None else version.showing(None)
        table = self._table(collection.table_uri(name))
        with table.lock:
            photos = self._photos(table, number, version.profile.dim, progress)
        if version.photos is not None and version.photos.photos is photos:
            return version
        before = version if former is None or former.table != version.table else former
        numbered = Numbered(version.ids, version.alive, version.layout, tuple(version.fragments))
        exact_rows = self._settings.serve.exact_rows
        return version.showing(PhotoColumn(photos, numbered, before.photos, exact_rows=exact_rows))

    def forget(self, collection: Collection) -> None:
        """Take no version of its tables for known, by its number: they were removed, and are others now."""
        with self._lock:
            of_it = [each for uri, each in self._tables.items() if uri.startswith(f"{collection.uri}/")]
        for table in of_it:
            with table.lock:
                table.mirror.begin_anew()
                table.photos = None

    def close(self) -> None:
        """Give up the files on disk."""
        for table in self._tables.values():
            table.mirror.close()

    def _table(self, uri: str) -> _Table:
        with self._lock:
            if uri not in self._tables:
                self._tables[uri] = _Table(Mirror(uri, self._folder.shared, self._settings.storage))
            return self._tables[uri]

    def _photos(self, table: _Table, number: int, dim: int, progress: Callable[[], None]) -> Photos:
        if table.photos is not None and table.version == number:
            return table.photos
        with lance_errors("opening the photos of reviews"):
            path = str(table.mirror.sync(number, progress))
            dataset = lance.dataset(path, version=number)
            files = ColumnFiles(dataset)
            packs, undeleted = {}, []
            for fragment in dataset.get_fragments():
                held = files.by_column(fragment)
                named = _name(sorted({file for each in held.values() for file in each}), fragment, dim)
                packs[named] = table.packs.get(named) or self._pack(named, fragment, dim, progress)
                undeleted.append(undeleted_rows(fragment, path))
                progress()
        most = self._settings.indexing.review_photos_in_all
        photos = Photos([pack.parts[_PART] for pack in packs.values()], undeleted, dim, most)
        table.version, table.packs, table.photos = number, packs, photos
        return photos

    def _pack(self, name: str, fragment: Any, dim: int, progress: Callable[[], None]) -> HeldPack:
        found = self._folder.open(name)
        if found is not None:
            return found
        with self._folder.building([name], progress):
            found = self._folder.open(name)
            if found is not None:
                return found
            part = _built(fragment, dim)
            return self._folder.write(name, {f"{_PART}/{key}": array for key, array in part.items()})


def _name(files: list[str], fragment: Any, dim: int) -> str:
    told = json.dumps([_PART, _FORM, files, fragment.physical_rows, dim])
    return hashlib.sha256(told.encode()).hexdigest()[:40]


def _built(fragment: Any, dim: int) -> Arrays:
    # The row id makes Lance report deleted rows instead of dropping them.
    table = fragment.to_table(columns=list(_READ), with_row_id=True, include_deleted_rows=True)
    columns = {name: table.column(name).combine_chunks() for name in _READ}
    wide = table.column(VECTOR).cast(pa.list_(pa.float32(), dim))
    values = np.ascontiguousarray(vector_block(wide, dim).values)
    return build_photos(
        columns["product_id"], columns["review_id"], columns["key"], columns["usable"], values
    )
