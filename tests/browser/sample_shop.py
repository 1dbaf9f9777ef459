"""A small shop of drawn products with pictures, clips, recordings, sales and reviews."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from examples.catalogue.media import encode_jpeg, make_sound, make_video
from examples.catalogue.products import SampleProduct, generate_products
from examples.catalogue.render import render_image
from examples.catalogue.writer import feed_row
from mmpipe.encoders import registry
from mmpipe.indexing import Indexer
from mmpipe.indexing.lanes.reviews import execute_reviews
from mmpipe.lake import open_lake
from mmpipe.objects import open_store
from mmpipe.settings import IndexingSettings, LakeSettings, ServeSettings, Settings
from tests.serve.conftest import order_for

_WANTED: Final = {"dress": 16, "boots": 8, "sofa": 6, "headphones": 6, "alarm clock": 6}
_SIDE: Final = 320


def sample_settings(folder: Path) -> Settings:
    """The starter over a lake inside ``folder``."""
    return Settings(
        lake=LakeSettings(uri=str(folder / "lake")),
        indexing=IndexingSettings(profile="starter", warm_max_bytes=10_000_000, uploads_uri=str(folder)),
        serve=ServeSettings(live_poll_seconds=0.1, mirror_dir=str(folder / "mirror")),
    )


def make_sample(folder: Path) -> Settings:
    """Draw, write and index the shop."""
    products = list(_chosen())
    files = folder / "shop" / "media"
    files.mkdir(parents=True)
    rows: list[dict[str, Any]] = []
    for number, product in enumerate(products):
        row = feed_row(product) | {"availability": "in_stock"}
        for view in range(product.views):
            name = product.id if view == 0 else f"{product.id}-{view}"
            (files / f"{name}.jpg").write_bytes(encode_jpeg(render_image(product, size=_SIDE, view=view)))
        if product.has_video:
            (files / f"{product.id}.mp4").write_bytes(make_video(product))
        if product.sound:
            (files / f"{product.id}.wav").write_bytes(make_sound(product))
        if number % 5 == 1:
            row["sale_price"] = f"{product.price / 2:.2f} {product.currency}"
        if number % 3 == 0:
            row |= {"rating": 3.5 + number % 4 * 0.4, "rating_count": 7 + number}
        rows.append(row)
    feed = folder / "shop" / "feeds" / "all.jsonl"
    feed.parent.mkdir(parents=True)
    feed.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))
    settings = sample_settings(folder)
    lake = open_lake(settings)
    encoders = registry.load("starter")
    indexer = Indexer(settings, lake, encoders, lambda uri: open_store(uri, settings.storage))
    outcomes = indexer.execute([order_for(feed, settings)])
    assert [outcome.status for outcome in outcomes] == ["done"], outcomes
    reviews = folder / "reviews.jsonl"
    (folder / "taken.jpg").write_bytes(encode_jpeg(render_image(products[0], size=_SIDE, view=1)))
    reviews.write_text("".join(json.dumps(each) + "\n" for each in _reviews(products[0].id)))
    execute_reviews(lake, lake.collection("shop"), reviews)
    return settings


def _chosen() -> Iterator[SampleProduct]:
    left = dict(_WANTED)
    # Whole designs, so that they have variants; those with a clip or a recording come first.
    for product in sorted(generate_products(count=600), key=lambda each: not (each.has_video or each.sound)):
        if left.get(product.category, 0) > 0:
            left[product.category] -= 1
            yield product


def _reviews(product_id: str) -> list[dict[str, Any]]:
    said = [
        (5, "en", "Very comfortable, and the quality is great."),
        (2, "en", "Poor quality, it broke after a week."),
        (4, "en", "Beautiful, and it arrived quickly."),
    ]
    return [
        {"product_id": product_id, "review_id": f"r{n}", "rating": rating, "language": lang, "text": text,
         "user_id": f"u{n}", "time": "2026-05-02", "photos": ["taken.jpg"] if n == 0 else []}
        for n, (rating, lang, text) in enumerate(said)
    ]  # fmt: skip
