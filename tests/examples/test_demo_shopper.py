"""The demo's shopper: what is clicked, what counts as trouble, how it is shown."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from PIL import Image

from examples.catalogue.products import generate_products
from examples.catalogue.writer import SampleManifest
from examples.demo.page import write_page
from examples.demo.report import DemoReport
from examples.demo.shopper import CLICKS, ShopperOutcome, click_three, clicked_products
from mmpipe.schemas.recommend import RecommendationsResponse, Recommended, Why

PRODUCTS = generate_products(count=600)
CLICKED = clicked_products(PRODUCTS)
SEEN = {product.item_group_id for product in CLICKED}
OTHERS = [p for p in PRODUCTS if p.category == CLICKED[0].category and p.item_group_id not in SEEN]


def item(number: int, text: str = "because you viewed it") -> Recommended:
    product = OTHERS[number]
    why = [Why(reason="viewed", product_id=CLICKED[0].id, text=text, part=0.5)]
    return Recommended(
        id=product.id,
        score=0.5,
        title=product.title_en,
        availability="in_stock",
        item_group_id=product.item_group_id,
        why=why,
    )


class Shop:
    """A client that answers with the lists of ``answers`` in turn, the last one again and again."""

    def __init__(self, *answers: list[Recommended]) -> None:
        self.answers = list(answers)
        self.asked = 0
        self.events: list[dict[str, Any]] = []

    def recommend(self, kind: str, **_: Any) -> RecommendationsResponse:
        self.asked += 1
        items = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        lists = [{"kind": kind, "name": kind, "items": [each.model_dump() for each in items]}]
        return RecommendationsResponse.model_validate(
            {"collection": "sample", "version": "v", "lists": lists, "took_ms": 1.0}
        )

    def interact(self, *events: dict[str, Any], collection: str) -> None:
        self.events += events


def test_three_designs_of_one_look_that_can_be_bought_are_clicked() -> None:
    assert len(CLICKED) == CLICKS
    assert len({product.item_group_id for product in CLICKED}) == CLICKS
    assert len({(product.category, product.colour) for product in CLICKED}) == 1
    assert {product.availability for product in CLICKED} == {"in_stock"}


def test_the_shopper_asks_until_the_list_has_changed() -> None:
    before, after = [item(0), item(1)], [item(2), item(3)]
    shop = Shop(before, before, after)
    outcome = click_three(shop, "sample", PRODUCTS)  # type: ignore[arg-type]
    assert [each.id for each in outcome.before] == [each.id for each in before]
    assert [each.id for each in outcome.after] == [each.id for each in after]
    assert outcome.seconds is not None
    assert not outcome.trouble()
    assert shop.asked == 3
    assert {event["product_id"] for event in shop.events} == {product.id for product in CLICKED}


def test_what_falls_short_is_said() -> None:
    same = ShopperOutcome(CLICKED, None, (item(0),), (item(0),), None)
    assert "the same" in same.trouble()[0]
    seen = item(1).model_copy(update={"item_group_id": CLICKED[1].item_group_id})
    assert "seen" in ShopperOutcome(CLICKED, None, (), (seen,), 0.1).trouble()[0]
    silent = item(1).model_copy(update={"why": []})
    assert "which click" in ShopperOutcome(CLICKED, None, (), (silent,), 0.1).trouble()[0]
    assert DemoReport(uploaded=0, expected_indexed=0, shopper=same).trouble() == same.trouble()


def test_the_report_counts_what_is_of_the_clicked_category() -> None:
    found = ShopperOutcome(CLICKED, None, (item(0),), (item(1), item(2)), 0.25)
    entry = DemoReport(uploaded=0, expected_indexed=0, shopper=found).to_json(PRODUCTS)["shopper"]
    assert (entry["of_category_before"], entry["of_category_after"], entry["seconds"]) == (1, 2, 0.25)


def test_the_page_shows_what_changed_and_why_and_runs_nothing(tmp_path: Path) -> None:
    (tmp_path / "media").mkdir()
    for product in (*CLICKED, *OTHERS[:2]):
        Image.new("RGB", (8, 8)).save(tmp_path / "media" / f"{product.id}.jpg")
    manifest = SampleManifest(
        folder=tmp_path,
        feed="feeds/products.jsonl",
        files=(),
        products=tuple(PRODUCTS),
        uploaded=0,
        expected_indexed=0,
        expected_rejects=(),
    )
    outcome = ShopperOutcome(CLICKED, "<b>popular</b>", (item(0),), (item(1, "<script>x</script>"),), 0.12)
    report = DemoReport(uploaded=0, expected_indexed=0, shopper=outcome)
    page = write_page(tmp_path / "results.html", report, manifest).read_text(encoding="utf-8")
    assert "120 ms" in page
    assert "<script>" not in page
    assert "<b>popular</b>" not in page
    assert OTHERS[1].title_zh in page
