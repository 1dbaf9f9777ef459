"""Bytes by address, on S3, in a folder, or in memory: the same calls, the same guarantees.

:class:`ObjectStore` is the protocol: ``stat``, ``read``, ``read_changed`` (only what is new), ``open`` (a
stream), ``write``, ``writer`` (in parts), ``list``, ``delete``. A version that is named is the one that is
read; ``write`` can be held to the ETag that is there (``if_match``) or to nothing being there
(``if_none_match``), else ``CommitConflict``. Nothing at an address is an ``ObjectNotFound``, more than the
caller's limit an :class:`ObjectTooLarge`; timeouts, throttles and 5xx are a ``StorageUnavailable``.
:func:`stat_many` looks many objects up with few requests, :class:`FollowedObject` reads one again and again.
Addresses are ``s3://bucket/key``, ``file:///abs/path`` and ``memory://name/key``; :func:`to_uri` takes plain
paths too.
"""

from __future__ import annotations

import threading
from pathlib import PurePath

from mmpipe.objects.address import InvalidAddress, check_key, join, scheme_of, split_s3, to_path, to_uri
from mmpipe.objects.base import ObjectStat, ObjectStore, ObjectTooLarge, ObjectWriter
from mmpipe.objects.folder import FolderStore
from mmpipe.objects.followed import FollowedObject
from mmpipe.objects.many import stat_many
from mmpipe.objects.memory import MemoryStore
from mmpipe.objects.s3 import S3Store
from mmpipe.settings import StorageSettings

__all__ = [
    "FolderStore",
    "FollowedObject",
    "InvalidAddress",
    "MemoryStore",
    "ObjectStat",
    "ObjectStore",
    "ObjectTooLarge",
    "ObjectWriter",
    "S3Store",
    "check_key",
    "join",
    "open_store",
    "scheme_of",
    "split_s3",
    "stat_many",
    "to_path",
    "to_uri",
]

_shared_memory: dict[str, MemoryStore] = {}
_shared_memory_lock = threading.Lock()


def open_store(uri: str | PurePath, settings: StorageSettings | None = None) -> ObjectStore:
    """The store for everything at or under ``uri`` (a plain path is a folder or file).

    A ``file://`` store reaches nothing outside ``uri``; an S3 store reaches what its credentials do; all
    ``memory://name/…`` addresses of one process and name share one store. Raises ``InvalidAddress``.
    """
    address = to_uri(uri)
    scheme = scheme_of(address)
    if scheme == "file":
        return FolderStore(to_path(address))
    if scheme == "s3":
        split_s3(address)
        return S3Store(settings or StorageSettings())
    name = address.partition("://")[2].partition("/")[0]
    with _shared_memory_lock:
        return _shared_memory.setdefault(name, MemoryStore())
