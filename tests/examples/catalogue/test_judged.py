"""Judged queries of the sample catalogue."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from examples.catalogue.judged import PER_KIND, judged_queries, write_judged
from examples.catalogue.products import generate_products
from mmpipe.evaluate.judged import read_queries


def test_every_kind_has_queries_with_answers(tmp_path: Path) -> None:
    products = generate_products()
    judged = judged_queries(products)
    assert judged == judged_queries(products)
    counted = Counter(each.kind for each in judged)
    assert len(counted) == 17
    assert len(judged) >= 300
    assert min(counted.values()) >= 20
    assert max(counted.values()) <= PER_KIND
    assert {i for each in judged for i in each.relevant} <= {p.id for p in products}
    write_judged(tmp_path / "judged.jsonl", judged)
    worded = [each for each in judged if each.photo is None]
    assert [query.kind for query in read_queries(tmp_path / "judged.jsonl")] == [each.kind for each in worded]


def test_queries_with_photos_are_written_to_parquet(tmp_path: Path) -> None:
    judged = judged_queries(generate_products(count=120))
    some = [next(each for each in judged if each.kind == kind) for kind in ("plain", "photo", "photo+text")]
    write_judged(tmp_path / "judged.parquet", some)
    plain, photo, both = read_queries(tmp_path / "judged.parquet")
    assert (plain.text, dict(plain.media)) == (some[0].query, {})
    assert photo.text is None
    assert both.text == some[2].query
    assert photo.media.keys() == both.media.keys() == {"image"}
    assert [query.relevant for query in (plain, photo, both)] == [frozenset(each.relevant) for each in some]


def test_prices_hold_for_what_answers() -> None:
    products = generate_products()
    price = {p.id: p.price for p in products}
    for each in judged_queries(products):
        if each.kind == "price" and " under " in each.query:
            assert all(price[i] <= int(each.query.rsplit(" ", 1)[1]) for i in each.relevant)
