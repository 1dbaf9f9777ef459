"""The pages a person sees: API documentation and the demo's results."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import Page, expect

from examples.catalogue.media import encode_jpeg
from examples.catalogue.products import generate_products
from examples.catalogue.queries import DemoQuery
from examples.catalogue.render import render_image
from examples.catalogue.writer import SampleManifest
from examples.demo.page import write_page
from examples.demo.report import DemoReport, SearchOutcome
from mmpipe.schemas.search import Hit, ScoreSplit
from mmpipe.settings import Settings
from tests.browser.conftest import served
from tests.serve.held_keys import held


def test_docs_list_the_routes_and_try_one(page: Page, api_url: str) -> None:
    page.goto(f"{api_url}/docs")
    expect(page.locator("#title")).to_contain_text("mmpipe")
    search = page.locator("details.op", has_text="Search by text").first
    search.locator("summary").click()
    search.get_by_label("q", exact=True).fill("红色 鞋")
    search.get_by_role("button").click()
    expect(search.locator("pre").last).to_contain_text("red-shoe-")
    expect(page.locator("details.op", has_text="/v1/products/{product_id}/similar")).to_be_visible()


def test_docs_ask_for_a_key_where_the_service_does(
    page: Page, api_url: str, shop: tuple[Path, Settings]
) -> None:
    page.goto(f"{api_url}/docs")
    expect(page.locator("details.op", has_text="Search by text").first).to_be_visible()
    expect(page.get_by_label("API key")).to_be_hidden()
    keys = held(shop="a-callers-key-0123456789")
    serve = shop[1].serve.model_copy(update={"api_keys": keys})
    with served(shop[1].model_copy(update={"serve": serve})) as url:
        page.goto(f"{url}/docs")
        page.get_by_label("API key").fill("a-callers-key-0123456789")
        search = page.locator("details.op", has_text="Search by text").first
        search.locator("summary").click()
        search.get_by_label("q", exact=True).fill("red shoe")
        search.get_by_role("button").click()
        expect(search.locator("pre").last).to_contain_text("red-shoe-")


def test_results_page_shows_pictures_and_never_runs_what_a_feed_says(page: Page, tmp_path: Path) -> None:
    products = generate_products(count=100)[:3]
    (tmp_path / "media").mkdir()
    for product in products:
        photo = encode_jpeg(render_image(product, size=128))
        (tmp_path / "media" / f"{product.id}.jpg").write_bytes(photo)
    hits = tuple(
        Hit(
            id=product.id,
            score=0.5,
            title="<img src=x onerror=alert(1)>",
            availability="in_stock",
            scores=ScoreSplit(lexical=0.2, image=0.3),
            video_second=67.9 if product is products[1] else None,
        )
        for product in products
    )
    query = DemoQuery("text", "红色连衣裙", text="红色连衣裙", expected_ids=frozenset({products[0].id}))
    report = DemoReport(uploaded=3, expected_indexed=3, indexed=3, seconds=1.0)
    report.searches.append(SearchOutcome(query, hits, True, 2.0))
    manifest = SampleManifest(
        folder=tmp_path,
        feed="feeds/catalogue.jsonl",
        uploaded=3,
        expected_indexed=3,
        expected_rejects=(),
        products=tuple(products),
        files=(),
    )
    page.goto(write_page(tmp_path / "results.html", report, manifest).as_uri())
    expect(page.get_by_role("heading", name="红色连衣裙")).to_be_visible()
    expect(page.locator("article.hit")).to_have_count(3)
    expect(page.locator("article.hit .moment")).to_have_count(1)
    expect(page.locator("article.hit").nth(1)).to_contain_text("▶ 1:07 clip · 视频")
    widths = page.eval_on_selector_all("article img", "all => all.map(image => image.naturalWidth)")
    assert len(widths) == 3
    assert all(widths)
