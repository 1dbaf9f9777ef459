"""``lookup_catalog`` and ``get_product`` over REST."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from starlette.testclient import TestClient

from mmpipe.lake import open_lake
from mmpipe.serve.http.api import create_app
from mmpipe.serve.http.metrics import Metrics
from tests.serve.conftest import make_service
from tests.serve.ucp.conftest import AGENT, BASE, Ask, of
from tests.serve.ucp.schemas import check_answer
from tests.unit.search import catalogues
from tests.unit.search.catalogues import product


def inputs(answer: dict[str, Any]) -> dict[str, list[tuple[str, str]]]:
    """Of each variant, which ids led to it and how."""
    return {
        variant["id"]: [(each["id"], each["match"]) for each in variant["inputs"]]
        for product in answer["products"]
        for variant in product["variants"]
    }


def test_products_and_variants_are_found_and_say_by_which_id(ask: Ask) -> None:
    answer = ask("lookup", ids=["runner", "run-red-41", "bag-1"])
    assert inputs(answer) == {
        "run-blue-40": [("runner", "featured")],
        "run-red-41": [("run-red-41", "exact")],
        "bag-1": [("bag-1", "exact")],
    }
    assert [product["id"] for product in answer["products"]].count("runner") == 1
    assert "messages" not in answer
    assert answer["ucp"]["capabilities"] == {"dev.ucp.shopping.catalog.lookup": [{"version": "2026-04-08"}]}


def test_products_and_their_variants_come_in_the_order_of_the_ids(ask: Ask) -> None:
    asked = ["tea-jp", "run-red-41", "mug-02", "4006381333140", "bag-1", "mug-01"]
    for given in (asked, asked[::-1]):
        answer = ask("lookup", ids=given)
        led = [[each["inputs"][0]["id"] for each in product["variants"]] for product in answer["products"]]
        of_runner = [each for each in given if each in ("run-red-41", "4006381333140")]
        expected = [of_runner if each == of_runner[0] else [each] for each in given if each != of_runner[1]]
        assert led == expected


def test_ids_given_twice_are_answered_once(ask: Ask) -> None:
    answer = ask("lookup", ids=["bag-1", "runner", "bag-1", "runner"])
    assert inputs(answer) == {"run-blue-40": [("runner", "featured")], "bag-1": [("bag-1", "exact")]}


def test_sku_and_barcode_lead_to_their_variant(ask: Ask) -> None:
    answer = ask("lookup", ids=["SKU-B40", "4006381333342", "AC/140"])
    assert inputs(answer) == {
        "run-blue-40": [("SKU-B40", "exact")],
        "run-green-42": [("4006381333342", "exact")],
        "run-red-40": [("AC/140", "exact")],
    }


def test_what_is_not_there_is_said(ask: Ask) -> None:
    strange = ["nothing", "", " ", "x" * 1_500, "unpriced", "run_red_40"]
    answer = ask("lookup", ids=["bag-1", *strange])
    assert list(inputs(answer)) == ["bag-1"]
    assert [(m["type"], m["code"], m["content"]) for m in answer["messages"]] == [
        ("info", "not_found", each) for each in strange
    ]
    assert answer["messages"][0]["path"] == "$.ids[1]"
    assert ask("lookup", ids=["nothing"])["products"] == []


def test_a_lookup_may_be_narrowed(ask: Ask) -> None:
    answer = ask("lookup", ids=["runner", "bag-1"], filters={"color": ["Green"]})
    assert inputs(answer) == {"run-green-42": [("runner", "featured")]}


def test_up_to_fifty_ids(client: TestClient, ask: Ask) -> None:
    fifty = [f"mug-{n:02}" for n in range(1, 31)] + [f"no-{n}" for n in range(20)]
    assert len(ask("lookup", ids=fifty)["products"]) == 30
    answer = client.post("/ucp/catalog/lookup", json={"ids": [*fifty, "one-more"]})
    assert (answer.status_code, answer.json()["code"]) == (400, "request_too_large")
    for ids in ([], "bag-1", [7]):
        assert client.post("/ucp/catalog/lookup", json={"ids": ids}).json()["code"] == "invalid_request"


def signals(product: dict[str, Any], option: str) -> dict[str, tuple[bool, bool]]:
    """Of each value, whether it is available, and whether it exists."""
    values = next(each["values"] for each in product["options"] if each["name"] == option)
    return {value["label"]: (value["available"], value["exists"]) for value in values}


def selected(product: dict[str, Any]) -> dict[str, str]:
    return {each["name"]: each["label"] for each in product["selected"]}


def choices(**chosen: str) -> list[dict[str, str]]:
    return [{"name": name, "label": label} for name, label in chosen.items()]


def test_a_product_in_detail_stands_on_its_featured_variant(ask: Ask) -> None:
    product = ask("product", id="runner")["product"]
    assert selected(product) == {"Color": "Blue", "Size": "40"}
    assert [variant["id"] for variant in product["variants"]] == ["run-blue-40"]
    assert signals(product, "Color") == {"Blue": (True, True), "Green": (False, False), "Red": (True, True)}
    assert signals(product, "Size") == {"40": (True, True), "41": (False, False), "42": (False, False)}


def test_a_selection_narrows_and_options_are_relative_to_it(ask: Ask) -> None:
    product = ask("product", id="runner", selected=choices(color="RED"))["product"]
    assert selected(product) == {"Color": "Red"}
    assert [variant["id"] for variant in product["variants"]] == ["run-red-40", "run-red-41"]
    assert signals(product, "Size") == {"40": (True, True), "41": (False, True), "42": (False, False)}
    assert signals(product, "Color") == {"Blue": (True, True), "Green": (True, True), "Red": (True, True)}


def test_what_no_variant_has_is_given_up_from_the_end_of_the_preferences(ask: Ask) -> None:
    impossible = choices(Color="Green", Size="40")
    by_colour = ask("product", id="runner", selected=impossible, preferences=["Color", "Size"])["product"]
    assert selected(by_colour) == {"Color": "Green"}
    assert [variant["id"] for variant in by_colour["variants"]] == ["run-green-42"]
    by_size = ask("product", id="runner", selected=impossible, preferences=["size", "color"])["product"]
    assert selected(by_size) == {"Size": "40"}
    assert {variant["id"] for variant in by_size["variants"]} == {"run-red-40", "run-blue-40"}
    # What is not among the preferences is the first to go.
    kept = ask("product", id="runner", selected=impossible, preferences=["Size"])["product"]
    assert selected(kept) == {"Size": "40"}
    unheard = ask("product", id="runner", selected=choices(Color="Pink", Engine="V8"))["product"]
    assert selected(unheard) == {}
    assert len(unheard["variants"]) == 4


def test_an_empty_selection_selects_nothing(ask: Ask) -> None:
    product = ask("product", id="runner", selected=[])["product"]
    assert selected(product) == {}
    assert len(product["variants"]) == 4
    assert signals(product, "Size") == {"40": (True, True), "41": (False, True), "42": (True, True)}


def test_a_variants_id_decides_by_itself(ask: Ask) -> None:
    for given in ("run-red-41", "4006381333141"):
        product = ask("product", id=given, selected=choices(Color="Blue"))["product"]
        assert product["id"] == "runner"
        assert product["variants"][0]["id"] == "run-red-41"
        assert selected(product) == {"Color": "Red", "Size": "41"}


def test_what_alone_tells_variants_apart_is_an_option(ask: Ask) -> None:
    product = ask("product", id="disk", selected=choices(capacity="2 TB"))["product"]
    assert [option["name"] for option in product["options"]] == ["capacity"]
    assert [variant["id"] for variant in product["variants"]] == ["disk-2"]


def test_a_product_without_options_has_one_variant(ask: Ask) -> None:
    product = ask("product", id="mug-07")["product"]
    assert product["selected"] == []
    assert "options" not in product
    assert product["variants"][0]["title"] == "Mug number 7"


def test_an_unknown_id_is_an_answer_and_no_error_of_http(client: TestClient, ask: Ask) -> None:
    for given in ("nothing", "", "unpriced", "x" * 1_500):
        answer = ask("product", id=given)
        assert answer["ucp"]["status"] == "error"
        assert "product" not in answer
        (message,) = answer["messages"]
        assert (message["code"], message["severity"]) == ("not_found", "unrecoverable")
    assert ask("product", id="runner", filters={"color": ["Pink"]})["ucp"]["status"] == "error"


def test_filters_narrow_the_variants_of_one_product(ask: Ask) -> None:
    product = ask("product", id="runner", filters={"color": ["Red"]}, selected=[])["product"]
    assert {variant["id"] for variant in product["variants"]} == {"run-red-40", "run-red-41"}


def test_an_option_is_selected_once(client: TestClient) -> None:
    twice = [{"name": "Color", "label": "Red"}, {"name": "color", "label": "Blue"}]
    answer = client.post("/ucp/catalog/product", json={"id": "runner", "selected": twice})
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_request")
    assert answer.json()["messages"][0]["path"] == "$.selected[1].name"
    assert client.post("/ucp/catalog/product", json={}).status_code == 400


def test_products_beside_one(ask: Ask) -> None:
    from tests.serve.ucp.schemas import check

    answer = ask("product", id="mug-07", recommendations={"similar": 3, "complements": 2})
    lists = answer["recommendations"]
    assert 0 < len(lists["similar"]) <= 3
    assert len(lists["complements"]) <= 2
    found = [product["id"] for product in lists["similar"]]
    assert "mug-07" not in found
    assert len(set(found)) == len(found)
    for each in (*lists["similar"], *lists["complements"]):
        check("shopping/types/product.json", each)
    assert "localhost.mmpipe.recommendations" in answer["ucp"]["capabilities"]
    assert "recommendations" not in ask("product", id="mug-07")


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """A catalogue whose products have more variants than one request reads."""
    folder = tmp_path_factory.mktemp("large")
    shop = open_lake(of(folder)).collection("shop", create=True)
    table = shop.products(catalogues.PROFILE, create=True)
    rows = [
        product(f"v{group}-{n:03}", "shoe", item_group_id=f"g{group}", color=f"c{n % 7}", size=str(n))
        for group, count in (("a", 520), ("b", 110), ("c", 3))
        for n in range(count)
    ]
    table.upsert(catalogues.rows_of(rows))
    shop.publish(table, reason="test")
    service = make_service(of(folder))
    with TestClient(create_app(service, Metrics("test")), base_url=BASE, headers=AGENT) as client:
        yield client
    service.close()


def test_however_many_variants_there_are_no_product_is_lost(large: TestClient) -> None:
    def ask(operation: str, **body: Any) -> dict[str, Any]:
        answer = large.post(f"/ucp/catalog/{operation}", json=body).json()
        check_answer(operation, answer)
        return dict(answer)

    found = ask("search", query="shoe")
    assert sorted(product["id"] for product in found["products"]) == ["ga", "gb", "gc"]
    assert [message["code"] for message in found["messages"]] == ["variants_incomplete"]
    looked = ask("lookup", ids=["ga", "gb", "gc", "va-519", "vb-109"])
    assert [message["code"] for message in looked["messages"]] == ["variants_incomplete"]
    assert {"va-519", "vb-109", "vc-000"} <= set(inputs(looked))
    detail = ask("product", id="va-519")
    assert detail["product"]["variants"][0]["id"] == "va-519"
    assert detail["messages"][0]["code"] == "variants_incomplete"
    detail = ask("product", id="gb", selected=[])
    assert len(detail["product"]["variants"]) == 100
    assert "messages" not in detail
