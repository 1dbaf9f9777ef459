"""``/v1/users/{id}``: what is held of a person is handed out, or erased; both are proved."""

from __future__ import annotations

import asyncio
import base64
import json
import threading
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from mmpipe.errors import NotReady
from mmpipe.lake import open_lake
from mmpipe.lake.interactions import Erasure, InteractionLog
from mmpipe.serve.answer.people import People
from mmpipe.settings import LakeSettings, Settings
from tests.serve.test_interactions import own, post

__all__ = ["own"]
Own = tuple[TestClient, InteractionLog]


@pytest.fixture
def visited(own: Own) -> Own:
    """Five events of ``anna``, one of them anonymous, and one of somebody else."""
    client, _ = own
    events = [
        {
            "type": "view",
            "user_id": "anna",
            "session_id": "s",
            "product_id": f"red-shoe-{n}",
            "event_id": f"a{n}",
        }
        for n in range(4)
    ]
    events.append({"type": "search", "session_id": "s", "context": {"query": "boots"}, "event_id": "a4"})
    events.append({"type": "view", "user_id": "bert", "product_id": "red-hat-0", "event_id": "b0"})
    assert post(client, *events).json()["accepted"] == 6
    return own


def test_what_is_held_is_handed_out_page_by_page(visited: Own) -> None:
    client, log = visited
    # The lake is a copy of one that others ask for people, too.
    before = log.folder.records("archive").keys()
    found: list[str] = []
    cursor, pages = None, 0
    while pages == 0 or cursor:
        params = {"limit": "2"} | ({"cursor": cursor} if cursor else {})
        page = client.get("/v1/users/anna", params=params).json()
        assert page["total"] == 5
        assert ("record_id" in page) == (pages == 0)
        found += [event["event_id"] for event in page["events"]]
        cursor, pages = page.get("next_cursor"), pages + 1
    assert (found, pages) == ([f"a{n}" for n in range(5)], 3)
    assert len(log.folder.records("archive").keys() - before) == 1
    assert "anna" not in str(page)
    whole = client.get("/v1/users/anna").json()["events"]
    assert whole[4]["query"] == "boots"


def test_a_person_is_erased_and_the_proof_comes_back(visited: Own) -> None:
    client, log = visited
    answer = client.delete("/v1/users/anna", params={"collection": "shop"})
    assert answer.status_code == 200
    proof = Erasure.model_validate(answer.json())
    assert (proof.events, proof.state, proof.digest) == (5, "done", proof.sealed())
    assert client.get("/v1/users/anna").json()["total"] == 0
    assert client.get("/v1/users/bert").json()["total"] == 1
    assert log.proofs() == [proof]
    # The same events again are new ones: nothing of the erased is remembered.
    event = {"type": "view", "user_id": "anna", "product_id": "red-shoe-0", "event_id": "a0"}
    assert post(client, event).json()["accepted"] == 1
    assert client.get("/v1/users/anna").json()["total"] == 1


@pytest.mark.parametrize("user_id", ["a/b", "a%2Fb", "../admin", "ünï", "a b?c#d", "x" * 128, "..", "%00"])
def test_any_id_that_events_may_have_is_found_by_its_path(own: Own, user_id: str) -> None:
    from urllib.parse import quote

    client, _ = own
    accepted = post(client, {"type": "view", "user_id": user_id, "product_id": "p"}).status_code == 202
    assert accepted
    path = quote(user_id, safe="").replace(".", "%2E")
    assert client.get(f"/v1/users/{path}").json()["total"] == 1
    assert client.delete(f"/v1/users/{path}").json()["events"] == 1


@pytest.mark.parametrize("path", ["%00", "x" * 129, "%FF%FE", "a%09b", "%7F", "%ED%A0%80"])
def test_hostile_ids_are_refused(client: TestClient, path: str) -> None:
    for method in ("GET", "DELETE"):
        answer = client.request(method, f"/v1/users/{path}")
        assert answer.status_code == 422, answer.text
        assert answer.json()["field"] == "user_id"


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("cursor=nonsense", 422),
        ("limit=0", 422),
        ("limit=99999", 422),
        ("collection=none", 404),
        ("cursor=W10=", 422),
    ],
)
def test_bad_queries_are_named(client: TestClient, query: str, status: int) -> None:
    assert client.get(f"/v1/users/u?{query}").status_code == status


def test_no_id_is_no_route(client: TestClient) -> None:
    assert client.get("/v1/users").status_code == 404
    assert client.delete("/v1/users/").status_code == 422
    assert client.get("/v1/users/a%0Ab").status_code in (404, 422)
    assert client.post("/v1/users/u").status_code == 405


@pytest.mark.parametrize(
    "held",
    ["1", "null", "[]", "[1, 2]", '["x", "y"]', '["2026-01-01", "\\ud800"]', "[" * 400, '{"a": 1, "b": 2}'],
)
def test_a_cursor_that_was_made_up_is_told(visited: Own, held: str) -> None:
    client, _ = visited
    for cursor in (base64.urlsafe_b64encode(held.encode()).decode(), held, "é"):
        answer = client.get("/v1/users/anna", params={"cursor": cursor})
        assert answer.status_code == 422, answer.text
        assert answer.json()["field"] == "cursor"


@pytest.mark.parametrize("moment", ["0001-01-01T00:00:00", "2026-01-01", "9999-12-31T23:59:59.999999+14:00"])
def test_a_cursor_of_any_moment_has_a_page(visited: Own, moment: str) -> None:
    client, _ = visited
    cursor = base64.urlsafe_b64encode(json.dumps([moment, "a"]).encode()).decode()
    found = client.get("/v1/users/anna", params={"cursor": cursor}).json()
    assert found["total"] == 5
    assert len(found["events"]) == (0 if moment.startswith("9999") else 5)


def test_events_of_one_moment_are_on_one_page_each(own: Own) -> None:
    client, _ = own
    post(client, *({"type": "search", "user_id": "cleo", "event_id": f"é{n}"} for n in range(5)))
    found: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        page = client.get(
            "/v1/users/cleo", params={"limit": 2} | ({"cursor": cursor} if cursor else {})
        ).json()
        found += [event["event_id"] for event in page["events"]]
        cursor = page.get("next_cursor")
    assert found == [f"é{n}" for n in range(5)]


def test_who_asks_for_too_many_at_once_is_told_to_come_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = threading.Event()
    monkeypatch.setattr(People, "_export", lambda *_: held.wait(10))
    people = People(open_lake(Settings(lake=LakeSettings(uri=str(tmp_path)))))

    async def many() -> list[object]:
        asked = [asyncio.ensure_future(people.export("shop", f"u{n}", 1, None)) for n in range(40)]
        await asyncio.sleep(0.05)
        held.set()
        return await asyncio.gather(*asked, return_exceptions=True)

    found = asyncio.run(many())
    assert sum(isinstance(each, NotReady) for each in found) == 8
    assert asyncio.run(people.export("shop", "u", 1, None))
    people.close()
