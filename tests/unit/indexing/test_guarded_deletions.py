"""Deletions that are meant for the product of one item group, and parents of variants."""

from __future__ import annotations

from itertools import permutations

import pytest

from mmpipe.schemas.work import CatalogueEvent
from tests.unit.indexing.conftest import Shop
from tests.unit.indexing.shopify import product, products_csv
from tests.unit.indexing.uploads import export, last_run


def live(shop: Shop, product_id: str) -> str | None:
    """The title of what stands under an id; None where nothing does."""
    rows = shop.table.fetch([product_id], ["title", "deleted"]).to_pylist()
    return None if not rows or rows[0]["deleted"] else str(rows[0]["title"])


def draft_of_a_copy(shop: Shop, name: str = "drafts") -> CatalogueEvent:
    return export(shop, product("A", "copy-of-dress", "Copy of red dress", live=False), name=name)


@pytest.mark.parametrize("draft_is_newer", [False, True])
@pytest.mark.parametrize("draft_comes_last", [False, True])
def test_the_draft_of_a_copy_deletes_nothing(
    shop: Shop, draft_is_newer: bool, draft_comes_last: bool
) -> None:
    makers = [lambda: export(shop, product("A", "dress")), lambda: draft_of_a_copy(shop)]
    made = [makers[i]() for i in ((0, 1) if draft_is_newer else (1, 0))]
    sale, draft = made if draft_is_newer else made[::-1]
    for event in (sale, draft) if draft_comes_last else (draft, sale):
        shop.ok(event)
    assert live(shop, "A") == "Red dress"
    assert last_run(shop, draft).deleted == 0


@pytest.mark.parametrize("draft_is_newer", [False, True])
@pytest.mark.parametrize("draft_comes_last", [False, True])
def test_the_draft_of_a_copy_deletes_nothing_in_one_commit(
    shop: Shop, draft_is_newer: bool, draft_comes_last: bool
) -> None:
    makers = [lambda: export(shop, product("A", "dress")), lambda: draft_of_a_copy(shop)]
    made = [makers[i]() for i in ((0, 1) if draft_is_newer else (1, 0))]
    sale, draft = made if draft_is_newer else made[::-1]
    shop.ok(*((sale, draft) if draft_comes_last else (draft, sale)))
    assert live(shop, "A") == "Red dress"


def test_two_drafts_of_copies_in_one_file_delete_nothing(shop: Shop) -> None:
    shop.ok(export(shop, product("A", "dress")))
    rows = [product("A", f"copy-{n}", "Copy", live=False) for n in range(2)]
    event = export(shop, *rows)
    shop.ok(event)
    assert live(shop, "A") == "Red dress"
    assert last_run(shop, event).deleted == 0


def test_the_draft_of_a_copy_in_another_chunk_of_one_commit_deletes_nothing(shop: Shop) -> None:
    """Each chunk is compared with the table as it was before the commit."""
    sale = export(shop, product("A", "dress"))
    others = [product(f"X{n}", f"x-{n}") for n in range(20)]
    draft = export(shop, *others, product("A", "copy", "Copy", live=False), name="drafts")
    shop.ok(sale, draft)
    assert live(shop, "A") == "Red dress"


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_a_product_that_becomes_a_draft_is_gone_in_whatever_order(shop: Shop, order: tuple[int, ...]) -> None:
    events = [
        export(shop, product("A", "dress")),
        export(shop, product("A", "dress", "Scarlet dress")),
        export(shop, product("A", "dress", live=False)),
    ]
    for number in order:
        shop.ok(events[number])
    assert live(shop, "A") is None
    shop.ok(export(shop, product("A", "dress", "Back again")))
    assert live(shop, "A") == "Back again"


def test_a_deletion_that_names_no_group_deletes_whatever_is_there(shop: Shop) -> None:
    shop.ok(export(shop, product("A", "dress")))
    late = export(shop, product("A", "dress", "Late"), name="late")
    event = shop.bucket.put_feed("gone", [{"id": "A", "_op": "delete"}])
    shop.ok(event)
    assert live(shop, "A") is None
    assert last_run(shop, event).deleted == 1
    shop.ok(late)
    assert live(shop, "A") is None


def test_a_deletion_of_nothing_is_remembered_but_not_counted_as_one(shop: Shop) -> None:
    late = shop.bucket.put_feed("late", [{"id": "a", "title": "Red dress"}])
    shop.bucket.tick()
    event = shop.bucket.put_feed("gone", [{"id": "a", "_op": "delete"}])
    shop.ok(event)
    run = last_run(shop, event)
    assert (run.read, run.deleted, run.unchanged) == (1, 0, 1)
    shop.ok(late)
    assert live(shop, "a") is None


def woocommerce(*rows: tuple[int, str, str, str]) -> bytes:
    """A product export: id, type, name and the parent of a variation."""
    lines = ["ID,Type,SKU,Name,Published,Regular price,Parent,Attribute 1 name,Attribute 1 value(s)"]
    for number, kind, name, parent in rows:
        size = "S, M" if kind == "variable" else name[-1] if kind == "variation" else ""
        lines.append(f'{number},{kind},,{name},1,10,{parent},Size,"{size}"')
    return "\n".join(lines).encode()


def test_a_product_that_became_the_parent_of_variants_gives_way_to_them(shop: Shop) -> None:
    shop.ok(
        shop.bucket.put("feeds/all.csv", woocommerce((7, "simple", "Shirt", ""), (9, "simple", "Hat", "")))
    )
    assert (live(shop, "7"), live(shop, "9")) == ("Shirt", "Hat")
    shop.bucket.tick()
    rows = [
        (7, "variable", "Shirt", ""),
        (71, "variation", "Shirt - S", "id:7"),
        (72, "variation", "Shirt - M", "id:7"),
        (9, "simple", "Hat", ""),
    ]
    event = shop.bucket.put("feeds/all.csv", woocommerce(*rows))
    shop.ok(event)
    assert live(shop, "7") is None
    assert [live(shop, i) is not None for i in ("71", "72", "9")] == [True] * 3
    run = last_run(shop, event)
    assert run.deleted == 1
    assert run.feed is not None
    assert (run.feed.groups, run.feed.products) == (1, 3)
    shop.bucket.tick()
    again = shop.bucket.put("feeds/all.csv", woocommerce(*rows))
    shop.ok(again)
    assert last_run(shop, again).deleted == 0


def test_products_csv_reads_as_meant() -> None:
    """What the other tests build on: the two handles share a SKU, and one of them is a draft."""
    text = products_csv(product("A", "dress"), product("A", "copy", live=False)).decode()
    assert [line.split(",")[0] for line in text.splitlines()] == ["Handle", "dress", "copy"]
