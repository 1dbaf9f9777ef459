"""Two tenants of one service: a key of one collection sees nothing of the other, by any route there is.

What a route is called with stands in :data:`CALLS`; a route that does not stand there fails
``test_every_route_is_tried``.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from typing import Any

import pytest
from PIL import Image
from starlette.testclient import TestClient

from mmpipe.events.layout import Place
from mmpipe.indexing.lanes.reviews import execute_reviews
from mmpipe.lake import open_lake
from mmpipe.serve.answer import tenancy
from mmpipe.serve.answer.service import QueryService
from mmpipe.serve.http.key_entries import SCOPES
from mmpipe.serve.operations.progress import id_of
from tests.serve.conftest import InProcessWork, make_app, make_service, order_for, settings_for
from tests.serve.held_keys import bearer, entry, held
from tests.serve.test_api_keys import every_route

A, B, BOTH, ALL = "a-key-0123456789", "b-key-0123456789", "both-key-0123456789", "all-key-0123456789"
SECRET = "zebrafish"
"""A word that only the other collection holds: in its products, rules, synonyms, events and queries."""
EVENT = {"type": "view", "user_id": SECRET, "session_id": "s", "product_id": f"{SECRET}-1", "event_id": "e1"}
RULE = {"name": SECRET, "banner": SECRET}

Call = tuple[dict[str, Any], Any]
"""Query parameters, and a JSON body or the body as it is; ``{c}`` is the collection, what else is in braces
is of ``berta``."""
CALLS: dict[tuple[str, str], Call] = {
    ("GET", "/v1/search"): ({"collection": "{c}", "q": SECRET}, None),
    ("POST", "/v1/search"): ({}, {"collection": "{c}", "text": SECRET}),
    ("GET", "/v1/suggest"): ({"collection": "{c}", "q": SECRET[:4]}, None),
    ("GET", "/v1/products/{product_id}"): ({"collection": "{c}"}, None),
    ("GET", "/v1/products/{product_id}/similar"): ({"collection": "{c}"}, None),
    ("GET", "/v1/products/{product_id}/reviews"): ({"collection": "{c}"}, None),
    ("GET", "/v1/products/{product_id}/media/{kind}/{number}"): ({"collection": "{c}"}, None),
    ("GET", "/v1/products/{product_id}/reviews/photos/{photo}"): ({"collection": "{c}"}, None),
    ("POST", "/v1/assistant"): ({}, {"collection": "{c}", "text": SECRET}),
    ("POST", "/v1/interactions"): ({}, {"collection": "{c}", "interactions": [EVENT]}),
    ("POST", "/v1/recommendations"): ({}, {"collection": "{c}", "kind": "popular", "user_id": SECRET}),
    ("GET", "/v1/users/{user_id}"): ({"collection": "{c}"}, None),
    ("DELETE", "/v1/users/{user_id}"): ({"collection": "{c}"}, None),
    ("GET", "/v1/stock"): ({"collection": "{c}"}, None),
    ("GET", "/v1/analytics"): ({"collection": "{c}"}, None),
    ("GET", "/v1/rules"): ({"collection": "{c}"}, None),
    ("PUT", "/v1/rules"): ({"collection": "{c}"}, {"rules": [RULE]}),
    ("GET", "/v1/rules/versions"): ({"collection": "{c}"}, None),
    ("POST", "/v1/rules/preview"): ({}, {"search": {"collection": "{c}", "text": SECRET}, "rules": [RULE]}),
    ("GET", "/v1/synonyms"): ({"collection": "{c}"}, None),
    ("PUT", "/v1/synonyms"): ({"collection": "{c}"}, b"fish => zebrafish\n"),
    ("PUT", "/v1/uploads/{section}/{name}"): ({"collection": "{c}"}, b"id,title\n1,zebrafish\n"),
    ("GET", "/v1/uploads"): ({"collection": "{c}"}, None),
    ("GET", "/v1/uploads/{upload_id}"): ({"collection": "{c}"}, None),
    ("GET", "/v1/rejects"): ({"collection": "{c}"}, None),
    ("POST", "/v1/rejects/{reject_id}/replay"): ({"collection": "{c}"}, {}),
    ("GET", "/v1/status"): ({"collection": "{c}"}, None),
    ("POST", "/v1/live/rollback"): ({"collection": "{c}"}, {"generation": "{generation}"}),
    ("POST", "/v1/live/promote"): ({"collection": "{c}"}, {"generation": "{generation}", "table": "{table}"}),
}
# Agents name none: see tests/serve/ucp/test_doors.py.
_AGENTS = {("POST", f"/ucp/catalog/{name}") for name in ("search", "lookup", "product")}
OF_NO_COLLECTION = {("GET", "/v1/collections"), ("GET", "/metrics")} | _AGENTS


@pytest.fixture(scope="module")
def tenants(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """Collections ``alba`` and ``berta`` in one lake, a key for each, one for both and one for every."""
    folder = tmp_path_factory.mktemp("tenants")
    scopes = [scope for scope in SCOPES if scope != "metrics"]
    keys = held(
        a=entry(A, scopes, ["alba"]),
        b=entry(B, scopes, ["berta"]),
        both=entry(BOTH, scopes, ["alba", "berta"]),
        all=ALL,
    )
    settings = settings_for(folder, api_keys=keys, uploads=True)
    work = InProcessWork(settings).indexer
    for name, word in (("alba", "herring"), ("berta", SECRET)):
        rows = [
            {"id": f"{word}-{n}", "title": f"A {word} of {name}, number {n}", "price": f"{n + 1}.00 USD",
             "image_link": "media/all.png"}
            for n in range(12)
        ]  # fmt: skip
        feed = folder / name / "feeds" / "all.jsonl"
        feed.parent.mkdir(parents=True)
        (folder / name / "media").mkdir()
        Image.new("RGB", (8, 8), "teal").save(folder / name / "media" / "all.png")
        feed.write_text("".join(json.dumps(row) + "\n" for row in rows))
        for more in ("", json.dumps({"id": f"{word}-12", "title": word, "price": "a fortune"})):
            feed.write_text(feed.read_text() + more)
            order = order_for(feed, settings).model_copy(update={"collection": name})
            assert [each.status for each in work.execute([order])] == ["done"]
        more = {"id": f"{word}-13", "title": f"A {word}", "price": "9.00 USD"}
        feed.with_name("more.jsonl").write_text(json.dumps(more))
        order = order_for(feed.with_name("more.jsonl"), settings).model_copy(update={"collection": name})
        assert [each.status for each in work.execute([order])] == ["done"]
        reviews = folder / name / "reviews" / "taken.jsonl"
        reviews.parent.mkdir()
        Image.new("RGB", (8, 8), "olive").save(folder / name / "media" / "taken.png")
        said = {"product_id": f"{word}-1", "review_id": "r1", "rating": 4, "photos": ["media/taken.png"]}
        reviews.write_text(json.dumps(said))
        lake = open_lake(settings)
        assert execute_reviews(lake, lake.collection(name), reviews).status == "done"
    service = make_service(settings)
    with TestClient(make_app(service), raise_server_exceptions=False) as client:
        for name in CALLS:
            assert call(client, name, "berta", B).status_code < 300, (
                name,
                call(client, name, "berta", B).text,
            )
        yield client
    service.close()
    shutil.rmtree(folder, ignore_errors=True)


def call(client: TestClient, name: tuple[str, str], collection: str, key: str) -> Any:
    """One route, about a collection."""
    method, path = name
    params, body = CALLS[name]
    app: Any = client.app
    held = open_lake(app.state.service.settings).collection("berta")
    live = held.live()
    run = next(run for run in held.runs.list() if run.kind == "feed_uploaded")
    assert live is not None
    assert run.etag is not None
    upload = id_of(Place("berta", "feeds", run.source_uri.rpartition("/")[2]), run.etag)
    (reject,) = held.rejects.list(limit=1)
    of_berta = {"product_id": f"{SECRET}-1", "user_id": SECRET, "section": "feeds", "name": "new.csv"}
    of_berta |= {"upload_id": upload, "reject_id": reject.reject_id, "kind": "image", "number": "0"}
    photos = held.review_photos(held.table(live.table).profile)
    (photo,) = photos.newest(f"{SECRET}-1", 9)
    of_berta["photo"] = photo.photo
    for place, value in of_berta.items():
        path = path.replace("{" + place + "}", value)

    def filled(value: Any) -> Any:
        text = json.dumps(value).replace("{c}", collection).replace("{table}", live.table)
        return json.loads(text.replace('"{generation}"', str(live.generation)))

    more: dict[str, Any] = {"content": body} if isinstance(body, bytes) else {}
    if body is not None and not more:
        more = {"json": filled(body)}
    headers = bearer(key) | ({"content-type": "text/plain"} if isinstance(body, bytes) else {})
    return client.request(method, path, params=filled(params), headers=headers, **more)


def test_every_route_is_tried(tenants: TestClient) -> None:
    assert set(every_route(tenants)) == set(CALLS) | OF_NO_COLLECTION


@pytest.mark.parametrize("name", CALLS)
def test_anothers_collection_is_as_none_at_all(tenants: TestClient, name: tuple[str, str]) -> None:
    others = call(tenants, name, "berta", A)
    none = call(tenants, name, "nowhere", A)
    assert (others.status_code, none.status_code) == (404, 404), others.text
    told, like = others.json(), none.json()
    assert told["type"] == "urn:mmpipe:problem:unknown-collection"
    assert told["detail"] == like["detail"].replace("nowhere", "berta"), "in the same words"
    assert dict(others.headers).keys() == dict(none.headers).keys()
    assert SECRET not in others.text


@pytest.mark.parametrize("name", [name for name in CALLS if name[0] == "GET"])
def test_what_is_asked_of_ones_own_holds_nothing_of_the_other(
    tenants: TestClient, name: tuple[str, str]
) -> None:
    answer = call(tenants, name, "alba", A)
    assert answer.status_code in (200, 404), answer.text
    asked = f"/{SECRET}-1" in name[1] or answer.status_code == 404
    # The words of the question itself may come back.
    text = answer.text.replace(json.dumps(SECRET), "").replace(f"'{SECRET}-1'", "")
    assert asked or SECRET not in text
    assert "berta" not in text


def test_the_store_is_not_asked_about_anothers(tenants: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    app: Any = tenants.app
    service: QueryService = app.state.service

    def looked_up(*_: Any, **__: Any) -> Any:
        raise AssertionError("looked up")

    source: Any = service._source
    monkeypatch.setattr(source._versions, "get", looked_up)
    assert call(tenants, ("GET", "/v1/rules"), "alba", A).status_code == 500, "it is what looks up"
    for name in CALLS:
        assert call(tenants, name, "berta", A).status_code == 404, name


def test_without_a_name_it_is_ones_own(tenants: TestClient) -> None:
    for key, word in ((A, "herring"), (B, SECRET)):
        found = tenants.get("/v1/search", params={"q": "number 3"}, headers=bearer(key)).json()
        assert found["total"] > 0
        assert all(hit["id"].startswith(word) for hit in found["hits"])
    asked = tenants.get("/v1/search", params={"q": "number"}, headers=bearer(BOTH))
    assert (asked.status_code, asked.json()["field"]) == (422, "collection")
    assert "alba, berta" in asked.json()["detail"]


def test_lists_hold_ones_own(tenants: TestClient) -> None:
    def listed(key: str) -> list[str]:
        answer = tenants.get("/v1/collections", headers=bearer(key)).json()
        return [each["collection"] for each in answer["collections"]]

    assert [listed(key) for key in (A, B, BOTH, ALL)] == [["alba"], ["berta"], *[["alba", "berta"]] * 2]
    assert tenants.get("/metrics", headers=bearer(A)).status_code == 403
    assert "berta" in tenants.get("/metrics", headers=bearer(ALL)).text
    assert tenants.get("/readyz").json() == {"status": "ready", "collections": []}


def test_the_lake_as_a_whole_is_told_to_those_who_have_it(tenants: TestClient) -> None:
    for key, whole in ((A, False), (BOTH, False), (ALL, True)):
        told = tenants.get("/v1/status", params={"collection": "alba"}, headers=bearer(key))
        assert told.status_code == 200
        status = told.json()
        found = [status["offered"]["lake"], status["queue"], status["cost"]]
        assert [each is not None for each in found] == [whole] * 3
    nothing = tenants.put("/v1/uploads/feeds/x", content=b"", headers=bearer(A))
    assert str(tenants.app.state.service.settings.lake.uri) not in nothing.text  # type: ignore[attr-defined]


def test_ids_of_the_other_are_ids_of_nothing(tenants: TestClient) -> None:
    page = tenants.get("/v1/search", params={"q": "number", "limit": 2}, headers=bearer(B)).json()
    assert page["next_cursor"]
    gone_on = tenants.get(
        "/v1/search",
        params={"q": "number", "limit": 2, "cursor": page["next_cursor"]},
        headers=bearer(A),
    )
    assert SECRET not in gone_on.text
    for path in ("", "/similar"):
        answer = tenants.get(f"/v1/products/{SECRET}-1{path}", headers=bearer(A))
        assert (answer.status_code, answer.json()["type"]) == (404, "urn:mmpipe:problem:unknown-product")
    click: dict[str, Any] = {"type": "search-click", "session_id": "s", "product_id": f"{SECRET}-1"}
    click["context"] = {"query_id": page["query_id"]}
    told = tenants.post("/v1/interactions", json={"interactions": [click]}, headers=bearer(A)).json()
    assert told.get("unknown_products") == 1, "counted of alba's own log, where nobody knows the product"
    person = tenants.get(f"/v1/users/{SECRET}", headers=bearer(A)).json()
    assert (person["collection"], person["total"]) == ("alba", 0)
    liked = {"like": [f"{SECRET}-1"]}
    assert tenants.post("/v1/search", json=liked, headers=bearer(A)).status_code in (404, 422)


def test_a_request_that_nobody_let_in_has_no_collection() -> None:
    token = tenancy.begin(tenancy.Caller())
    try:
        assert not tenancy.visible("alba")
        for name in ("alba", None):
            with pytest.raises(Exception, match="collection"):
                tenancy.chosen(name)
    finally:
        tenancy.end(token)
    assert tenancy.chosen("alba") == "alba", "no request at all"
    assert tenancy.chosen(None) is None
