"""The embedded mode: everything on a folder, without queue or service."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from mmpipe.errors import InvalidRequest, MmpipeError, NotFound, UnknownCollection, UnknownProduct

Run = Callable[..., Result]


def test_index_tells_what_happened(run: Run, lake: Path, shop: Path) -> None:
    record = json.loads((lake.parent / "record.json").read_text())
    counts = {name: record[name] for name in ("status", "read", "indexed", "rejected")}
    assert counts == {"status": "done", "read": 5, "indexed": 4, "rejected": 2} or counts["rejected"] == 1
    assert record["encoded"]["text"] == 4
    assert record["encoded"]["image"] == 1


def test_index_again_encodes_nothing(run: Run, lake: Path, shop: Path, tmp_path: Path) -> None:
    mine = tmp_path / "lake"
    shutil.copytree(lake, mine)
    result = run("index", shop / "feed.jsonl", "--lake", mine)
    assert "encoded nothing" in result.stdout
    assert "price" in result.stdout  # the reject and its field


def test_index_tells_how_the_feed_was_read(run: Run, lake: Path, shop: Path, tmp_path: Path) -> None:
    record = json.loads((lake.parent / "record.json").read_text())
    assert record["feed"]["format"] == "google"
    assert record["pictures"] == {"found": 1, "missing": 1, "none": 2}
    shown = run("index", shop / "feed.jsonl", "--lake", tmp_path / "mine").stdout
    assert "Google Merchant Center feed (google, jsonl)" in shown
    assert "5 rows of the file: 4 products, 1 rejected" in shown
    assert "1 found, 1 missing; 2 products without any" in shown
    assert "1 × price: … holds no amount: write it as 19.99 USD" in shown
    (warning,) = (line for line in shown.splitlines() if line.startswith("warning"))
    assert "there is no stock column" in warning


def test_long_lists_of_columns_are_cut_for_people_only(run: Run, tmp_path: Path) -> None:
    names = [f"extra {n}" for n in range(40)]
    feed = tmp_path / "feed.csv"
    feed.write_text(",".join(["id", "title", "colour", *names]) + "\na,A,red" + ",x" * 40 + "\n")
    shown = run("index", feed, "--lake", tmp_path / "lake").stdout
    assert "id, title, colour → color" in shown
    assert "… and 28 more" in shown
    assert "extra 39" not in shown
    record = json.loads(run("index", feed, "--lake", tmp_path / "lake", "--json").stdout)
    assert len(record["feed"]["unknown"]) == 40


def test_a_feed_that_cannot_be_read_is_one_clear_error(run: Run, tmp_path: Path) -> None:
    (tmp_path / "feed.parquet").write_bytes(b"PAR1 but not really")
    with pytest.raises(MmpipeError, match=r"feed\.parquet"):
        run("index", tmp_path / "feed.parquet", "--lake", tmp_path / "lake")


def test_search_by_text_photo_and_both(run: Run, lake: Path, shop: Path) -> None:
    found = json.loads(run("search", "red summer dress", "--lake", lake, "--json").stdout)
    assert found["hits"][0]["id"] == "d1"
    found = json.loads(run("search", "--image", shop / "red.png", "--lake", lake, "--json", "-n", "1").stdout)
    assert [hit["id"] for hit in found["hits"]] == ["d1"]
    shown = run("search", "跑鞋", "--lake", lake).stdout
    assert "蓝色跑鞋" in shown
    assert "matches in catalogue" in shown


def test_search_under_a_condition(run: Run, lake: Path) -> None:
    asked = {"or": [{"field": "id", "eq": "d1"}, {"field": "title", "prefix": "no such words"}]}
    for query in ([], ["red summer dress"]):
        found = json.loads(
            run("search", *query, "--filter", json.dumps(asked), "--lake", lake, "--json").stdout
        )
        assert [hit["id"] for hit in found["hits"]] == ["d1"]


def test_similar(run: Run, lake: Path) -> None:
    hits = json.loads(run("similar", "d1", "--lake", lake, "--json").stdout)["hits"]
    assert {hit["id"] for hit in hits} == {"d2", "s1", "s2"}
    with pytest.raises(UnknownProduct):
        run("similar", "nobody", "--lake", lake)


def test_status(run: Run, lake: Path, shop: Path) -> None:
    report = json.loads(run("status", "--lake", lake, "--json").stdout)
    (entry,) = report["collections"]
    assert (entry["name"], entry["live"]["rows"]) == ("catalogue", 4)
    assert entry["runs"][0]["status"] == "done"
    assert entry["runs"][0]["feed"]["reasons"] == {"price: … holds no amount: write it as 19.99 USD": 1}
    shown = run("status", "--lake", lake).stdout
    assert "4 products" in shown
    lines = [line.split() for line in shown.splitlines()]
    (header,) = (line for line in lines if line[:1] == ["started"])
    assert " ".join(header) == "started status lane format read indexed unchanged rejected warnings source"
    (cells,) = (line for line in lines if line[-1:] == [f"{shop.name}/feed.jsonl"])
    rejected = entry["runs"][0]["rejected"]
    assert " ".join(cells[2:-1]) == f"done warm google 5 4 0 {rejected} 1"
    assert "1 × price: … holds no amount" in shown
    assert "there is no stock column" in shown


def test_status_shows_why_a_run_failed(run: Run, lake: Path, tmp_path: Path) -> None:
    mine = tmp_path / "lake"
    shutil.copytree(lake, mine)
    broken = tmp_path / "broken.csv"
    broken.write_bytes(b"")
    with pytest.raises(MmpipeError, match="empty"):
        run("index", broken, "--lake", mine)
    shown = run("status", "--lake", mine).stdout
    assert "broken.csv: the file is empty: upload one with products in it" in shown
    assert "the newest feed, file://" in shown  # the one before it, which could be read


def test_rejects_are_listed_shown_and_replayed(run: Run, lake: Path, shop: Path, tmp_path: Path) -> None:
    mine = tmp_path / "lake"
    shutil.copytree(lake, mine)
    listed = json.loads(run("rejects", "list", "--lake", mine, "--json").stdout)
    by_product = {reject["product_id"]: reject for reject in listed}
    assert set(by_product) == {"bad", "s2"}
    shown = run("rejects", "show", by_product["bad"]["reject_id"][:10], "--lake", mine).stdout
    assert "a fortune" in shown
    assert "price" in run("rejects", "list", "--lake", mine, "--product", "bad").stdout

    # As it was, it fails again; mended, it goes well.
    with pytest.raises(MmpipeError, match="1 rejects could not"):
        run("rejects", "replay", by_product["bad"]["reject_id"], "--lake", mine)
    row = tmp_path / "row.json"
    row.write_text(json.dumps({"id": "bad", "title": "Priceless", "price": "9 USD"}))
    run("rejects", "replay", by_product["bad"]["reject_id"], "--row", row, "--lake", mine)
    found = json.loads(run("search", "priceless", "--lake", mine, "--json").stdout)
    assert found["hits"][0]["id"] == "bad"

    # The photo that was missing has arrived.
    shutil.copy(shop / "red.png", shop / "late.png")
    try:
        run("rejects", "replay", "--all", "--lake", mine)
    finally:
        (shop / "late.png").unlink()
    assert json.loads(run("rejects", "list", "--lake", mine, "--json").stdout) == []


def test_live_versions(run: Run, lake: Path, shop: Path, tmp_path: Path) -> None:
    mine = tmp_path / "lake"
    shutil.copytree(lake, mine)
    more = tmp_path / "more.jsonl"
    more.write_text(json.dumps({"id": "n1", "title": "New hat"}))
    run("index", more, "--lake", mine)
    history = json.loads(run("live", "list", "--lake", mine, "--json").stdout)
    assert [entry["rows"] for entry in history][:2] == [5, 4]
    run("live", "rollback", "--lake", mine)
    assert json.loads(run("live", "list", "--lake", mine, "--json").stdout)[0]["rows"] == 4
    run("live", "promote", history[0]["table"], str(history[0]["version"]), "--lake", mine)
    assert json.loads(run("live", "list", "--lake", mine, "--json").stdout)[0]["rows"] == 5
    assert history[0]["table"] in run("live", "list", "--lake", mine).stdout
    with pytest.raises(NotFound):
        run("live", "promote", "products_none_00000000", "1", "--lake", mine)


def test_which_collection(run: Run, lake: Path, shop: Path, tmp_path: Path) -> None:
    with pytest.raises(UnknownCollection):
        run("live", "list", "--lake", tmp_path / "empty")
    mine = tmp_path / "lake"
    shutil.copytree(lake, mine)
    run("index", shop / "feed.jsonl", "--lake", mine, "--collection", "other")
    with pytest.raises(InvalidRequest, match="catalogue, other"):
        run("live", "list", "--lake", mine)
    assert run("live", "list", "--lake", mine, "-c", "other").exit_code == 0


@pytest.mark.parametrize("address", ["http://elsewhere/lake", ""])
def test_an_address_that_is_none_is_one_clear_error(run: Run, shop: Path, address: str) -> None:
    with pytest.raises(MmpipeError, match=r"address|path"):
        run("index", shop / "feed.jsonl", "--lake", address)
    with pytest.raises(MmpipeError, match="address"):
        run("index", "http://elsewhere/feed.jsonl", "--lake", shop / "unused")


def test_a_lake_below_a_file_is_no_fault_of_the_feed(run: Run, shop: Path) -> None:
    with pytest.raises(MmpipeError, match=r"not a directory|cannot be written") as caught:
        run("index", shop / "feed.jsonl", "--lake", shop / "red.png")
    assert "feed" not in str(caught.value)


def test_rows_that_lost_to_something_newer_are_explained(run: Run, shop: Path, tmp_path: Path) -> None:
    feed = tmp_path / "feed.csv"
    feed.write_text("id,title\na,first\na,second\n")
    assert "1 rows skipped" in run("index", feed, "--lake", tmp_path / "lake").stdout
