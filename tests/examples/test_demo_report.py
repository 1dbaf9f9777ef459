from __future__ import annotations

import io
import json
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from PIL import Image
from rich.console import Console

from examples.catalogue.faults import ExpectedReject
from examples.catalogue.products import generate_products
from examples.catalogue.queries import DemoQuery
from examples.catalogue.writer import SampleManifest
from examples.demo.page import write_page
from examples.demo.report import DemoReport, SearchOutcome, accepted, match_faults
from mmpipe.cli.console import hits_table
from mmpipe.schemas.run import Reject
from mmpipe.schemas.search import Hit, ScoreSplit

PRODUCTS = generate_products(count=100)
FIRST, SECOND = PRODUCTS[0], PRODUCTS[1]


def reject(row: int, product_id: str | None, field: str, reason: str, scope: str = "row") -> Reject:
    return Reject.model_validate(
        {
            "reject_id": f"r{row}",
            "scope": scope,
            "product_id": product_id,
            "field": field,
            "reason": reason,
            "error": "InvalidRow",
            "retryable": False,
            "source_uri": "s3://b/sample/feeds/a.jsonl",
            "source_order": "0",
            "row": row,
            "raw": "",
            "run_id": "0" * 32,
            "created_at": datetime(2026, 3, 1, tzinfo=UTC),
        }
    )


FAULTS = (
    ExpectedReject(3, "p3", "price", "row", "amount"),
    ExpectedReject(5, None, "row", "row", "json"),
    ExpectedReject(9, "p9", "image_link", "media", "truncated"),
)
GOOD = [
    reject(3, "p3", "price", "no Amount in 'x'"),
    reject(5, None, "row", "not JSON"),
    reject(9, "p9", "image_link", "truncated photo", "media"),
]


def hit(product_id: str) -> Hit:
    split = ScoreSplit(lexical=0.25, image=0.5)
    return Hit(
        id=product_id, score=0.75, title="<script>alert(1)</script>", availability="in_stock", scores=split
    )


FILM = hit("film").model_copy(update={"video_second": 3.25})


def test_the_second_that_matched_is_shown_where_there_is_one() -> None:
    lines = io.StringIO()
    Console(file=lines, width=200).print(hits_table("found", [FILM, hit("still")]))
    shown = {
        name: line for line in lines.getvalue().splitlines() for name in ("film", "still") if name in line
    }
    assert "▶ 0:03 clip · 视频" in shown["film"]
    assert "▶" not in shown["still"]


def test_the_list_price_is_shown_while_a_sale_runs() -> None:
    prices = {"price": "12.00 USD", "list_price": "20.00 USD"}
    lines = io.StringIO()
    shown = Console(file=lines, width=200, force_terminal=True)
    shown.print(
        hits_table("", [hit("a").model_copy(update=prices), hit("b").model_copy(update={"price": "7 USD"})])
    )
    on_sale, plain = (line for line in lines.getvalue().splitlines() if " USD" in line)
    assert "12.00 USD was \x1b[9m20.00 USD\x1b[0m" in on_sale
    assert "7 USD" in plain
    assert "was" not in plain


def test_what_a_feed_says_is_never_markup() -> None:
    tagged = hit("[red]a[/red]").model_copy(
        update={"title": "[bold]t[/bold]", "price": "[x]", "list_price": "[/strike]"}
    )
    lines = io.StringIO()
    Console(file=lines, width=200).print(hits_table("", [tagged]))
    for cell in ("[red]a[/red]", "[bold]t[/bold]", "[x] was [/strike]"):
        assert cell in lines.getvalue()


def outcome(product_id: str, *, ok: bool) -> SearchOutcome:
    query = DemoQuery("text", "a <b>query</b>", text="q", expected_ids=frozenset({FIRST.id}))
    return SearchOutcome(query, (hit(product_id),), ok, 3.0)


def test_faults_are_paired_with_the_reject_that_explains_them() -> None:
    outcomes, left = match_faults(FAULTS, GOOD)
    assert [o.reject for o in outcomes] == GOOD
    assert left == []


def test_a_medium_that_came_after_its_feed_is_known_by_its_product() -> None:
    late = reject(0, "p9", "image_link", "truncated photo", "media")
    outcomes, left = match_faults(FAULTS, [*GOOD[:2], late])
    assert ([o.reject for o in outcomes], left) == ([*GOOD[:2], late], [])


def test_what_was_not_planted_is_left() -> None:
    other = reject(0, "p9", "image_link", "something else", "media")
    assert match_faults(FAULTS, [other, *GOOD])[1] == [other]


@pytest.mark.parametrize(
    "wrong",
    [
        reject(4, "p3", "price", "no amount"),
        reject(3, "p4", "price", "no amount"),
        reject(3, "p3", "title", "no amount"),
        reject(3, "p3", "price", "no amount", "media"),
        reject(3, "p3", "price", "wrong somehow"),
    ],
)
def test_a_reject_with_another_reason_explains_nothing(wrong: Reject) -> None:
    outcomes, left = match_faults(FAULTS, [wrong, *GOOD[1:]])
    assert (outcomes[0].reject, left) == (None, [wrong])


def test_best_hits_are_judged() -> None:
    products = {product.id: product for product in PRODUCTS}
    query = DemoQuery("text", "q", expected_ids=frozenset({FIRST.id}))
    assert accepted(query, (hit(FIRST.id), hit(SECOND.id)), products)
    assert not accepted(query, (hit(SECOND.id), hit(FIRST.id)), products)
    assert not accepted(query, (), products)
    look = DemoQuery("image", "q", expected={"category": SECOND.category, "colour": SECOND.colour})
    assert accepted(look, (hit(SECOND.id),), products)


def report() -> DemoReport:
    faults, unexpected = match_faults(FAULTS, GOOD)
    searches = [outcome(FIRST.id, ok=True)]
    return DemoReport(10, 8, indexed=8, searches=searches, faults=faults, unexpected=unexpected)


def test_a_good_report_has_no_trouble_and_the_promised_keys() -> None:
    made = report()
    assert made.trouble() == []
    line = json.loads(json.dumps(made.to_json()))
    assert (line["uploaded"], line["indexed"], line["rejected"]) == (10, 8, 3)
    (search,) = line["searches"]
    assert {"query", "top", "expected", "ok"} <= set(search)
    assert (search["top"], search["ok"]) == (FIRST.id, True)


def test_everything_that_falls_short_is_trouble() -> None:
    made = report()
    made.indexed = 7
    made.dead_letters = 2
    made.searches.append(outcome(SECOND.id, ok=False))
    made.faults, made.unexpected = match_faults(FAULTS, [*GOOD[1:], reject(77, "good", "title", "odd")])
    trouble = "\n".join(made.trouble())
    for words in ("7 products", "2 events", "a <b>query</b>", "row 3 (p3, price)", "row 77 (good, title)"):
        assert words in trouble


def test_the_page_holds_its_pictures_and_escapes_what_others_wrote(tmp_path: Path) -> None:
    (tmp_path / "media").mkdir()
    picture = io.BytesIO()
    Image.new("RGB", (64, 64), (9, 120, 200)).save(picture, "JPEG")
    (tmp_path / "media" / f"{FIRST.id}.jpg").write_bytes(picture.getvalue())
    manifest = SampleManifest(tmp_path, "feeds/a.jsonl", 10, 8, FAULTS, tuple(PRODUCTS), ())
    made = report()
    made.searches.append(
        SearchOutcome(
            DemoQuery("image", "a photo", image=picture.getvalue()), (hit("unknown"), FILM), False, 1.0
        )
    )
    reduced = FILM.model_copy(update={"price": "12 <USD>", "list_price": "<s>20 USD", "video_second": None})
    made.searches.append(SearchOutcome(DemoQuery("text", "a sale", text="sale"), (reduced,), True, 1.0))
    page = write_page(tmp_path / "results.html", made, manifest).read_text()
    assert page.count("data:image/jpeg;base64,") == 2
    assert page.count("▶ 0:03 clip · 视频") == page.count("▶") == 1
    assert "<script>" not in page
    assert '12 &lt;USD&gt; <s title="list price · 原价">&lt;s&gt;20 USD</s></p>' in page
    assert "a &lt;b&gt;query&lt;/b&gt;" in page
    assert FIRST.title_zh in page
    assert "http" not in page.replace("HTTP", "")  # nothing is loaded from elsewhere
    assert isinstance(FIRST.price, Decimal)
