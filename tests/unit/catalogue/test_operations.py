"""What a row says it is: a product, a deletion, or the stock of a known product; and what is kept of that for
a replay."""

from __future__ import annotations

import io
import json

import pytest

from mmpipe.catalogue import FeedRow, read_feed, read_product
from mmpipe.settings import FeedSettings


def rows(*documents: dict[str, object]) -> list[FeedRow]:
    lines = "\n".join(json.dumps(document) for document in documents)
    return list(read_feed(io.BytesIO(lines.encode()), "feed.jsonl", FeedSettings()))


def test_a_row_may_tell_the_stock_alone() -> None:
    told, of_group, product = rows(
        {"_op": "stock", "id": "a", "availability": "out of stock"},
        {"_op": "STOCK", "id": "b", "availability": "preorder", "item_group_id": " dress "},
        {"id": "c", "title": "C", "availability": "out of stock"},
    )
    assert (told.product_id, told.stock, told.group_id, told.product) == ("a", "out_of_stock", None, None)
    assert (of_group.product_id, of_group.stock, of_group.group_id) == ("b", "preorder", "dress")
    assert (product.stock, product.product is not None) == (None, True)


@pytest.mark.parametrize(
    ("fields", "field", "remedy"),
    [
        ({"id": "a"}, "availability", "write in_stock or out_of_stock"),
        ({"id": "a", "availability": "soon perhaps"}, "availability", "write in_stock or out_of_stock"),
        ({"availability": "in stock"}, "id", "give every product one"),
    ],
)
def test_stock_that_says_nothing_is_a_reject(fields: dict[str, object], field: str, remedy: str) -> None:
    (row,) = rows({"_op": "stock", **fields})
    assert row.reject is not None
    assert row.reject.field == field
    assert remedy in row.reject.reason


def test_an_unknown_operation_is_told_the_known_ones() -> None:
    (row,) = rows({"_op": "merge", "id": "a", "title": "A"})
    assert row.reject is not None
    assert "leave it out, or write delete or stock" in str(row.reject)


def test_what_an_inventory_file_told_can_be_replayed() -> None:
    lines = ("Handle,Title,SKU,Location,Available (not editable)", "dress,Dress,A,Depot,0", ",Hat,B,Depot,3")
    file = "\n".join(lines).encode()
    found = list(read_feed(io.BytesIO(file), "stock.csv", FeedSettings()))
    assert [(row.product_id, row.stock, row.group_id) for row in found] == [
        ("A", "out_of_stock", "dress"), ("B", "in_stock", None)
    ]  # fmt: skip
    for row in found:
        again = read_product(row.raw.encode(), "")
        assert (again.product_id, again.stock, again.group_id) == (row.product_id, row.stock, row.group_id)
