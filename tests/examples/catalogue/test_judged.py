"""Judged queries of the sample catalogue."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from examples.catalogue.judged import PER_KIND, judged_queries
from examples.catalogue.products import generate_products
from mmpipe.evaluate.judged import read_queries


def test_every_kind_has_queries_with_answers(tmp_path: Path) -> None:
    products = generate_products()
    judged = judged_queries(products)
    assert judged == judged_queries(products)
    counted = Counter(each.kind for each in judged)
    assert len(counted) == 9
    assert min(counted.values()) >= 20
    assert max(counted.values()) <= PER_KIND
    assert {i for each in judged for i in each.relevant} <= {p.id for p in products}
    path = tmp_path / "judged.jsonl"
    path.write_text("\n".join(each.line() for each in judged), encoding="utf-8")
    assert [query.kind for query in read_queries(path)] == [each.kind for each in judged]
