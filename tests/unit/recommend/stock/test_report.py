"""The whole report, of a catalogue and a synthetic log."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mmpipe.recommend.stock import METHODS, Question, stock_report
from mmpipe.recommend.stock.since import SoldOut
from mmpipe.schemas.product import Product
from mmpipe.schemas.stock import StockReport
from mmpipe.search import Version
from tests.unit.recommend.stock.logs import NOW, event, log_of
from tests.unit.search import catalogues

CHEAP = METHODS[:3]
DRESSES, SHOES = "Clothing > Dresses", "Clothing > Shoes"


def dress(product_id: str, title: str = "red dress", **more: Any) -> Product:
    return catalogues.product(product_id, title, **{"product_type": DRESSES, **more})


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Version:
    products = [
        dress("gone", availability="out_of_stock"),
        dress("gone-quietly", availability="out_of_stock"),
        dress("gone-too", product_type=SHOES, availability="out_of_stock"),
        dress("like-it"),
        dress("dear", price="99.00"),
        dress("few", private={"quantity": "5"}),
        dress("many", private={"quantity": "5000"}),
        dress("unknown", "blue dress"),
        catalogues.product("toy", "thing", product_type="Toys", private={"quantity": "0"}),
    ]
    folder = tmp_path_factory.mktemp("stock") / "t"
    return catalogues.version(catalogues.create(folder, catalogues.rows_of(products)))


def sales(product_id: str, a_day: int, days: int = 84) -> list[dict[str, Any]]:
    return [event("purchase", product_id, 0.7 + day, quantity=a_day, user=f"u{day}") for day in range(days)]


EVENTS = [
    *(event("view", "gone", 1 + n / 10, user=f"u{n % 3}") for n in range(6)),
    event("add-to-cart", "gone", 2, user=None, session="s"),
    event("search-click", "gone", 20),
    event("view", "gone-too", 3),
    event("view", "gone-too", 40),
    event("view", "like-it", 1),
    event("view", "nobody", 1),
    *sales("few", 1),
    *sales("many", 2),
    *sales("unknown", 3),
    *sales("toy", 1, 9),
    *sales("gone", 1, 30)[10:],
]
SINCE = {"gone": SoldOut(NOW - timedelta(days=11), NOW - timedelta(days=10))}


def report(version: Version, events: list[dict[str, Any]] = EVENTS, **more: Any) -> StockReport:
    question = Question(**{"methods": CHEAP, "history_days": 140, **more})
    return stock_report(version, log_of(events, parts=2), SINCE, question, now=NOW)


def test_sold_out_products_that_are_asked_for(shop: Version) -> None:
    found = report(shop)
    assert [line.product_id for line in found.sold_out] == ["gone", "gone-too"]
    assert found.sold_out_products == 2
    gone, other = found.sold_out
    # The click was before it was sold out.
    assert (gone.views, gone.clicks, gone.carts, gone.shoppers) == (6, 0, 1, 4)
    assert gone.counted_from == NOW - timedelta(days=10)
    assert (gone.sold_out_after, gone.sold_out_by) == (NOW - timedelta(days=11), NOW - timedelta(days=10))
    assert gone.title == "red dress"
    assert gone.price == "10.00 USD"
    assert [each.product_id for each in gone.substitutes][:2] == ["few", "like-it"]
    assert "dear" not in {each.product_id for each in gone.substitutes}
    assert gone.substitutes[0].cosine == pytest.approx(1, abs=1e-3)
    # Nobody knows since when: the last 28 days count.
    assert (other.views, other.sold_out_by) == (1, None)
    assert {each.shares for each in other.substitutes} == {"related"}
    assert found.events_of_unknown_products == 1
    assert found.products == 9


def test_what_may_run_out_within_the_lead_time(shop: Version) -> None:
    found = report(shop, lead_days=7.0)
    assert [(line.product_id, line.quantity) for line in found.low_stock] == [("toy", 0), ("few", 5)]
    toy, few = found.low_stock
    assert (few.expected, few.method, few.weeks) == (pytest.approx(7.0), "mean", 12)
    assert few.low < 7 < few.high
    assert few.days_left == pytest.approx(5)
    assert toy.method == "not enough history"
    assert toy.weeks == 1
    assert toy.days_left == 0
    assert any("of 1 products that are bought no quantity is known" in note for note in found.notes)
    assert any("not enough history" in note for note in found.notes)
    clothes = next(group for group in found.forecast if group.group == "Clothing")
    assert (clothes.products, clothes.held_out_weeks, clothes.method) == (3, 4, "mean")
    assert clothes.errors["mean"].mae == pytest.approx(0)
    longer = report(shop, lead_days=7.0, quantities={"few": 900, "unknown": 3})
    assert [(line.product_id, line.quantity) for line in longer.low_stock] == [("toy", 0), ("unknown", 3)]


def test_who_may_not_know_private_columns_is_not_told(shop: Version) -> None:
    found = report(shop, private=False)
    assert {line.quantity for line in found.low_stock} == {None}
    assert any("keeps privately" in note for note in found.notes)


def test_without_any_quantity_what_is_bought_most(tmp_path: Path) -> None:
    version = catalogues.version(
        catalogues.create(tmp_path / "t", catalogues.rows_of([dress("few"), dress("many"), dress("none")]))
    )
    found = report(version)
    assert [line.product_id for line in found.low_stock] == ["many", "few"]
    assert {line.quantity for line in found.low_stock} == {None}
    assert any("no quantity is known" in note for note in found.notes)


def test_limits_and_silence(shop: Version) -> None:
    found = report(shop, limit=1, substitutes=0)
    assert len(found.sold_out) == len(found.low_stock) == 1
    assert (found.sold_out_products, found.low_stock_products) == (2, 2)
    assert found.sold_out[0].substitutes == []
    silent = report(shop, [])
    assert (silent.sold_out, silent.low_stock, silent.forecast) == ([], [], [])
    hostile = [event("purchase", "few", days, quantity=10**6) for days in (-40_000, 20_000)]
    assert report(shop, hostile).low_stock == []
    assert "1 events say that they are of the future: left out" in report(shop, hostile).notes


def test_smoothing_is_tried_where_it_is_installed(shop: Version, monkeypatch: pytest.MonkeyPatch) -> None:
    found = report(shop, methods=METHODS)
    assert {"mean", "naive", "ets"} == set(found.forecast[0].errors)
    monkeypatch.setattr("mmpipe.recommend.stock.smoothing.is_installed", lambda: False)
    without = report(shop, methods=METHODS)
    assert "ets" not in without.forecast[0].errors
    assert any("install mmpipe[train]" in note for note in without.notes)


def test_many_groups_are_put_together(tmp_path: Path) -> None:
    products = [catalogues.product(f"p{n:02d}", product_type=f"Group {n:02d}") for n in range(60)]
    version = catalogues.version(catalogues.create(tmp_path / "t", catalogues.rows_of(products)))
    events = [e for n in range(60) for e in sales(f"p{n:02d}", 60 - n, 14)]
    found = report(version, events)
    assert len(found.forecast) == 50
    assert {group.group for group in found.forecast} >= {"Group 00", "other"}
    assert np.isfinite([line.expected for line in found.low_stock]).all()
