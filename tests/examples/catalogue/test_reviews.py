"""The sample reviews are of sample products, and say what a reader finds in them."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import examples.catalogue
from examples.catalogue.products import generate_products
from mmpipe.catalogue.reviews import read_reviews
from mmpipe.opinions import opinions_of

FILE = Path(examples.catalogue.__file__).with_name("reviews.jsonl")


def test_all_of_them_are_reviews_of_sample_products() -> None:
    rows = list(read_reviews(FILE.read_bytes(), FILE.name, datetime.now(UTC)))
    reviews = [row.review for row in rows if row.review is not None]
    assert len(reviews) == len(rows) == 12
    assert {review.product_id for review in reviews} <= {product.id for product in generate_products(7, 600)}
    said = Counter(
        (o.aspect, o.positive)
        for r in reviews
        if r.product_id == "phone-007-white"
        for o in opinions_of(r.text)
    )
    assert said["durability", True] == 1
    assert said["durability", False] == 2
    assert said["price", False] == 2
    assert said["look", True] == 2
