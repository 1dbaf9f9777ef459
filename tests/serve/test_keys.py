"""API keys: what a secret may hold, who is let in, and how a change is followed."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import logging
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto import mock_aws
from pydantic import SecretStr

from mmpipe.errors import DispatchUnavailable, NotReady
from mmpipe.local.stack import _environment
from mmpipe.serve.http import keys
from mmpipe.serve.http.keys import (
    LIMIT_SECONDS,
    REFRESH_SECONDS,
    RETRY_SECONDS,
    Digests,
    InvalidKeys,
    KeyRing,
    configured_keys,
    key_ring,
    parse_keys,
)
from mmpipe.serve.ray.app import build_app
from mmpipe.settings import ServeSettings, Settings

WEB, APP, NEW = "web-key-0123456789", "app-key-0123456789", "new-key-0123456789"


def digests(**held: str) -> Digests:
    return parse_keys(json.dumps(held), "test")


@dataclass
class Store:
    """What holds the keys, and a clock."""

    held: Digests | Exception = field(default_factory=lambda: digests(web=WEB, app=APP))
    now: float = 1000.0
    reads: int = 0

    async def read(self) -> Digests:
        self.reads += 1
        if isinstance(self.held, Exception):
            raise self.held
        return self.held

    def ring(self) -> KeyRing:
        return KeyRing(self.read, clock=lambda: self.now)


def check(story: Callable[[Store, KeyRing], Coroutine[Any, Any, None]], store: Store | None = None) -> None:
    async def told() -> None:
        used = store or Store()
        await story(used, used.ring())

    asyncio.run(told())


def test_each_key_is_its_callers() -> None:
    async def story(store: Store, ring: KeyRing) -> None:
        assert [await ring.caller(key) for key in (WEB, APP)] == ["web", "app"]
        for wrong in (NEW, "", WEB[:-1], WEB + "x", WEB.upper(), "web", "ünicode\ud800"):
            assert await ring.caller(wrong) is None, wrong
        assert store.reads == 1

    check(story)


def test_every_key_is_compared_in_constant_time(monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[bytes] = []

    def watched(held: bytes, given: bytes) -> bool:
        compared.append(held)
        return hmac.compare_digest(held, given)

    async def story(store: Store, ring: KeyRing) -> None:
        held = [hashlib.sha256(key.encode()).digest() for key in (WEB, APP)]
        for key in (WEB, APP, NEW):
            compared.clear()
            await ring.caller(key)
            assert compared == held, "the first match does not end it"

    monkeypatch.setattr(keys, "hmac", type("Watched", (), {"compare_digest": staticmethod(watched)}))
    check(story)


def test_a_new_key_works_at_once_and_guesses_do_not_reach_the_store() -> None:
    async def story(store: Store, ring: KeyRing) -> None:
        assert await ring.caller(NEW) is None
        store.held = digests(web=WEB, new=NEW)
        store.now += RETRY_SECONDS - 0.1
        assert [await ring.caller(NEW) for _ in range(9)] == [None] * 9
        assert store.reads == 1, "read a moment ago"
        store.now += 0.1
        assert await ring.caller(NEW) == "new"
        assert await ring.caller(APP) is None
        assert store.reads == 2

    check(story)


def test_a_removed_key_is_refused_within_the_limit_whatever_the_traffic() -> None:
    async def story(store: Store, ring: KeyRing) -> None:
        assert await ring.caller(APP) == "app"
        store.held = digests(web=WEB)
        store.now += LIMIT_SECONDS
        assert await ring.caller(APP) is None, "the first request after a silence"
        assert await ring.caller(WEB) == "web"

    check(story)


def test_on_a_busy_service_nobody_waits_for_the_store() -> None:
    async def story(store: Store, ring: KeyRing) -> None:
        await ring.open()
        store.held = digests(web=WEB)
        store.now += REFRESH_SECONDS
        assert await ring.caller(APP) == "app", "answered from what is known, and read beside it"
        assert ring._renewal is not None
        await ring._renewal
        assert await ring.caller(APP) is None
        assert store.reads == 2

    check(story)


def test_a_failing_store_keeps_the_last_known_keys(caplog: pytest.LogCaptureFixture) -> None:
    async def story(store: Store, ring: KeyRing) -> None:
        await ring.open()
        for failure in (DispatchUnavailable("throttled"), InvalidKeys("serve.api_keys_secret: no JSON")):
            store.held = failure
            store.now += LIMIT_SECONDS
            assert [await ring.caller(key) for key in (WEB, APP, NEW)] == ["web", "app", None]
        assert store.reads == 3, "not with every request"
        store.held = digests(new=NEW)
        store.now += LIMIT_SECONDS
        assert [await ring.caller(key) for key in (WEB, NEW)] == [None, "new"]

    with caplog.at_level(logging.INFO, logger="mmpipe.serve"):
        check(story)
    told = [(record.getMessage(), getattr(record, "reason", "")) for record in caplog.records]
    assert told[0] == ("API keys cannot be read; the last known stay", "throttled")
    assert not [key for key in (WEB, APP, NEW) if key in str([vars(record) for record in caplog.records])]


def test_a_store_that_hangs_holds_up_nobody_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keys, "_READ_SECONDS", 0.01)

    async def story(store: Store, ring: KeyRing) -> None:
        await ring.open()
        monkeypatch.setattr(ring, "_read", asyncio.Event().wait)
        store.now += LIMIT_SECONDS
        assert [await ring.caller(key) for key in (WEB, NEW)] == ["web", None]

    check(story)


def test_without_ever_having_read_keys_nobody_gets_in() -> None:
    async def story(store: Store, ring: KeyRing) -> None:
        for _ in range(2):
            with pytest.raises(DispatchUnavailable):
                await ring.caller(WEB)

    check(story, Store(held=DispatchUnavailable("denied")))


def test_a_start_that_takes_too_long_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keys, "_START_SECONDS", 0.01)

    async def story(store: Store, ring: KeyRing) -> None:
        monkeypatch.setattr(ring, "_read", asyncio.Event().wait)
        with pytest.raises(NotReady):
            await ring.open()

    check(story)


def test_an_emptied_secret_closes_the_door() -> None:
    async def story(store: Store, ring: KeyRing) -> None:
        await ring.open()
        store.held = {}
        store.now += LIMIT_SECONDS
        assert await ring.caller(WEB) is None

    check(story)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (WEB, "not a JSON object"),
        ("", "not a JSON object"),
        (json.dumps([WEB]), "not a JSON object"),
        ("[" * 100_000, "not a JSON object"),
        (json.dumps({"web": WEB, WEB + " ": "web"}), "name of entry 2"),
        (json.dumps({"web": 12345678901234567890}), "key of entry 1"),
        (json.dumps({"web": "short"}), "key of entry 1"),
        (json.dumps({"web": f"{WEB} {APP}"}), "key of entry 1"),
        (json.dumps({"web": WEB, "app": WEB}), "same key"),
    ],
)
def test_what_is_no_set_of_keys_names_the_setting_and_shows_no_key(text: str, reason: str) -> None:
    with pytest.raises(InvalidKeys) as raised:
        parse_keys(text, "serve.api_keys")
    assert str(raised.value).startswith("serve.api_keys: ")
    assert reason in str(raised.value)
    assert WEB not in str(raised.value)
    assert raised.value.__cause__ is None


def test_the_settings_name_the_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    assert configured_keys(ServeSettings()) is None
    assert key_ring(ServeSettings()) is None
    monkeypatch.setenv("MMPIPE_SERVE__API_KEYS", json.dumps({"web": WEB}))
    settings = Settings()
    assert configured_keys(settings.serve) == digests(web=WEB)
    assert WEB not in repr(settings)
    monkeypatch.setenv("MMPIPE_SERVE__API_KEYS", "{}")
    with pytest.raises(InvalidKeys, match=r"serve\.api_keys: holds no key"):
        build_app(Settings())


def test_the_one_machine_stack_hands_them_on(tmp_path: Path) -> None:
    text = json.dumps({"web": WEB})
    settings = Settings(serve=ServeSettings(api_keys=SecretStr(text)))
    assert _environment(settings, tmp_path, "test")["MMPIPE_SERVE__API_KEYS"] == text


def test_a_secret_that_is_rotated_in_secrets_manager(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    with mock_aws():
        store = boto3.client("secretsmanager")
        arn = store.create_secret(Name="shop/api-keys", SecretString="{}")["ARN"]
        serve = ServeSettings(api_keys_secret=arn)
        with pytest.raises(InvalidKeys, match=r"serve\.api_keys_secret: holds no key"):
            build_app(Settings(serve=serve))
        store.put_secret_value(SecretId=arn, SecretString="a-bare-key-0123456789")
        with pytest.raises(InvalidKeys, match=r"serve\.api_keys_secret \(arn:.*\): not a JSON object"):
            configured_keys(serve)
        store.put_secret_value(SecretId=arn, SecretString=json.dumps({"web": WEB}))
        ring = key_ring(serve)
        assert ring is not None
        store.put_secret_value(SecretId=arn, SecretString=json.dumps({"web": NEW}))

        async def story() -> None:
            assert [await ring.caller(key) for key in (WEB, NEW)] == ["web", None]
            monkeypatch.setattr(ring, "_clock", lambda: ring._tried_at + RETRY_SECONDS)
            assert await ring.caller(NEW) == "web"
            assert await ring.caller(WEB) is None

        asyncio.run(story())
        with pytest.raises(DispatchUnavailable, match=r"^serve\.api_keys_secret: .*no-such-secret"):
            configured_keys(ServeSettings(api_keys_secret="no-such-secret"))


def test_only_the_head_keeps_the_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    from ray.serve._private.build_app import build_app as flatten

    monkeypatch.setattr(keys, "read_secret", lambda _: json.dumps({"web": WEB}))
    built = flatten(build_app(Settings(serve=ServeSettings(api_keys_secret="s"))), name="mmpipe")
    (keeper,) = (deployment for deployment in built.deployments if deployment.name == "KeyKeeper")
    options = keeper.ray_actor_options
    assert options is not None
    assert (options["num_cpus"], list(options["resources"])) == (0, ["node:__internal_head__"])
