"""What is sent again, and after how long."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import httpx
import pytest

from mmpipe.client import Answered, AsyncClient, Client, Refused, Retry, Unreachable
from mmpipe.client.retrying import Tries, retry_after
from mmpipe.errors import (
    InvalidMedia,
    InvalidRequest,
    MmpipeError,
    NotFound,
    NotReady,
    Outdated,
    RequestTooLarge,
    UnknownProduct,
)
from mmpipe.schemas.problem import Problem
from mmpipe.serve.http.errors import TABLE

_STORED = {"accepted": 1, "duplicates": 0, "unknown_products": 0, "rejected": []}


class Script:
    """A service that answers by a list, and keeps what it was asked."""

    def __init__(self, *answers: httpx.Response | Exception) -> None:
        self.answers = list(answers)
        self.asked: list[httpx.Request] = []
        self.slept: list[float] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def client(self, **options: Any) -> Client:
        """Asks it, and does not sleep."""
        return Client(transport=httpx.MockTransport(self), sleep=self.slept.append, **options)


def problem(status: int, kind: str, detail: str, field: str | None = None, **headers: str) -> httpx.Response:
    told = Problem(
        type=f"urn:mmpipe:problem:{kind}", title="t", status=status, detail=detail, instance="i", field=field
    )
    return httpx.Response(status, content=told.model_dump_json(exclude_none=True), headers=headers)


def stored() -> httpx.Response:
    return httpx.Response(202, json=_STORED)


def busy(seconds: str = "2") -> httpx.Response:
    return problem(503, "busy", "too much", **{"Retry-After": seconds})


def test_what_was_busy_is_asked_again_after_as_long_as_it_said() -> None:
    service = Script(busy("2"), problem(429, "too-many-requests", "x", **{"Retry-After": "1"}), stored())
    assert service.client().interact(type="view", session_id="s", product_id="p").accepted == 1
    assert len(service.asked) == 3
    assert 2.0 <= service.slept[0] <= 2.2
    assert 1.0 <= service.slept[1] <= 1.4


def test_an_event_has_one_id_however_often_it_is_sent() -> None:
    service = Script(httpx.ReadError("gone"), httpx.ConnectError("no"), stored())
    service.client().interact({"type": "view", "session_id": "s", "product_id": "p"})
    sent = [json.loads(request.content)["interactions"][0]["event_id"] for request in service.asked]
    assert len(sent) == 3
    assert len(set(sent)) == 1
    assert sent[0]


def test_ids_that_are_given_are_kept() -> None:
    service = Script(stored())
    service.client().interact({"type": "view", "session_id": "s", "product_id": "p", "event_id": "mine"})
    assert json.loads(service.asked[0].content)["interactions"][0]["event_id"] == "mine"


def test_it_ends_after_so_many_attempts() -> None:
    service = Script(*[busy() for _ in range(3)])
    with pytest.raises(NotReady, match="too much") as caught:
        service.client(retry=Retry(attempts=3)).search("red")
    assert len(service.asked) == 3
    assert isinstance(caught.value.__cause__, Answered)
    assert caught.value.__cause__.status == 503


def test_it_does_not_begin_a_pause_that_is_too_long() -> None:
    service = Script(busy("31"))
    with pytest.raises(NotReady):
        service.client().search("red")
    assert service.slept == []


def test_what_may_not_come_twice_is_sent_again_only_where_nothing_was_sent() -> None:
    done = Script(httpx.ReadError("gone"))
    with pytest.raises(Unreachable):
        done.client().erase_user("u1")
    assert len(done.asked) == 1
    begun = Script(httpx.ConnectError("no"), problem(404, "unknown-collection", "none"))
    with pytest.raises(NotFound):
        begun.client().erase_user("u1")
    assert len(begun.asked) == 2


def test_a_file_is_sent_from_its_start_again() -> None:
    def answered(request: httpx.Request) -> httpx.Response:
        bodies.append(request.read())
        return busy("0") if len(bodies) == 1 else httpx.Response(500)

    bodies: list[bytes] = []
    client = Client(transport=httpx.MockTransport(answered), sleep=lambda _: None)
    with pytest.raises(MmpipeError, match="500"):
        client.upload(b"x" * 700_000, name="a.csv")
    assert bodies == [b"x" * 700_000] * 2


def test_pauses_are_drawn_below_a_bound_that_doubles() -> None:
    drawn: list[tuple[float, float]] = []

    def highest(low: float, high: float) -> float:
        drawn.append((low, high))
        return high

    tries = Tries(
        Retry(attempts=6, first_seconds=1, most_seconds=3), again=True, clock=lambda: 0, draw=highest
    )
    waits = [tries.pause(httpx.ReadTimeout("slow")) for _ in range(6)]
    assert waits == [1, 2, 3, 3, 3, None]
    assert [low for low, _ in drawn] == [0.0] * 5


def test_a_moment_says_how_long_too() -> None:
    later = format_datetime(datetime.now(UTC) + timedelta(seconds=30), usegmt=True)
    assert 25 < retry_after(httpx.Response(503, headers={"retry-after": later})) <= 30
    past = format_datetime(datetime.now(UTC) - timedelta(days=1), usegmt=True)
    for given in (past, "soon", ""):
        assert retry_after(httpx.Response(503, headers={"retry-after": given})) == 0


def test_the_other_client_does_the_same() -> None:
    service = Script(busy("0"), httpx.Response(200, json={"collections": []}))

    async def ask() -> list[Any]:
        async with AsyncClient(transport=httpx.MockTransport(service)) as client:
            return await client.collections()

    assert asyncio.run(ask()) == []
    assert len(service.asked) == 2


@pytest.mark.parametrize(
    ("answer", "kind", "told"),
    [
        (problem(422, "invalid-request", "limit: too many", "limit"), InvalidRequest, "limit: too many"),
        (problem(422, "invalid-media", "image: is broken", "image"), InvalidMedia, "image: is broken"),
        (problem(413, "request-too-large", "body: too large", "body"), RequestTooLarge, "body: too large"),
        (problem(404, "unknown-product", "no such product"), UnknownProduct, "no such product"),
        (problem(409, "outdated", "version: newer", "version"), Outdated, "version: newer"),
        (problem(401, "unauthorized", "Authorization: send a key", "Authorization"), Refused, "send a key"),
        (problem(403, "forbidden", "Authorization: not that", "Authorization"), Refused, "not that"),
        (httpx.Response(404, text="<html>nothing</html>"), NotFound, "HTTP 404"),
        (problem(500, "internal", "Something broke here; quote x"), MmpipeError, "HTTP 500.*quote x"),
        (httpx.Response(302, headers={"location": "https://elsewhere.example"}), MmpipeError, "elsewhere"),
        (httpx.Response(200, text="hello"), MmpipeError, "is that address an mmpipe service"),
    ],
)
def test_what_is_wrong_is_one_of_our_errors(answer: httpx.Response, kind: type[Exception], told: str) -> None:
    with pytest.raises(MmpipeError, match=told) as caught:
        Script(answer).client(retry=Retry(attempts=1)).search("red")
    assert type(caught.value) is kind
    assert "limit: limit" not in str(caught.value)


def test_every_kind_of_problem_is_the_error_that_the_service_had() -> None:
    for raised, answer in TABLE.items():
        said = problem(int(answer.status), answer.kind, "f: x", "f")
        with pytest.raises(MmpipeError) as caught:
            Script(said).client(retry=Retry(attempts=1)).search("red")
        if raised.__module__ == "mmpipe.errors" and answer.status < 500:
            assert isinstance(caught.value, raised), raised
        assert isinstance(caught.value.__cause__, Answered)


def test_the_key_is_sent_and_no_address_but_a_services_is_taken() -> None:
    service = Script(httpx.Response(200, json={"collections": []}))
    service.client(api_key="secret").collections()
    assert service.asked[0].headers["authorization"] == "Bearer secret"
    with pytest.raises(InvalidRequest, match="url"):
        Client("shop.example")
