"""``POST /v1/interactions``: each event judged alone, stored before its 202, counted once."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from mmpipe.errors import StorageUnavailable
from mmpipe.lake import open_lake
from mmpipe.lake.interactions import InteractionLog
from mmpipe.settings import InteractionSettings, Settings
from tests.serve.conftest import make_app, make_service

VIEW = {"type": "view", "user_id": "u-secret", "session_id": "s-secret", "product_id": "red-shoe-0"}


@pytest.fixture
def own(shop: tuple[Path, Settings], tmp_path: Path) -> Iterator[tuple[TestClient, InteractionLog]]:
    """A replica over the shop, whose events go to a collection of this test's own copy."""
    import shutil

    shutil.copytree(shop[0] / "lake", tmp_path / "lake")
    settings = shop[1].model_copy(
        update={
            "lake": shop[1].lake.model_copy(update={"uri": str(tmp_path / "lake")}),
            "interactions": InteractionSettings(write_seconds=0.02),
        }
    )
    service = make_service(settings)
    with TestClient(make_app(service), raise_server_exceptions=False) as client:
        yield client, open_lake(settings).collection("shop").interactions
    service.close()


def post(client: TestClient, *events: Any, **more: Any) -> Any:
    return client.post("/v1/interactions", json={"interactions": list(events), **more})


def test_each_event_is_judged_alone(own: tuple[TestClient, InteractionLog]) -> None:
    client, log = own
    answer = post(
        client,
        {**VIEW, "event_id": "a"},
        {"type": "stare", "user_id": "u", "event_id": "b"},
        {**VIEW, "product_id": "nothing-like-that"},
        {"type": "search_click", "session_id": "s", "product_id": "red-shoe-1", "context": {"position": 2}},
        7,
    )
    assert answer.status_code == 202, answer.text
    body = answer.json()
    assert {name: body[name] for name in ("accepted", "duplicates", "unknown_products")} == {
        "accepted": 3,
        "duplicates": 0,
        "unknown_products": 1,
    }
    assert [(entry["index"], entry["event_id"], entry["field"]) for entry in body["rejected"]] == [
        (1, "b", "type"),
        (4, None, "event"),
    ]
    held = log.to_table().to_pylist()
    assert [row["product_id"] for row in held] == ["red-shoe-0", "nothing-like-that", "red-shoe-1"]
    assert [row["type"] for row in held] == ["view", "view", "search-click"]
    assert held[2]["position"] == 2


def test_one_event_may_be_the_body(own: tuple[TestClient, InteractionLog]) -> None:
    client, log = own
    answer = client.post("/v1/interactions", json={**VIEW, "collection": "shop"})
    assert (answer.status_code, answer.json()["accepted"]) == (202, 1)
    assert log.count() == 1
    bad = client.post("/v1/interactions", json={"type": "view", "user_id": "u"})
    assert (bad.status_code, bad.json()["field"]) == (422, "product_id")


def test_the_same_event_twice_counts_once(own: tuple[TestClient, InteractionLog]) -> None:
    client, log = own
    event = {**VIEW, "event_id": "a"}
    assert post(client, event, event).json()["accepted"] == 1
    answer = post(client, event, {**VIEW, "event_id": "b"}).json()
    assert (answer["accepted"], answer["duplicates"]) == (1, 1)
    # All of them again is no error: whoever lost the answer learns that they are stored.
    again = post(client, event)
    assert (again.status_code, again.json()["accepted"], again.json()["duplicates"]) == (202, 0, 1)
    assert log.count() == 2


def test_nobody_is_named_in_what_is_stored_logged_or_measured(
    own: tuple[TestClient, InteractionLog], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    client, log = own
    caplog.set_level(logging.DEBUG)
    post(client, VIEW, {**VIEW, "time": "never"})
    client.get("/v1/users/u-secret")
    client.delete("/v1/users/u-secret")
    assert "u-secret" not in client.get("/metrics").text
    ours = " ".join(str(vars(record)) for record in caplog.records if record.name.startswith("mmpipe"))
    assert "-secret" not in ours
    for path in (tmp_path / "lake" / "shop" / "interactions").rglob("*"):
        assert not path.is_file() or b"-secret" not in path.read_bytes()
    assert len(log.proofs()) == 1


def test_metrics_say_what_the_replica_knows_of_shoppers(own: tuple[TestClient, InteractionLog]) -> None:
    client, _ = own
    post(client, VIEW)
    told = {
        line.split("{")[0] + ("/" + line.split('what="')[1].split('"')[0] if "what=" in line else ""): line
        for line in client.get("/metrics").text.splitlines()
        if "shop" in line and not line.startswith("#")
    }
    assert told["mmpipe_interactions_known"].endswith(" 1.0")
    assert told["mmpipe_recommender_generation"].endswith(" 0.0")
    assert told["mmpipe_follow_faults/interactions"].endswith(" 0.0")
    assert told["mmpipe_follow_faults/recommender"].endswith(" 0.0")


def test_many_callers_share_an_object(own: tuple[TestClient, InteractionLog]) -> None:
    client, log = own
    with ThreadPoolExecutor(16) as pool:
        answers = list(
            pool.map(lambda n: post(client, *[{**VIEW, "event_id": f"{n}-{m}"} for m in range(5)]), range(48))
        )
    assert {answer.status_code for answer in answers} == {202}
    assert log.count() == 240
    assert len(log.segments()) < 30


def test_what_is_not_stored_is_not_accepted(
    own: tuple[TestClient, InteractionLog], monkeypatch: pytest.MonkeyPatch
) -> None:
    client, log = own
    event = {**VIEW, "event_id": "a"}

    def fails(*_: object, **__: object) -> None:
        raise StorageUnavailable("down")

    with monkeypatch.context() as patch:
        patch.setattr(InteractionLog, "append", fails)
        assert post(client, event).status_code == 503
    answer = post(client, event).json()
    assert (answer["accepted"], answer["duplicates"]) == (1, 0)
    assert log.count() == 1


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"{", 400),
        (b"[]", 422),
        (b"null", 422),
        (b'{"interactions": [{}]}', 422),
        (b'{"interactions": [], "x": 1}', 422),
        (json.dumps({"interactions": [VIEW] * 1001}).encode(), 422),
        (b'{"interactions": [{"type": "view", "user_id": "\\ud800", "product_id": "p"}]}', 400),
        (b'{"interactions": [' + b"[" * 5000 + b"]" * 5000 + b"]}", 400),
        (b'{"interactions": [{"type": "rating", "rating": NaN, "user_id": "u", "product_id": "p"}]}', 422),
        (
            b'{"interactions": [{"type": "purchase", "quantity": 1e400, "user_id": "u", "product_id": "p"}]}',
            422,
        ),
    ],
)
def test_hostile_bodies_are_the_callers_fault(client: TestClient, body: bytes, status: int) -> None:
    answer = client.post("/v1/interactions", content=body, headers={"content-type": "application/json"})
    assert answer.status_code == status, answer.text
    assert answer.json()["detail"]
