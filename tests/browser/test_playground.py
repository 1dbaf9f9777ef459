"""The playground as a shopper uses it, in a real browser. With ``MMPIPE_SCREENSHOTS=FOLDER`` what is seen is
kept there as ``playground-*.webp``."""

from __future__ import annotations

import io
import json
import os
import re
import wave
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from PIL import Image
from playwright.sync_api import Browser, Page, Route, expect

from mmpipe.encoders.base import AudioClip
from mmpipe.serve.http.api import create_app
from mmpipe.serve.http.metrics import Metrics
from mmpipe.settings import Settings
from mmpipe.speech import registry
from mmpipe.speech.base import HeardWord, Transcript
from mmpipe.speech.fake import FakeRecognizer
from tests.browser.conftest import launched, served
from tests.browser.sample_shop import make_sample
from tests.serve.conftest import make_service
from tests.serve.held_keys import held
from tests.serve.listening import listening

# A browser, a service and axe beside whatever else the machine does.
pytestmark = pytest.mark.timeout(400)

ATTACK = """<img src=x onerror="document.title='owned'"><script>document.title='owned'</script>"""
# Of the service's answers, what the page shows as text.
_SHOWN = frozenset(
    {
        "title",
        "brand",
        "category",
        "description",
        "text",
        "quote",
        "color",
        "material",
        "did_you_mean",
        "fallback",
    }
)
_TONE = 440.0
_KEY = "a-callers-key-0123456789"
_SHOTS = os.environ.get("MMPIPE_SCREENSHOTS")
_MOST_BYTES = 200_000


class Ear(FakeRecognizer):
    """Hears a red dress in a recording that is the microphone's tone, and nothing in any other."""

    def transcribe(self, clip: AudioClip) -> Transcript:
        spectrum = np.abs(np.fft.rfft(clip.samples))
        loudest = float(np.fft.rfftfreq(len(clip.samples), 1 / clip.sample_rate)[spectrum.argmax()])
        if abs(loudest - _TONE) > 20:
            return Transcript("", 0.0)
        words = ("a", "red", "dress")
        return Transcript(
            " ".join(words), 0.87, "en", tuple(HeardWord(w, n / 4, n / 4 + 0.25) for n, w in enumerate(words))
        )


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """Chromium whose microphone plays a tone, allowed without asking."""
    path = tmp_path_factory.mktemp("microphone") / "tone.wav"
    samples = np.sin(np.arange(48_000 * 4) * _TONE * 2 * np.pi / 48_000) * 12_000
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(48_000)
        file.writeframes(samples.astype(np.int16).tobytes())
    with launched(
        "--use-fake-device-for-media-stream",
        "--use-fake-ui-for-media-stream",
        f"--use-file-for-fake-audio-capture={path}",
    ) as browser:
        yield browser


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return make_sample(tmp_path_factory.mktemp("sample-shop"))


@pytest.fixture(scope="module")
def url(sample: Settings) -> Iterator[str]:
    """The shop, served, with an ear."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(registry, "load", lambda _name, _models: Ear())
        service = make_service(sample)
        service.voice.adapt()
        with listening(create_app(service, Metrics("playground"))) as address:
            yield address


def shot(page: Page, name: str, *, full: bool = False) -> None:
    """Keep what is seen, where somebody asked for it: as WebP of at most 200 kB."""
    if not _SHOTS:
        return
    page.mouse.move(0, 0)
    if full:
        page.evaluate("() => scrollTo(0, 0)")  # what sticks to the top is pictured there
    page.wait_for_load_state("networkidle")
    page.wait_for_timeout(400)
    picture = Image.open(io.BytesIO(page.screenshot(full_page=full)))
    for quality in (90, 80, 70, 55, 40):
        buffer = io.BytesIO()
        picture.convert("RGB").save(buffer, "WEBP", quality=quality, method=6)
        if buffer.tell() <= _MOST_BYTES:
            break
    folder = Path(_SHOTS)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"playground-{name}.webp").write_bytes(buffer.getvalue())


def accessible(page: Page) -> None:
    """No fault that axe knows of WCAG 2.2 A and AA in this theme, and no colour too faint in the other."""
    tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
    page.emulate_media(reduced_motion="reduce")  # colours that fade are faint meanwhile
    dark = page.evaluate("() => matchMedia('(prefers-color-scheme: dark)').matches")
    assert faults(page, {"type": "tag", "values": tags}) == []
    page.evaluate("theme => document.documentElement.dataset.theme = theme", "light" if dark else "dark")
    assert faults(page, {"type": "rule", "values": ["color-contrast"]}) == []
    page.evaluate("() => document.documentElement.dataset.theme = 'auto'")


def faults(page: Page, only: dict[str, Any]) -> list[tuple[str, list[Any]]]:
    """What axe finds, and at which elements."""
    found = Axe().run(page, options={"runOnly": only, "resultTypes": ["violations"]})
    return [
        (each["id"], [node["html"][:200] for node in each["nodes"]][:3])
        for each in found.response["violations"]
    ]


def titles(page: Page, within: str = ".grid") -> list[str]:
    return page.locator(f"{within} .product .title").all_inner_texts()


def test_words_suggestions_filters_and_pages(page: Page, url: str) -> None:
    page.goto(url)
    expect(page.locator(".grid .product")).to_have_count(24)
    expect(page.locator("#picked .product").first).to_be_visible()
    shot(page, "home-en")
    accessible(page)

    # Typing, with the keyboard alone.
    page.keyboard.press("/")
    page.keyboard.type("dress")
    box = page.get_by_role("combobox", name="What are you looking for?")
    expect(box).to_have_attribute("aria-expanded", "true")
    page.keyboard.press("ArrowDown")
    chosen = page.locator("[role=option][aria-selected=true]")
    expect(chosen).to_have_count(1)
    expect(box).to_have_attribute("aria-activedescendant", str(chosen.get_attribute("id")))
    shot(page, "suggestions-en")
    page.keyboard.press("Escape")
    expect(box).to_have_attribute("aria-expanded", "false")
    box.fill("red dress under 200")
    page.keyboard.press("Enter")
    expect(page.locator(".chip.meant")).to_have_count(3)
    expect(page.locator("#said")).to_have_text(re.compile(r"^\d+ products$"))
    assert "q=red+dress+under+200" in page.url

    # Why it is there: bars that add up to what the service says.
    first = page.locator(".grid .product").first
    first.locator("summary").click()
    expect(first.locator(".parts dt").first).to_have_text("Words")
    assert (
        first.locator(".parts .piece").first.evaluate("element => element.getBoundingClientRect().width") > 10
    )
    shot(page, "search-en")
    accessible(page)

    # What was understood can be switched off, and on again.
    before = page.locator(".total").inner_text()
    price = page.locator(".chip.meant", has_text="Price")
    price.click()
    expect(price).to_have_attribute("aria-pressed", "false")
    expect(price).to_be_focused()
    price.click()
    expect(price).to_have_attribute("aria-pressed", "true")
    expect(page.locator(".total")).to_contain_text(before.split(" in ")[0])

    # Filters: the others keep their numbers, and what is chosen is focused still.
    page.goto(f"{url}/#/search")
    expect(page.locator(".grid .product")).to_have_count(24)
    colours = page.locator(".facet[data-field=color]")
    values = colours.locator("li").count()
    colours.get_by_role("checkbox").first.check()
    expect(page.locator(".chips .chip.on")).to_have_count(1)
    expect(colours.get_by_role("checkbox").first).to_be_focused()
    assert colours.locator("li").count() == values
    page.locator(".chips .chip.on").click()
    expect(page.locator(".chips .chip.on")).to_have_count(0)
    page.get_by_label("Price to").fill("60")
    page.get_by_label("Price to").press("Enter")
    expect(page.locator(".chips .chip.on")).to_contain_text("$60.00")
    with page.expect_response("**/v1/search*"):
        page.get_by_label("Sort by").select_option("price_desc")
    expect(page.locator(".found")).not_to_have_attribute("aria-busy", "true")
    amounts = [float(each.lstrip("$")) for each in page.locator(".grid .price strong").all_inner_texts()]
    assert amounts == sorted(amounts, reverse=True)
    assert amounts
    assert max(amounts) <= 60
    page.go_back()
    expect(page.get_by_label("Sort by")).to_have_value("relevance")

    # Variants, pages, a sale.
    page.goto(f"{url}/#/search?groups=1")
    expect(page.locator(".swatches").first).to_be_visible()
    page.goto(f"{url}/#/search")
    more = page.get_by_role("button", name="Show more")
    more.click()
    expect(more).to_have_count(0)
    total = int(re.findall(r"\d+", page.locator(".total").inner_text())[0])
    expect(page.locator(".grid .product")).to_have_count(total)
    assert (
        page.locator(".grid .product")
        .nth(24)
        .locator("a")
        .first.evaluate("a => a === document.activeElement")
    )
    assert page.locator(".price.reduced s").count() > 3
    page.goto(f"{url}/#/search?q=zzqqxx+wwqq&color=red")
    expect(page.get_by_role("heading", name="Nothing found")).to_be_visible()


def test_a_photo_a_part_of_it_and_a_voice(page: Page, url: str, sample: Settings) -> None:
    media = Path(sample.indexing.uploads_uri or "") / "shop" / "media"
    boots = next(iter(sorted(media.glob("boots-*.jpg"))))
    sofa = next(iter(sorted(media.glob("sofa-*.jpg"))))
    both = Image.new("RGB", (640, 320), "white")
    both.paste(Image.open(boots), (0, 0))
    both.paste(Image.open(sofa), (320, 0))
    buffer = io.BytesIO()
    both.save(buffer, "JPEG", quality=90)
    page.goto(url)
    expect(page.locator(".grid .product")).to_have_count(24)

    # Dropped on the page, as a file from a folder is.
    page.evaluate(
        """async (bytes) => {
          const given = new DataTransfer();
          given.items.add(new File([new Uint8Array(bytes)], "both.jpg", { type: "image/jpeg" }));
          const main = document.querySelector("main");
          for (const type of ["dragenter", "dragover", "drop"])
            main.dispatchEvent(new DragEvent(type, { bubbles: true, cancelable: true, dataTransfer: given }));
        }""",
        list(buffer.getvalue()),
    )
    frame = page.locator(".crop")
    expect(frame).to_be_visible()
    expect(page.locator(".found")).not_to_have_attribute("aria-busy", "true")

    # A box around the boots on the left: what is found are boots, the right half gives sofas.
    def around(left: float, right: float) -> str:
        frame.scroll_into_view_if_needed()
        place = frame.bounding_box()
        assert place is not None
        with page.expect_response("**/v1/search") as answered:
            page.mouse.move(place["x"] + place["width"] * left, place["y"] + 6)
            page.mouse.down()
            page.mouse.move(place["x"] + place["width"] * right, place["y"] + place["height"] - 6, steps=4)
            page.mouse.up()
        hits: list[dict[str, Any]] = answered.value.json()["hits"]
        return hits[0]["category"].lower()

    assert "boots" in around(0.03, 0.47)
    shot(page, "photo-en")
    accessible(page)
    page.get_by_role("button", name="Whole picture").click()
    assert "sofa" in around(0.53, 0.97)
    with page.expect_response("**/v1/search"):
        page.get_by_role("group", name=re.compile("Arrow keys")).press("ArrowLeft")
    page.get_by_role("button", name="Remove").click()
    expect(frame).to_have_count(0)

    # The microphone, held while it is talked into: what was heard is shown, and can be corrected.
    talk = page.get_by_role("button", name="Hold to talk")
    place = talk.bounding_box()
    assert place is not None
    page.mouse.move(place["x"] + 10, place["y"] + 10)
    page.mouse.down()
    expect(page.get_by_role("button", name="Stop and search")).to_have_attribute("aria-pressed", "true")
    expect(page.locator("#said")).to_have_text("Listening")
    page.wait_for_timeout(900)
    page.mouse.up()
    expect(page.locator(".heard")).to_contain_text("a red dress")
    expect(page.locator(".heard")).to_contain_text("87%")
    box = page.get_by_role("combobox", name="What are you looking for?")
    expect(box).to_have_value("a red dress")
    expect(page.locator(".grid .product .title").first).to_contain_text(re.compile("dress", re.IGNORECASE))
    shot(page, "voice-en")
    box.fill("grey sofa")
    box.press("Enter")
    expect(page.locator(".heard")).to_have_count(0)
    expect(page.locator(".grid .product .title").first).to_contain_text("sofa")

    # A short clip: what it shows, and where.
    page.goto(f"{url}/#/search")
    expect(page.locator(".grid .product")).to_have_count(24)
    clip = next(iter(sorted(media.glob("*.mp4"))))
    page.set_input_files("input[data-for=film]", clip)
    expect(page.locator(".clip-preview")).to_be_visible()
    expect(page.locator(".grid .product .badge.moment").first).to_be_visible()


def test_products_shoppers_and_the_assistant(page: Page, url: str, sample: Settings) -> None:
    media = Path(sample.indexing.uploads_uri or "") / "shop" / "media"
    shown = next(iter(sorted(media.glob("*.mp4")))).stem

    # A product with a clip, at the second where it is most like what was asked.
    page.goto(f"{url}/#/product/{shown}?s=1")
    video = page.locator("video")
    expect(video).to_be_visible()
    page.wait_for_function("() => document.querySelector('video').currentTime >= 0.9")
    page.get_by_role("button", name="Picture 1").click()
    expect(page.locator(".gallery .main img")).to_be_visible()
    expect(page.get_by_role("heading", name="Similar")).to_be_visible()
    shot(page, "product-en")
    accessible(page)

    # What shoppers wrote, and showed.
    feed = (media.parent / "feeds" / "all.jsonl").read_text().splitlines()
    page.goto(f"{url}/#/product/{json.loads(feed[0])['id']}")
    page.locator(".reviews .taken").scroll_into_view_if_needed()
    expect(page.locator(".reviews .taken .pic.here img")).to_have_count(1)
    accessible(page)

    # What a shopper looks at changes what that one is shown, and nobody else.
    page.goto(f"{url}/#/foryou")
    page.locator(".persona", has_text="Ada").click()
    expect(page.get_by_role("heading", name="For Ada")).to_be_visible()
    expect(page.locator(".rail .product").first).to_be_visible()
    before = titles(page, ".rail")
    for word in ("boots", "boots", "boots"):
        page.goto(f"{url}/#/search?q={word}")
        expect(page.locator(".grid .product .title").first).to_contain_text(word)
        place = len(page.evaluate("() => JSON.parse(sessionStorage.getItem('mmpipe.did') || '{}').ada || []"))
        with page.expect_response("**/v1/interactions") as told:
            page.locator(".grid .product .title a").nth(place).click()
        assert told.value.json()["accepted"] == 1
        expect(page.get_by_role("button", name="Add to cart")).to_be_visible()
    page.get_by_role("button", name="Like").click()
    expect(page.get_by_role("button", name="Liked")).to_be_visible()
    page.goto(f"{url}/#/foryou")
    expect(page.locator(".events li")).to_have_count(4)
    expect(page.locator(".rail .reason").first).to_contain_text("because you")
    assert titles(page, ".rail") != before
    shot(page, "shopper-en")
    accessible(page)
    page.goto(f"{url}/#/search?q=black")
    expect(page.locator(".tagged")).to_contain_text("Ada")
    page.locator("#shopper").select_option("bo")
    expect(page.locator(".grid .product").first).to_be_visible()
    expect(page.locator(".tagged")).to_have_count(0)

    # A conversation, with what each answer stands on.
    page.goto(f"{url}/#/assistant")
    with page.expect_response("**/v1/assistant") as answered:
        page.get_by_role("textbox", name="Your turn").fill("A red dress under 200 dollars")
        page.keyboard.press("Enter")
    expect(page.locator(".answer .offer").first).to_be_visible()
    page.locator(".claim").first.click()
    expect(page.locator(".proof blockquote")).not_to_be_empty()
    page.get_by_role("textbox", name="Your turn").fill("which is the cheapest?")
    page.keyboard.press("Enter")
    expect(page.locator(".answer")).to_have_count(2)
    expect(page.locator(".answer .said").nth(1)).not_to_be_empty()
    shot(page, "assistant-en")
    accessible(page)
    # What is clicked names the search that found it.
    query_id = answered.value.json()["query_id"]
    assert query_id
    with page.expect_request("**/v1/interactions") as told:
        page.locator(".answer").first.locator(".offer").first.click()
    context = json.loads(told.value.post_data or "")["interactions"][0]["context"]
    assert context == {"query_id": query_id, "position": 0, "list": "assistant"}


def test_what_it_would_cost_is_told_in_both_languages(page: Page, url: str, sample: Settings) -> None:
    page.goto(f"{url}/#/status")
    for language, cost, lines, row in (
        ("en", "What it costs", "What it is made of", "load balancer ALB by the hour"),
        ("zh", "费用", "费用构成", "负载均衡 ALB，按小时计"),
    ):
        page.locator("#language").select_option(language)
        bill = page.get_by_role("region", name=cost)
        bill.get_by_text(lines).click()
        expect(bill.get_by_role("row", name=row)).to_be_visible()
        expect(bill.locator("[lang=en]")).to_have_count(0)
        # Where this test's lake happens to be is nothing for a picture.
        lake = page.get_by_text(sample.lake.uri)
        lake.evaluate(
            "(told, uri) => (told.textContent = told.textContent.replace(uri, './lake'))", sample.lake.uri
        )
        shot(page, f"status-{language}", full=True)
        accessible(page)


def test_a_service_that_takes_its_time_leaves_no_blank_page(page: Page, url: str) -> None:
    page.goto(url)
    expect(page.locator(".grid .product").first).to_be_visible()
    held: list[Route] = []
    page.route("**/v1/status*", lambda route: held.append(route))
    page.get_by_role("link", name="Uploads").click()
    expect(page.locator("main")).to_have_text("Loading …")
    for route in held:
        route.continue_()
    page.unroute("**/v1/status*")
    expect(page.get_by_role("heading", name="Uploads", exact=True)).to_be_visible()
    expect(page.get_by_text("Loading …")).to_have_count(0)


def attacked(route: Route) -> None:
    """The service's own answer, with an attack at the end of every text that is shown."""
    answer = route.fetch()

    def walk(value: Any) -> Any:
        if isinstance(value, dict):
            return {
                name: each + ATTACK if name in _SHOWN and isinstance(each, str) else walk(each)
                for name, each in value.items()
            }
        return [walk(each) for each in value] if isinstance(value, list) else value

    route.fulfill(response=answer, json=walk(answer.json()))


def test_what_a_feed_says_is_shown_and_never_run(page: Page, url: str, sample: Settings) -> None:
    media = Path(sample.indexing.uploads_uri or "") / "shop" / "media"
    shown = next(iter(sorted(media.glob("*.mp4")))).stem
    page.route(lambda address: "/v1/" in address and "/media/" not in address, attacked)
    for hash_, place in (
        ("#/search?q=red+dress+under+200", ".grid .product .title"),
        (f"#/product/{shown}", "h1"),
        ("#/foryou", ".rail .product .title"),
    ):
        page.goto(f"{url}/{hash_}")
        expect(page.locator(place).first).to_contain_text(ATTACK)
    page.goto(f"{url}/#/assistant")
    page.get_by_role("textbox", name="Your turn").fill(ATTACK)
    page.keyboard.press("Enter")
    expect(page.locator(".mine")).to_have_text(ATTACK)
    expect(page.locator(".answer .said")).to_contain_text(ATTACK)
    page.goto(f"{url}/#/search")
    page.get_by_role("combobox", name="What are you looking for?").fill("dre")
    expect(page.locator(".suggestions li").first).to_contain_text(ATTACK)
    page.goto(f"{url}/#/search?q={ATTACK.replace(' ', '+')}&brand=%3Cb%3E&min=x&sort=%3Ci%3E&groups=9")
    expect(page.locator(".found")).not_to_have_attribute("aria-busy", "true")
    assert page.evaluate("() => document.querySelectorAll('body script, main img[src=x]').length") == 0
    assert page.title() != "owned"


def test_the_policy_lets_no_other_script_run(browser: Browser, url: str) -> None:
    page = browser.new_page()
    page.goto(url)
    refused = page.evaluate(
        """() => new Promise((done) => {
          const told = (event) => done(event.effectiveDirective);
          document.addEventListener("securitypolicyviolation", told, { once: true });
          const image = document.createElement("img");
          image.setAttribute("onload", "document.title = 'owned'");
          image.src = "/playground/icon.svg";
          document.body.append(image);
        })"""
    )
    assert refused == "script-src-attr"
    assert page.title() != "owned"
    page.close()


def test_in_chinese_on_a_phone_and_in_the_dark(browser: Browser, url: str) -> None:
    context = browser.new_context(
        viewport={"width": 390, "height": 844}, locale="zh-CN", color_scheme="dark", has_touch=True
    )
    page = context.new_page()
    told: list[str] = []
    page.on("pageerror", lambda error: told.append(str(error)))
    page.on("console", lambda message: told.append(message.text) if message.type == "error" else None)
    page.goto(url)
    expect(page.locator("html")).to_have_attribute("lang", "zh-Hans")
    expect(page.get_by_role("link", name="导购助手")).to_be_visible()
    for hash_, name in (
        ("#/search?q=红色连衣裙", "search"),
        ("#/foryou", "foryou"),
        ("#/assistant", "assistant"),
    ):
        page.goto(f"{url}/{hash_}")
        expect(page.locator(".product, .examples button").first).to_be_visible()
        page.wait_for_load_state("networkidle")
        wide = page.evaluate(
            "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"
        )
        assert wide <= 0, name
        expect(page.locator("main")).to_contain_text("连衣裙")
        accessible(page)
        shot(page, f"{name}-zh-phone-dark")
    page.goto(f"{url}/#/search?q=红色连衣裙")
    page.get_by_role("button", name="筛选").click()
    expect(page.locator(".facets.open .facet").first).to_be_visible()
    page.locator(".grid .product .title a").first.click()
    expect(page.locator("h1")).to_contain_text("连衣裙")
    shot(page, "product-zh-phone-dark")
    # The other language, where one is.
    page.locator("#language").select_option("en")
    expect(page.locator("html")).to_have_attribute("lang", "en")
    expect(page.get_by_role("link", name="Assistant")).to_be_visible()
    expect(page.locator("#language")).to_be_focused()
    context.close()
    assert told == []
    if _SHOTS:
        context = browser.new_context(viewport={"width": 1280, "height": 900}, locale="zh-CN")
        page = context.new_page()
        page.goto(f"{url}/#/search?q=红色连衣裙")
        expect(page.locator(".grid .product").first).to_be_visible()
        shot(page, "search-zh")
        context.close()


def test_a_key_is_asked_for_where_the_service_does(browser: Browser, sample: Settings) -> None:
    serve = sample.serve.model_copy(update={"api_keys": held(shop=_KEY), "playground": True})
    context = browser.new_context()
    page = context.new_page()
    with served(sample.model_copy(update={"serve": serve})) as url:
        page.goto(url)
        field = page.get_by_label("Key", exact=True)
        field.fill("no-such-key-0123456789")
        field.press("Enter")
        expect(page.get_by_role("dialog")).to_contain_text("no such API key")
        page.get_by_label("Key", exact=True).fill(_KEY)
        page.get_by_label("Key", exact=True).press("Enter")
        expect(page.locator(".grid .product").first).to_be_visible()
        # Pictures are fetched with it.
        expect(page.locator(".grid .pic.here img").first).to_have_attribute("src", re.compile("^blob:"))
        assert (
            page.evaluate("() => [JSON.stringify({...localStorage}), document.cookie]").__repr__().count(_KEY)
            == 0
        )
        assert page.evaluate("() => sessionStorage.getItem('mmpipe.key')") == _KEY
    context.close()
