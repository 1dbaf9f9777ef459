"""``search_catalog`` over REST: what is found, how it is told, and what is said of the request."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from starlette.testclient import TestClient

from tests.serve.conftest import png
from tests.serve.ucp.conftest import Ask


def ids(answer: dict[str, Any]) -> list[str]:
    return [product["id"] for product in answer["products"]]


def named(answer: dict[str, Any], product_id: str) -> dict[str, Any]:
    return next(product for product in answer["products"] if product["id"] == product_id)


def codes(answer: dict[str, Any]) -> list[str]:
    return [message["code"] for message in answer.get("messages", [])]


def test_variants_are_one_product_with_the_best_match_first(ask: Ask) -> None:
    answer = ask("search", query="blue running shoe")
    runner = answer["products"][0]
    assert runner["id"] == "runner"
    assert runner["title"] == "Running shoe"
    assert runner["variants"][0]["id"] == "run-blue-40"
    assert sorted(variant["id"] for variant in runner["variants"]) == [
        "run-blue-40", "run-green-42", "run-red-40", "run-red-41",
    ]  # fmt: skip
    assert runner["options"] == [
        {"name": "Color", "values": [{"label": "Blue"}, {"label": "Green"}, {"label": "Red"}]},
        {"name": "Size", "values": [{"label": "40"}, {"label": "41"}, {"label": "42"}]},
    ]
    assert ids(answer).count("runner") == 1


def test_money_is_in_minor_units_of_its_currency(ask: Ask) -> None:
    answer = ask("search", filters={"price": {"min": 0}}, context={"currency": "JPY"})
    assert named(answer, "tea-jp")["price_range"]["min"] == {"amount": 1200, "currency": "JPY"}
    answer = ask("search", filters={"price": {"min": 12345, "max": 12345}}, context={"currency": "KWD"})
    assert ids(answer) == ["oud-kw"]
    assert answer["products"][0]["variants"][0]["price"] == {"amount": 12345, "currency": "KWD"}
    runner = named(ask("search", query="running shoe"), "runner")
    assert runner["price_range"] == {
        "min": {"amount": 9000, "currency": "USD"},
        "max": {"amount": 10000, "currency": "USD"},
    }
    assert runner["list_price_range"]["max"] == {"amount": 12000, "currency": "USD"}
    assert named(ask("search", query="sample"), "free")["price_range"]["min"]["amount"] == 0


def test_a_price_filter_is_in_minor_units_and_says_how_it_was_taken(ask: Ask) -> None:
    body = {"filters": {"price": {"min": 2900, "max": 3000}}}
    assert ids(ask("search", context={"currency": "USD"}, **body)) == ["mug-29", "mug-30"]
    answer = ask("search", **body)
    assert ids(answer) == ["mug-29", "mug-30"]
    assert codes(answer) == ["price_currency_assumed"]
    answer = ask("search", query="mug", context={"currency": "CHF"}, **body)
    assert codes(answer) == ["price_filter_ignored"]
    assert len(answer["products"]) == 10


def test_filters_narrow(ask: Ask) -> None:
    path = named(ask("search", query="shoe"), "runner")["categories"][0]
    assert path == {"value": "Clothing > Shoes", "taxonomy": "merchant"}
    assert ids(ask("search", filters={"categories": [path["value"], "nothing"]})) == ["runner"]
    food = named(ask("search", query="green tea"), "tea-jp")["categories"][0]
    assert food["taxonomy"] == "google_product_category"
    assert ids(ask("search", filters={"categories": [food["value"]]})) == ["tea-jp"]
    assert ids(ask("search", filters={"brand": ["ORBIT"]})) == ["bag-1"]
    assert ids(ask("search", filters={"availability": ["out_of_stock"]})) == ["runner"]
    assert ids(ask("search", filters={"attributes": {"capacity": ["1 TB"]}})) == ["disk"]
    assert ids(ask("search", filters={"brand": ["Orbit"], "color": ["red"]})) == []
    answer = ask("search", query="bag", filters={"wheels": [4], "doors": [2]})
    assert codes(answer) == ["filter_unknown"]


def test_numbers_are_what_json_schema_takes_for_integers(ask: Ask) -> None:
    body = {"filters": {"price": {"max": 3000.0}}, "context": {"currency": "USD"}, "query": "mug"}
    assert len(ask("search", **body, pagination={"limit": 3.0})["products"]) == 3
    body["filters"] = {"price": {"min": 0, "max": 2**63}}
    assert ask("search", **body)["products"]


def test_nothing_found_is_no_error(ask: Ask) -> None:
    answer = ask("search", filters={"brand": ["nobody"]})
    assert answer["products"] == []
    assert answer["pagination"] == {"has_next_page": False, "total_count": 0}
    assert "messages" not in answer


def test_pages_follow_one_another(ask: Ask) -> None:
    body = {"query": "mug number", "filters": {"price": {"max": 3000}}, "context": {"currency": "USD"}}
    seen: list[str] = []
    cursor: dict[str, Any] = {}
    total = None
    for _ in range(10):
        answer = ask("search", **body, pagination=cursor)
        assert len(answer["products"]) <= 10
        total = total or answer["pagination"]["total_count"]
        assert answer["pagination"]["total_count"] == total
        seen += ids(answer)
        if not answer["pagination"]["has_next_page"]:
            break
        cursor = {"cursor": answer["pagination"]["cursor"]}
    assert len(seen) == len(set(seen)) == total
    assert {f"mug-{n:02}" for n in range(1, 31)} <= set(seen)


def test_a_page_is_clamped_in_silence(ask: Ask) -> None:
    assert len(ask("search", query="mug", pagination={"limit": 3})["products"]) == 3
    assert len(ask("search", query="mug", pagination={"limit": 100_000})["products"]) <= 50


def test_what_has_no_price_is_no_product_of_the_protocol(ask: Ask) -> None:
    assert "unpriced" not in ids(ask("search", query="leather something without a price"))


def test_a_language_is_spoken_where_the_catalogue_does(client: TestClient, ask: Ask) -> None:
    told = named(ask("search", query="running shoe", context={"language": "zh-Hans"}), "runner")
    assert told["description"] == {"plain": "轻便", "html": "<p>轻便</p>"}
    body: dict[str, Any] = {"query": "running shoe"}
    answer = client.post("/ucp/catalog/search", json=body, headers={"Accept-Language": "zh;q=0.9, en"})
    assert named(answer.json(), "runner")["description"]["plain"] == "轻便"
    body = {**body, "context": {"language": "en"}}
    answer = client.post("/ucp/catalog/search", json=body, headers={"Accept-Language": "zh"})
    assert named(answer.json(), "runner")["description"]["plain"].startswith("A light shoe.")
    told = named(ask("search", query="running shoe", context={"language": "fr"}), "runner")
    assert told["description"]["plain"].startswith("A light shoe.")


def test_html_holds_no_markup_of_the_feed(ask: Ask) -> None:
    told = named(ask("search", query="red running shoe"), "runner")["description"]
    assert told["html"] == "<p>A light shoe.</p><p>In red &lt;b&gt;&amp; more&lt;/b&gt;</p>"


def test_all_that_is_public_is_told_and_nothing_else(ask: Ask) -> None:
    answer = ask("search", query="red running shoe")
    runner = named(answer, "runner")
    variant = next(each for each in runner["variants"] if each["id"] == "run-red-40")
    assert variant["barcodes"] == [{"type": "EAN", "value": "4006381333140"}]
    assert variant["availability"] == {"available": True, "status": "in_stock"}
    assert variant["rating"] == {"value": 4.5, "scale_min": 0, "scale_max": 5, "count": 12}
    assert runner["metadata"]["google_product_category"] == "Apparel & Accessories > Shoes"
    assert {media["url"] for media in runner["media"]} == {
        f"https://cdn.shop.example/{colour}.jpg" for colour in ("Red", "Blue", "Green")
    }
    bag = ask("search", query="leather bag")
    assert named(bag, "bag-1")["media"][0]["type"] == "video"
    assert "secret-supplier" not in str(bag)


def test_a_picture_is_a_search_input(client: TestClient, ask: Ask) -> None:
    picture = base64.b64encode(png((200, 200, 200))).decode()
    answer = ask("search", image={"data": picture}, pagination={"limit": 1})
    assert ids(answer) == ["bag-1"]
    active = answer["ucp"]["capabilities"]["localhost.mmpipe.image_search"]
    assert active == [{"version": "2026-11-29", "extends": "dev.ucp.shopping.catalog.search"}]
    refusal = client.post("/ucp/catalog/search", json={"image": {"data": "bm8gcGljdHVyZQ=="}})
    assert refusal.status_code == 400
    assert refusal.json()["code"] == "invalid_image"
    refusal = client.post("/ucp/catalog/search", json={"image": {"uri": "https://169.254.169.254/x"}})
    assert (refusal.status_code, refusal.json()["code"]) == (400, "invalid_image")


def test_facets_are_counted(ask: Ask) -> None:
    answer = ask("search", query="running shoe", filters={"brand": ["Acme"]}, facets=["color", "price"])
    assert {each["value"]: each["count"] for each in answer["facets"]["color"]} == {
        "Red": 1, "Blue": 1, "Green": 1,
    }  # fmt: skip
    ranges = [each["price_range"] for each in answer["facets"]["price"]]
    assert ranges[0]["min"] == {"amount": 9000, "currency": "USD"}
    assert "localhost.mmpipe.facets" in answer["ucp"]["capabilities"]


def test_a_facet_that_is_asked_for_twice_is_told_once(ask: Ask) -> None:
    answer = ask("search", query="running shoe", facets=["color", "brand", "color"])
    assert list(answer["facets"]) == ["color", "brand"]
    assert "extension_unavailable" not in codes(answer)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({}, "invalid_request"),
        ({"query": "  "}, "invalid_request"),
        ({"filters": {}}, "invalid_request"),
        ({"filters": {"wheels": [4]}}, "invalid_request"),
        ({"context": {"intent": "a gift"}}, "invalid_request"),
        ({"query": 7}, "invalid_request"),
        ({"query": "x" * 2_000}, "invalid_request"),
        ({"query": "mug", "pagination": {"limit": 0}}, "invalid_request"),
        ({"query": "mug", "pagination": {"limit": "3"}}, "invalid_request"),
        ({"query": "mug", "pagination": {"cursor": "nonsense"}}, "invalid_cursor"),
        ({"query": "mug", "filters": {"price": {"min": 1.5}}}, "invalid_request"),
        ({"query": "mug", "filters": {"price": {"min": -1}}}, "invalid_request"),
        ({"query": "mug", "filters": {"price": {"min": 2, "max": 1}}}, "invalid_request"),
        ({"query": "mug", "filters": {"categories": "Mugs"}}, "invalid_request"),
        ({"query": "mug", "facets": ["no such field"]}, "invalid_request"),
        ({"query": "mug", "filters": {"attributes": {"": ["red"]}}}, "invalid_request"),
    ],
)
def test_a_bad_request_is_told_what_is_wrong(client: TestClient, body: Any, code: str) -> None:
    from tests.serve.ucp.schemas import check_answer

    answer = client.post("/ucp/catalog/search", json=body)
    assert answer.status_code == 400, answer.text
    assert answer.json()["code"] == code
    assert answer.json()["content"]
    check_answer("search", answer.json())


def test_the_cursor_of_another_search_is_refused(client: TestClient, ask: Ask) -> None:
    cursor = ask("search", query="mug")["pagination"]["cursor"]
    answer = client.post("/ucp/catalog/search", json={"query": "bag", "pagination": {"cursor": cursor}})
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_cursor")
    (message,) = answer.json()["messages"]
    assert message["path"] == "$.pagination.cursor"
    # The remedy is in the protocol's words, not in those of /v1/search.
    assert "pagination.cursor" in message["content"]
    assert "next_cursor" not in message["content"]


@pytest.mark.parametrize(
    ("content", "kind", "status", "code"),
    [
        (b"{", "application/json", 400, "malformed_request"),
        (b"[]", "application/json", 400, "invalid_request"),
        (b"\xff", "application/json", 400, "malformed_request"),
        (b"query=mug", "application/x-www-form-urlencoded", 415, "unsupported_media_type"),
        (b"[" * 50 + b"]" * 50, "application/json", 400, "malformed_request"),
        (b'{"query":"x","signals":{' + b",".join(b'"a.b%d":1' % n for n in range(5_000)) + b"}}",
         "application/json", 413, "request_too_large"),
    ],
)  # fmt: skip
def test_what_is_no_request_is_refused(
    client: TestClient, content: bytes, kind: str, status: int, code: str
) -> None:
    answer = client.post("/ucp/catalog/search", content=content, headers={"content-type": kind})
    assert (answer.status_code, answer.json()["code"]) == (status, code)


def test_hints_that_nobody_knows_change_nothing(ask: Ask) -> None:
    hints = {
        "context": {"eligibility": ["com.example.gold"], "address_country": "US", "mood": 7},
        "signals": {"dev.ucp.buyer_ip": "203.0.113.7"},
        "attribution": {"gclid": "x"},
        "com.example.other": {"x": 1},
    }
    plain, hinted = ask("search", query="mug"), ask("search", query="mug", **hints)
    assert ids(hinted) == ids(plain)
    assert "messages" not in hinted
