"""The example shop front, used as a shopper uses it: what it shows is what the API answers."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, Page, Response, Route, expect

from mmpipe.lake import open_lake
from tests.serve.conftest import png, settings_for
from tests.widgets.conftest import Shop
from tests.widgets.shop import COUNT

Ask = Callable[..., Any]
HOSTILE = '<img src="x" onerror="document.title=1"> & <b>more</b>'
CHEAP = {"field": "price", "lte": 60}


@pytest.fixture
def front(page: Page, shop: Shop) -> Page:
    """The example, with everything on it."""
    page.goto(f"{shop.pages}/example/index.html")
    expect(page.locator("#stats")).to_contain_text(f"{COUNT} results")
    return page


def type_in(front: Page, text: str) -> None:
    front.locator("#search input").fill(text)


def shown(front: Page, total: int) -> None:
    expect(front.locator("#stats")).to_have_text(re.compile(rf"^{total} results? found"))


def titles(front: Page) -> list[str]:
    return front.locator("#hits h3").all_text_contents()


def counts(values: Locator) -> dict[str, int]:
    """What a list of values shows, by label."""
    found = values.evaluate_all(
        "all => all.map(each => [each.querySelector('[class$=-labelText]').textContent,"
        " Number(each.querySelector('[class$=-count]').textContent.replace(/[^0-9]/g, ''))])"
    )
    return dict(found)


def _of_hits(response: Response) -> bool:
    return '"facets"' in (response.request.post_data or "")


def told(answer: Any, field: str) -> dict[str, int]:
    return {each["value"]: each["count"] for each in answer["facets"][field]}


def test_type_refine_page_and_sort(front: Page, ask: Ask) -> None:
    type_in(front, "dress")
    found = ask(text="dress", facets=["color", "brand"], limit=12)
    shown(front, found["total"])
    assert titles(front) == [hit["title"] for hit in found["hits"]]
    assert counts(front.locator("#color li")).items() <= told(found, "color").items()

    # Two colours: either of them, and the numbers of the others stay.
    colors = sorted(told(found, "color"), key=lambda each: -told(found, "color")[each])[:2]
    for color in colors:
        front.locator(f"#color input[value='{color}']").check()
    chosen = {"field": "color", "in": colors}
    refined = ask(text="dress", filter=chosen, facets=["color", "brand"], limit=12)
    shown(front, refined["total"])
    assert counts(front.locator("#color li")).items() <= told(refined, "color").items()
    assert counts(front.locator("#brand li")).items() <= told(refined, "brand").items()
    expect(front.locator("#chosen .ais-CurrentRefinements-category")).to_have_count(2)

    front.locator("#sort select").select_option("shop_price_desc")
    dear = ask(text="dress", filter=chosen, sort="price_desc", limit=12)
    expect(front.locator("#hits h3").first).to_have_text(dear["hits"][0]["title"])
    assert titles(front) == [hit["title"] for hit in dear["hits"]]

    front.locator("#clear button").click()
    shown(front, found["total"])
    expect(front.locator("#chosen .ais-CurrentRefinements-category")).to_have_count(0)


def test_pages_forth_and_back(front: Page, ask: Ask) -> None:
    all_ids = [hit["title"] for hit in ask(limit=100)["hits"]]

    def open_page(number: int) -> None:
        front.locator(f"#pages a[aria-label='Page {number}']").click()
        expect(front.locator("#pages .ais-Pagination-item--selected")).to_have_text(str(number))
        expect(front.locator("#hits h3").first).to_have_text(all_ids[12 * (number - 1)])
        assert titles(front) == all_ids[12 * (number - 1) : 12 * number]

    for number in (2, 5, 8, 6, 3, 1):
        open_page(number)
    front.locator("#pages .ais-Pagination-item--lastPage a").click()
    expect(front.locator("#pages .ais-Pagination-item--selected")).to_have_text(str(COUNT // 12))


def test_brands_are_searched_among(front: Page, ask: Ask) -> None:
    type_in(front, "bag")
    found = ask(text="bag", facets=[{"field": "brand", "search": "t", "limit": 10}], limit=1)
    shown(front, found["total"])
    front.locator("#brand input[type=search]").fill("t")
    expect(front.locator("#brand li")).to_have_count(len(found["facets"]["brand"]))
    assert counts(front.locator("#brand li")) == told(found, "brand")
    expect(front.locator("#brand li mark").first).to_have_text(re.compile("^t$", re.IGNORECASE))
    front.locator("#brand li label").first.click()
    first = found["facets"]["brand"][0]
    shown(front, first["count"])


def test_the_tree_opens_level_by_level(front: Page, ask: Ask) -> None:
    tree = told(ask(facets=[{"field": "category", "limit": 1000}], limit=1), "category")

    def level(of: Locator, under: str) -> None:
        depth = under.count(" > ") + 1 + bool(under)
        begun = under and under + " > "
        own = {
            path.split(" > ")[-1]: n
            for path, n in tree.items()
            if path.startswith(begun) and path.count(" > ") + 1 == depth
        }
        labels = of.locator(":scope > li > div > a > [class$=-label]").all_text_contents()
        numbers = of.locator(":scope > li > div > a > [class$=-count]").all_text_contents()
        shown_counts = dict(zip(labels, map(int, numbers), strict=True))
        assert len(labels) == min(len(own), 10)
        assert shown_counts.items() <= own.items()

    root = front.locator("#category .ais-HierarchicalMenu > ul")
    second = root.locator(":scope > li > div > ul")
    third = second.locator(":scope > li > div > ul")
    level(root, "")
    front.locator("#category").get_by_text("Clothing", exact=True).click()
    shown(front, tree["Clothing"])
    level(root, "")
    level(second, "Clothing")
    front.locator("#category").get_by_text("Tops", exact=True).click()
    shown(front, tree["Clothing > Tops"])
    level(second, "Clothing")
    level(third, "Clothing > Tops")


def test_prices_sales_and_stars(front: Page, ask: Ask) -> None:
    stats = ask(facets=[{"field": "price", "stats": True}], limit=1)["facet_stats"]["price"]
    low, high = (front.locator(f"#price .ais-RangeInput-input--{end}") for end in ("min", "max"))
    assert float(low.get_attribute("placeholder") or "") == stats["min"]
    assert float(high.get_attribute("placeholder") or "") == stats["max"]
    high.fill("60")
    front.locator("#price button").click()
    shown(front, ask(filter=CHEAP, limit=1)["total"])
    # The ends are those of what could be chosen, not of what is.
    assert float(high.get_attribute("placeholder") or "") == stats["max"]

    sale = {"and": [CHEAP, {"field": "on_sale", "eq": True}]}
    on_sale = ask(filter=sale, limit=1)["total"]
    front.locator("#sale input").check()
    shown(front, on_sale)
    expect(front.locator("#hits .price s")).to_have_count(min(12, on_sale))

    rated = {"and": [*sale["and"], {"field": "rating", "gte": 4}]}
    good = ask(filter=rated, limit=1)["total"]
    stars = front.locator("#rating a[aria-label^='4']")
    expect(stars.locator(".ais-RatingMenu-count")).to_have_text(str(good))
    stars.click()
    shown(front, good)


def test_what_matched_is_marked_and_nothing_is_run(front: Page) -> None:
    def hostile(route: Route) -> None:
        answer = route.fetch()
        told = answer.json()
        for hit in told["hits"][:1]:
            hit |= {"title": HOSTILE, "brand": HOSTILE, "image_link": "javascript:document.title=1"}
            hit["highlights"] = {"title": [[5, 8]], "brand": [[0, 4]]}
        for value in told["facets"].get("brand", ())[:1]:
            value["value"] = HOSTILE
        route.fulfill(response=answer, json=told)

    type_in(front, "dress")
    expect(front.locator("#hits mark").first).to_have_text("dress")
    front.route("**/v1/search", hostile)
    type_in(front, "dresses")
    first = front.locator("#hits article").first
    expect(first.locator("h3")).to_have_text(HOSTILE)
    expect(first.locator("h3 mark")).to_have_text("src")
    expect(front.locator("#brand li").first).to_contain_text(HOSTILE)
    assert first.locator("img").count() == 1
    assert first.locator("img").get_attribute("src") is None
    assert front.title() == "A shop on mmpipe"


def test_clicks_are_counted_and_what_is_like_it_is_shown(front: Page, shop: Shop) -> None:
    type_in(front, "dress")
    expect(front.locator("#hits mark").first).to_be_visible()
    with front.expect_response("**/v1/recommendations") as answered:
        front.locator("#hits article button").nth(1).click()
    expected = [item["title"] for item in answered.value.json()["lists"][0]["items"]]
    expect(front.locator("#related article")).to_have_count(len(expected))
    assert front.locator("#related h3").all_text_contents() == expected
    # What waits to be sent is sent though the page is left.
    front.goto("about:blank")
    log = open_lake(settings_for(shop.folder)).collection("shop").interactions
    found: list[dict[str, Any]] = []
    for _ in range(200):
        found = [event for table in log.scan() for event in table.to_pylist()]
        if any(event["type"] == "search-click" for event in found):
            break
        front.wait_for_timeout(100)
    click = next(event for event in found if event["type"] == "search-click")
    assert click["position"] == 1
    assert click["query_id"]
    assert sum(event["type"] == "impression" for event in found) >= 12


def test_a_photo_is_a_query(front: Page, tmp_path: Path, ask: Ask) -> None:
    photo = tmp_path / "red.png"
    photo.write_bytes(png((207, 42, 52)))
    with front.expect_response(_of_hits) as answered:
        front.locator("#photo").set_input_files(photo)
    answer = answered.value.json()
    shown(front, answer["total"])
    assert titles(front) == [hit["title"] for hit in answer["hits"]]


def test_what_goes_wrong_is_said(browser: Browser, shop: Shop) -> None:
    page = browser.new_page()
    page.goto(f"{shop.pages}/example/index.html")
    expect(page.locator("#stats")).to_contain_text(f"{COUNT} results")
    problem = '{"title": "Broken", "status": 500, "detail": "it broke"}'
    headers = {"access-control-allow-origin": "*"}
    page.route("**/v1/search", lambda route: route.fulfill(status=500, body=problem, headers=headers))
    type_in(page, "hat")
    expect(page.locator("#trouble")).to_contain_text("mmpipe answered 500: it broke")
    page.unroute("**/v1/search")
    type_in(page, "hats")
    expect(page.locator("#trouble")).to_be_hidden()
    page.close()


def test_screenshot(front: Page) -> None:
    """The picture of docs/instantsearch.md, where SCREENSHOTS names a folder."""
    folder = os.environ.get("SCREENSHOTS")
    if not folder:
        pytest.skip("no folder for screenshots is named in SCREENSHOTS")
    type_in(front, "red dress")
    front.locator("#category").get_by_text("Clothing", exact=True).click()
    expect(front.locator("#category ul ul")).to_be_visible()
    front.screenshot(path=Path(folder) / "instantsearch.png")
