"""From a bid to its charge over HTTP: a list with a place that is sold, a click on it, and who pays."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from mmpipe.objects import open_store
from mmpipe.recommend.sponsored import BidFile
from mmpipe.recommend.sponsored.charges import Charge, Charges
from mmpipe.settings import LakeSettings, Settings, SponsoredSettings
from tests.serve.conftest import make_app, make_service

BIDS = [
    {"product_id": "blue-shoe-7", "bid": "2 USD", "daily_budget": "5 USD"},
    {"product_id": "red-bag-3", "bid": "1 USD", "daily_budget": "5 USD"},
    {"product_id": "red-bag-9", "bid": "3 USD", "daily_budget": "5 USD"},  # sold out
]
WANTED = {"kind": "similar", "product_ids": ["red-shoe-1"], "limit": 5, "sponsored": 1}


@pytest.fixture(scope="module")
def lake(shop: tuple[Path, Settings], tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Settings]:
    """A copy of the shop's lake, with bids."""
    folder = tmp_path_factory.mktemp("sponsored") / "lake"
    shutil.copytree(shop[0] / "lake", folder)
    places = SponsoredSettings(enabled=True, relevance=0.0, poll_seconds=0.1)
    settings = shop[1].model_copy(update={"lake": LakeSettings(uri=str(folder)), "sponsored": places})
    uri = f"file://{folder}/shop"
    BidFile(open_store(uri), uri).replace("\n".join(map(json.dumps, BIDS)).encode())
    return uri, settings


@pytest.fixture(scope="module")
def selling(lake: tuple[str, Settings]) -> Iterator[TestClient]:
    with TestClient(make_app(make_service(lake[1])), raise_server_exceptions=False) as client:
        # Bids are read a moment after the first question.
        until = time.monotonic() + 60
        while _list(client)["query_id"] is None and time.monotonic() < until:
            time.sleep(0.05)
        yield client


def _list(client: TestClient, **more: Any) -> dict[str, Any]:
    answer = client.post("/v1/recommendations", json={"lists": [{**WANTED, **more}]})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()["lists"][0]
    return found


def _charges(uri: str) -> list[Charge]:
    today = datetime.now(UTC).date()
    days = (today - timedelta(days=1), today)  # midnight may have passed since
    return [charge for day in days for charge in Charges(open_store(uri), uri).of_day(day.isoformat())]


def _clicked(client: TestClient, event_id: str, product_id: str, query_id: str) -> None:
    event = {
        "event_id": event_id,
        "type": "search-click",
        "session_id": "s",
        "product_id": product_id,
        "context": {"query_id": query_id},
    }
    assert client.post("/v1/interactions", json={"interactions": [event]}).status_code == 202


def test_a_sold_place_is_marked_and_a_click_pays_once(
    selling: TestClient, lake: tuple[str, Settings]
) -> None:
    found = _list(selling)
    sold = [item for item in found["items"] if item["sponsored"]]
    assert [item["id"] for item in sold] == ["blue-shoe-7"]
    assert found["items"][0] == sold[0]
    assert len({item["id"] for item in found["items"]}) == 5
    plain = _list(selling, sponsored=0)
    assert plain["query_id"] is None
    assert not any(item["sponsored"] for item in plain["items"])

    for event_id in ("c1", "c1", "c2"):
        _clicked(selling, event_id, "blue-shoe-7", found["query_id"])
    _clicked(selling, "c3", found["items"][1]["id"], found["query_id"])
    _clicked(selling, "c4", "blue-shoe-7", "somebody's own id")
    until = time.monotonic() + 60
    while not _charges(lake[0]) and time.monotonic() < until:
        time.sleep(0.05)
    time.sleep(0.3)  # what else might be charged
    (charge,) = _charges(lake[0])
    # The second price: what red-bag-3 bids.
    assert (charge.product_id, charge.price, charge.currency) == ("blue-shoe-7", 1_000_000, "USD")


def test_no_place_is_sold_unless_it_is_switched_on(client: TestClient) -> None:
    found = _list(client, sponsored=3)
    assert found["query_id"] is None
    assert not any(item["sponsored"] for item in found["items"])
