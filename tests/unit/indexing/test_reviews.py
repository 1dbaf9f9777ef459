"""Uploaded reviews: each once, the newest stands, onto their products' ratings, nobody named."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from mmpipe.errors import StorageUnavailable
from mmpipe.indexing import Indexer, maintain
from mmpipe.indexing.people import erase_person
from mmpipe.indexing.writing import reviewing
from mmpipe.indexing.writing.reviewing import finish_erasures, settle_reviews
from mmpipe.lake import open_lake
from mmpipe.lake.interactions import erasing
from mmpipe.lake.interactions.keeper import InteractionKeeper
from mmpipe.lake.products import ProductTable
from mmpipe.lake.record_table import RecordTable
from mmpipe.schemas.work import CatalogueEvent
from tests.unit.indexing.bucket import order_of, png
from tests.unit.indexing.conftest import Shop

GOOD = {
    "product_id": "a",
    "review_id": "r1",
    "rating": 5,
    "text": "Very comfortable. The battery lasts all day!",
    "user_id": "u-secret",
    "email": "someone@example.com",
}
BAD = {
    "product_id": "a",
    "review_id": "r2",
    "rating": 2,
    "text": "The battery died after a week.",
    "user_id": "u2",
}


def upload(shop: Shop, *lines: Any, name: str = "day") -> CatalogueEvent:
    text = "\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines)
    event = shop.bucket.put(f"reviews/{name}.jsonl", text.encode())
    shop.bucket.tick()
    return event


def with_product(shop: Shop, product_id: str = "a", **fields: Any) -> None:
    shop.ok(shop.bucket.put_product(product_id, title="Red shoe", **fields))
    shop.bucket.tick()


def rated(shop: Shop, product_id: str = "a") -> tuple[float | None, int | None]:
    """Rating and count as the columns have them, which are those of the document."""
    columns = ["rating", "rating_count", "document"]
    (row,) = live_table(shop).fetch([product_id], columns).to_pylist()
    document = json.loads(row["document"])
    assert (document.get("rating"), document.get("rating_count")) == (row["rating"], row["rating_count"])
    return row["rating"], row["rating_count"]


def live_table(shop: Shop) -> ProductTable:
    live = shop.collection.live()
    assert live is not None
    return shop.collection.table(live.table)


def test_reviews_become_aspects_quotations_and_a_rating(shop: Shop) -> None:
    with_product(shop)
    generation = shop.collection.live()
    shop.ok(upload(shop, GOOD, BAD))
    found = shop.collection.reviews.of("a")
    assert (found.count, found.rating_count, found.rating) == (2, 2, 3.5)
    by_name = {aspect.name: aspect for aspect in found.aspects}
    battery = by_name["durability"]
    assert (battery.positive, battery.negative) == (1, 1)
    assert {quote.text for quote in battery.quotes} == {
        "The battery lasts all day!",
        "The battery died after a week.",
    }
    assert by_name["comfort"].positive == 1
    assert {quote.review_id for quote in found.summary} <= {"r1", "r2"}
    assert all(quote.text in GOOD["text"] + BAD["text"] for quote in found.summary)
    assert rated(shop) == (3.5, 2)
    live = shop.collection.live()
    assert generation is not None
    assert live is not None
    assert live.generation == generation.generation + 1, "readers have the rating"


def test_the_same_file_again_is_no_news(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    with_product(shop)
    event = upload(shop, GOOD, BAD)
    shop.ok(event)
    live, version = shop.collection.live(), live_table(shop).version
    assert [outcome.status for outcome in shop.run(event)] == ["duplicate"]
    # Where the ledger does not know of it, and under another name.
    monkeypatch.setattr(type(shop.collection.runs), "get_many", lambda *_: {})
    shop.ok(event)
    assert shop.collection.reviews.count() == 2
    assert shop.collection.live() == live
    assert live_table(shop).version == version


def test_the_newer_source_of_a_review_stands_in_any_order(shop: Shop) -> None:
    with_product(shop)
    first = upload(shop, GOOD, name="1")
    second = upload(shop, {**GOOD, "rating": 1, "text": "It broke."}, name="2")
    back = upload(shop, {"product_id": "a", "review_id": "r2", "_op": "delete"}, name="4")
    shop.ok(second)
    shop.ok(first)
    shop.ok(back)
    shop.ok(upload(shop, name="5"))
    assert rated(shop) == (1.0, 1)
    assert [quote.text for quote in shop.collection.reviews.of("a").summary] == ["It broke."]


def test_a_review_that_was_taken_back_is_not_revived_by_an_older_file(shop: Shop) -> None:
    with_product(shop, rating=4.0, rating_count=7)
    older = upload(shop, GOOD, name="1")
    shop.ok(upload(shop, BAD, name="2"))
    assert rated(shop) == (2.0, 1)
    shop.ok(
        upload(shop, *({"product_id": "a", "review_id": i, "_op": "delete"} for i in ("r1", "r2")), name="3")
    )
    shop.ok(older)
    assert shop.collection.reviews.of("a").count == 0
    assert rated(shop) == (4.0, 7), "what the product's own upload says"


def test_a_rating_outlives_uploads_of_the_product(shop: Shop) -> None:
    with_product(shop)
    shop.ok(upload(shop, GOOD))
    with_product(shop, description="new words", rating=3.0, rating_count=9)
    assert rated(shop) == (5.0, 1)
    shop.ok(shop.bucket.put_product("a", title="Another title altogether", price="5 USD"))
    shop.bucket.tick()
    assert rated(shop) == (5.0, 1)
    shop.ok(shop.bucket.remove("products/a.json"))
    shop.bucket.tick()
    shop.ok(upload(shop, BAD, name="2"))
    with_product(shop)
    assert rated(shop) == (3.5, 2)


def test_a_rating_outlives_a_medium_that_is_read_again(shop: Shop) -> None:
    shop.bucket.put("media/a.png", png((250, 0, 0)))
    with_product(shop, image_link="media/a.png", rating=3.0, rating_count=9)
    shop.ok(upload(shop, GOOD))
    shop.ok(shop.bucket.put("media/a.png", png((0, 250, 0))))
    assert shop.encoded()["image"] == 2
    shop.bucket.tick()
    assert rated(shop) == (5.0, 1)
    shop.ok(upload(shop, {"product_id": "a", "review_id": "r1", "_op": "delete"}, name="2"))
    assert rated(shop) == (3.0, 9)
    assert shop.encoded() == {}


def test_reviews_that_came_before_their_product(shop: Shop) -> None:
    with_product(shop, "other")
    (outcome,) = shop.run(upload(shop, GOOD, {**GOOD, "product_id": "other"}))
    assert outcome.reason == "1 of 2 reviewed products are not there (yet)"
    assert shop.collection.reviews.waiting() == ["a"]
    with_product(shop)
    settle_reviews(shop.collection, live_table(shop))
    assert rated(shop) == (5.0, 1)
    assert shop.collection.reviews.waiting() == []
    live = shop.collection.live()
    assert live is not None
    assert live.version == live_table(shop).version


def test_the_upkeep_after_an_upload_tells_products_that_came_late(shop: Shop) -> None:
    with_product(shop, "other")
    shop.ok(upload(shop, GOOD, {**GOOD, "product_id": "never"}))
    event = shop.bucket.put_product("a", title="Red shoe")
    keeping = Indexer(shop.settings, open_lake(shop.settings), shop.loaded, lambda _uri: shop.bucket)
    try:
        assert [outcome.status for outcome in keeping.execute([order_of(event)])] == ["done"]
        assert keeping._keeper is not None
        keeping._keeper.drain()
    finally:
        keeping.close()
    assert rated(shop) == (5.0, 1)
    assert shop.collection.reviews.waiting() == ["never"]


def test_bad_lines_are_kept_with_their_reason_and_name_nobody(shop: Shop) -> None:
    with_product(shop)
    event = upload(
        shop,
        "no json",
        {**GOOD, "rating": "seven"},
        {"product_id": "a", "user_id": "u-secret"},
        {**GOOD, "time": "x"},
        BAD,
    )
    shop.ok(event)
    found = {reject.row: reject for reject in shop.collection.rejects.list()}
    assert {row: reject.field for row, reject in found.items()} == {
        1: "row",
        2: "rating",
        3: "text",
        4: "time",
    }
    assert found[2].reason == "rating: is no rating of five; write 4, 4.5, 4/5 or 80%"
    assert not any("secret" in r.raw or "example.com" in r.raw or "comfort" in r.raw for r in found.values())
    assert shop.collection.reviews.count() == 1
    (run,) = [run for run in shop.collection.runs.list() if run.source_uri == event.object.uri]
    assert (run.read, run.indexed, run.rejected) == (5, 1, 4)


def test_a_table_of_a_review_app(shop: Shop) -> None:
    with_product(shop)
    text = (
        "\ufeffid;sku;stars;body;title;reviewer_email\n1;a;4/5;面料很厚，不便宜。;好;x@example.com\n2;a;1\n"
    )
    shop.ok(shop.bucket.put("reviews/export.csv", text.encode()))
    (review,) = shop.collection.reviews.sentences("a", 1)
    assert (review.text, review.rating, review.review_id) == ("好", 4.0, "1")
    found = {a.name: (a.positive, a.negative) for a in shop.collection.reviews.of("a").aspects}
    assert found == {"quality": (1, 0), "price": (0, 1)}
    assert [reject.row for reject in shop.collection.rejects.list()] == [3]


def files_of(shop: Shop) -> bytes:
    root = shop.collection.uri
    return b"".join(
        shop.collection.store.read(stat.uri, max_bytes=10**8)[0]
        for stat in shop.collection.store.list(f"{root}/reviews.lance/")
    )


def test_who_is_erased_is_in_no_file_and_in_no_rating(shop: Shop) -> None:
    with_product(shop)
    event = upload(shop, GOOD, BAD)
    shop.ok(event)
    lake = shop.indexer._lake
    user = lake.pseudonyms.user("demo", "u-secret")
    assert [review.review_id for review in shop.collection.reviews.by_author(user)] == ["r1"]
    assert user.encode() in files_of(shop)
    assert b"u-secret" not in files_of(shop)
    reader = type(lake)(lake.settings).collection("demo").reviews
    assert reader.of("a").count == 2
    proof = erase_person(lake, shop.collection, user)
    assert (proof.reviews, proof.digest) == (1, proof.sealed())
    assert shop.collection.reviews.by_author(user) == []
    assert reader.of("a").count == 1, "who had the table open reads on"
    assert rated(shop) == (2.0, 1)
    held = files_of(shop)
    assert user.encode() not in held
    assert b"comfortable" not in held
    # The file comes again, under a new run: it is of before the erasure.
    shop.ok(event.model_copy(update={"object": event.object.model_copy(update={"sequencer": "01"})}))
    assert [quote.review_id for quote in shop.collection.reviews.of("a").summary] == ["r2"]


def denied(*_: Any, **__: Any) -> None:
    raise StorageUnavailable("denied")


def test_who_may_not_remove_objects_leaves_the_files_to_maintenance(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_product(shop)
    shop.ok(upload(shop, GOOD, BAD))
    lake = shop.indexer._lake
    user = lake.pseudonyms.user("demo", "u-secret")

    with monkeypatch.context() as patched:
        patched.setattr(RecordTable, "purge", denied)
        patched.setattr(type(shop.collection), "publish", denied)
        assert erase_person(lake, shop.collection, user).reviews == 1
    assert shop.collection.reviews.of("a").count == 1
    assert user.encode() in files_of(shop)
    assert not [each for each in maintain.run(shop.settings) if "error" in each]
    assert user.encode() not in files_of(shop)
    live = shop.collection.live()
    assert live is not None
    assert live.version == live_table(shop).version, "readers have the rating without theirs"
    assert rated(shop) == (2.0, 1)


def test_the_indexer_finishes_an_erasure_before_it_is_settled(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_product(shop)
    shop.ok(upload(shop, GOOD, BAD))
    lake = shop.indexer._lake
    user = lake.pseudonyms.user("demo", "u-secret")

    with monkeypatch.context() as patched:
        patched.setattr(RecordTable, "purge", denied)
        assert erase_person(lake, shop.collection, user).reviews == 1
    monkeypatch.setattr(erasing, "SETTLE_AFTER", timedelta(0))
    InteractionKeeper(lake, finish_erasures).round()
    assert [erasure.state for erasure in shop.collection.interactions.erasures()] == ["settled"]
    assert user.encode() not in files_of(shop)


def test_what_was_taken_back_before_is_in_no_file_either(shop: Shop) -> None:
    with_product(shop)
    shop.ok(upload(shop, GOOD, BAD))
    shop.ok(upload(shop, {"product_id": "a", "review_id": "r1", "_op": "delete"}, name="back"))
    lake = shop.indexer._lake
    user = lake.pseudonyms.user("demo", "u-secret")
    assert user.encode() in files_of(shop)
    assert erase_person(lake, shop.collection, user).reviews == 0
    assert user.encode() not in files_of(shop)


def test_an_old_file_brings_nobody_back_whose_erasure_is_in_the_archive(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_product(shop)
    late = upload(shop, GOOD, BAD)
    user = shop.indexer._lake.pseudonyms.user("demo", "u-secret")
    for name in ("SETTLE_AFTER", "ARCHIVE_AFTER"):
        monkeypatch.setattr(erasing, name, timedelta(0))
    monkeypatch.setattr(reviewing, "ARCHIVE_AFTER", timedelta(0))
    log = shop.collection.interactions
    log.erase([user], now=datetime.now(UTC))
    log.maintain()
    log.maintain()
    assert (log.erasures(), len(log.proofs())) == ([], 1)
    shop.ok(late)
    assert shop.collection.reviews.by_author(user) == []


def test_uploads_of_several_at_once_add_up(shop: Shop) -> None:
    with_product(shop)
    events = [
        upload(
            shop,
            *({**GOOD, "review_id": f"{n}-{i}", "rating": 1 + (n + i) % 5} for i in range(5)),
            name=str(n),
        )
        for n in range(6)
    ]
    with ThreadPoolExecutor(3) as threads:
        outcomes = [outcome for found in threads.map(shop.run, events) for outcome in found]
    assert {outcome.status for outcome in outcomes} == {"done"}
    assert rated(shop) == (3.0, 30)
    live = shop.collection.live()
    assert live is not None
    assert shop.collection.table(live.table).at(live.version).to_table(["rating_count"])[0].to_pylist() == [
        30
    ]


def test_who_stores_while_somebody_is_erased_leaves_them_out(shop: Shop) -> None:
    with_product(shop)
    late = upload(shop, GOOD, BAD)
    user = shop.indexer._lake.pseudonyms.user("demo", "u-secret")
    shop.collection.interactions.erase([user], now=datetime.now(UTC))
    shop.ok(late)
    assert shop.collection.reviews.by_author(user) == []
    assert rated(shop) == (2.0, 1)


def test_maintenance_finishes_an_erasure_that_broke_off(shop: Shop) -> None:
    with_product(shop)
    shop.ok(upload(shop, GOOD))
    user = shop.indexer._lake.pseudonyms.user("demo", "u-secret")
    shop.collection.interactions.erase([user], now=datetime.now(UTC) + timedelta(seconds=2))
    assert len(shop.collection.reviews.by_author(user)) == 1
    assert not [each for each in maintain.run(shop.settings) if "error" in each]
    assert shop.collection.reviews.by_author(user) == []
    assert rated(shop) == (None, None)
