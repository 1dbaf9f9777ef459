"""Photos of reviews: encoded once, in line with the reviews that stand, each fault by itself."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from mmpipe.encoders import registry
from mmpipe.encoders.registry import LoadedEncoders
from mmpipe.errors import StorageUnavailable
from mmpipe.indexing import maintain, replays
from mmpipe.indexing.people import erase_person
from mmpipe.indexing.tables import copy, following, switch
from mmpipe.indexing.writing import photographing
from mmpipe.indexing.writing.reviewing import NOTES_LAST, drop_notes, settle_reviews
from mmpipe.lake import open_lake
from mmpipe.lake.reviews import ReviewPhotos
from tests.unit.indexing.bucket import png
from tests.unit.indexing.conftest import Shop
from tests.unit.indexing.test_reviews import rated, upload, with_product

RED, BLUE = png((255, 0, 0)), png((0, 0, 255))


def review(review_id: str = "r1", *photos: str, product: str = "a", **more: Any) -> dict[str, Any]:
    return {"product_id": product, "review_id": review_id, "rating": 5, "photos": list(photos), **more}


def photos_of(shop: Shop) -> ReviewPhotos:
    found = shop.collection.review_photos(shop.loaded.profile)
    assert found is not None
    return found


def settle(shop: Shop) -> bool:
    return shop.indexer.settle_photos(shop.collection, shop.table)


def shown(shop: Shop, product: str = "a") -> list[str]:
    """The reviews whose photos of a product are searched, the newest first."""
    return [photo.review_id for photo in photos_of(shop).newest(product, 100)]


def followed(shop: Shop) -> dict[str, int]:
    content = shop.collection.live_file()
    assert content is not None
    return content.photos


@pytest.fixture
def shop(shop: Shop) -> Shop:
    with_product(shop)
    shop.bucket.put("media/red.png", RED)
    shop.bucket.put("media/blue.png", BLUE)
    return shop


def test_photos_are_encoded_once_and_followed(shop: Shop) -> None:
    shop.encoded()
    event = upload(shop, review("r1", "media/red.png", "media/blue.png"), review("r2", text="None."))
    shop.ok(event)
    assert shown(shop) == [], "an upload waits for no photo"
    live = shop.collection.live()
    assert settle(shop) is False
    assert shown(shop) == ["r1", "r1"]
    assert shop.encoded() == {"image": 2}
    assert followed(shop) == {photos_of(shop).name: photos_of(shop).version()}
    now = shop.collection.live()
    assert live is not None
    assert now is not None
    assert now.generation == live.generation, "of products readers have nothing new"

    reads, before = dict(shop.bucket.reads), followed(shop)
    shop.ok(upload(shop, review("r1", "media/red.png", "media/blue.png", rating=4), name="again"))
    settle(shop)
    assert shop.encoded() == {}
    assert followed(shop) == before
    assert {uri: n for uri, n in shop.bucket.reads.items() if "media" in uri} == {
        uri: n for uri, n in reads.items() if "media" in uri
    }


def test_the_same_bytes_are_not_encoded_again(shop: Shop) -> None:
    shop.bucket.put("media/copy.png", RED)
    shop.ok(upload(shop, review("r1", "media/red.png")))
    settle(shop)
    shop.encoded()
    shop.ok(upload(shop, review("r2", "media/copy.png"), name="2"))
    settle(shop)
    assert shop.encoded() == {}
    assert shown(shop) == ["r2", "r1"] or shown(shop) == ["r1", "r2"]


def test_any_order_of_uploads_gives_the_same_photos(shop: Shop) -> None:
    first = upload(shop, review("r1", "media/red.png"), name="1")
    second = upload(shop, review("r1", "media/blue.png"), name="2")
    back = upload(shop, {"product_id": "a", "review_id": "r1", "_op": "delete"}, name="3")
    last = upload(shop, review("r2", "media/red.png"), name="4")
    for order in ((first, second, last, back), (back, last, second, first)):
        for event in order:
            shop.run(event)
            settle(shop)
    assert shown(shop) == ["r2"]
    assert len(photos_of(shop).held(["a"])) == 1


def test_a_review_without_its_photos_takes_them_away(shop: Shop) -> None:
    shop.ok(upload(shop, review("r1", "media/red.png", "media/blue.png")))
    settle(shop)
    shop.ok(upload(shop, review("r1", text="No photo any more."), name="2"))
    settle(shop)
    assert shown(shop) == []


def test_a_photo_that_cannot_be_used_is_a_reject_and_is_replayed(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.bucket.put("media/text.png", b"no picture")
    links = [
        "media/none.png",
        "media/text.png",
        "https://evil.example/secret.png",
        "http://127.0.0.1/x.png",
        "../../etc/passwd",
        "file:///etc/passwd",
        "s3://other/x.png",
        "media/red.png",
    ]
    shop.ok(upload(shop, review("r1", *links)))
    settle(shop)
    assert shown(shop) == ["r1"]
    rejects = shop.collection.rejects.list(product_id="a", scope="photo")
    assert {reject.field for reject in rejects} == {f"photos[{n}]" for n in range(7)}
    assert {"MediaNotFound", "MediaNotAllowed"} <= {reject.error for reject in rejects}
    told = "".join(reject.model_dump_json() for reject in rejects)
    assert not any(link in told for link in links if link != "s3://other/x.png"), "it is the reviewer's"
    settle(shop)
    shop.ok(shop.bucket.put_product("a", title="Blue shoe"))
    assert len(shop.collection.rejects.list(scope="photo")) == 7, "the product's upload mends none"

    missing = next(reject for reject in rejects if reject.error == "MediaNotFound")
    shop.bucket.put("media/none.png", BLUE)
    monkeypatch.setattr(following, "stores", lambda _settings: lambda _uri: shop.bucket)
    record = replays.replay(shop.settings, "demo", missing.reject_id)
    assert (record.indexed, record.rejected) == (1, 0)
    assert shown(shop) == ["r1", "r1"]
    assert len(shop.collection.rejects.list(scope="photo")) == 6


def test_a_photo_that_comes_after_its_review_is_found(shop: Shop) -> None:
    shop.ok(upload(shop, review("r1", "media/late.png")))
    settle(shop)
    assert shown(shop) == []
    shop.ok(shop.bucket.put("media/late.png", BLUE))
    settle(shop)
    assert shown(shop) == ["r1"]
    assert shop.collection.rejects.list(scope="photo") == []


def test_a_photo_that_comes_while_it_is_looked_for_is_found(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.ok(upload(shop, review("r1", "media/late.png")))
    real = ReviewPhotos.put

    def put(self: ReviewPhotos, photos: Any) -> None:
        monkeypatch.setattr(ReviewPhotos, "put", real)
        shop.ok(shop.bucket.put("media/late.png", BLUE))
        self.put(photos)

    monkeypatch.setattr(ReviewPhotos, "put", put)
    settle(shop)
    assert shown(shop) == ["r1"]


def test_only_the_newest_of_a_product_and_so_many_in_all(shop: Shop) -> None:
    indexing = shop.collection.settings.indexing.model_copy(
        update={"review_photos_per_product": 2, "review_photos_in_all": 3}
    )
    shop.collection.settings = shop.collection.settings.model_copy(update={"indexing": indexing})
    with_product(shop, "b")
    day = "2026-01-0{}T00:00:00Z"
    shop.ok(
        upload(
            shop,
            *(review(f"r{n}", "media/red.png", time=day.format(n)) for n in (1, 2, 3)),
            *(review(f"r{n}", "media/blue.png", time=day.format(n), product="b") for n in (4, 5, 6)),
        )
    )
    assert settle(shop) is False
    assert shown(shop) == ["r3", "r2"]
    assert shown(shop, "b") == ["r6"]


def test_passes_are_bounded_and_the_rest_goes_on(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(photographing.settle_photos, "__kwdefaults__", {"thorough": False, "most": 2})
    shop.ok(upload(shop, *(review(f"r{n}", "media/red.png", "media/blue.png") for n in range(2))))
    assert settle(shop) is True
    assert len(shown(shop)) == 2
    assert settle(shop) is False
    assert len(shown(shop)) == 4


def thoroughly(shop: Shop, most: int) -> bool:
    profile = shop.loaded.profile
    return photographing.settle_photos(
        shop.collection,
        shop.table,
        profile,
        lambda: shop.indexer._pipelines.of(profile),
        thorough=True,
        most=most,
    )


def test_a_thorough_look_leaves_none_however_few_are_committed_at_a_time(shop: Shop) -> None:
    shop.ok(upload(shop, *(review(f"r{n}", "media/red.png", "media/blue.png") for n in range(2))))
    assert thoroughly(shop, 1) is False
    assert len(shown(shop)) == 4
    assert followed(shop)


def test_notes_of_products_that_never_come_do_not_stay(shop: Shop) -> None:
    reviews = shop.collection.reviews
    shop.ok(upload(shop, review("r1", "media/red.png", product="never"), name="1"))
    shop.ok(upload(shop, review("r2", "media/red.png")))
    settle(shop)
    assert reviews.waiting() == [note.product_id for note in reviews.photo_notes()] == ["never"]
    uploaded = shop.bucket.now
    assert drop_notes(shop.collection, uploaded + NOTES_LAST - timedelta(minutes=1)) == 0
    assert reviews.waiting() == ["never"]
    assert drop_notes(shop.collection, uploaded + NOTES_LAST + timedelta(minutes=1)) == 1
    assert reviews.waiting() == reviews.photo_notes() == []
    with_product(shop, "never")
    settle_reviews(shop.collection, shop.table, thorough=True)
    thoroughly(shop, 128)
    assert shown(shop, "never") == ["r1"], "a thorough look finds it without a note"
    assert rated(shop, "never") == (5.0, 1)


def test_a_product_that_is_reviewed_now_and_then_is_waited_for(shop: Shop) -> None:
    shop.ok(upload(shop, review("r1", "media/red.png", product="late"), name="1"))
    shop.bucket.tick(NOTES_LAST.total_seconds())
    shop.ok(upload(shop, {"product_id": "late", "review_id": "r1", "_op": "delete"}, name="2"))
    assert drop_notes(shop.collection, shop.bucket.now + timedelta(minutes=1)) == 0
    assert shop.collection.reviews.waiting() == ["late"]


def test_readers_follow_what_was_encoded_before_the_store_failed(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.ok(upload(shop, review("r1", "media/red.png", "media/blue.png")))
    read, calls = photographing.PhotoReader.read, []

    def fails_later(self: Any, photos: Any) -> Any:
        calls.append(photos)
        if len(calls) > 1:
            raise StorageUnavailable("not now")
        return read(self, photos)

    with monkeypatch.context() as broken:
        broken.setattr(photographing.PhotoReader, "read", fails_later)
        with pytest.raises(StorageUnavailable):
            thoroughly(shop, 1)
    assert len(shown(shop)) == 1
    assert followed(shop)


def test_a_store_that_fails_loses_nothing(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    shop.ok(upload(shop, review("r1", "media/red.png")))

    def fails(*_: Any, **__: Any) -> Any:
        raise StorageUnavailable("not now")

    with monkeypatch.context() as broken:
        broken.setattr(type(shop.bucket), "read", fails)
        with pytest.raises(StorageUnavailable):
            settle(shop)
    settle(shop)
    assert shown(shop) == ["r1"]


def test_a_review_that_goes_while_its_photo_is_encoded_leaves_none(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.ok(upload(shop, review("r1", "media/red.png", user_id="u1")))
    lake = open_lake(shop.settings)
    user = lake.pseudonyms.user("demo", "u1")
    real = ReviewPhotos.put

    def put(self: ReviewPhotos, photos: Any) -> None:
        monkeypatch.setattr(ReviewPhotos, "put", real)
        erase_person(lake, shop.collection, user)
        self.put(photos)

    monkeypatch.setattr(ReviewPhotos, "put", put)
    settle(shop)
    assert photos_of(shop).held(["a"]) == {}


def test_an_erased_persons_photos_are_in_no_file(shop: Shop) -> None:
    shop.ok(
        upload(
            shop,
            review("mine-secret", "media/red.png", "media/none.png", user_id="u1"),
            review("r2", "media/blue.png", user_id="u2"),
        )
    )
    settle(shop)
    before = followed(shop)
    lake = open_lake(shop.settings)
    erase_person(lake, shop.collection, lake.pseudonyms.user("demo", "u1"))
    assert shown(shop) == ["r2"]
    assert shop.collection.rejects.list(scope="photo") == []
    assert followed(shop)[photos_of(shop).name] > before[photos_of(shop).name]
    folder = Path(shop.settings.lake.uri) / "demo"
    for file in (folder / f"{photos_of(shop).name}.lance" / "data").iterdir():
        assert b"mine-secret" not in file.read_bytes()
    # An erasure that broke off after the reviews were marked.
    shop.ok(upload(shop, review("mine-2", "media/red.png", user_id="u3"), name="2"))
    settle(shop)
    shop.collection.reviews.erase([lake.pseudonyms.user("demo", "u3")], shop.bucket.now)
    assert [line for line in maintain.run(shop.settings, ["demo"]) if "error" in line] == []
    assert shown(shop) == ["r2"]


def test_reviews_of_products_that_are_not_there_wait_and_go_with_them(shop: Shop) -> None:
    shop.ok(upload(shop, review("r1", "media/red.png", product="later")))
    settle(shop)
    assert shown(shop, "later") == []
    with_product(shop, "later")
    settle(shop)
    assert shown(shop, "later") == ["r1"]


def test_switched_off_nothing_is_fetched_and_where_there_are_none_nothing_is_written(shop: Shop) -> None:
    shop.ok(upload(shop, review("r2", text="Fine.")))
    settle(shop)
    assert followed(shop) == {}
    folder = Path(shop.settings.lake.uri) / "demo"
    assert not [each for each in folder.iterdir() if "photo" in each.name]
    indexing = shop.collection.settings.indexing.model_copy(update={"review_photos": False})
    shop.collection.settings = shop.collection.settings.model_copy(update={"indexing": indexing})
    shop.ok(upload(shop, review("r1", "media/red.png"), name="2"))
    settle(shop)
    assert shop.bucket.reads[shop.bucket.uri("media/red.png")] == 0
    assert not [each for each in folder.iterdir() if "photo" in each.name]


def test_other_models_have_photos_of_their_own(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(copy, "stores", lambda _settings: lambda _uri: shop.bucket)
    fake = registry.load("fake")
    infos = {m: replace(i, revision="2") if m == "image" else i for m, i in fake.profile.encoders.items()}
    loaded = LoadedEncoders(replace(fake.profile, name="other", encoders=infos), fake.encoders)
    shop.ok(upload(shop, review("r1", "media/red.png")))
    settle(shop)
    first = followed(shop)
    done = switch.reindex(shop.settings, shop.collection, "other", loaded=loaded)
    theirs = shop.collection.review_photos(loaded.profile)
    assert theirs is not None
    assert theirs.name != photos_of(shop).name
    assert [photo.review_id for photo in theirs.newest("a", 9)] == ["r1"]
    switch.switch(shop.settings, shop.collection, done.table, loaded=loaded)
    assert followed(shop).keys() == {photos_of(shop).name, theirs.name}
    assert followed(shop)[photos_of(shop).name] == first[photos_of(shop).name]
