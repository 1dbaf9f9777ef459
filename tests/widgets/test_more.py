"""The widgets that the example does without, InstantSearch for React, and the adapter against the API."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.widgets.conftest import CLIENT, KEY, Shop
from tests.widgets.shop import COUNT

Ask = Callable[..., Any]


@pytest.fixture
def more(page: Page, shop: Shop) -> Page:
    """The page of the other widgets, shown."""
    page.goto(f"{shop.pages}/pages/more.html")
    expect(page.locator("#infinite b")).to_have_count(8)
    return page


def ids(page: Page, within: str) -> list[str]:
    return page.locator(f"{within} b").evaluate_all("all => all.map(each => each.dataset.id)")


def found(answer: Any) -> list[str]:
    return [hit["id"] for hit in answer["hits"]]


def chosen(page: Page, ask: Ask, *parts: dict[str, Any]) -> None:
    """Waits until what is shown is what the API finds under ``parts``."""
    expected = found(ask(filter={"and": list(parts)} if parts else None, limit=8))
    shown: list[str] = []
    for _ in range(200):
        shown = ids(page, "#infinite")
        if shown == expected:
            return
        page.wait_for_timeout(100)
    assert shown == expected


def test_infinite_hits_go_on_and_show_snippets(more: Page, ask: Ask) -> None:
    more.locator("#query input").fill("dress")
    expected = found(ask(text="dress", limit=24))
    expect(more.locator("#infinite i mark").first).to_have_text("dress")
    assert len(expected) > 16
    for n in (16, len(expected)):
        more.locator("#infinite .ais-InfiniteHits-loadMore").click()
        expect(more.locator("#infinite b")).to_have_count(n)
    assert ids(more, "#infinite") == expected
    # More than an answer of mmpipe has.
    more.locator("#query input").fill("")
    more.locator("#size select").select_option("150")
    expect(more.locator("#infinite b")).to_have_count(150)
    first = ask(limit=100)
    rest = ask(limit=50, cursor=first["next_cursor"])
    assert ids(more, "#infinite") == found(first) + found(rest)
    # So much may be paged through here, and no more.
    more.locator("#infinite .ais-InfiniteHits-loadMore").click()
    expect(more.locator("#infinite b")).to_have_count(200)


def test_menus_of_several_kinds(more: Page, ask: Ask) -> None:
    counts = {each["value"]: each["count"] for each in ask(facets=["brand"], limit=1)["facets"]["brand"]}
    first = more.locator("#menu a").first
    brand = first.locator(".ais-Menu-label").inner_text()
    assert first.locator(".ais-Menu-count").inner_text() == str(counts[brand])
    first.click()
    chosen(more, ask, {"field": "brand", "eq": brand})
    expect(more.locator("#menu li")).not_to_have_count(1)
    more.locator("#menu a").first.click()
    chosen(more, ask)
    color = more.locator("#select option").nth(1).get_attribute("value")
    more.locator("#select select").select_option(color)
    chosen(more, ask, {"field": "color", "eq": color})
    more.locator("#prices label", has_text="From 4").click()
    good = [{"field": "color", "eq": color}, {"field": "rating", "gte": 4}]
    chosen(more, ask, *good)
    more.locator("#material input").first.check()
    material = more.locator("#material input").first.get_attribute("value")
    chosen(more, ask, *good, {"field": "material", "eq": material})
    # Of an `and` only what all of them have is left.
    expect(more.locator("#material li")).to_have_count(1)


def test_dynamic_widgets_are_those_with_something_to_choose(more: Page) -> None:
    expect(more.locator("#dynamic .ais-RefinementList")).to_have_count(2)
    more.locator("#dynamic input[value=striped]").check()
    expect(more.locator("#dynamic input[value=striped]")).to_be_checked()
    expect(more.locator("#dynamic input[value=solid]")).to_be_visible()


def test_the_slider_and_the_breadcrumb(more: Page, ask: Ask) -> None:
    stats = ask(facets=[{"field": "price", "stats": True}], limit=1)["facet_stats"]["price"]
    upper = more.locator("#slider .rheostat-handle-upper")
    assert float(upper.get_attribute("aria-valuemax") or "") == pytest.approx(stats["max"], abs=1)
    upper.focus()
    upper.press("PageDown")
    expect(upper).not_to_have_attribute("aria-valuenow", upper.get_attribute("aria-valuemax") or "")
    below = float(upper.get_attribute("aria-valuenow") or "")
    chosen(more, ask, {"field": "price", "lte": below})
    more.evaluate("search.setUiState({shop: {hierarchicalMenu: {'categories.lvl0': ['Clothing', 'Tops']}}})")
    chosen(more, ask, {"field": "category", "prefix": "Clothing > Tops"})
    more.locator("#crumbs a", has_text="Clothing").click()
    chosen(more, ask, {"field": "category", "prefix": "Clothing"})


def test_another_index_beside_and_lists_of_recommendations(more: Page, ask: Ask) -> None:
    assert ids(more, "#other") == found(ask(sort="price_desc", limit=2))
    expect(more.locator("#trending b")).to_have_count(3)
    more.evaluate("together(document.querySelector('#infinite b').dataset.id)")
    expect(more.locator("#together b")).to_have_count(2)


def test_what_is_typed_is_completed(more: Page, ask: Ask) -> None:
    more.locator("#autocomplete input").fill("dre")
    suggestion = more.locator(".ais-AutocompleteSuggestionsItem").first
    expect(suggestion).to_contain_text("Dresses")
    suggestion.locator(".ais-AutocompleteItemContentBody").click()
    expect(more.locator("#infinite mark").first).to_have_text(re.compile("^dress", re.IGNORECASE))
    assert set(ids(more, "#infinite")) == set(found(ask(text="Dresses", limit=8)))


def test_react(page: Page, shop: Shop, ask: Ask) -> None:
    page.goto(f"{shop.pages}/pages/react.html")
    expect(page.locator(".ais-Stats-text")).to_have_text(re.compile(rf"^{COUNT} results"))
    page.locator(".ais-SearchBox-input").first.fill("dress")
    answer = ask(text="dress", facets=["brand"], limit=10)
    expect(page.locator(".ais-Stats-text")).to_have_text(re.compile(rf"^{answer['total']} results"))
    assert ids(page, "#root") == found(answer)
    expect(page.locator("#root b mark").first).to_have_text("dress")
    brand = answer["facets"]["brand"][0]
    page.locator("#brand .ais-SearchBox-input").fill(brand["value"][:3])
    page.locator(f"#brand input[value='{brand['value']}']").check()
    filtered = {"field": "brand", "eq": brand["value"]}
    total = ask(text="dress", filter=filtered, limit=1)["total"]
    expect(page.locator(".ais-Stats-text")).to_have_text(re.compile(rf"^{total} results?"))
    page.locator(".ais-SortBy-select").select_option("shop_price_asc")
    cheap = ask(text="dress", filter=filtered, sort="price_asc", limit=10)
    expect(page.locator("#root b").first).to_have_attribute("data-id", cheap["hits"][0]["id"])
    assert ids(page, "#root") == found(cheap)
    page.locator(".ais-CurrentRefinements-delete").click()
    expect(page.locator(".ais-Stats-text")).to_have_text(re.compile(rf"^{answer['total']} results"))
    page.locator(".ais-Pagination-link[aria-label='Page 2']").click()
    second = ask(text="dress", sort="price_asc", limit=20)
    expect(page.locator("#root b").first).to_have_attribute("data-id", second["hits"][10]["id"])


def test_the_adapter_against_the_counts_of_the_api(shop: Shop) -> None:
    env = {**os.environ, "MMPIPE_URL": shop.api, "MMPIPE_KEY": KEY}
    told = subprocess.run(["npm", "run", "live"], cwd=CLIENT, env=env, capture_output=True, text=True)
    assert told.returncode == 0, told.stdout + told.stderr
    assert "# skipped 0" in told.stdout
