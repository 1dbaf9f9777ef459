"""What one caller may take of a replica, and how callers are told apart."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from starlette.testclient import TestClient

from mmpipe.serve.http.callers import CallerLimit, Callers
from mmpipe.serve.http.key_entries import Keys, parse_keys
from mmpipe.serve.http.keys import KeyRing
from mmpipe.settings import ServeSettings, Settings
from tests.serve.conftest import make_app, make_service, settings_for
from tests.serve.held_keys import entry, text_of

Headers = list[tuple[bytes, bytes]]
KEY: Headers = [(b"authorization", b"Bearer one-key-of-a-shop")]
TWICE = (b"x-forwarded-for", b"10.0.0.9")
OTHER: Headers = [(b"authorization", b"Bearer another-of-a-shop")]
SMALL: Headers = [(b"authorization", b"bearer  a-small-one-of-a-shop ")]
KEYS = text_of(
    one="one-key-of-a-shop",
    other="another-of-a-shop",
    small=entry("a-small-one-of-a-shop", rate=0.5, burst=2, concurrent=1),
)


class Clock:
    """Seconds that pass when told."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class Caller:
    """Calls the middleware over an application that answers when it may."""

    def __init__(self, clock: Clock | None = None, **serve: Any) -> None:
        self.go_on = asyncio.Event()
        settings = ServeSettings().model_copy(update=serve)
        keys = parse_keys(KEYS, "test")

        async def read() -> Keys:
            return keys

        self.callers = Callers(settings, KeyRing(read, keys), clock=clock or Clock())
        self.limit = CallerLimit(self._app, self.callers, settings.caller_requests)
        self.wait: bytes | None = None

    async def ask(self, headers: Headers, path: str = "/v1/search", client: str = "192.0.2.1") -> int:
        statuses: list[int] = []

        async def send(message: Any) -> None:
            if message["type"] == "http.response.start":
                statuses.append(message["status"])
                self.wait = dict(message["headers"]).get(b"retry-after")
                assert (self.wait is not None) == (message["status"] == 429)

        scope = {"type": "http", "path": path, "headers": headers, "client": (client, 1), "method": "GET"}
        await self.limit(scope, None, send)  # type: ignore[arg-type]
        return statuses[0]

    async def _app(self, scope: Any, receive: Any, send: Any) -> None:
        await self.go_on.wait()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})


def test_one_caller_takes_its_share_and_the_others_theirs() -> None:
    async def scenario() -> None:
        caller = Caller(caller_requests=3)
        first = [asyncio.create_task(caller.ask(KEY)) for _ in range(3)]
        await asyncio.sleep(0)
        assert await caller.ask(KEY) == 429
        other = asyncio.create_task(caller.ask(OTHER))
        healthy = asyncio.create_task(caller.ask(KEY, "/healthz"))
        caller.go_on.set()
        assert await asyncio.gather(*first, other, healthy) == [200] * 5
        assert await caller.ask(KEY) == 200, "what was answered is not under way"

    asyncio.run(scenario())


def test_what_breaks_gives_its_place_back() -> None:
    async def scenario() -> None:
        async def broken(scope: Any, receive: Any, send: Any) -> None:
            raise RuntimeError("broken")

        caller = Caller(caller_requests=1)
        caller.limit._app = broken
        for _ in range(3):
            with pytest.raises(RuntimeError):
                await caller.ask(KEY)

    asyncio.run(scenario())


def test_so_many_a_second_and_a_burst_after_a_pause() -> None:
    async def scenario() -> None:
        clock = Clock()
        caller = Caller(clock, caller_rate=2.0, caller_burst=5)
        caller.go_on.set()
        assert [await caller.ask(KEY) for _ in range(6)] == [200] * 5 + [429]
        clock.now += 1.0
        assert [await caller.ask(KEY) for _ in range(3)] == [200, 200, 429]
        assert await caller.ask(OTHER) == 200
        clock.now += 3_600.0
        assert [await caller.ask(KEY) for _ in range(6)] == [200] * 5 + [429]

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("hops", "headers", "client", "told_by"),
    [
        (0, [], "192.0.2.1", "192.0.2.1"),
        (0, [(b"x-forwarded-for", b"198.51.100.7")], "192.0.2.1", "192.0.2.1"),
        (0, [], "127.0.0.1", None),
        (1, [(b"x-forwarded-for", b"made-up, 198.51.100.7")], "127.0.0.1", "198.51.100.7"),
        (2, [(b"x-forwarded-for", b"no, 198.51.100.7"), TWICE], "127.0.0.1", "198.51.100.7"),
        (2, [(b"x-forwarded-for", b"10.0.0.9")], "127.0.0.1", None),
    ],
)
def test_by_whom_a_caller_is_told(hops: int, headers: Headers, client: str, told_by: str | None) -> None:
    callers = Caller(forwarded_hops=hops).callers
    assert callers.address({"headers": headers, "client": (client, 1)}) == told_by


def test_who_asks_too_often_is_known_without_taking_anything() -> None:
    async def scenario() -> None:
        clock = Clock()
        caller = Caller(clock)
        caller.go_on.set()
        scope = {"headers": SMALL, "client": ("192.0.2.1", 1)}
        assert caller.callers.over(scope) == 0, "not seen yet"
        assert [await caller.ask(SMALL) for _ in range(2)] == [200, 200]
        assert [caller.callers.over(scope) for _ in range(3)] == [2, 2, 2]
        clock.now += 2.0
        assert caller.callers.over(scope) == 0
        assert await caller.ask(SMALL) == 200
        assert caller.callers.over({"headers": KEY, "client": ("192.0.2.1", 1)}) == 0, "has no rate"
        assert caller.callers.over({"headers": [], "client": ("127.0.0.1", 1)}) == 0

    asyncio.run(scenario())


def test_made_up_keys_are_one_caller() -> None:
    async def scenario() -> None:
        caller = Caller(caller_rate=1.0, caller_burst=3)
        caller.go_on.set()
        guesses: list[Headers] = [[(b"authorization", b"Bearer guess-%d" % n)] for n in range(4)]
        assert [await caller.ask(guess) for guess in guesses] == [200] * 3 + [429]
        assert await caller.ask([]) == 429, "nor are they others than who sends none"
        assert await caller.ask(guesses[0], client="192.0.2.2") == 200
        assert await caller.ask(KEY) == 200, "a key is not asked where it comes from"

    asyncio.run(scenario())


def test_a_key_has_limits_of_its_own() -> None:
    async def scenario() -> None:
        clock = Clock()
        caller = Caller(clock, caller_rate=1_000.0)
        first = asyncio.create_task(caller.ask(SMALL))
        await asyncio.sleep(0)
        assert await caller.ask(SMALL) == 429, "one at a time"
        caller.go_on.set()
        assert await first == 200
        assert [await caller.ask(SMALL) for _ in range(2)] == [200, 429]
        assert caller.wait == b"2", "two seconds until there is one at half a one a second"
        clock.now += 2.0
        assert [await caller.ask(SMALL) for _ in range(2)] == [200, 429]
        assert [await caller.ask(KEY) for _ in range(9)] == [200] * 9

    asyncio.run(scenario())


def test_a_caller_over_its_rate_gets_a_problem_and_is_counted(shop: tuple[Any, Settings]) -> None:
    settings = settings_for(shop[0], caller_rate=0.001, caller_burst=2)
    service = make_service(settings)
    with TestClient(make_app(service)) as client:
        answers = [client.get("/v1/search", params={"q": "red hat"}) for _ in range(3)]
        assert [answer.status_code for answer in answers] == [200, 200, 429]
        assert answers[2].json()["type"] == "urn:mmpipe:problem:too-many-requests"
        assert answers[2].headers["retry-after"].isdigit()
        assert client.get("/readyz").status_code == 200
        assert 'status="429"' in client.get("/metrics").text
    service.close()
