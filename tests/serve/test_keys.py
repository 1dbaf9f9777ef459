"""API keys: what a secret may hold, who is let in, and how a change is followed."""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from moto import mock_aws
from pydantic import SecretStr

from mmpipe.errors import DispatchUnavailable, InvalidRequest, NotReady
from mmpipe.local.stack import Stack, _environment
from mmpipe.serve.http import keys
from mmpipe.serve.http.key_entries import DEMO_KEY, SCOPES, InvalidKeys, Keys, new_key, parse_keys
from mmpipe.serve.http.keys import (
    LIMIT_SECONDS,
    REFRESH_SECONDS,
    RETRY_SECONDS,
    KeyRing,
    configured_keys,
    key_ring,
)
from mmpipe.serve.ray.app import build_app
from mmpipe.settings import ServeSettings, Settings
from tests.serve.held_keys import entry, held, text_of

WEB, APP, NEW = "web-key-0123456789", "app-key-0123456789", "new-key-0123456789"


def parsed(**given: str) -> Keys:
    return parse_keys(text_of(**given), "test")


async def caller(ring: KeyRing, key: str) -> str | None:
    found = await ring.holder(key)
    return None if found is None else found.name


@dataclass
class Store:
    """What holds the keys, and a clock."""

    held: Keys | Exception = field(default_factory=lambda: parsed(web=WEB, app=APP))
    now: float = 1000.0
    reads: int = 0

    async def read(self) -> Keys:
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
        assert [await caller(ring, key) for key in (WEB, APP)] == ["web", "app"]
        for wrong in (NEW, "", WEB[:-1], WEB + "x", WEB.upper(), "web", "ünicode\ud800"):
            assert await caller(ring, wrong) is None, wrong
        assert store.reads == 1

    check(story)


def test_a_new_key_works_at_once_and_guesses_do_not_reach_the_store() -> None:
    async def story(store: Store, ring: KeyRing) -> None:
        assert await caller(ring, NEW) is None
        store.held = parsed(web=WEB, new=NEW)
        store.now += RETRY_SECONDS - 0.1
        assert [await caller(ring, NEW) for _ in range(9)] == [None] * 9
        assert store.reads == 1, "read a moment ago"
        store.now += 0.1
        assert await caller(ring, NEW) == "new"
        assert await caller(ring, APP) is None
        assert store.reads == 2

    check(story)


def test_a_removed_key_is_refused_within_the_limit_whatever_the_traffic() -> None:
    async def story(store: Store, ring: KeyRing) -> None:
        assert await caller(ring, APP) == "app"
        store.held = parsed(web=WEB)
        store.now += LIMIT_SECONDS
        assert await caller(ring, APP) is None, "the first request after a silence"
        assert await caller(ring, WEB) == "web"

    check(story)


def test_on_a_busy_service_nobody_waits_for_the_store() -> None:
    async def story(store: Store, ring: KeyRing) -> None:
        await ring.open()
        store.held = parsed(web=WEB)
        store.now += REFRESH_SECONDS
        assert await caller(ring, APP) == "app", "answered from what is known, and read beside it"
        assert ring._renewal is not None
        await ring._renewal
        assert await caller(ring, APP) is None
        assert store.reads == 2

    check(story)


def test_a_failing_store_keeps_the_last_known_keys(caplog: pytest.LogCaptureFixture) -> None:
    async def story(store: Store, ring: KeyRing) -> None:
        await ring.open()
        for failure in (DispatchUnavailable("throttled"), InvalidKeys("serve.api_keys_secret: no JSON")):
            store.held = failure
            store.now += LIMIT_SECONDS
            assert [await caller(ring, key) for key in (WEB, APP, NEW)] == ["web", "app", None]
        assert store.reads == 3, "not with every request"
        store.held = parsed(new=NEW)
        store.now += LIMIT_SECONDS
        assert [await caller(ring, key) for key in (WEB, NEW)] == [None, "new"]

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
        assert [await caller(ring, key) for key in (WEB, NEW)] == ["web", None]

    check(story)


def test_without_ever_having_read_keys_nobody_gets_in() -> None:
    async def story(store: Store, ring: KeyRing) -> None:
        for _ in range(2):
            with pytest.raises(DispatchUnavailable):
                await caller(ring, WEB)

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
        assert await caller(ring, WEB) is None

    check(story)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (WEB, "not a JSON object"),
        ("", "not a JSON object"),
        (json.dumps([WEB]), "not a JSON object"),
        ("[" * 100_000, "not a JSON object"),
        (json.dumps({"web": entry(WEB), WEB + " ": "web"}), "entry 2: its name"),
        (json.dumps({"web": WEB}), "entry 1 is a text, and keys are not kept"),
        (json.dumps({"web": 12345678901234567890}), "entry 1: entry: "),
        (json.dumps({"web": entry(WEB) | {"sha256": WEB}}), "entry 1: sha256: "),
        (json.dumps({"web": entry(WEB) | {WEB: 1}}), "entry 1: entry: has a field"),
        (json.dumps({"web": entry(WEB, ["everything"])}), "entry 1: scopes.0: "),
        (json.dumps({"web": entry(WEB, [])}), "entry 1: scopes: "),
        (json.dumps({"web": entry(WEB, collections=[])}), "entry 1: collections: "),
        (json.dumps({"web": entry(WEB, collections=["*", "shop"])}), "entry 1: collections: "),
        (json.dumps({"web": entry(WEB, collections=["../etc"])}), "entry 1: collections: "),
        (json.dumps({"web": entry(WEB, ["metrics"], ["shop"])}), "entry 1: scopes: metrics tell of every"),
        (json.dumps({"web": entry(WEB, rate=0)}), "entry 1: rate: "),
        (json.dumps({"web": entry(WEB, burst=0)}), "entry 1: burst: "),
        (json.dumps({"web": entry(WEB, expires="2027-01-01T00:00:00")}), "entry 1: expires: "),
        (json.dumps({"web": entry(WEB), "app": entry(WEB)}), "entry 2 has the key of another name"),
        (json.dumps({"web": entry(DEMO_KEY)}), "entry 1 is the demo key"),
    ],
)
def test_what_is_no_set_of_keys_names_the_setting_and_shows_no_key(text: str, reason: str) -> None:
    with pytest.raises(InvalidKeys) as raised:
        parse_keys(text, "serve.api_keys")
    assert str(raised.value).startswith("serve.api_keys: ")
    assert reason in str(raised.value)
    assert WEB not in str(raised.value)
    assert raised.value.__cause__ is None


def test_a_new_key_is_seen_once_and_kept_by_its_digest() -> None:
    key, kept = new_key("web", ["search", "search"], ["shop"], expires=datetime(2027, 1, 1, tzinfo=UTC))
    text = json.dumps({"web": kept.model_dump(mode="json", exclude_none=True)})
    assert key not in text
    ((digest, found),) = parse_keys(text, "test").items()
    assert digest == hashlib.sha256(key.encode()).digest()
    assert len(key) >= 43, "256 bits"
    assert (found.name, found.grant.scopes, found.grant.collections) == (
        "web",
        frozenset({"search"}),
        frozenset({"shop"}),
    )
    assert (found.rate, found.burst, found.concurrent) == (50.0, 100, None)
    assert not found.expired(datetime(2026, 12, 31, tzinfo=UTC))
    assert found.expired(datetime(2027, 1, 1, tzinfo=UTC))
    assert new_key("web", ["search"], ["shop"])[0] != key
    for bad in ({"name": "a b"}, {"scopes": ["root"]}, {"collections": ["A"]}, {"rate": -1.0}):
        with pytest.raises(InvalidRequest) as raised:
            new_key(**({"name": "web", "scopes": ["search"], "collections": ["shop"]} | bad))  # type: ignore[arg-type]
        assert raised.value.field.partition(".")[0] in bad


def test_the_demo_key_is_for_one_machine_alone() -> None:
    serve = ServeSettings(demo_key=True)
    found = configured_keys(serve)
    assert found is not None
    (key,) = found.values()
    assert (key.name, key.grant.scopes, key.grant.collections) == ("demo", frozenset(SCOPES), None)
    assert [*found] == [hashlib.sha256(DEMO_KEY.encode()).digest()]
    for host in ("0.0.0.0", "10.0.0.7", "::"):
        with pytest.raises(InvalidKeys, match=r"serve\.demo_key: everybody knows"):
            configured_keys(ServeSettings(demo_key=True, host=host))
    mine = ServeSettings(demo_key=True, api_keys=held(web=WEB), host="0.0.0.0")
    assert configured_keys(mine) == parsed(web=WEB), "not beside others"
    assert configured_keys(ServeSettings()) is None, "nor where nobody asks for it"


def test_the_settings_name_the_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    assert configured_keys(ServeSettings()) is None
    assert key_ring(ServeSettings()) is None
    monkeypatch.setenv("MMPIPE_SERVE__API_KEYS", text_of(web=WEB))
    settings = Settings()
    assert configured_keys(settings.serve) == parsed(web=WEB)
    assert WEB not in repr(settings)
    monkeypatch.setenv("MMPIPE_SERVE__API_KEYS", "{}")
    with pytest.raises(InvalidKeys, match=r"serve\.api_keys: holds no key"):
        build_app(Settings())


def test_the_one_machine_stack_hands_them_on(tmp_path: Path) -> None:
    text = text_of(web=WEB)
    settings = Settings(serve=ServeSettings(api_keys=SecretStr(text)))
    assert _environment(settings, tmp_path, "test")["MMPIPE_SERVE__API_KEYS"] == text


def test_the_one_machine_stack_has_the_demo_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    origins = {"shop": ("https://shop.example",)}
    base = Settings(serve=ServeSettings(host="0.0.0.0", cors_origins=origins))
    cloud = SimpleNamespace(url="http://127.0.0.1:1", queue_url="queue", dead_letters_url="dead-letters")
    resolved = Stack(base, tmp_path)._resolve(cloud, tmp_path, port=1, dashboard_port=2)  # type: ignore[arg-type]
    for name, value in _environment(resolved, tmp_path, "test").items():
        if name.startswith("MMPIPE_SERVE__"):
            monkeypatch.setenv(name, value)
    serve = Settings().serve
    assert (serve.demo_key, serve.host, serve.cors_origins) == (True, "127.0.0.1", origins)
    found = configured_keys(serve)
    assert found is not None
    assert [key.name for key in found.values()] == ["demo"]


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
        store.put_secret_value(SecretId=arn, SecretString=text_of(web=WEB))
        ring = key_ring(serve)
        assert ring is not None
        store.put_secret_value(SecretId=arn, SecretString=text_of(web=NEW))

        async def story() -> None:
            assert [await caller(ring, key) for key in (WEB, NEW)] == ["web", None]
            monkeypatch.setattr(ring, "_clock", lambda: ring._tried_at + RETRY_SECONDS)
            assert await caller(ring, NEW) == "web"
            assert await caller(ring, WEB) is None

        asyncio.run(story())
        with pytest.raises(DispatchUnavailable, match=r"^serve\.api_keys_secret: .*no-such-secret"):
            configured_keys(ServeSettings(api_keys_secret="no-such-secret"))


def test_only_the_head_keeps_the_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    from ray.serve._private.build_app import build_app as flatten

    monkeypatch.setattr(keys, "read_secret", lambda _: text_of(web=WEB))
    built = flatten(build_app(Settings(serve=ServeSettings(api_keys_secret="s"))), name="mmpipe")
    (keeper,) = (deployment for deployment in built.deployments if deployment.name == "KeyKeeper")
    options = keeper.ray_actor_options
    assert options is not None
    assert (options["num_cpus"], list(options["resources"])) == (0, ["node:__internal_head__"])
