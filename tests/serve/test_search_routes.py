"""Searches over HTTP, without Ray: the application of one replica over a small folder lake."""

from __future__ import annotations

import asyncio
import base64
import io
import json
from typing import Any

import httpx
import numpy as np
from PIL import Image
from starlette.testclient import TestClient

from mmpipe.schemas.search import SearchRequest
from mmpipe.search.page import cursor
from mmpipe.serve.http.requests import read_search, search_params
from tests.serve.conftest import png


def test_text_search_finds_filters_counts_and_explains(client: TestClient) -> None:
    answer = client.post(
        "/v1/search",
        json={
            "collection": "shop",
            "text": "red shoe",
            "filters": {"price": {"lte": 50}, "availability": ["in_stock"]},
            "facets": ["brand", "color"],
            "limit": 5,
        },
    )
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/json"
    page = answer.json()
    assert page["hits"][0]["title"].lower().startswith("red shoe")
    assert page["collection"] == "shop"
    assert page["total"] >= len(page["hits"]) > 0
    assert all(float(hit["price"].split()[0]) <= 50 for hit in page["hits"])
    assert sum(f["count"] for f in page["facets"]["color"]) == page["total"]
    split = page["hits"][0]["scores"]
    assert abs(sum(split.values()) - page["hits"][0]["score"]) < 1e-6


def test_get_and_post_give_the_same_page(client: TestClient) -> None:
    posted = client.post(
        "/v1/search",
        json={
            "text": "blue bag",
            "filters": {"brand": ["Acme", "Orbit"], "price": {"gte": 5}},
            "facets": ["brand", "color"],
        },
    ).json()
    got = client.get(
        "/v1/search?q=blue+bag&brand=Acme&brand=Orbit&price_gte=5&facets=brand,color&collection=shop"
    ).json()
    for page in (posted, got):
        page.pop("took_ms")
        following = cursor.decode(page.pop("next_cursor"))
        assert len(page["query_id"]) == 12
        assert following.q == page.pop("query_id"), "later pages are of the same search"
        page["next"] = following.model_copy(update={"q": None})
    assert got == posted
    assert got["hits"]


def test_chinese_text_search(client: TestClient) -> None:
    page = client.get("/v1/search", params={"q": "绿色 帽子"}).json()
    assert "hat" in page["hits"][0]["title"].lower()


def test_attributes_filter_in_the_query_string(client: TestClient) -> None:
    page = client.get("/v1/search", params={"attribute": "sole=rubber", "limit": 100}).json()
    assert page["total"] > 0
    assert {h["category"] for h in page["hits"]} == {"Clothing > Shoes"}


def test_paging_covers_every_match_once(client: TestClient) -> None:
    seen: list[str] = []
    cursor: str | None = None
    total = None
    while True:
        params: dict[str, Any] = {"q": "shoe", "limit": 7} | ({"cursor": cursor} if cursor else {})
        page = client.get("/v1/search", params=params).json()
        seen += [hit["id"] for hit in page["hits"]]
        total, cursor = page["total"], page["next_cursor"]
        if cursor is None:
            break
    assert len(seen) == len(set(seen)) == total


def test_a_box_of_a_picture_is_searched_for_as_if_it_were_the_picture(client: TestClient) -> None:
    both = np.zeros((16, 32, 3), np.uint8)
    both[:, :16], both[:, 16:] = (250, 10, 10), (10, 10, 240)
    buffer = io.BytesIO()
    Image.fromarray(both).save(buffer, "PNG")
    whole = base64.b64encode(buffer.getvalue()).decode()

    def scores(image: dict[str, Any], **more: Any) -> list[tuple[str, float]]:
        answer = client.post("/v1/search", json={"image": image, **more})
        assert answer.status_code == 200, answer.text
        return [(hit["id"], hit["score"]) for hit in answer.json()["hits"]]

    blue = base64.b64encode(png((10, 10, 240))).decode()
    cut = {"data": whole, "crop": [0.5, 0, 1, 1]}
    assert scores(cut) == scores({"data": blue})
    assert scores({"data": whole}) != scores(cut)
    # A picture that is not wanted may be a box, too.
    turned = scores({"data": whole}, **{"not": {"image": cut}})
    assert turned == scores({"data": whole}, **{"not": {"image": {"data": blue}}})
    assert turned != scores({"data": whole})
    tiny = client.post("/v1/search", json={"image": {"data": whole, "crop": [0.5, 0, 0.51, 1]}})
    assert tiny.status_code == 422
    assert "image.crop" in tiny.text
    broken = client.post("/v1/search", json={"text": "lamp", "not": {"image": {"data": "x"}}})
    assert broken.status_code == 422
    assert "not.image.data" in broken.text


def test_image_by_base64_by_data_uri_and_by_upload_agree(client: TestClient) -> None:
    image = png((250, 10, 10))
    encoded = base64.b64encode(image).decode()
    pages = [
        client.post("/v1/search", json={"image": {"data": encoded}}),
        client.post("/v1/search", json={"image": {"uri": f"data:image/png;base64,{encoded}"}}),
        client.post("/v1/search", files={"image": ("x.png", image, "image/png")}),
    ]
    ids = [[hit["id"] for hit in page.json()["hits"]] for page in pages]
    assert ids[0]
    assert ids[0] == ids[1] == ids[2]


def test_multipart_takes_a_request_part_or_loose_fields(client: TestClient) -> None:
    image = ("x.png", png((10, 10, 240)), "image/png")
    body = {"text": "bag", "limit": 3, "filters": {"color": ["blue"]}, "facets": ["color"]}
    whole = client.post("/v1/search", data={"request": json.dumps(body)}, files={"image": image})
    loose = client.post(
        "/v1/search",
        data={"text": "bag", "limit": "3", "filters": json.dumps(body["filters"]), "facets": "color"},
        files={"image": image},
    )
    assert whole.status_code == loose.status_code == 200, whole.text + loose.text
    assert [h["id"] for h in whole.json()["hits"]] == [h["id"] for h in loose.json()["hits"]]
    assert {h["color"] for h in whole.json()["hits"]} == {"blue"}


def test_product_and_similar(client: TestClient) -> None:
    product_id = client.get("/v1/search?q=red+shoe&limit=1").json()["hits"][0]["id"]
    product = client.get(f"/v1/products/{product_id}").json()
    assert product["product"]["id"] == product_id
    assert product["collection"] == "shop"
    similar = client.get(f"/v1/products/{product_id}/similar?limit=5&color=red").json()
    assert 0 < len(similar["hits"]) <= 5
    assert product_id not in [hit["id"] for hit in similar["hits"]]
    assert {hit["color"] for hit in similar["hits"]} == {"red"}


def test_browsing_without_a_query_lists_everything(client: TestClient) -> None:
    assert client.post("/v1/search", json={}).json()["total"] == 120


OPTIONS: dict[str, Any] = {
    "text": "shoe", "sort": "newest", "collapse": True, "diversity": 0.25, "like": ["a,b", "c"],
    "understand": "off", "fusion": "early", "rules": False, "rerank": False, "highlight": True,
    "fields": ["description", "gtin"], "facets": ["brand"],
}  # fmt: skip


def test_a_query_string_says_what_a_body_does() -> None:
    query = (
        "q=shoe&sort=newest&collapse=true&diversity=0.25&like=a,b&like=c&understand=off&fusion=early"
        "&rules=false&rerank=false&highlight=true&fields=description,gtin&facets=brand"
    )
    asked = search_params(query.encode()).to_request()
    assert asked.model_dump() == SearchRequest.model_validate(OPTIONS).model_dump()


def test_a_form_says_what_a_body_does() -> None:
    structured = {"context": {"channel": "app"}, "not": {"text": "red"}, "boosts": []}
    parts = [
        ("text", "shoe"), ("sort", "newest"), ("collapse", "true"), ("diversity", "0.25"), ("like", "a,b"),
        ("like", "c"), ("understand", "off"), ("fusion", "early"), ("rules", "false"), ("rerank", "false"),
        ("highlight", "true"), ("fields", "description,gtin"), ("facets", "brand"),
        *((name, json.dumps(value)) for name, value in structured.items()),
    ]  # fmt: skip
    form = httpx.Request("POST", "http://shop/v1/search", files=[(n, (None, v)) for n, v in parts])
    body = form.read()

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    scope = {"type": "http", "headers": [(name.lower(), value) for name, value in form.headers.raw]}
    parsed = asyncio.run(read_search(scope, receive))
    assert parsed.request.model_dump() == SearchRequest.model_validate(OPTIONS | structured).model_dump()


def test_an_option_that_there_is_not_is_named(client: TestClient) -> None:
    for query, field in (("sort=best", "sort"), ("diversity=2", "diversity"), ("collapse=maybe", "collapse")):
        refused = client.get(f"/v1/search?{query}")
        assert (refused.status_code, refused.json()["field"]) == (422, field)
