"""``mmpipe index --dry-run``: how a file would be read, and nothing written."""

from __future__ import annotations

import gzip
import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from mmpipe.cli.app import main
from mmpipe.cli.console import plain
from mmpipe.errors import InvalidRequest, MmpipeError
from mmpipe.objects import open_store
from mmpipe.schemas.feed import FeedReport

Run = Callable[..., Result]

FEED = """\
id,title,price,sale price,availability,image link,additional image link,published,purchase price,mood
M1,Blue mug,20 USD,12 USD,1,m1.png,m1b.png,yes,4,calm
M2,Red mug,a fortune,,1,,,yes,4,calm
M3,Old mug,9 USD,,1,,,no,4,calm
M4,,9 USD,,1,,,yes,4,calm
M5,Tall mug,15 USD,,0,https://cdn.example.com/5.png,,yes,4,calm
"""
SHOPIFY = """\
URL handle,Title,Status,Option1 name,Option1 value,SKU,Price,Compare-at price,Cost per item,Gift card
sock,Hemp sock,Active,Color,Green,HS-G,12,15,3,false
sock,,,,Red,HS-R,12,,3,false
"""


@pytest.fixture
def feed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "shop"
    folder.mkdir()
    (folder / "feed.csv").write_text(FEED)
    monkeypatch.chdir(folder)
    return folder / "feed.csv"


def told(run: Run, feed: Path | str, *more: str) -> dict[str, Any]:
    result = run("index", feed, "--dry-run", "--json", *more)
    assert result.exit_code == 0
    assert result.stdout.count("\n") == 1
    found: dict[str, Any] = json.loads(result.stdout)
    return found


def test_all_of_it_in_one_line(run: Run, feed: Path) -> None:
    found = told(run, feed)
    assert found.keys() == {"report", "rows", "rejects"}
    report = FeedReport.model_validate(found["report"])
    assert (report.format, report.container) == ("google", "csv")
    assert (report.rows, report.products, report.withdrawn, report.rejected) == (5, 2, 1, 2)
    assert report.columns["sale price"] == "sale_price"
    assert (report.private, report.unknown) == (["purchase price"], ["mood"])
    first, second = found["rows"]
    assert {name: first[name] for name in ("row", "id", "title", "price", "list_price", "availability")} == {
        "row": 1, "id": "M1", "title": "Blue mug", "price": "12 USD", "list_price": "20 USD",
        "availability": "in_stock",
    }  # fmt: skip
    assert first["pictures"] == ["m1.png", "m1b.png"]
    assert first["product"]["private"] == {"purchase_price": "4", "mood": "calm"}
    assert (second["id"], second["price"], second["list_price"]) == ("M5", "15 USD", None)
    assert second["availability"] == "out_of_stock"
    rejects = found["rejects"]
    assert [(each["row"], each["product_id"], each["field"]) for each in rejects] == [
        (2, "M2", "price"),
        (4, "M4", "title"),
    ]
    assert rejects[0]["reason"] == "'a fortune' holds no amount: write it as 19.99 USD"


def test_people_read_the_same(run: Run, feed: Path) -> None:
    shown = run("index", feed, "--dry-run").stdout
    for words in (
        "Google Merchant Center feed (google, csv)",
        "5 rows of the file: 2 products, 1 withdrawn, 2 rejected",
        "12 USD was 20 USD",
        "'a fortune' holds no amount: write it as 19.99 USD",
        "nothing was written",
    ):
        assert words in shown
    lines = [line.split() for line in shown.splitlines()]
    assert ["sale", "price", "sale_price"] in lines
    assert ["unknown,", "kept", "privately", "mood"] in lines
    assert ["1", "M1", "Blue", "mug", "12", "USD", "was", "20", "USD", "in_stock", "2"] in lines


def test_nothing_is_written(run: Run, feed: Path, tmp_path: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    run("index", feed, "--dry-run", "--lake", tmp_path / "lake")
    run("index", feed, "--dry-run", "--json")
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == before


def test_a_shops_export_is_known_by_its_columns(run: Run, feed: Path) -> None:
    feed.write_text(SHOPIFY)
    found = told(run, feed)
    assert found["report"]["format"] == "shopify"
    assert [(row["id"], row["price"], row["list_price"]) for row in found["rows"]] == [
        ("HS-G", "12 USD", "15 USD"),
        ("HS-R", "12 USD", None),
    ]
    assert "Cost per item" in found["report"]["private"]
    assert "Shopify product CSV (shopify, csv)" in run("index", feed, "--dry-run").stdout


def test_only_the_first_rows_and_rejects_are_shown_and_all_are_counted(run: Run, feed: Path) -> None:
    rows = [f"g{n},T,{n} USD" for n in range(30)] + [f"b{n},T,dear" for n in range(40)]
    feed.write_text("\n".join(["id,title,price", *rows]))
    found = told(run, feed)
    assert [row["id"] for row in found["rows"]] == ["g0", "g1", "g2", "g3", "g4"]
    assert [each["product_id"] for each in found["rejects"]] == [f"b{n}" for n in range(10)]
    assert (found["report"]["products"], found["report"]["rejected"]) == (30, 40)
    assert "… and 30 more" in run("index", feed, "--dry-run").stdout


def test_a_file_of_other_things_than_products_shows_these(run: Run, feed: Path) -> None:
    feed.write_text("id,title,published\na,A,no\nb,B,no\n")
    assert [(row["id"], row["meaning"]) for row in told(run, feed)["rows"]] == [
        ("a", "withdrawn"),
        ("b", "withdrawn"),
    ]
    assert "2 withdrawn" in run("index", feed, "--dry-run").stdout


def test_from_an_object_store(run: Run) -> None:
    uri = "memory://dry-run/shop/feeds/feed.csv"
    open_store(uri).write(uri, FEED.encode())
    assert told(run, uri)["report"]["products"] == 2
    with pytest.raises(InvalidRequest, match="there is nothing at memory://dry-run/shop/feeds/other"):
        run("index", "memory://dry-run/shop/feeds/other.csv", "--dry-run")


def test_columns_that_the_collection_publishes(run: Run, feed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MMPIPE_FEEDS__PUBLIC_COLUMNS", '{"mugs": ["mood", "purchase price"]}')
    assert told(run, feed)["report"]["unknown"] == ["mood"]
    found = told(run, feed, "--collection", "mugs")
    assert found["report"]["columns"]["mood"] == "attributes"
    assert found["rows"][0]["product"]["attributes"] == {"mood": "calm"}
    assert found["report"]["private"] == ["purchase price"]


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "is empty"),
        (bytes(range(256)) * 20, "its format is not known"),
        (b"hello world\nno feed here\n", "its first line is 'hello world'"),
        (b"a,b\n1,2\n", "found a, b"),
        (b"Order ID,Billing first name,Title\n1,Ada,x\n", "WooCommerce's orders"),
    ],
)
def test_a_file_that_cannot_be_read_says_why(run: Run, feed: Path, data: bytes, words: str) -> None:
    feed.write_bytes(data)
    with pytest.raises(MmpipeError) as caught:
        run("index", feed, "--dry-run")
    assert words in str(caught.value)
    assert str(caught.value).startswith(str(feed))
    assert not isinstance(caught.value, InvalidRequest)  # which would be exit code 2


def test_a_file_that_breaks_off_shows_its_beginning(
    feed: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    chance = random.Random(5)
    rows = [f"p{n},{chance.random()} {chance.random()},5 USD" for n in range(20_000)]
    data = gzip.compress("\n".join(["id,title,price", *rows]).encode())
    feed.write_bytes(data[: len(data) // 2])
    monkeypatch.setattr("sys.argv", ["mmpipe", "index", str(feed), "--dry-run", "--json"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 1
    captured = capsys.readouterr()
    found = json.loads(captured.out)
    assert found["rows"][0]["id"] == "p0"
    assert 5_000 < found["report"]["products"] < 15_000
    assert captured.err == f"error {feed}: the compressed file ends too early: upload it whole again\n"


def test_what_moves_the_cursor_is_not_printed(run: Run, feed: Path) -> None:
    feed.write_text("id,title,[red]mood,\x1b[31mcolou\u202er\na,A,x,y\n")
    shown = run("index", feed, "--dry-run").stdout
    assert "[red]mood" in shown
    assert "\x1b" not in shown
    assert "\u202e" not in shown
    assert plain("a\x07b\nc") == "a b\nc"
