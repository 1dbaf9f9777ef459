"""After any event about a key, what is there now decides."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import permutations, product

import numpy as np
import pytest

from mmpipe.errors import StorageUnavailable
from mmpipe.schemas.work import CatalogueEvent
from tests.unit.indexing.bucket import order_of, png
from tests.unit.indexing.conftest import Shop

RED, BLUE = (220, 30, 30), (30, 30, 220)
KEY = "products/a.json"


def key(product_id: str = "a") -> str:
    return f"products/{product_id}.json"


def put(shop: Shop, title: str, product_id: str = "a") -> CatalogueEvent:
    event = shop.bucket.put_product(product_id, title=title)
    shop.bucket.tick()
    return event


def remove(shop: Shop, what: str = KEY) -> CatalogueEvent:
    event = shop.bucket.remove(what)
    shop.bucket.tick()
    return event


def roll_back(shop: Shop, what: str = KEY) -> CatalogueEvent:
    event = shop.bucket.roll_back(what)
    shop.bucket.tick()
    return event


def said(shop: Shop, product_id: str = "a") -> str | None:
    """The product's title; None where it is deleted."""
    row = shop.row(product_id)
    return None if row["deleted"] else row["title"]


def test_a_product_is_back_with_its_object(shop: Shop) -> None:
    shop.ok(put(shop, "Red dress"))
    shop.ok(remove(shop))
    assert said(shop) is None
    shop.ok(roll_back(shop))
    assert said(shop) == "Red dress"
    shop.ok(remove(shop))
    assert said(shop) is None


def test_a_version_that_is_current_again_is_indexed(shop: Shop) -> None:
    shop.ok(put(shop, "Red dress"))
    shop.ok(put(shop, "Wrong title"))
    shop.ok(roll_back(shop))
    assert said(shop) == "Red dress"
    shop.ok(put(shop, "Blue dress"))
    assert said(shop) == "Blue dress"


Story = Iterator[CatalogueEvent]


def undeleted(shop: Shop, name: str) -> Story:
    yield put(shop, "Red dress", name)
    yield remove(shop, key(name))
    yield roll_back(shop, key(name))


def rolled_back(shop: Shop, name: str) -> Story:
    yield put(shop, "Red dress", name)
    yield put(shop, "Wrong title", name)
    yield roll_back(shop, key(name))


def rolled_back_twice(shop: Shop, name: str) -> Story:
    yield put(shop, "Red dress", name)
    yield put(shop, "Wrong title", name)
    yield remove(shop, key(name))
    yield roll_back(shop, key(name))
    yield roll_back(shop, key(name))


def put_again(shop: Shop, name: str) -> Story:
    """All within a second."""
    yield shop.bucket.put_product(name, title="Wrong title")
    yield shop.bucket.remove(key(name))
    yield shop.bucket.put_product(name, title="Red dress")


def gone(shop: Shop, name: str) -> Story:
    yield put(shop, "Red dress", name)
    yield put(shop, "Blue dress", name)
    yield remove(shop, key(name))


def gone_for_good(shop: Shop, name: str) -> Story:
    yield put(shop, "Red dress", name)
    yield put(shop, "Blue dress", name)
    yield roll_back(shop, key(name))
    yield roll_back(shop, key(name))


def broken(shop: Shop, name: str) -> Story:
    yield put(shop, "Red dress", name)
    yield remove(shop, key(name))
    yield shop.bucket.put(key(name), b'{"title":')


@pytest.mark.parametrize(
    ("story", "expected"),
    [
        (undeleted, "Red dress"),
        (rolled_back, "Red dress"),
        (rolled_back_twice, "Red dress"),
        (put_again, "Red dress"),
        (gone, None),
        (gone_for_good, None),
        (broken, None),
    ],
)
def test_the_state_wins_in_any_order_of_delivery(
    shop: Shop, story: Callable[[Shop, str], Story], expected: str | None
) -> None:
    """The first few events are handled as they come, and when all has happened, every event in any order."""
    steps = len(list(story(shop, "counted")))
    orders = list(permutations(range(steps)))
    cases = list(product(orders[:: len(orders) // 6], range(steps)))[:: steps - 2]
    for number, (order, handled) in enumerate(cases):
        name = f"p{number}"
        events: list[CatalogueEvent] = []
        for event in story(shop, name):
            events.append(event)
            if len(events) <= handled:
                shop.ok(event)
        shop.run(events[order[0]])
        shop.run(*[events[index] for index in order])
        assert said(shop, name) == expected, (order, handled)


def test_a_removal_that_is_handled_late_indexes_what_is_there(shop: Shop) -> None:
    shop.ok(put(shop, "Red dress"))
    late = remove(shop)
    put(shop, "Blue dress")  # its own event has yet to come
    shop.ok(late)
    assert said(shop) == "Blue dress"


def test_an_upload_that_is_handled_late_says_what_is_there(shop: Shop) -> None:
    first = put(shop, "Red dress")
    put(shop, "Blue dress")
    shop.ok(first)
    assert said(shop) == "Blue dress"
    second = shop.bucket.put_product("b", title="Hat")
    remove(shop, "products/b.json")
    shop.ok(second)
    assert said(shop, "b") is None


def test_bad_bytes_after_a_removal_do_not_keep_the_old_product(shop: Shop) -> None:
    shop.ok(put(shop, "Red dress"))
    late = remove(shop)
    broken = shop.bucket.put(KEY, b"{ not json")
    shop.ok(broken)
    assert said(shop) == "Red dress"  # nobody has told of the removal yet
    shop.ok(late)
    assert said(shop) is None
    (reject,) = shop.collection.rejects.list()
    assert (reject.product_id, reject.source_uri) == ("a", shop.bucket.uri(KEY))
    shop.bucket.tick()
    shop.ok(put(shop, "Mended"))
    assert said(shop) == "Mended"
    assert shop.collection.rejects.list() == []


@pytest.mark.parametrize("bad", [b"[1]", b'{"id": "b", "title": "Hat"}', b'{"title": "' + b"x" * 2_000_000])
def test_a_bad_document_takes_nothing_back_by_itself(shop: Shop, bad: bytes) -> None:
    shop.ok(put(shop, "Red dress"))
    event = shop.bucket.put(KEY, bad)
    shop.run(event)
    assert said(shop) == "Red dress"
    assert shop.collection.rejects.count() == 1
    shop.bucket.tick()
    removal = remove(shop)
    shop.bucket.put(KEY, bad)
    shop.ok(removal)
    assert said(shop) is None


def test_a_good_version_below_a_bad_one_is_indexed_however_late_it_is_told(shop: Shop) -> None:
    good = put(shop, "Red dress")
    bad = shop.bucket.put(KEY, b"{ not json")
    shop.ok(bad, good)
    assert said(shop) == "Red dress"
    assert [r.product_id for r in shop.collection.rejects.list()] == ["a"]


def test_a_removed_old_version_changes_and_reads_nothing(shop: Shop) -> None:
    """What another file said since stays: the current version is no newer than it was."""
    shop.ok(put(shop, "Red dress"))
    shop.ok(put(shop, "Blue dress"))
    shop.ok(shop.bucket.put_feed("newer", [{"id": "a", "title": "Blue dress, reduced"}]))
    shop.bucket.tick()
    version, reads = shop.table.version, shop.bucket.reads.copy()
    (outcome,) = shop.run(shop.bucket.prune(KEY))
    assert (outcome.status, "replaced before" in outcome.reason) == ("done", True)
    assert said(shop) == "Blue dress, reduced"
    assert (shop.table.version, shop.bucket.reads) == (version, reads)
    # The same with the version that was put last: the one before is newer than the feed from now on.
    shop.bucket.put_product("a", title="Never read")
    shop.bucket.tick()
    shop.ok(roll_back(shop))
    assert said(shop) == "Blue dress"


def test_a_feed_that_was_rolled_back_is_read_again(shop: Shop) -> None:
    feed = "feeds/all.jsonl"
    rows = [{"id": "a", "title": "Red dress"}, {"id": "b", "title": "Hat"}]
    shop.ok(shop.bucket.put_feed("all", rows))
    shop.bucket.tick()
    shop.ok(
        shop.bucket.put_feed("all", [{"id": "a", "title": "Wrong"}, {"id": "b", "_op": "delete"}, {"id": ""}])
    )
    assert (said(shop), said(shop, "b")) == ("Wrong", None)
    assert shop.collection.rejects.count() == 1
    shop.bucket.tick()
    shop.encoded()
    event = roll_back(shop, feed)
    assert event.kind == "feed_removed"
    shop.ok(event)
    assert (said(shop), said(shop, "b")) == ("Red dress", "Hat")
    assert shop.collection.rejects.count() == 0
    assert [o.status for o in shop.run(event)] == ["duplicate"]
    # Nothing is left of the feed: nothing follows.
    (outcome,) = shop.run(roll_back(shop, feed))
    assert (outcome.status, outcome.reason) == ("done", "the object is gone")
    assert (said(shop), said(shop, "b")) == ("Red dress", "Hat")


def test_the_versions_of_a_feed_that_were_replaced_are_removed_unread(shop: Shop) -> None:
    for title in ("Red dress", "Blue dress"):
        shop.ok(shop.bucket.put_feed("all", [{"id": "a", "title": title}]))
        shop.bucket.tick()
    shop.ok(shop.bucket.put_feed("prices", [{"id": "a", "title": "Blue dress, reduced"}]))
    reads = shop.bucket.reads.copy()
    shop.ok(shop.bucket.prune("feeds/all.jsonl"))
    assert said(shop) == "Blue dress, reduced"
    assert shop.bucket.reads == reads


def test_a_photo_is_back_with_its_object(shop: Shop) -> None:
    shop.ok(shop.bucket.put("media/a.png", png(RED)))
    shop.ok(shop.bucket.put_product("a", title="Red dress", image_link="media/a.png"))
    red = shop.row("a")["image_vector"]
    shop.bucket.tick()
    shop.ok(remove(shop, "media/a.png"))
    assert shop.row("a")["image_vector"] is None
    shop.ok(roll_back(shop, "media/a.png"))
    assert np.allclose(shop.row("a")["image_vector"], red)
    assert shop.collection.rejects.count() == 0
    recorded = shop.collection.media.lookup([shop.bucket.uri("media/a.png")])
    assert [(m.removed, m.etag) for m in recorded.values()] == [
        (False, shop.bucket.stat(shop.bucket.uri("media/a.png")).etag)
    ]
    shop.ok(shop.bucket.put("media/a.png", png(BLUE)))
    assert not np.allclose(shop.row("a")["image_vector"], red)
    shop.bucket.tick()
    shop.ok(roll_back(shop, "media/a.png"))
    assert np.allclose(shop.row("a")["image_vector"], red)


def test_a_late_removal_of_a_photo_that_was_put_again(shop: Shop) -> None:
    shop.ok(shop.bucket.put("media/a.png", png(RED)))
    shop.ok(shop.bucket.put_product("a", title="Red dress", image_link="media/a.png"))
    shop.bucket.tick()
    late = remove(shop, "media/a.png")
    shop.bucket.put("media/a.png", png(BLUE))
    shop.ok(late)
    blue = shop.loaded.encoders["image"].embed_documents([np.full((8, 8, 3), BLUE, np.uint8)])[0]
    assert np.allclose(shop.row("a")["image_vector"], blue, atol=1e-6)


@pytest.mark.parametrize("story", [remove, roll_back])
def test_a_store_that_does_not_answer_is_a_retry(
    shop: Shop, story: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.ok(put(shop, "Red dress"))
    shop.ok(put(shop, "Blue dress"))
    event = story(shop)  # type: ignore[operator]

    def down(*_: object, **__: object) -> object:
        raise StorageUnavailable("the bucket did not answer")

    with monkeypatch.context() as patch:
        for call in ("read", "stat", "open"):
            patch.setattr(shop.bucket, call, down)
        assert [o.status for o in shop.run(event)] == ["retry"]
    assert said(shop) == "Blue dress"
    shop.ok(event)
    assert said(shop) == (None if story is remove else "Red dress")


def test_without_versions_the_state_decides_too(shop: Shop) -> None:
    shop.bucket.versioned = False
    first = put(shop, "Red dress")
    removal = remove(shop)
    shop.ok(first)
    assert said(shop) is None
    again = put(shop, "Blue dress")
    shop.ok(removal)
    assert said(shop) == "Blue dress"
    shop.ok(again)
    assert said(shop) == "Blue dress"
    assert {o.status for o in shop.run(removal, first)} == {"duplicate"}
    last = remove(shop)
    assert [o.status for o in shop.indexer.execute([order_of(last)])] == ["done"]
    assert said(shop) is None
