"""What an upload costs follows from what it changes: nothing is fetched, written, encoded or published for
what is as it was, and whatever did change is found, whichever event of it was lost."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from mmpipe.indexing import Indexer
from mmpipe.indexing.lanes import sifting
from mmpipe.lake import ProductTable, open_lake
from mmpipe.lake.schema import VECTOR_COLUMNS
from mmpipe.schemas.work import CatalogueEvent
from mmpipe.settings import MediaSettings
from tests.unit.indexing.bucket import png
from tests.unit.indexing.conftest import Shop
from tests.unit.indexing.uploads import STAGES, Stages, counts, last_run, run_batch

RED, BLUE, GREEN = (220, 30, 30), (30, 30, 220), (30, 200, 30)
COLOURS = {"a": RED, "b": BLUE, "c": GREEN}
BROKEN = b"no picture"
Row = dict[str, object]


def catalogue(**changed: Row) -> list[Row]:
    """Three products with a photo each and one without, with these fields of some of them changed."""
    rows: list[Row] = [
        {"id": i, "title": f"Dress {i}", "price": "10 USD", "image_link": f"media/{i}.png"} for i in COLOURS
    ]
    rows.append({"id": "d", "title": "Plain dress", "price": "10 USD"})
    return [row | changed.get(str(row["id"]), {}) for row in rows]


def feed(shop: Shop, rows: list[Row], name: str = "all") -> CatalogueEvent:
    shop.bucket.tick()
    return shop.bucket.put_feed(name, rows)


@pytest.fixture
def stocked(shop: Shop) -> Shop:
    """A shop with its catalogue indexed; what it read and encoded for that is forgotten."""
    for name, colour in COLOURS.items():
        shop.bucket.put(f"media/{name}.png", png(colour))
    shop.ok(feed(shop, catalogue()))
    rest(shop)
    return shop


def rest(shop: Shop) -> None:
    shop.bucket.reads.clear()
    shop.encoded()


def fetched(shop: Shop) -> set[str]:
    """The media that were read since the last rest."""
    return {uri.rsplit("/", 1)[-1] for uri in shop.bucket.reads if "/media/" in uri}


def files(table: ProductTable) -> dict[str, set[str]]:
    """By column, the files that hold it."""
    dataset = table.latest()
    names = {field.id(): field.name() for field in dataset.lance_schema.fields()}
    found: dict[str, set[str]] = {}
    for fragment in dataset.get_fragments():
        for file in fragment.data_files():
            for number in file.fields:
                if number in names:
                    found.setdefault(names[number], set()).add(file.path)
    return found


def changed_files(before: dict[str, set[str]], table: ProductTable) -> set[str]:
    """The columns that lie in other files now."""
    after = files(table)
    return {name for name in after if after[name] != before.get(name)}


def live(shop: Shop) -> int:
    found = shop.collection.live()
    assert found is not None
    return found.version


def photo_is(shop: Shop, product_id: str, colour: tuple[int, int, int] | None) -> None:
    vector = shop.row(product_id)["image_vector"]
    if colour is None:
        assert vector is None
        return
    pixels = np.full((8, 8, 3), colour, np.uint8)
    assert np.allclose(vector, shop.loaded.encoders["image"].embed_documents([pixels])[0], atol=1e-6)
    shop.encoded()


def faults(shop: Shop, product_id: str = "a") -> list[tuple[str, str, str]]:
    found = shop.collection.rejects.list(product_id=product_id)
    return sorted((r.scope, r.field, r.error) for r in found)


def reopened(shop: Shop, **parts: Any) -> Shop:
    """The same bucket and lake, read under other settings."""
    settings = shop.settings.model_copy(update=parts)
    lake = open_lake(settings)
    indexer = Indexer(settings, lake, shop.loaded, lambda _uri: shop.bucket, maintain=False)
    return Shop(shop.bucket, indexer, settings, lake.collection("demo"), shop.loaded)


def test_the_same_feed_under_another_name_costs_nothing(stocked: Shop) -> None:
    before, version, written = {i: stocked.row(i) for i in "abcd"}, live(stocked), files(stocked.table)
    late = feed(stocked, catalogue(a={"title": "Late title"}, b={"price": "1 USD"}), "late")
    event = feed(stocked, catalogue(), "again")
    stocked.ok(event)
    assert counts(last_run(stocked, event)) == (4, 0, 4, 0, 0)
    assert last_run(stocked, event).pictures == {"found": 3, "missing": 0, "none": 1}
    assert list(stocked.bucket.reads) == [event.object.uri]
    assert stocked.encoded() == {}
    assert live(stocked) == version
    assert changed_files(written, stocked.table) == {"source_order"}
    for product_id, row in before.items():
        now = stocked.row(product_id)
        assert now.pop("source_order") > row.pop("source_order")
        assert now == row
    stocked.ok(late)
    assert counts(last_run(stocked, late)) == (4, 0, 0, 4, 0)
    assert {stocked.row(i)["title"] for i in "abcd"} == {row["title"] for row in before.values()}


@pytest.fixture
def both(batch: Shop, monkeypatch: pytest.MonkeyPatch) -> Shop:
    """The shop of the batch lane, whose bucket is asked about media as well."""
    monkeypatch.setattr(sifting, "stores", lambda _settings: lambda _uri: batch.bucket)
    return batch


@STAGES
def test_the_batch_lane_settles_it_where_the_feed_is_read(both: Shop, stages: Stages) -> None:
    for name, colour in COLOURS.items():
        both.bucket.put(f"media/{name}.png", png(colour))
    run_batch(both, feed(both, catalogue()), stages)
    rest(both)
    version, written = live(both), files(both.table)
    event = feed(both, catalogue(), "again")
    assert counts(run_batch(both, event, stages)) == (4, 0, 4, 0, 0)
    assert list(both.bucket.reads) == [event.object.uri]
    assert (both.encoded(), live(both)) == ({}, version)
    assert changed_files(written, both.table) == {"source_order"}
    both.bucket.put("media/b.png", png(GREEN))
    event = feed(both, catalogue(c={"price": "9 USD"}), "other")
    assert counts(run_batch(both, event, stages)) == (4, 2, 2, 0, 0)
    assert fetched(both) == {"b.png"}
    assert both.row("c")["price"] == 9.0
    assert live(both) > version
    photo_is(both, "b", GREEN)


def test_a_price_is_an_edit_that_leaves_the_vectors_files_alone(stocked: Shop) -> None:
    version, written = live(stocked), files(stocked.table)
    event = feed(stocked, [row | {"price": "8 USD"} for row in catalogue()])
    stocked.ok(event)
    assert counts(last_run(stocked, event)) == (4, 4, 0, 0, 0)
    assert last_run(stocked, event).pictures == {"found": 3, "missing": 0, "none": 1}
    assert (fetched(stocked), stocked.encoded()) == (set(), {})
    assert live(stocked) == stocked.table.version > version
    assert {stocked.row(i)["price"] for i in "abcd"} == {8.0}
    changed = changed_files(written, stocked.table)
    assert {"price", "document", "source_order", "content"} <= changed
    assert changed.isdisjoint({*VECTOR_COLUMNS, "title", "media_keys", "image_hash"})


def test_of_a_title_the_text_alone_is_encoded(stocked: Shop) -> None:
    before = stocked.row("a")
    stocked.ok(feed(stocked, catalogue(a={"title": "Scarlet gown"})))
    assert (fetched(stocked), stocked.encoded()) == (set(), {"text": 1})
    after = stocked.row("a")
    assert after["image_vector"] == before["image_vector"]
    assert after["text_vector"] != before["text_vector"]
    assert after["media_seen"] == before["media_seen"]


def test_a_changed_photo_is_found_by_the_feed_alone(stocked: Shop) -> None:
    assert len(png(GREEN)) == len(png(BLUE))
    stocked.bucket.put("media/b.png", png(GREEN))
    event = feed(stocked, catalogue(), "again")
    stocked.ok(event)
    assert counts(last_run(stocked, event)) == (4, 1, 3, 0, 0)
    assert (fetched(stocked), stocked.encoded()) == ({"b.png"}, {"image": 1})
    photo_is(stocked, "b", GREEN)


def test_a_removed_photo_is_found_missing_and_stays_so(stocked: Shop) -> None:
    stocked.bucket.remove("media/a.png")
    stocked.ok(feed(stocked, catalogue()))
    photo_is(stocked, "a", None)
    missing = [("media", "image_link", "MediaNotFound")]
    assert faults(stocked) == missing
    rest(stocked)
    for name in ("again", "and again"):
        event = feed(stocked, catalogue(), name)
        stocked.ok(event)
        assert counts(last_run(stocked, event)) == (4, 0, 4, 0, 0)
        assert last_run(stocked, event).pictures == {"found": 2, "missing": 1, "none": 1}
        assert (fetched(stocked), faults(stocked)) == (set(), missing)
    stocked.ok(feed(stocked, catalogue(a={"price": "8 USD"})))
    assert faults(stocked) == missing
    stocked.bucket.put("media/a.png", png(GREEN))
    stocked.ok(feed(stocked, catalogue(a={"price": "8 USD"}), "back"))
    photo_is(stocked, "a", GREEN)
    assert faults(stocked) == []


@pytest.mark.parametrize("link", ["media/rot%20kleid.png", "media/rot kleid.png"])
def test_a_photo_is_found_under_the_other_spelling_of_its_link(shop: Shop, link: str) -> None:
    rows = catalogue(a={"image_link": link})
    shop.ok(feed(shop, rows))
    assert faults(shop) == [("media", "image_link", "MediaNotFound")]
    shop.bucket.put("media/rot kleid.png", png(RED))
    shop.ok(feed(shop, rows, "again"))
    photo_is(shop, "a", RED)
    assert faults(shop) == []
    rest(shop)
    event = feed(shop, rows, "and again")
    shop.ok(event)
    assert (counts(last_run(shop, event))[2], fetched(shop)) == (4, set())
    if "%" in link:  # the spelling that is tried first
        shop.bucket.put("media/rot%20kleid.png", png(BLUE))
        shop.ok(feed(shop, rows, "both"))
        photo_is(shop, "a", BLUE)


def test_a_photo_that_another_link_may_mean_too_is_asked_about(shop: Shop) -> None:
    shop.bucket.put("media/x y.png", png(RED))
    shop.bucket.put("media/x%20y.png", png(GREEN))
    rows = catalogue(a={"image_link": "media/x y.png", "additional_image_link": ["media/x%20y.png"]})[:1]
    shop.ok(feed(shop, rows))
    shop.bucket.put("media/x y.png", png(BLUE))
    rest(shop)
    shop.ok(feed(shop, rows, "again"))
    assert shop.encoded() == {"image": 2}


def test_a_broken_photo_is_told_for_as_long_as_it_is_there(stocked: Shop) -> None:
    stocked.bucket.put("media/a.png", BROKEN)
    stocked.ok(feed(stocked, catalogue()))
    broken = [("media", "image_link", "InvalidMedia")]
    photo_is(stocked, "a", None)
    assert faults(stocked) == broken
    rest(stocked)
    event = feed(stocked, catalogue(), "again")
    stocked.ok(event)
    assert last_run(stocked, event).pictures == {"found": 2, "missing": 1, "none": 1}
    assert (counts(last_run(stocked, event))[2], fetched(stocked), faults(stocked)) == (4, set(), broken)
    stocked.ok(feed(stocked, catalogue(a={"price": "8 USD"})))
    assert faults(stocked) == broken
    stocked.bucket.put("media/a.png", png(RED))
    stocked.ok(feed(stocked, catalogue(a={"price": "8 USD"}), "mended"))
    photo_is(stocked, "a", RED)
    assert faults(stocked) == []


@pytest.mark.parametrize("further", ["media/b.png", "s3://shop/demo/media/b.png"])
def test_one_broken_photo_of_several_is_told_and_the_vector_kept(shop: Shop, further: str) -> None:
    """Even where two links lead to it."""
    shop.bucket.put("media/a.png", png(RED))
    shop.bucket.put("media/b.png", BROKEN)
    links = ["media/b.png"] if further == "media/b.png" else ["media/b.png", further]
    rows = catalogue(a={"additional_image_link": links})[:1]
    shop.ok(feed(shop, rows))
    broken = [("media", f"additional_image_link[{n}]", "InvalidMedia") for n in range(len(links))]
    assert faults(shop) == broken
    rest(shop)
    for number, price in enumerate(("10 USD", "8 USD", "8 USD")):
        event = feed(shop, [rows[0] | {"price": price}], f"again{number}")
        shop.ok(event)
        assert last_run(shop, event).pictures == {"found": 1, "missing": len(links), "none": 0}
        assert (faults(shop), shop.encoded()) == (broken, {})
    photo_is(shop, "a", RED)


def test_what_was_rejected_before_and_is_as_the_table_has_it_again_is_mended(stocked: Shop) -> None:
    stocked.ok(feed(stocked, catalogue(a={"title": ""})))
    assert faults(stocked) == [("row", "title", "InvalidRow")]
    event = feed(stocked, catalogue(), "other")
    stocked.ok(event)
    assert counts(last_run(stocked, event)) == (4, 0, 4, 0, 0)
    assert faults(stocked) == []


def test_under_other_limits_everything_is_looked_at_again(stocked: Shop) -> None:
    small = MediaSettings(max_image_pixels=20)
    stocked.bucket.put("media/a.png", png(RED, 4))
    strict = reopened(stocked, media=small)
    rows = catalogue(a={"additional_image_link": ["media/b.png"]})
    strict.ok(feed(strict, rows))
    large = ("media", "additional_image_link[0]", "MediaTooLarge")
    assert large in faults(strict)
    rest(stocked)
    stocked.ok(feed(stocked, rows, "again"))
    assert stocked.encoded() == {"image": 2}
    assert faults(stocked) == []


def test_a_modality_that_is_chosen_later_is_read(stocked: Shop) -> None:
    chosen = stocked.settings.indexing.model_copy(update={"modalities": ("text",)})
    plain = reopened(stocked, indexing=chosen)
    event = feed(plain, catalogue())
    plain.ok(event)
    assert counts(last_run(plain, event)) == (4, 4, 0, 0, 0)
    photo_is(plain, "a", None)
    stocked.ok(feed(stocked, catalogue(), "again"))
    photo_is(stocked, "a", RED)


@pytest.mark.parametrize("price", ["10 USD", "8 USD"], ids=["seen", "edit"])
def test_a_photo_that_is_replaced_between_compare_and_commit(
    stocked: Shop, monkeypatch: pytest.MonkeyPatch, price: str
) -> None:
    event = feed(stocked, catalogue(a={"price": price}))
    original = ProductTable.apply
    other = reopened(stocked)
    stale: list[frozenset[str]] = []

    def apply(self: ProductTable, *changes: Any, **options: Any) -> Any:
        monkeypatch.setattr(ProductTable, "apply", watched)
        stocked.bucket.tick()
        other.ok(stocked.bucket.put("media/a.png", png(GREEN)))
        return watched(self, *changes, **options)

    def watched(self: ProductTable, *changes: Any, **options: Any) -> Any:
        applied = original(self, *changes, **options)
        stale.append(applied.stale)
        return applied

    monkeypatch.setattr(ProductTable, "apply", apply)
    stocked.ok(event)
    row = stocked.row("a")
    assert row["price"] == float(price.split()[0])
    assert row["source_order"].split(".")[:2] == stocked.row("b")["source_order"].split(".")[:2]
    photo_is(stocked, "a", GREEN)
    assert (frozenset({"a"}) in stale) == (price == "8 USD")
