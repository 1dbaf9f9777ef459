"""Whose key it is: the settings', a secret's that was read before, or the lake's own."""

from __future__ import annotations

import hashlib
import hmac
from pathlib import Path

import pytest
from pydantic import SecretStr, ValidationError

from mmpipe.dispatch import pseudonym_key
from mmpipe.dispatch.pseudonym_key import with_pseudonym_key
from mmpipe.errors import DispatchUnavailable, NotReady, StorageUnavailable
from mmpipe.lake import open_lake
from mmpipe.lake.interactions import Pseudonyms
from mmpipe.settings import InteractionSettings, LakeSettings, Settings

KEY = "0123456789abcdef" * 2


def settings_for(folder: Path, **interactions: object) -> Settings:
    return Settings(
        lake=LakeSettings(uri=str(folder / "lake")),
        interactions=InteractionSettings(**interactions),  # type: ignore[arg-type]
    )


def test_a_pseudonym_is_a_keyed_digest() -> None:
    told = hmac.new(KEY.encode(), b"user\0shop\0\xc3\xbc", hashlib.sha256).digest()[:16].hex()
    assert Pseudonyms(KEY.encode()).user("shop", "ü") == told
    assert KEY not in repr(Pseudonyms(KEY.encode()))
    with pytest.raises(ValueError, match="at least 16"):
        Pseudonyms(b"short")


def test_a_short_key_is_refused() -> None:
    with pytest.raises(ValidationError, match="32 characters"):
        InteractionSettings(key=SecretStr("short"))


def test_the_secret_is_read_by_who_starts_and_by_nobody_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = settings_for(tmp_path, key_secret="arn:secret")
    with pytest.raises(NotReady, match="key_secret"):
        _ = open_lake(settings).pseudonyms
    monkeypatch.setattr(pseudonym_key, "read_secret", lambda _: KEY)
    held = with_pseudonym_key(settings)
    assert held.interactions.key_secret is None
    assert open_lake(held).pseudonyms.user("shop", "u") == Pseudonyms(KEY.encode()).user("shop", "u")
    assert with_pseudonym_key(held) is held
    monkeypatch.setattr(pseudonym_key, "read_secret", lambda _: "short")
    with pytest.raises(DispatchUnavailable, match="fewer than 32"):
        with_pseudonym_key(settings)


def test_a_damaged_key_is_no_other_key(tmp_path: Path) -> None:
    lake = open_lake(settings_for(tmp_path))
    first = lake.pseudonyms.user("shop", "u")
    path = tmp_path / "lake" / "_keys" / "pseudonyms"
    whole = path.read_bytes()
    path.write_bytes(b"")
    with pytest.raises(StorageUnavailable, match="former version"):
        _ = open_lake(lake.settings).pseudonyms
    path.write_bytes(whole)
    assert open_lake(lake.settings).pseudonyms.user("shop", "u") == first
