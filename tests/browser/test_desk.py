"""The views for the shop's people: a feed dropped on the page is found in it, rejects are mended, rules
tried, live taken back; in both languages, on a phone, without a fault that axe knows."""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from mmpipe.dispatch import InProcessDispatcher
from mmpipe.dispatch.folder_letters import FolderLetters
from mmpipe.dispatch.folder_queue import FolderQueue
from mmpipe.lake import open_lake
from mmpipe.local.folder_pump import FolderPump
from mmpipe.schemas.work import WorkOrder, WorkOutcome
from mmpipe.settings import AnalyticsSettings, Settings
from tests.browser.conftest import served
from tests.serve.conftest import InProcessWork, catalogue, png, settings_for

POOR = '{"id": "poor-1", "title": "A violet hat", "price": "a fortune"}\n{"id": "poor-2"}\n'
FEED = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in catalogue()[:24]) + POOR


class Work:
    """The indexer that the upload folder's pump hands its events to; while :attr:`going` is not set it takes
    its time."""

    def __init__(self, settings: Settings) -> None:
        self._lane = InProcessDispatcher(InProcessWork(settings).indexer.execute)
        self.going = threading.Event()
        self.going.set()

    def submit(self, orders: Sequence[WorkOrder]) -> list[WorkOutcome]:
        self.going.wait(200)
        return self._lane.submit(orders)


class Desk:
    """The page, and the lake under it."""

    def __init__(self, url: str, settings: Settings, work: Work) -> None:
        self.url = url
        self.settings = settings
        self.work = work


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    folder = tmp_path_factory.mktemp("desk")
    settings = settings_for(folder, uploads=True, playground=True)
    settings = settings.model_copy(
        update={
            "analytics": AnalyticsSettings(write_seconds=0.1, min_searches=1),
            "indexing": settings.indexing.model_copy(update={"uploads_uri": str(folder / "uploads")}),
        }
    )
    (folder / "uploads").mkdir()
    work = Work(settings)
    with served(settings) as url, FolderPump(settings, work):
        yield Desk(url, settings, work)


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """As everywhere, but that the service may refuse what the test sends on purpose."""
    page = browser.new_page(viewport={"width": 1280, "height": 900}, reduced_motion="reduce")
    faults: list[str] = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("console", lambda told: faults.append(told.text) if told.type == "error" else None)
    yield page
    page.close()
    assert [fault for fault in faults if "status of 422" not in fault and "status of 409" not in fault] == []


def shot(page: Page, name: str) -> None:
    """A picture of the whole page, where somebody wants to look at it (MMPIPE_SCREENSHOTS)."""
    folder = os.environ.get("MMPIPE_SCREENSHOTS")
    if folder:
        page.screenshot(path=Path(folder) / f"{name}.png", full_page=True)


def accessible(page: Page) -> None:
    """No fault that axe knows of WCAG 2.2 A and AA, and of what is well done."""
    tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
    only = {"type": "tag", "values": tags}
    found = Axe().run(page, options={"runOnly": only, "resultTypes": ["violations"]}).response["violations"]
    assert [(each["id"], [node["html"][:200] for node in each["nodes"]][:3]) for each in found] == []


def drop(page: Page, name: str, data: bytes, kind: str = "") -> None:
    page.set_input_files("#files", [{"name": name, "mimeType": kind, "buffer": data}])


@pytest.fixture(scope="module")
def filled(desk: Desk, browser: Browser) -> Desk:
    """A collection that the page itself made."""
    page = browser.new_page(viewport={"width": 1280, "height": 900}, reduced_motion="reduce")
    page.goto(f"{desk.url}/#/uploads")
    expect(page.get_by_role("heading", name="Uploads", exact=True)).to_be_visible()
    shot(page, "uploads-empty")
    desk.work.going.clear()
    drop(page, "catalogue.jsonl", FEED.encode())
    card = page.locator(".upload", has_text="catalogue.jsonl")
    expect(card).to_have_attribute("data-state", "queued")
    shot(page, "uploads-queued")
    desk.work.going.set()
    expect(card).to_have_attribute("data-state", "live")
    expect(card).to_contain_text("26 read · 24 indexed · 2 rejected")
    card.get_by_role("button", name="Search shop").click()
    expect(page.get_by_text("24 products").first).to_be_visible()
    page.close()
    return desk


def test_a_feed_that_is_dropped_is_found_on_the_page(page: Page, filled: Desk) -> None:
    page.goto(f"{filled.url}/#/uploads")
    expect(page.locator(".rejects .reject")).to_have_count(2)
    row = page.get_by_role("row", name="catalogue.jsonl")
    expect(row).to_contain_text("live")
    drop(page, "red.png", png((240, 20, 20)), "image/png")
    card = page.locator(".upload", has_text="red.png")
    expect(card).to_contain_text("photo, clip or recording")
    expect(card).to_have_attribute("data-state", "unchanged")
    drop(page, "broken.csv", b"\x00\x01\x02 no feed at all")
    broken = page.locator(".upload", has_text="broken.csv")
    expect(broken).to_have_attribute("data-state", "failed")
    drop(page, "useless.csv", b"id,title,price\nu1,A hat,abc\nu2,,\n")
    useless = page.locator(".upload", has_text="useless.csv")
    expect(useless).to_contain_text("None of its rows could be used · 2 read · 2 rejected")
    shot(page, "uploads")
    accessible(page)
    row.get_by_role("link").click()
    expect(page.get_by_role("heading", name="catalogue.jsonl")).to_be_visible()
    expect(page.get_by_text("columns of the file, and what each became")).to_be_visible()
    shot(page, "upload")
    accessible(page)
    poor = page.locator(".reject", has_text="poor-1")
    expect(poor).to_contain_text("price")
    poor.get_by_role("button", name="Try again as it is").click()
    expect(poor.locator(".outcome")).to_contain_text("Still not")
    poor.get_by_role("button", name="Mend").click()
    field = poor.get_by_label("The row, as JSON")
    field.fill('{"id": "poor-1", "title": "A violet hat",')
    poor.get_by_role("button", name="Try the mended row").click()
    expect(poor.get_by_role("alert")).to_contain_text("not valid JSON")
    field.fill('{"id": "poor-1", "title": "A violet hat", "price": "7.00 USD"}')
    poor.get_by_role("button", name="Try the mended row").click()
    expect(poor.locator(".outcome")).to_contain_text("Mended")
    shot(page, "rejects-mended")
    expect(page.get_by_text("1 reject", exact=True)).to_be_visible()
    until_found(page, f"{filled.url}/v1/products/poor-1")
    page.goto(f"{filled.url}/#/search?q=violet+hat")
    expect(page.get_by_text("A violet hat").first).to_be_visible()


def test_an_upload_that_nobody_takes_says_so_and_what_to_do(page: Page, filled: Desk) -> None:
    root = Path(str(filled.settings.indexing.uploads_uri))
    queue, letters = FolderQueue(root), FolderLetters(root)
    page.goto(f"{filled.url}/#/uploads")
    filled.work.going.clear()
    drop(page, "late.jsonl", json.dumps(catalogue()[40]).encode())
    card = page.locator(".upload", has_text="late.jsonl")
    expect(card).to_have_attribute("data-state", "queued")
    try:
        (waiting,) = queue.waiting(5)
        queue.give_up(waiting.name, "not taken for 12.0 hours, the last time: the indexer is away")
        expect(card).to_have_attribute("data-state", "dead_letter")
        expect(card).to_contain_text("Given up: nobody took its work")
        expect(card).to_contain_text("the indexer is away")
        (letter,) = letters.peek()
        expect(card.locator("pre")).to_contain_text(f"--id {letter.message_id[:13]}")
        shot(page, "uploads-dead-letter")
        accessible(page)
        page.goto(f"{filled.url}/#/status")
        expect(page.get_by_text("1 dead letter: mmpipe dlq list")).to_be_visible()
        page.locator("#language").select_option("zh")
        page.goto(f"{filled.url}/#/uploads")
        expect(card).to_contain_text("已放弃：一直没能处理")
        expect(card).to_contain_text("由运行此服务的人将其放回队列")
        shot(page, "uploads-dead-letter-zh")
        expect(page.get_by_role("row", name="late.jsonl")).to_contain_text("已放弃")
        assert len(letters.replay().taken) == 1
        expect(card).to_have_attribute("data-state", "queued")
    finally:
        filled.work.going.set()
    expect(card).to_have_attribute("data-state", "live")


def until_found(page: Page, address: str) -> None:
    """The replica follows within a second; a page that asked before does not ask again."""
    deadline = time.monotonic() + 60
    while page.request.get(address).status != 200:
        assert time.monotonic() < deadline, "the replica follows"
        time.sleep(0.05)


def test_rules_are_tried_refused_at_their_field_and_set(page: Page, filled: Desk) -> None:
    page.goto(f"{filled.url}/#/rules?q=red+shoe")
    expect(page.get_by_text("There are no rules yet.")).to_be_visible()
    page.get_by_role("button", name="Add a rule").click()
    form = page.locator(".rule-form")
    form.get_by_label("Name").fill("Shoes first")
    form.get_by_label("The query contains").fill("shoe, 鞋")
    form.get_by_label("Pin").fill("red-bag-3 @ 0")
    pin = form.locator(".of-pin")
    expect(pin.locator("[aria-invalid]")).to_have_count(1)
    expect(pin).to_contain_text("greater than or equal to 1")
    shot(page, "rules-refused")
    accessible(page)
    form.get_by_label("Pin").fill("red-bag-3 @ 1, red-bag-4 @ 2")
    form.get_by_label("Hide").fill("red-shoe-0")
    form.get_by_label("Bury").fill('[{"field": "price", "gte": 60}]')
    form.get_by_label("Say").fill("<b>Two</b> for one")
    after = page.locator(".sides > div").nth(1)
    expect(after.locator("li").first).to_have_attribute("data-id", "red-bag-3")
    expect(after).to_contain_text("<b>Two</b> for one")
    expect(page.locator(".sides > div").first).to_contain_text("gone")
    shot(page, "rules")
    held = open_lake(filled.settings).collection("shop")
    page.get_by_role("button", name="Save all").click()
    expect(page.locator(".saving")).to_contain_text("As it is set, version 1")
    rule = page.locator(".rules .card").first
    expect(rule).to_contain_text("Shoes first")
    expect(rule).to_contain_text("pin red-bag-3 → 1, red-bag-4 → 2")
    assert held.store.stat(f"{held.uri}/rules.json").size > 10
    page.get_by_role("button", name="Edit Shoes first").click()
    form.get_by_label("Bury").fill("[{")
    expect(form.locator(".of-bury")).to_contain_text("not valid JSON")
    page.get_by_role("button", name="Discard").click()
    expect(page.locator(".saving")).to_contain_text("As it is set, version 1")
    shot(page, "rules-set")
    accessible(page)


def test_analytics_and_status_tell_of_the_shop_and_live_goes_back(page: Page, filled: Desk) -> None:
    searches = open_lake(filled.settings).collection("shop").searches
    for text in ("red shoe", "red shoe", "green bag", "红色 帽子", "nothing of the kind at all", "blue"):
        page.request.post(f"{filled.url}/v1/search", data={"text": text, "collection": "shop"})
    deadline = time.monotonic() + 60
    while "blue" not in searches.read(["query"])["query"].to_pylist():
        assert time.monotonic() < deadline, "what was searched is written"
        time.sleep(0.05)
    page.goto(f"{filled.url}/#/analytics?days=7")
    expect(page.locator(".plot svg")).to_have_count(4)
    expect(page.get_by_role("region", name="Most searched")).to_contain_text("red shoe")
    shot(page, "analytics")
    accessible(page)
    page.goto(f"{filled.url}/#/uploads")
    drop(page, "more.jsonl", json.dumps(catalogue()[30]).encode())
    expect(page.locator(".upload", has_text="more.jsonl")).to_have_attribute("data-state", "live")
    page.goto(f"{filled.url}/#/status")
    table = page.get_by_role("region", name="What is and was live").get_by_role("row")
    live = table.nth(1)
    expect(live).to_contain_text("live")
    expect(live).to_contain_text("feed feeds/more.jsonl")
    before = table.count()
    bill = page.get_by_role("region", name="What it costs")
    expect(bill).to_contain_text("This machine, no cloud cost.")
    expect(bill).to_contain_text("AWS list prices of us-east-1")
    bill.get_by_text("What it is made of").click()
    expect(bill.get_by_role("row", name="load balancer ALB by the hour")).to_be_visible()
    shot(page, "status")
    accessible(page)
    page.get_by_role("button", name="Go back one").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("Go back to what was live before?")
    shot(page, "status-rollback")
    accessible(page)
    dialog.get_by_role("button", name="Go back", exact=True).click()
    expect(page.get_by_text("Readers were taken back")).to_be_visible()
    shot(page, "status-rolled-back")
    accessible(page)
    page.get_by_role("button", name="Make the newest live").click()
    page.get_by_role("dialog").get_by_role("button", name="Make it live").click()
    expect(page.get_by_text("Readers were taken back")).to_have_count(0)
    expect(table).to_have_count(before + 2)


@pytest.mark.parametrize("view", ["uploads", "rules", "analytics", "status"])
def test_in_chinese_in_the_dark_and_on_a_phone(browser: Browser, filled: Desk, view: str) -> None:
    headings = {"uploads": "上传", "rules": "规则", "analytics": "分析", "status": "状态"}
    context = browser.new_context(
        locale="zh-CN", color_scheme="dark", viewport={"width": 390, "height": 844}, reduced_motion="reduce"
    )
    page = context.new_page()
    page.goto(f"{filled.url}/#/{view}")
    expect(page.get_by_role("heading", name=headings[view], level=1)).to_be_visible()
    page.wait_for_load_state("networkidle")
    shot(page, f"{view}-zh-phone")
    accessible(page)
    wide: Any = page.evaluate("document.documentElement.scrollWidth - innerWidth")
    assert wide <= 0, "nothing is cut off, nothing scrolls sideways"
    context.close()
