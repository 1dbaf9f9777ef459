"""``POST /v1/recommendations`` and personalised search over HTTP: fresh at every replica, never a 5xx."""

from __future__ import annotations

import asyncio
import json
import shutil
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st
from starlette.testclient import TestClient

from mmpipe.errors import InvalidRequest
from mmpipe.lake import open_lake
from mmpipe.objects import open_store
from mmpipe.recommend.sponsored import BidFile
from mmpipe.recommend.sponsored.charges import Charges
from mmpipe.schemas.recommend import KINDS, RecommendationsRequest
from mmpipe.schemas.search import SearchRequest
from mmpipe.serve.answer.recommendations import Recommendations
from mmpipe.settings import InteractionSettings, Settings, SponsoredSettings
from tests.serve.conftest import InProcessWork, make_app, make_service, order_for, write_feed

_JSON = {"content-type": "application/json"}


@pytest.fixture(scope="module")
def lake(shop: tuple[Path, Settings], tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Settings]:
    """A copy of the shop's lake, for events."""
    folder = tmp_path_factory.mktemp("recommendations")
    shutil.copytree(shop[0] / "lake", folder / "lake")
    settings = shop[1].model_copy(
        update={
            "lake": shop[1].lake.model_copy(update={"uri": str(folder / "lake")}),
            "interactions": InteractionSettings(write_seconds=0.02),
        }
    )
    return folder, settings


@pytest.fixture(scope="module")
def replicas(lake: tuple[Path, Settings]) -> Iterator[tuple[TestClient, TestClient]]:
    """Two replicas of one lake."""
    services = [make_service(lake[1]) for _ in range(2)]
    with (
        TestClient(make_app(services[0], "a"), raise_server_exceptions=False) as first,
        TestClient(make_app(services[1], "b"), raise_server_exceptions=False) as second,
    ):
        yield first, second
    for service in services:
        service.close()


def acts(client: TestClient, *events: dict[str, Any]) -> None:
    answer = client.post("/v1/interactions", json={"interactions": list(events)})
    assert answer.status_code == 202, answer.text
    assert answer.json()["accepted"] == len(events)


def asks(client: TestClient, **body: Any) -> dict[str, Any]:
    answer = client.post("/v1/recommendations", json=body)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def soon(look: Callable[[], bool]) -> None:
    """Until ``look`` is true."""
    until = time.monotonic() + 60
    while not look():
        assert time.monotonic() < until, "nothing changed"
        time.sleep(0.01)


def black_places(found: dict[str, Any]) -> int:
    """The sum of the places of what is black."""
    return sum(place for place, hit in enumerate(found["hits"]) if hit["color"] == "black")


def test_an_event_changes_lists_here_at_once_and_elsewhere_soon(
    replicas: tuple[TestClient, TestClient],
) -> None:
    here, there = replicas
    who = {"user_id": "fresh", "session_id": "fresh-visit"}
    before = {kind: asks(there, **who, kind=kind)["lists"][0] for kind in ("session", "for_you")}
    assert before["session"]["fallback"].startswith("nothing was done in this visit yet")
    searched = there.get("/v1/search", params={"q": "bag", "user_id": "fresh", "limit": 40}).json()
    assert "personalised" not in searched
    acts(here, *({**who, "type": "view", "product_id": f"black-hat-{n}"} for n in range(3)))
    at_once = asks(here, **who, kind="session")["lists"][0]
    assert at_once["fallback"] is None
    assert at_once["items"][0]["why"][0]["product_id"] in {"black-hat-0", "black-hat-1", "black-hat-2"}

    def changed() -> bool:
        return all(asks(there, **who, kind=kind)["lists"][0]["fallback"] is None for kind in before)

    soon(changed)
    for kind in before:
        found = asks(there, **who, kind=kind)["lists"][0]
        assert found["items"] != before[kind]["items"]
        assert [item["id"] for item in found["items"]] == [
            item["id"] for item in asks(here, **who, kind=kind)["lists"][0]["items"]
        ]
    leaning = there.get("/v1/search", params={"q": "bag", "user_id": "fresh", "limit": 40}).json()
    assert leaning["personalised"] is True
    assert black_places(leaning) < black_places(searched)
    for hit in leaning["hits"]:
        assert sum(hit["scores"].values()) == pytest.approx(hit["score"], abs=1e-9)


def test_a_replica_that_starts_knows_what_was_done(
    replicas: tuple[TestClient, TestClient], lake: tuple[Path, Settings]
) -> None:
    acts(replicas[0], {"user_id": "before", "type": "like", "product_id": "green-shoe-4"})
    service = make_service(lake[1])
    with TestClient(make_app(service)) as later:
        assert asks(later, user_id="before", kind="for_you")["lists"][0]["fallback"] is None
    service.close()


def test_what_is_sent_together_happened_in_its_order(replicas: tuple[TestClient, TestClient]) -> None:
    here, _ = replicas
    looked = [f"blue-shoe-{n}" for n in range(9)]
    acts(here, *({"user_id": "orderly", "type": "view", "product_id": each} for each in looked))
    (found,) = asks(here, user_id="orderly", kind="recently_viewed")["lists"]
    assert [item["id"] for item in found["items"]] == looked[::-1]
    acts(
        here,
        *({"user_id": "orderly", "type": kind, "product_id": "blue-shoe-3"} for kind in ("like", "dislike")),
    )
    (found,) = asks(here, user_id="orderly", kind="recently_viewed")["lists"]
    assert "blue-shoe-3" not in {item["id"] for item in found["items"]}


def test_search_without_a_shopper_is_what_it_was(replicas: tuple[TestClient, TestClient]) -> None:
    def plain(**more: Any) -> dict[str, Any]:
        asked = {"text": "red shoe", "understand": "off", "limit": 100, **more}
        found: dict[str, Any] = replicas[0].post("/v1/search", json=asked).json()
        for name in ("took_ms", "query_id"):
            found.pop(name)
        return found

    acts(replicas[0], {"user_id": "leaning", "type": "like", "product_id": "blue-bag-0"})
    everybody = plain()
    assert "personalised" not in everybody
    # What is a shoe is lifted, whoever asks.
    assert set(everybody["hits"][0]["scores"]) == {"lexical", "text", "image", "audio", "video", "boosts"}
    assert plain(user_id="leaning", personalise=False) == everybody
    assert plain(user_id="nobody knows") == everybody
    assert plain(user_id="leaning") != everybody


def test_a_new_product_is_recommended_as_soon_as_it_is_live(lake: tuple[Path, Settings]) -> None:
    folder, settings = lake
    service = make_service(settings)
    with TestClient(make_app(service)) as client:
        acts(client, {"session_id": "early", "type": "view", "product_id": "green-bag-0"})
        row = {
            "id": "new-green-bag",
            "title": "Green bag, the newest",
            "price": "12.00 USD",
            "product_type": "Accessories > Bags",
            "color": "green",
        }
        feed = write_feed(folder, "new.jsonl", [row])
        outcomes = InProcessWork(settings).indexer.execute([order_for(feed, settings)])
        assert [outcome.status for outcome in outcomes] == ["done"]

        def shown() -> bool:
            found = asks(client, session_id="early", kind="session", limit=100)["lists"][0]
            return "new-green-bag" in {item["id"] for item in found["items"]}

        soon(shown)
        newest = asks(client, kind="new_arrivals", limit=1)["lists"][0]["items"][0]
        assert newest["id"] == "new-green-bag"
    service.close()


def test_who_is_erased_is_not_known_any_more(replicas: tuple[TestClient, TestClient]) -> None:
    here, there = replicas
    acts(here, {"user_id": "leaves", "type": "like", "product_id": "red-hat-1"})
    soon(lambda: asks(there, user_id="leaves", kind="for_you")["lists"][0]["fallback"] is None)
    assert here.delete("/v1/users/leaves").status_code == 200
    assert asks(here, user_id="leaves", kind="for_you")["lists"][0]["fallback"] is not None
    soon(lambda: asks(there, user_id="leaves", kind="for_you")["lists"][0]["fallback"] is not None)


def test_who_was_erased_may_come_back_with_the_same_event_to_any_replica(
    replicas: tuple[TestClient, TestClient],
) -> None:
    here, there = replicas
    event = {"user_id": "returns", "type": "like", "product_id": "red-hat-1", "event_id": "returns-1"}
    acts(there, event)
    assert here.delete("/v1/users/returns").json()["events"] == 1
    soon(lambda: there.post("/v1/interactions", json={"interactions": [event]}).json()["accepted"] == 1)
    assert here.get("/v1/users/returns").json()["total"] == 1
    for replica in replicas:

        def known(replica: TestClient = replica) -> bool:
            return asks(replica, user_id="returns", kind="for_you")["lists"][0]["fallback"] is None

        soon(known)


@pytest.mark.parametrize(
    ("body", "status", "kind", "field"),
    [
        (b"{", 400, "malformed-request", "body"),
        (b"[]", 422, "invalid-request", "body"),
        (b"{}", 422, "invalid-request", "body"),
        (b'{"kind": "popular", "diversity": NaN}', 422, "invalid-request", "diversity"),
        (b'{"kind": "popular", "explore": Infinity}', 422, "invalid-request", "explore"),
        (b'{"kind": "popular", "user_id": "\\ud800"}', 400, "malformed-request", "body"),
        (b'{"kind": "popular", "limit": 1e30}', 422, "invalid-request", "limit"),
        (b'{"kind": "similar", "product_ids": ["nobody"]}', 404, "unknown-product", None),
        (b'{"kind": "similar"}', 422, "invalid-request", "product_ids"),
        (b'{"kind": "popular", "collection": "nothing"}', 404, "unknown-collection", None),
    ],
)
def test_bad_requests_are_told(
    client: TestClient, body: bytes, status: int, kind: str, field: str | None
) -> None:
    answer = client.post("/v1/recommendations", content=body, headers=_JSON)
    assert answer.status_code == status, answer.text
    problem = answer.json()
    assert problem["type"] == f"urn:mmpipe:problem:{kind}"
    assert problem.get("field") == field


_PLAIN = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
_VALUES = (
    _PLAIN
    | st.lists(_PLAIN, max_size=3)
    | st.dictionaries(st.text(max_size=8), _PLAIN | st.lists(_PLAIN, max_size=2), max_size=3)
)
_IDS = st.sampled_from(["red-shoe-0", "blue-bag-3", "nobody", "\x00", "'; drop", "🎈" * 30]) | st.text(
    max_size=130
)
_PLAUSIBLE = st.fixed_dictionaries(
    {"kind": st.sampled_from(KINDS)},
    optional={
        "user_id": _IDS,
        "session_id": _IDS,
        "product_ids": st.lists(_IDS, max_size=3),
        "limit": st.integers(0, 101),
        "diversity": st.floats(0, 1),
        "explore": st.floats(0, 1),
        "lang": st.sampled_from(["en", "zh"]),
        "exclude": st.fixed_dictionaries(
            {}, optional={"product_ids": st.lists(_IDS, max_size=3), "seen": st.booleans()}
        ),
        "filters": st.dictionaries(
            st.sampled_from(["price", "brand", "color", "attributes"]), _VALUES, max_size=2
        ),
    },
)


@examples(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(body=_PLAUSIBLE | _VALUES)
def test_no_body_is_answered_by_a_5xx(client: TestClient, body: Any) -> None:
    answer = client.post("/v1/recommendations", content=json.dumps(body), headers=_JSON)
    assert answer.status_code < 500, answer.text
    if answer.status_code == 200:
        (found,) = answer.json()["lists"]
        for item in found["items"]:
            assert sum(why["part"] for why in item["why"]) == pytest.approx(item["score"], abs=1e-6)


def test_a_split_collection_says_which_setting_keeps_lists_away(lake: tuple[Path, Settings]) -> None:
    made = Recommendations(lake[1], open_lake(lake[1]), lambda _: None)
    split = SimpleNamespace(whole=None, collection="shop")
    for body, field in (({"kind": "popular"}, "kind"), ({"lists": [{"kind": "similar"}]}, "lists")):
        with pytest.raises(InvalidRequest, match="MMPIPE_SERVE__SHARDS to 1") as error:
            asyncio.run(made.answer(split, RecommendationsRequest.model_validate(body)))
        assert error.value.field == field
    search = SearchRequest(text="hat", user_id="u")
    assert asyncio.run(made.taste(split, search)) is None


def test_a_key_that_cannot_be_read_leaves_searches_as_they_are(
    lake: tuple[Path, Settings], tmp_path: Path
) -> None:
    shutil.copytree(lake[0] / "lake", tmp_path / "lake")
    (tmp_path / "lake" / "_keys" / "pseudonyms").write_bytes(b"")
    uri = {"uri": str(tmp_path / "lake")}
    service = make_service(lake[1].model_copy(update={"lake": lake[1].lake.model_copy(update=uri)}))
    with TestClient(make_app(service), raise_server_exceptions=False) as client:
        found = client.get("/v1/search", params={"q": "bag", "user_id": "u"})
        assert found.status_code == 200
        assert "personalised" not in found.json()
        for answer in (
            client.post("/v1/recommendations", json={"kind": "for_you", "user_id": "u"}),
            client.post("/v1/interactions", json={"type": "view", "user_id": "u", "product_id": "p"}),
            client.delete("/v1/users/u"),
        ):
            assert answer.status_code == 503, answer.text
        assert client.post("/v1/recommendations", json={"kind": "popular"}).status_code == 200
    service.close()


def test_a_click_on_a_place_that_is_paid_for_is_charged(lake: tuple[Path, Settings]) -> None:
    settings = lake[1].model_copy(update={"sponsored": SponsoredSettings(enabled=True, poll_seconds=0.1)})
    uri = f"{open_lake(settings).uri}/shop"
    store = open_store(uri, settings.storage)
    BidFile(store, uri).replace(b'{"product_id": "black-bag-3", "bid": "0.50 USD", "daily_budget": "10 USD"}')
    service = make_service(settings)
    with TestClient(make_app(service)) as client:
        body = {
            "user_id": "buyer",
            "lists": [{"kind": "similar", "product_ids": ["black-bag-0"], "sponsored": 1}],
        }

        def sold() -> bool:
            return asks(client, **body)["lists"][0]["query_id"] is not None

        soon(sold)
        found = asks(client, **body)["lists"][0]
        assert (found["items"][0]["id"], found["items"][0]["sponsored"]) == ("black-bag-3", True)
        click = {"type": "search-click", "user_id": "buyer", "product_id": "black-bag-3"}
        acts(client, {**click, "context": {"query_id": found["query_id"], "position": 0}})
        today = datetime.now(UTC).date().isoformat()
        soon(lambda: len(list(Charges(store, uri).of_day(today))) == 1)
    service.close()


def test_events_of_any_clock_and_size_do_no_harm(replicas: tuple[TestClient, TestClient]) -> None:
    here, _ = replicas
    events = [
        {"type": "view", "user_id": "odd", "product_id": "red-bag-0", "time": "1970-01-01T00:00:00Z"},
        {"type": "view", "user_id": "odd", "product_id": "red-bag-1", "time": "2100-01-01T00:00:00Z"},
        {"type": "view", "user_id": "odd", "product_id": "red-bag-2"},
    ]
    answer = here.post("/v1/interactions", json={"interactions": events})
    assert answer.status_code == 202
    assert answer.json()["accepted"] == 1
    many = [{"type": "view", "user_id": "odd", "product_id": f"red-shoe-{n % 9}"} for n in range(1_000)]
    for _ in range(3):
        assert here.post("/v1/interactions", json={"interactions": many}).status_code == 202
    found = asks(here, user_id="odd", kind="for_you")["lists"][0]
    assert found["fallback"] is None
    assert len(found["items"]) == 10
