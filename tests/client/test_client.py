"""Both clients against a service that listens."""

from __future__ import annotations

import asyncio
import inspect
import io
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_type_hints

import pytest
from PIL import Image

import mmpipe
from mmpipe.client import AsyncClient, Client, SearchOptions
from mmpipe.client.routes import Route, Routes
from mmpipe.errors import InvalidMedia, InvalidRequest, Outdated, UnknownProduct
from mmpipe.schemas.search import SearchRequest
from mmpipe.settings import Settings
from tests.serve.conftest import (
    COLORS,
    InProcessWork,
    catalogue,
    make_app,
    make_service,
    order_for,
    png,
    settings_for,
    write_feed,
)
from tests.serve.listening import listening


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Settings]]:
    """The address of a service with 120 products, and its settings."""
    folder = tmp_path_factory.mktemp("client")
    settings = settings_for(folder, uploads=True)
    feed = write_feed(folder, "all.jsonl", catalogue())
    (outcome,) = InProcessWork(settings).indexer.execute([order_for(feed, settings)])
    assert outcome.status == "done"
    with listening(make_app(make_service(settings))) as address:
        yield address, settings


@pytest.fixture(scope="module")
def client(service: tuple[str, Settings]) -> Iterator[Client]:
    with Client(service[0]) as client:
        yield client


def test_searches_by_words_and_pictures(client: Client, tmp_path: Path) -> None:
    found = client.search("green hat", filters={"brand": ["Acme"]}, facets=["color"], limit=3)
    assert [hit.brand for hit in found.hits] == ["Acme"] * 3
    assert found.hits[0].id.startswith("green-hat")
    assert found.facets["color"]
    photo = tmp_path / "photo.png"
    photo.write_bytes(png(COLORS["red"]))
    for given in (photo, photo.read_bytes(), Image.open(io.BytesIO(photo.read_bytes()))):
        assert all(hit.color == "red" for hit in client.search(image=given, limit=3).hits)
    mixed = client.search("hat", image=photo, crop=(0, 0, 1, 1), weights={"image": 2}, unlike="bag", limit=3)
    assert all("bag" not in hit.id for hit in mixed.hits)


def test_pages_and_hits_are_iterated(client: Client) -> None:
    pages = list(client.pages(filters={"color": ["red"]}, limit=12))
    assert [len(page.hits) for page in pages] == [12, 12, 6]
    hits = [hit.id for hit in client.hits(filters={"color": ["red"]}, limit=12)]
    assert hits == [hit.id for page in pages for hit in page.hits]
    assert len(set(hits)) == 30


def test_answers_are_those_of_the_lake_itself(client: Client, service: tuple[str, Settings]) -> None:
    with mmpipe.open(service[1].lake.uri, settings=service[1]) as shop:
        assert shop.search("green hat").ids == [hit.id for hit in client.search("green hat").hits]
        assert shop.product("red-shoe-1") == client.product("red-shoe-1").product


def test_products_lists_and_shoppers(client: Client) -> None:
    assert client.product("red-shoe-1").product.title == "Red shoe model 1"
    picture = Image.open(io.BytesIO(client.medium("red-shoe-1", width=160)))
    assert picture.format == "JPEG"
    like = client.similar("red-shoe-1", limit=4, filters={"color": ["red"], "price": {"lte": 90}})
    assert len(like.hits) == 4
    assert client.reviews("red-shoe-1").count == 0
    assert any(each.text.startswith("Red") for each in client.suggest("red sh").suggestions)
    done = client.interact(type="view", user_id="ü/1", session_id="s1", product_id="red-shoe-1")
    assert (done.accepted, done.unknown_products) == (1, 0)
    lists = client.recommend(
        lists=[{"kind": "recently_viewed"}, {"kind": "popular", "limit": 3}], user_id="ü/1"
    )
    assert "red-shoe-1" in [item.id for item in lists.lists[0].items]
    assert client.recommend("trending", limit=2).lists[0].kind == "trending"
    held = client.export_user("ü/1")
    assert [event.product_id for event in held.events] == ["red-shoe-1"]
    assert client.erase_user("ü/1").events == 1
    assert client.export_user("ü/1").total == 0


def test_the_assistant_holds_a_conversation(client: Client) -> None:
    first = client.assist("red hats", limit=2)
    assert first.products
    assert client.assist("cheaper ones", state=first.state).collection == "shop"


def test_what_the_shops_people_do(client: Client) -> None:
    rule = {"name": "first", "when": {"query_is": ["hat"]}, "pin": [{"id": "red-bag-0", "position": 1}]}
    tried = client.preview_rules([rule], "hat", limit=3)
    assert tried.after.hits[0].id == "red-bag-0" != tried.before.hits[0].id
    version = client.set_rules([rule]).version
    assert client.rules().rules[0].name == "first"
    assert client.rule_versions().versions[-1] == version
    client.set_rules([], version=version)
    assert client.set_synonyms("cap\that\n").lines == 1
    assert client.synonyms() == "cap\that\n"
    assert client.analytics(days=1).collection == "shop"
    assert client.stock(limit=2).collection == "shop"
    assert [each.collection for each in client.collections()] == ["shop"]


@pytest.mark.parametrize("as_bytes", [False, True])
def test_a_file_is_uploaded_in_pieces_and_followed(
    client: Client, service: tuple[str, Settings], tmp_path: Path, as_bytes: bool
) -> None:
    feed = tmp_path / "feed 1.csv"
    feed.write_bytes(b"id,title,price\n" + b"\n".join(b"t-%d,Tea %d,1 USD" % (n, n) for n in range(30_000)))
    told: list[tuple[int, int]] = []

    def tell(sent: int, size: int) -> None:
        told.append((sent, size))

    name = "a/b%2f.csv" if as_bytes else None
    done = client.upload(feed.read_bytes() if as_bytes else feed, name=name, progress=tell)
    assert (done.state, done.name, done.size) == ("queued", name or "feed 1.csv", feed.stat().st_size)
    assert len(told) > 2
    assert [sent for sent, _ in told] == sorted({sent for sent, _ in told})
    assert told[-1] == (feed.stat().st_size,) * 2
    uploads = Path(str(service[1].indexing.uploads_uri)) / "shop" / "feeds"
    assert (uploads / (name or "feed 1.csv")).read_bytes() == feed.read_bytes()
    assert client.upload_progress(done.id) == done


def test_rejects_are_seen_and_what_is_live_is_told(client: Client) -> None:
    assert client.rejects().total == 0
    assert client.uploads()[0].state == "live"
    live = client.status().live
    assert live is not None
    with pytest.raises(Outdated):
        client.roll_back(live.generation + 1)
    assert client.promote(live.generation, live.table).live.version >= live.version
    with pytest.raises(InvalidRequest, match="file"):
        client.upload("nowhere.csv")
    with pytest.raises(InvalidRequest, match="name"):
        client.upload(b"id,title")


def test_the_other_client_uploads_too(service: tuple[str, Settings], tmp_path: Path) -> None:
    feed = tmp_path / "later.csv"
    feed.write_bytes(b"x" * 600_000)
    told: list[int] = []

    async def put() -> Any:
        async with AsyncClient(service[0]) as other:
            return await other.upload(feed, progress=lambda sent, _size: told.append(sent))

    assert asyncio.run(put()).size == 600_000
    assert told[-1] == 600_000


def test_faults_are_our_errors(client: Client) -> None:
    with pytest.raises(UnknownProduct):
        client.product("no such")
    with pytest.raises(InvalidMedia, match="image"):
        client.search(image=b"no picture")
    with pytest.raises(InvalidRequest, match="limit"):
        client.search("red", limit=1_000)


def test_the_other_client_answers_the_same(client: Client, service: tuple[str, Settings]) -> None:
    async def ask() -> tuple[Any, ...]:
        async with AsyncClient(service[0]) as other:
            both = await asyncio.gather(other.search("green hat", limit=3), other.product("red-shoe-1"))
            return *both, [hit.id async for hit in other.hits(filters={"color": ["red"]}, limit=12)]

    found, product, hits = asyncio.run(ask())
    assert [hit.id for hit in found.hits] == [hit.id for hit in client.search("green hat", limit=3).hits]
    assert product == client.product("red-shoe-1")
    assert len(hits) == 30


def test_options_are_the_fields_of_a_search() -> None:
    assert set(get_type_hints(SearchOptions)) == {*SearchRequest.model_fields, "crop"} - {"text"}


def test_methods_say_what_they_are(client: Client) -> None:
    assert "one page" in (client.search.__doc__ or "").lower()
    routes = [name for name, value in vars(Routes).items() if isinstance(value, Route)]
    assert len(routes) >= 19
    for name in routes:
        assert inspect.getdoc(getattr(client, name)), name


def test_importing_it_is_light() -> None:
    script = (
        "import sys, mmpipe.client\n"
        "heavy = {'torch', 'lance', 'lancedb', 'ray', 'pyarrow', 'numpy', 'fastapi', 'boto3', 'PIL'}\n"
        "print(sorted(heavy & set(sys.modules)))\n"
    )
    root = str(Path(mmpipe.__file__).parents[1])
    done = subprocess.run(
        [sys.executable, "-c", script], env={"PYTHONPATH": root}, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
