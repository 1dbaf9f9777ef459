"""Entries of API keys as the settings hold them, for keys that a test names."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from pydantic import SecretStr

from mmpipe.serve.http.key_entries import SCOPES, digest_of
from mmpipe.settings import Settings


def entry(
    key: str, scopes: Sequence[str] = SCOPES, collections: Sequence[str] = ("*",), **more: Any
) -> dict[str, Any]:
    """What is kept of ``key``; it may do everything unless told otherwise."""
    digest = digest_of(key).hex()
    return {"sha256": digest, "scopes": list(scopes), "collections": list(collections), **more}


def text_of(**entries: str | dict[str, Any]) -> str:
    """The JSON object of names to entries; a text is a key that may do everything."""
    return json.dumps({n: entry(each) if isinstance(each, str) else each for n, each in entries.items()})


def held(**entries: str | dict[str, Any]) -> SecretStr:
    """The same as a setting."""
    return SecretStr(text_of(**entries))


def keyed(settings: Settings, **serve: Any) -> Settings:
    """``settings`` with these of the section ``serve``."""
    return settings.model_copy(update={"serve": settings.serve.model_copy(update=serve)})


def bearer(key: str) -> dict[str, str]:
    """The header."""
    return {"Authorization": f"Bearer {key}"}
