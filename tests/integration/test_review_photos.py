"""Photos of reviews over a lake on S3: from the upload to what a replica finds, and out of it again."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import numpy as np
import pytest
from moto.server import ThreadedMotoServer

from mmpipe.encoders import registry
from mmpipe.errors import StorageUnavailable
from mmpipe.indexing import Indexer
from mmpipe.indexing.people import erase_person
from mmpipe.lake import open_lake
from mmpipe.schemas.search import SearchRequest, SearchResponse
from mmpipe.search import LiveVersions, Searcher, Version, encode
from mmpipe.search.versions.review_photos import FollowedPhotos
from mmpipe.settings import IndexingSettings, LakeSettings, ServeSettings, Settings, StorageSettings
from tests.unit.indexing.bucket import Bucket, order_of, png

LOADED = registry.load("fake")
# The shop's pictures, and what a shopper took: nothing like them.
OWN = [(10 * n, 20, 30) for n in range(8)]
TAKEN = (250, 240, 230)


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    server = ThreadedMotoServer(port=0)
    server.start()
    host, port = server.get_host_and_port()
    with pytest.MonkeyPatch.context() as env:
        for name, value in {"ACCESS_KEY_ID": "test", "SECRET_ACCESS_KEY": "test"}.items():
            env.setenv(f"AWS_{name}", value)
        env.delenv("AWS_CA_BUNDLE", raising=False)
        s3 = boto3.client("s3", endpoint_url=f"http://{host}:{port}", region_name="us-east-1")
        s3.create_bucket(Bucket="lake")
        yield f"http://{host}:{port}"
    server.stop()


class Shop:
    """Uploads, the indexer with its upkeep, and a replica."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.bucket = Bucket(collection="shop")
        self.lake = open_lake(settings)
        self.indexer = Indexer(settings, self.lake, LOADED, lambda _uri: self.bucket)
        for number, colour in enumerate(OWN):
            self.bucket.put(f"media/{number}.png", png(colour))
            self.upload(
                self.bucket.put_product(
                    f"p{number}", title=f"Thing {number}", image_link=f"media/{number}.png"
                )
            )
        self.collection = self.lake.collection("shop")
        self.replica = LiveVersions(settings, open_lake(settings))

    def upload(self, *events: Any) -> None:
        outcomes = self.indexer.execute([order_of(event) for event in events])
        assert [outcome.status for outcome in outcomes] == ["done"] * len(events), outcomes
        self.bucket.tick()
        self.indexer.drain()

    def review(self, name: str, *lines: dict[str, Any]) -> None:
        text = "\n".join(json.dumps(line) for line in lines)
        self.upload(self.bucket.put(f"reviews/{name}.jsonl", text.encode()))

    def find(self, version: Version | None = None) -> SearchResponse:
        """By the shopper's picture."""
        from PIL import Image

        request = SearchRequest(explain=True)
        picture = np.asarray(Image.open(io.BytesIO(png(TAKEN))))
        query = encode(request, LOADED, {"image": picture})
        found = version or self.replica.refresh("shop")
        return Searcher(LOADED.profile, self.settings.serve).search(found, request, query)

    def found_by(self) -> dict[str, str]:
        return {hit.id: hit.review_photo.review_id for hit in self.find().hits if hit.review_photo}

    def close(self) -> None:
        self.replica.close()
        self.indexer.close()


@pytest.fixture
def shop(endpoint: str, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Shop]:
    shop = Shop(
        Settings(
            storage=StorageSettings(endpoint_url=endpoint),
            lake=LakeSettings(uri=f"s3://lake/{request.node.name}"),
            indexing=IndexingSettings(profile="fake"),
            serve=ServeSettings(mirror_dir=str(tmp_path / "mirror"), live_poll_seconds=60),
        )
    )
    yield shop
    shop.close()


def test_from_the_upload_to_the_hit_and_out_again(shop: Shop) -> None:
    before = shop.find()
    shop.bucket.put("media/taken.png", png(TAKEN))
    mine = {
        "product_id": "p3",
        "review_id": "r1",
        "rating": 5,
        "photos": ["media/taken.png"],
        "user_id": "anna",
    }
    other = {"product_id": "p5", "review_id": "r2", "rating": 5, "photos": ["media/1.png"], "user_id": "bert"}
    shop.review("1", mine, other)
    answer = shop.find()
    assert answer.hits[0].id == "p3"
    assert answer.hits[0].review_photo is not None
    assert answer.hits[0].review_photo.review_id == "r1"
    own = {hit.id: hit.score for hit in before.hits}
    assert all(hit.score == own[hit.id] for hit in answer.hits if hit.review_photo is None and hit.id in own)

    # Upload of a product: the next version has the photos as soon as it answers.
    shop.upload(shop.bucket.put_product("p8", title="Thing 8"))
    assert shop.found_by()["p3"] == "r1"
    # A rollback of products is none of photos.
    shop.collection.rollback()
    assert shop.found_by()["p3"] == "r1"
    shop.collection.promote(shop.replica.get("shop").table)

    # The product goes, and comes again.
    shop.upload(shop.bucket.remove("products/p3.json"))
    assert "p3" not in {hit.id for hit in shop.find().hits}
    shop.upload(shop.bucket.put_product("p3", title="Thing 3 again"))
    assert shop.found_by()["p3"] == "r1"

    erase_person(shop.lake, shop.collection, shop.lake.pseudonyms.user("shop", "anna"))
    held = shop.replica.get("shop")
    assert "p3" not in shop.found_by()
    assert held.photos is not shop.replica.get("shop").photos


def test_where_photos_cannot_be_had_products_are_found(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    shop.bucket.put("media/taken.png", png(TAKEN))
    before = [hit.id for hit in shop.find().hits]
    shop.review("1", {"product_id": "p3", "review_id": "r1", "rating": 5, "photos": ["media/taken.png"]})

    def gone(*_: Any, **__: Any) -> Any:
        raise StorageUnavailable("gone")

    with monkeypatch.context() as broken:
        broken.setattr(FollowedPhotos, "_photos", gone)
        assert [hit.id for hit in shop.find().hits] == before
        assert "gone" in shop.replica.status()["shop"].error
        shop.upload(shop.bucket.put_product("p9", title="Thing 9"))
        shop.replica.refresh("shop")
        assert shop.replica.get("shop").find("p9") is not None
    assert shop.found_by() == {"p3": "r1"}
    assert shop.replica.status()["shop"].error == ""


def test_a_second_replica_of_the_node_maps_the_same_photos(shop: Shop) -> None:
    shop.bucket.put("media/taken.png", png(TAKEN))
    shop.review("1", {"product_id": "p3", "review_id": "r1", "rating": 5, "photos": ["media/taken.png"]})
    assert shop.found_by() == {"p3": "r1"}
    with LiveVersions(shop.settings, open_lake(shop.settings)) as other:
        assert shop.find(other.get("shop")).hits[0].id == "p3"
    version, live, followed = shop.replica.get("shop"), shop.collection.live(), shop.replica._photos
    assert live is not None
    assert version.photos is not None
    assert followed.follow(shop.collection, version, live.photos) is version
    followed.forget(shop.collection)
    again = followed.follow(shop.collection, version, live.photos).photos
    assert again is not None
    assert again.photos is not version.photos.photos, "others may have its number by now"
    off = shop.settings.model_copy(
        update={"serve": shop.settings.serve.model_copy(update={"review_photos": False})}
    )
    with LiveVersions(off, open_lake(off)) as without:
        assert without.get("shop").photos is None
