"""The photos of a collection's reviews, encoded: a table for each image encoder.

A photo is held while its review stands, by the review and the link; its bytes are not. One that cannot be
used is held without a vector, so that it is not fetched again before somebody asks for that. Vectors are
compared with queries of the same encoder alone: a table's name is that encoder's.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Final, Unpack

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from mmpipe.errors import NotFound
from mmpipe.lake.record_table import RecordTable, When, in_list
from mmpipe.schemas.review import ReviewPhoto

if TYPE_CHECKING:
    from lance import Session

    from mmpipe.encoders.base import Profile
    from mmpipe.settings import StorageSettings

PHOTOS_PREFIX: Final = "review_photos_"
VECTOR: Final = "vector"
_LOOKUPS: Final = ("key", "product_id", "review_key")


class HeldPhoto(BaseModel):
    """One photo of a review. ``vector`` is float16 of unit length and no part of the record, zero where
    ``fault`` says why there is none. ``number`` is its place in the review, ``root`` what a relative ``link``
    starts from, ``address`` where it leads, ``written_at`` the review's moment in Unix seconds."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)

    key: str
    product_id: str
    review_key: str
    review_id: str
    link: str
    root: str
    address: str
    number: int
    written_at: float
    sha256: str = ""
    fault: str = ""
    vector: NDArray[np.float16] = Field(default_factory=lambda: np.zeros(0, np.float16), exclude=True)

    @property
    def usable(self) -> bool:
        """Whether it is searched."""
        return not self.fault


def photos_table(profile: Profile) -> str | None:
    """The name of the table whose vectors a profile's queries are compared with; None where it has no image
    encoder."""
    info = profile.encoders.get("image")
    if info is None:
        return None
    told = json.dumps([asdict(info), profile.dim], sort_keys=True, separators=(",", ":"))
    return f"{PHOTOS_PREFIX}{hashlib.sha256(told.encode()).hexdigest()[:12]}"


class ReviewPhotos:
    """The photos that one image encoder has encoded. Safe to share between threads and processes.

    Every method may raise ``StorageUnavailable``.
    """

    def __init__(
        self, uri: str, name: str, dim: int, storage: StorageSettings, session: Session | None = None
    ) -> None:
        self.name = name
        columns: dict[str, pa.DataType] = {
            "product_id": pa.string(),
            "review_key": pa.string(),
            "review_id": pa.string(),
            "address": pa.string(),
            "sha256": pa.string(),
            "usable": pa.bool_(),
            VECTOR: pa.list_(pa.float16(), dim),
        }
        self._table = RecordTable(uri, HeldPhoto, "key", columns, storage, lookups=_LOOKUPS, session=session)

    def put(self, photos: Sequence[HeldPhoto]) -> None:
        """Hold photos, each in place of what is held of it, in one commit."""
        self._table.put(photos)

    def held(self, product_ids: Sequence[str]) -> dict[str, str]:
        """The photos of some products, usable or not: whose each is, by key."""
        return _pairs(self._columns(["key", "product_id"], "product_id", product_ids))

    def of_reviews(self, review_keys: Sequence[str]) -> dict[str, str]:
        """Likewise those of some reviews."""
        return _pairs(self._columns(["key", "product_id"], "review_key", review_keys))

    def at(self, addresses: Sequence[str]) -> dict[str, str]:
        """Likewise those that lead to some addresses."""
        return _pairs(self._columns(["key", "product_id"], "address", addresses))

    def review_keys(self) -> list[str]:
        """The reviews that have photos, each once."""
        return sorted(set(self._table.columns(["review_key"]).column("review_key").to_pylist()))

    def product_ids(self) -> set[str]:
        """The products that have photos."""
        return set(self._table.columns(["product_id"]).column("product_id").to_pylist())

    def get(self, product_id: str, key: str) -> HeldPhoto:
        """One photo of a product that can be used, without its vector. Raises ``NotFound``."""
        for photo in self._table.by_key([key]):
            if photo.product_id == product_id and photo.usable:
                return photo
        raise NotFound("this product has no such photo")

    def newest(self, product_id: str, most: int) -> list[ReviewPhoto]:
        """The usable photos of a product, the newest review's first, at most ``most``."""
        found = [
            photo for where in in_list("product_id", [product_id]) for photo in self._table.select(where)
        ]
        found.sort(key=lambda photo: (-photo.written_at, photo.review_key, photo.number))
        return [ReviewPhoto(review_id=p.review_id, photo=p.key) for p in found if p.usable][:most]

    def vectors(self, hashes: Sequence[str]) -> dict[str, NDArray[np.float16]]:
        """The vectors of photos that have these bytes, by their SHA-256."""
        rows = self._columns(["sha256", "usable", VECTOR], "sha256", hashes)
        usable = rows.filter(rows.column("usable"))
        values = _matrix(usable.column(VECTOR))
        return dict(zip(usable.column("sha256").to_pylist(), values, strict=True))

    def count(self) -> int:
        """How many are searched."""
        return self._table.count("usable = true")

    def delete(self, keys: Sequence[str]) -> int:
        """Forget photos; :meth:`purge` removes them from the files. Gives how many there were."""
        return self._table.delete(keys) if keys else 0

    def purge(self) -> None:
        """See :meth:`RecordTable.purge`."""
        self._table.purge()

    def version(self) -> int:
        """The number of the newest version; 0 where there is no table."""
        return self._table.versioned([], [])[1]

    def maintain(self, **when: Unpack[When]) -> None:
        """Keep the table quick; see :meth:`RecordTable.maintain`."""
        self._table.maintain(**when)

    def _columns(self, names: Sequence[str], column: str, values: Sequence[str]) -> pa.Table:
        return self._table.versioned(names, in_list(column, values))[0]


def _pairs(rows: pa.Table) -> dict[str, str]:
    return dict(zip(*(rows.column(name).to_pylist() for name in ("key", "product_id")), strict=True))


def _matrix(column: pa.ChunkedArray) -> NDArray[np.float16]:
    if not len(column):
        return np.zeros((0, 0), np.float16)
    flat = pa.concat_arrays([chunk.flatten() for chunk in column.chunks])
    found: NDArray[np.float16] = flat.to_numpy(zero_copy_only=False).reshape(len(column), -1)
    return found
