"""Addresses of objects: ``s3://bucket/key``, ``file:///abs/path``, ``memory://name/key``.

An address holds the key as it is, never percent-encoded, so ``file:///a b#1.jpg`` names the file
``a b#1.jpg`` and an S3 key that contains ``%20`` stays one.
"""

from __future__ import annotations

import os
import re
from pathlib import PurePath

from mmpipe.errors import PermanentError

SCHEMES = ("s3", "file", "memory")

_SCHEME = re.compile(r"^([A-Za-z][A-Za-z0-9+.-]*)://")
# Control characters, and lone surrogates, which no file system or wire can encode.
_UNUSABLE = re.compile("[\x00-\x1f\x7f\ud800-\udfff\\\\]")


class InvalidAddress(PermanentError, ValueError):
    """An address or a key that no store here can serve; says what is wrong with it."""


def scheme_of(uri: str) -> str:
    """``s3``, ``file`` or ``memory``; :class:`InvalidAddress` for anything else."""
    found = _SCHEME.match(uri)
    scheme = found.group(1).lower() if found else ""
    if scheme not in SCHEMES:
        raise InvalidAddress(f"{uri[:200]!r} is no address of an object: use s3://bucket/key or file:///path")
    return scheme


def to_uri(path_or_uri: str | PurePath) -> str:
    """An address as it is, or the ``file://`` address of a path (made absolute, ``..`` folded away)."""
    text = os.fspath(path_or_uri)
    if _SCHEME.match(text):
        scheme_of(text)
        return text
    if not text:
        raise InvalidAddress("an empty path names nothing: give a folder, a file or s3://bucket/prefix")
    absolute = os.path.abspath(text)
    if text.endswith("/") and not absolute.endswith("/"):
        absolute += "/"
    return "file://" + absolute


def to_path(uri: str) -> str:
    """The path of a ``file://`` address."""
    if not uri.startswith("file:///"):
        raise InvalidAddress(f"{uri[:200]!r} is no file address: use file:///absolute/path")
    if "\x00" in uri:
        raise InvalidAddress(f"{uri[:200]!r} holds a null character, which no file system can hold")
    return uri[len("file://") :]


def split_s3(uri: str) -> tuple[str, str]:
    """``s3://bucket/key`` as (bucket, key); the key may be empty."""
    if not uri.startswith("s3://"):
        raise InvalidAddress(f"{uri[:200]!r} is no S3 address: use s3://bucket/key")
    bucket, _, key = uri[len("s3://") :].partition("/")
    if not bucket:
        raise InvalidAddress(f"{uri[:200]!r} names no bucket: use s3://bucket/key")
    return bucket, key


def check_key(key: str) -> str:
    """The key itself, if every part of it is a plain name.

    Refused, with :class:`InvalidAddress`: an absolute key, ``.`` and ``..`` and empty parts, back-slashes,
    control characters. A closing ``/`` (a prefix) is allowed.
    """
    if not key or key.startswith("/") or _SCHEME.match(key):
        raise InvalidAddress(f"{key[:200]!r} is not relative: give a key below the root, such as media/1.jpg")
    if _UNUSABLE.search(key):
        raise InvalidAddress(f"{key[:200]!r} holds a back-slash or a control character: use plain names, /")
    parts = (key[:-1] if key.endswith("/") else key).split("/")
    if any(part in ("", ".", "..") for part in parts):
        raise InvalidAddress(
            f"{key[:200]!r} holds an empty part, '.' or '..': name it from the root downwards"
        )
    return key


def join(root: str | PurePath, *relative: str) -> str:
    """The address of ``relative`` keys below ``root``. It never leaves the root (:class:`InvalidAddress`)."""
    uri = to_uri(root)
    for key in relative:
        uri = uri.rstrip("/") + "/" + check_key(key) if not _is_top(uri) else uri + check_key(key)
    return uri


def _is_top(uri: str) -> bool:
    return uri.endswith("://") or uri == "file:///"
