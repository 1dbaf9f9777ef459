"""Suggestions where no process holds a collection whole, and where the log cannot be read."""

from __future__ import annotations

import asyncio
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from mmpipe.errors import InvalidRequest, NotReady, StorageUnavailable
from mmpipe.lake import open_lake
from mmpipe.lake.interactions import InteractionLog
from mmpipe.schemas.suggest import SuggestParams
from mmpipe.search import LiveVersions
from mmpipe.serve.answer import suggestions
from mmpipe.serve.answer.suggestions import Suggestions
from mmpipe.settings import Settings


def test_a_split_collection_names_the_setting(shop: tuple[Path, Settings]) -> None:
    held = Suggestions(shop[1], open_lake(shop[1]), lambda _: None)
    split: Any = SimpleNamespace(collection="shop", whole=None)
    with pytest.raises(InvalidRequest, match="MMPIPE_SERVE__SHARDS"):
        asyncio.run(held.answer(split, SuggestParams(q="a")))


def test_what_is_not_ready_in_time_says_so(
    shop: tuple[Path, Settings], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(suggestions, "WAIT_SECONDS", 0.05)
    held = Suggestions(shop[1], open_lake(shop[1]), lambda _: None)
    version: Any = SimpleNamespace(collection="shop", whole=object())
    try:
        with pytest.raises(NotReady, match="prepared"):
            asyncio.run(held.answer(version, SuggestParams(q="a")))
    finally:
        held.close()


def test_a_log_that_cannot_be_read_leaves_the_rest(
    shop: tuple[Path, Settings], monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[bool] = []

    def fails(*_: object) -> None:
        looks.append(True)
        raise StorageUnavailable("the store is away")

    monkeypatch.setattr(InteractionLog, "tail", fails)
    with LiveVersions(shop[1], open_lake(shop[1])) as versions:
        held = Suggestions(shop[1], open_lake(shop[1]), versions.get)
        version: Any = SimpleNamespace(collection="shop", whole=versions.get("shop"))
        try:
            assert b"Red shoe" in asyncio.run(held.answer(version, SuggestParams(q="red sh")))
        finally:
            held.close()
    assert looks
