"""``mmpipe.open``: a lake indexed and asked in one's own process."""

from __future__ import annotations

import asyncio
import base64
import io
import re
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from starlette.testclient import TestClient

import mmpipe
from mmpipe.embedded import IndexReport, Results, Shop
from mmpipe.embedded.loop import Closed, LoopThread
from mmpipe.errors import (
    InvalidMedia,
    InvalidRequest,
    MmpipeError,
    NotReady,
    UnknownCollection,
    UnknownProduct,
)
from mmpipe.schemas.search import Hit, SearchResponse
from tests.embedded.conftest import settings_of, write_feed
from tests.serve.conftest import COLORS, make_app, make_service, png

_TOLD_BY_THE_MOMENT = {"took_ms", "query_id"}


def test_a_feed_is_indexed_and_what_is_wrong_with_it_is_told(indexed: tuple[Shop, IndexReport]) -> None:
    _, report = indexed
    assert (report.record.read, report.record.indexed) == (14, 13)
    assert report.live
    assert {(reject.product_id, reject.field) for reject in report.rejects} == {
        ("broken", "price"),
        ("scarf", "image_link"),
    }
    assert "13 products indexed" in str(report)
    assert "price" in report._repr_html_()


def test_answers_are_those_of_the_service(shop: Shop) -> None:
    body = {"text": "red dress", "filters": {"color": ["red"]}, "facets": ["color"], "explain": True}
    service = make_service(shop.settings)
    with TestClient(make_app(service)) as client:
        over_http = client.post("/v1/search", json=body).json()
        like = client.get("/v1/products/red-dress/similar").json()
    here = shop.search(body["text"], **{k: v for k, v in body.items() if k != "text"}).response  # type: ignore[arg-type]
    assert _lasting(here) == _lasting(SearchResponse.model_validate(over_http))
    assert shop.similar("red-dress").ids == [hit["id"] for hit in like["hits"]]


def _lasting(response: SearchResponse) -> dict[str, Any]:
    told = response.model_dump(exclude=_TOLD_BY_THE_MOMENT)
    return told | {"plan": [step["step"] for step in told["plan"]]}


@pytest.mark.parametrize("how", ["path", "text", "bytes", "picture", "data"])
def test_a_picture_is_given_as_one_has_it(shop: Shop, tmp_path: Path, how: str) -> None:
    data = png(COLORS["blue"])
    file = tmp_path / "photo.png"
    file.write_bytes(data)
    given: Any = {
        "path": file,
        "text": str(file),
        "bytes": data,
        "picture": Image.open(io.BytesIO(data)),
        "data": "data:image/png;base64," + base64.b64encode(data).decode(),
    }[how]
    assert all(hit.color == "blue" for hit in shop.search(image=given, limit=3))


def test_a_box_of_a_picture_is_looked_at(shop: Shop) -> None:
    picture = Image.new("RGB", (64, 32), COLORS["green"])
    picture.paste(COLORS["red"], (0, 0, 32, 32))
    assert shop.search(image=picture, crop=(0, 0, 0.5, 1), limit=1)[0].color == "red"
    with pytest.raises(InvalidRequest, match="crop"):
        shop.search("dress", crop=(0, 0, 1, 1))


def test_lists_suggestions_products_and_reviews(shop: Shop) -> None:
    assert shop.product("red-hat").title == "red hat"
    assert shop.reviews("red-hat").count == 0
    assert any(each.text == "red hat" for each in shop.suggest("red h"))
    done = shop.interact(
        {"type": "view", "session_id": "s1", "product_id": "red-hat", "event_id": "e1"},
        {"type": "view", "session_id": "s1"},
    )
    assert (done.accepted, [bad.field for bad in done.rejected]) == (1, ["product_id"])
    assert shop.interact(type="like", session_id="s1", product_id="blue-hat").accepted == 1
    found = shop.recommend("recently_viewed", session_id="s1")
    assert "red-hat" in found.ids
    assert found.response.lists[0].kind == "recently_viewed"


def test_what_is_wrong_is_told_as_the_service_tells_it(shop: Shop) -> None:
    with pytest.raises(UnknownProduct):
        shop.product("nothing")
    with pytest.raises(InvalidMedia, match="image"):
        shop.search(image=b"no picture")
    with pytest.raises(InvalidRequest, match="limit"):
        shop.search("red", limit=0)
    with pytest.raises(InvalidRequest, match="cannot be read"):
        shop.search(image="nowhere.png")
    with pytest.raises(InvalidRequest, match="sorted"):
        shop.search("red", sorted="price")  # type: ignore[call-arg]
    with pytest.raises(InvalidRequest, match="feed"):
        shop.index("nowhere.csv")


def test_a_notebook_is_shown_pictures_of_the_files(shop: Shop) -> None:
    page = shop.search("red dress", limit=3)._repr_html_()
    addresses = re.findall(r'src="([^"]*)"', page)
    assert addresses
    assert all(address.startswith("data:image/jpeg;base64,") for address in addresses)
    picture = Image.open(io.BytesIO(base64.b64decode(addresses[0].partition(",")[2])))
    red = picture.convert("RGB").getpixel((8, 8))
    assert isinstance(red, tuple)
    assert red[0] > 200 > red[1]


def test_no_markup_of_a_catalogue_is_in_a_page() -> None:
    bad = "<script>alert(1)</script>"
    hit = Hit(
        id=bad, score=1, title=bad, brand=bad, category=bad, price=bad, list_price=bad, availability=bad
    )
    response = SearchResponse(collection="c", version="v", total=1, hits=[hit], took_ms=1)
    page = Results([hit], response, bad, lambda ids: {bad: f'data:image/png;base64,"{bad}'})._repr_html_()
    assert "<script" not in page
    assert page.count("&lt;script&gt;alert(1)&lt;/script&gt;") == 9
    elsewhere = Results([hit], response, bad, lambda ids: {bad: "https://tracker.example/x.png"})
    assert "<img" not in elsewhere._repr_html_()


def test_results_are_a_sequence_and_a_data_frame(shop: Shop) -> None:
    found = shop.search("red dress", limit=5)
    assert isinstance(found[0], Hit)
    assert [hit.id for hit in found][:2] == found.ids[:2] == [hit.id for hit in found[:2]]
    assert found.ids[0] in repr(found)
    table = found.to_pandas()
    assert list(table["id"]) == found.ids
    assert table["scores.lexical"][0] == found[0].scores.lexical  # type: ignore[union-attr]


def test_without_pandas_the_message_says_what_to_do(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(InvalidRequest, match="pip install pandas"):
        shop.search("red").to_pandas()


def test_it_can_be_asked_where_a_loop_runs(shop: Shop) -> None:
    async def cell() -> list[str]:
        return shop.search("red dress").ids

    assert "red-dress" in asyncio.run(cell())


def test_what_is_indexed_later_is_found_at_once(tmp_path: Path) -> None:
    seen: list[tuple[int, int | None]] = []
    with mmpipe.open(tmp_path / "lake", settings=settings_of(tmp_path)) as shop:
        with pytest.raises(MmpipeError):
            shop.search("red")
        feed = write_feed(tmp_path / "feed")
        shop.index(feed, progress=lambda read, total: seen.append((read, total)))
        assert seen[-1][0] == 14
        assert "red-dress" in shop.search("red dress").ids
        (tmp_path / "feed" / "more.csv").write_text("id,title,price\nnew,unheard-of gadget,1 USD\n")
        shop.index(tmp_path / "feed" / "more.csv")
        assert shop.search("gadget").ids[0] == "new"
    with pytest.raises(NotReady, match="closed"):
        shop.search("red")


def test_a_feed_that_cannot_be_read_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "feed.parquet").write_bytes(b"PAR1 no more")
    with mmpipe.open(tmp_path / "lake", settings=settings_of(tmp_path)) as shop, pytest.raises(MmpipeError):
        shop.index(tmp_path / "feed.parquet")


def test_of_several_collections_one_is_named(tmp_path: Path) -> None:
    settings = settings_of(tmp_path)
    feed = write_feed(tmp_path / "feed")
    for name in ("one", "two"):
        with mmpipe.open(tmp_path / "lake", collection=name, settings=settings) as shop:
            shop.index(feed)
    with mmpipe.open(tmp_path / "lake", settings=settings) as shop:
        with pytest.raises(InvalidRequest, match="collection"):
            shop.search("red")
        with pytest.raises(InvalidRequest, match="one, two"):
            shop.index(feed)
    with (
        mmpipe.open(tmp_path / "lake", collection="three", settings=settings) as shop,
        pytest.raises(UnknownCollection),
    ):
        shop.search("red")
    with pytest.raises(InvalidRequest, match="collection"):
        mmpipe.open(tmp_path / "lake", collection="Not A Name")


def test_a_script_that_does_not_close_it_ends(tmp_path: Path) -> None:
    feed = write_feed(tmp_path / "feed")
    script = (
        "import sys, mmpipe\n"
        "assert not {'torch', 'lance', 'numpy', 'pydantic'} & set(sys.modules), 'import mmpipe is light'\n"
        f"shop = mmpipe.open({str(tmp_path / 'lake')!r})\n"
        f"shop.index({str(feed)!r}, progress=True)\n"
        "print(shop.search('red dress').ids[0])\n"
    )
    environment = {
        "MMPIPE_INDEXING__PROFILE": "fake",
        "MMPIPE_SERVE__MIRROR_DIR": str(tmp_path / "mirror"),
        "PYTHONPATH": str(Path(mmpipe.__file__).parents[1]),
        "PATH": "/usr/bin:/bin",
        "HOME": str(tmp_path),
    }
    done = subprocess.run(
        [sys.executable, "-c", script],
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["red-dress"]
    assert "14 rows" in done.stderr.rstrip().splitlines()[-1]


def test_who_waits_while_it_is_closed_is_told() -> None:
    thread, told = LoopThread("test"), list[str]()

    def wait() -> None:
        try:
            thread.wait(asyncio.sleep(30))
        except Closed:
            told.append("closed")

    waiting = threading.Thread(target=wait, daemon=True)
    waiting.start()
    time.sleep(0.1)
    thread.close()
    waiting.join(60)
    assert told == ["closed"]
    with pytest.raises(Closed):
        thread.wait(asyncio.sleep(0))


def test_a_picture_that_cannot_be_sent_says_what_to_do(shop: Shop) -> None:
    with pytest.raises(InvalidRequest, match="convert"):
        shop.search(image=Image.new("CMYK", (4, 4)))
