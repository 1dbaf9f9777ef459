"""A bucket in memory that behaves like S3 where it matters here: versions, whole-second times, sequencers per
key.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import BinaryIO

from PIL import Image

from mmpipe.errors import ObjectNotFound
from mmpipe.events.layout import place_of
from mmpipe.objects import ObjectStat, ObjectTooLarge
from mmpipe.schemas.work import CatalogueEvent, ObjectRef, WorkOrder, run_id_of


def png(colour: tuple[int, int, int], size: int = 8) -> bytes:
    """A small one-coloured picture."""
    out = io.BytesIO()
    Image.new("RGB", (size, size), colour).save(out, "PNG")
    return out.getvalue()


@dataclass
class Version:
    version_id: str
    stat: ObjectStat
    data: bytes | None  # None: a delete marker


@dataclass
class Bucket:
    """``put``, ``remove``, ``roll_back`` and ``prune`` change objects and return the event S3 would send; the
    object store's calls read them.
    """

    name: str = "shop"
    collection: str = "demo"
    versioned: bool = True
    now: datetime = datetime(2026, 1, 1, tzinfo=UTC)
    reads: Counter[str] = field(default_factory=Counter)
    _versions: dict[str, list[Version]] = field(default_factory=dict)
    _count: int = 0

    def tick(self, seconds: float = 1.0) -> None:
        self.now += timedelta(seconds=seconds)

    def uri(self, key: str) -> str:
        return f"s3://{self.name}/{self.collection}/{key}"

    def put(self, key: str, data: bytes) -> CatalogueEvent:
        self._count += 1
        uri = self.uri(key)
        version_id = f"v{self._count}"
        etag = hashlib.md5(data, usedforsecurity=False).hexdigest()
        modified = self.now.replace(microsecond=0)
        stat = ObjectStat(uri, len(data), etag, modified, version_id if self.versioned else None)
        self._versions.setdefault(uri, []).append(Version(version_id, stat, data))
        return self._event(key, etag=etag, size=len(data), version_id=version_id if self.versioned else None)

    def put_product(self, product_id: str, **fields: object) -> CatalogueEvent:
        return self.put(f"products/{product_id}.json", json.dumps({"id": product_id, **fields}).encode())

    def put_feed(self, name: str, rows: list[dict[str, object]]) -> CatalogueEvent:
        return self.put(f"feeds/{name}.jsonl", "\n".join(json.dumps(row) for row in rows).encode())

    def remove(self, key: str) -> CatalogueEvent:
        self._count += 1
        uri = self.uri(key)
        stat = ObjectStat(uri, 0, "", self.now)
        self._versions.setdefault(uri, []).append(Version(f"v{self._count}", stat, None))
        return self._event(key, removed=True, version_id=f"v{self._count}" if self.versioned else None)

    def roll_back(self, key: str) -> CatalogueEvent:
        """Delete the newest version (or delete marker) for good: the one before it is current again."""
        return self._delete_version(key, -1)

    def prune(self, key: str) -> CatalogueEvent:
        """Delete the oldest version for good."""
        return self._delete_version(key, 0)

    def _delete_version(self, key: str, index: int) -> CatalogueEvent:
        assert self.versioned
        self._count += 1
        version = self._versions[self.uri(key)].pop(index)
        return self._event(key, removed=True, version_id=version.version_id)

    def versions(self, key: str) -> int:
        """How many versions a key has, delete markers included."""
        return len(self._versions.get(self.uri(key), []))

    def _event(self, key: str, *, removed: bool = False, **parts: object) -> CatalogueEvent:
        place = place_of(f"{self.collection}/{key}")
        assert place is not None
        kind = place.kind(removed=removed)
        assert kind is not None
        # Sequencers of S3 have no fixed length; the shorter is padded with zeros on the right.
        ref = ObjectRef(
            uri=self.uri(key),
            sequencer=f"{self._count:06X}" + "E1" * (self._count % 3),
            event_time=self.now,
            **parts,  # type: ignore[arg-type]
        )
        return CatalogueEvent(kind=kind, collection=self.collection, object=ref)

    def _find(self, uri: str, version_id: str | None) -> Version:
        versions = self._versions.get(uri, [])
        if version_id is None:
            found = versions[-1] if versions else None
        else:
            found = next((v for v in versions if self.versioned and v.version_id == version_id), None)
        if found is None or found.data is None:
            raise ObjectNotFound(f"nothing at {uri}")
        return found

    def stat(self, uri: str, *, version_id: str | None = None) -> ObjectStat:
        return self._find(uri, version_id).stat

    def read(self, uri: str, *, max_bytes: int, version_id: str | None = None) -> tuple[bytes, ObjectStat]:
        found = self._find(uri, version_id)
        assert found.data is not None
        self.reads[uri] += 1
        if len(found.data) > max_bytes:
            raise ObjectTooLarge(uri, len(found.data), max_bytes)
        return found.data, found.stat

    def open(self, uri: str, *, version_id: str | None = None) -> tuple[BinaryIO, ObjectStat]:
        data, stat = self.read(uri, max_bytes=1 << 40, version_id=version_id)
        return io.BytesIO(data), stat

    def list(self, prefix_uri: str, *, start_after: str | None = None) -> Iterator[ObjectStat]:
        found = [(uri, v) for uri, v in sorted(self._versions.items()) if uri.startswith(prefix_uri)]
        return iter([v[-1].stat for uri, v in found if start_after is None or uri > start_after])

    def write(
        self, uri: str, data: bytes, *, if_match: str | None = None, if_none_match: bool = False
    ) -> ObjectStat:
        raise AssertionError("indexing never writes to the bucket")

    def delete(self, uri: str) -> None:
        raise AssertionError("indexing never deletes from the bucket")


def order_of(event: CatalogueEvent, profile: str = "fake") -> WorkOrder:
    """The warm order of an event."""
    return WorkOrder(
        run_id=run_id_of(event, profile),
        kind=event.kind,
        collection=event.collection,
        object=event.object,
        lane="warm",
    )
