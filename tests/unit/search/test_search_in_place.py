"""Columns that change in place: a replica reads those alone, and answers as if it had read everything."""

from __future__ import annotations

import random
import tempfile
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import lance
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mmpipe.lake import ProductTable, open_lake
from mmpipe.lake.changes import Applied, Changes, Seen, seen_table
from mmpipe.lake.maintenance import VECTOR_INDEX
from mmpipe.lake.schema import EDIT_COLUMNS
from mmpipe.search import Snapshot, moments
from mmpipe.search.block import CODED_FIELDS, TEXT_FIELDS, VECTOR_FIELDS
from mmpipe.settings import LakeSettings, Settings
from tests.unit.search import catalogues

SALE = catalogues.sale("1.50", datetime(2020, 1, 1, tzinfo=UTC), datetime(2999, 1, 1, tzinfo=UTC))


class Shop:
    """A table written through the lake; each write is newer than the one before."""

    def __init__(self, folder: Path) -> None:
        lake = open_lake(Settings(lake=LakeSettings(uri=str(folder), ann_min_rows=256)))
        self.table: ProductTable = lake.collection("shop", create=True).products(
            catalogues.PROFILE, create=True
        )
        self.data = Path(self.table.uri.removeprefix("file://")) / "data"
        self.count = 0
        self.versions: list[int] = []

    def rows(self, numbers: Sequence[int], **more: Any) -> Any:
        self.count += 1
        made = []
        for n in numbers:
            fields = {
                "title": f"{'red' if n % 2 else 'blue'} {'shirt' if n % 3 else 'shoe'} {n}",
                "price": f"{n}.99",
                "brand": ("Acme", "acme", "Globex")[n % 3],
                "product_type": ("A > B", "a > C", "D")[n % 3],
                "attributes": {"season": ("Summer", "winter")[n % 2]},
            }
            made.append(catalogues.product(f"p{n:05d}", **{**fields, **more}))  # type: ignore[arg-type]
        images = {p.id: n % 250 for n, p in zip(numbers, made, strict=True) if n % 4 == 0}
        return catalogues.rows_of(made, images, order=f"{self.count:06d}")

    def upsert(self, numbers: Sequence[int], **more: Any) -> None:
        self.table.upsert(self.rows(numbers, **more))

    def edit(self, numbers: Sequence[int], **more: Any) -> Applied:
        return self.table.apply(Changes(edits=[self.rows(numbers, **more).select(EDIT_COLUMNS)]))

    def see(self, numbers: Sequence[int]) -> Applied:
        self.count += 1
        held = self.table.fetch([f"p{n:05d}" for n in numbers], ["id", "source_order", "deleted"])
        seen = [
            Seen(row["id"], f"{self.count:06d}", None, row["source_order"])
            for row in held.to_pylist()
            if not row["deleted"]
        ]
        return self.table.apply(Changes(seen=[seen_table(seen)]))

    def delete(self, numbers: Sequence[int]) -> None:
        self.count += 1
        self.table.upsert(
            catalogues.build_tombstones(
                [
                    catalogues.Tombstone(f"p{n:05d}", f"{self.count:06d}", "run", catalogues.NOW)
                    for n in numbers
                ],
                catalogues.PROFILE.dim,
            )
        )

    def reset(self, version: int) -> None:
        """Back to an earlier version: fragments that came since are gone, and their ids free again."""
        self.table.at(version).restore()

    def compact(self) -> None:
        self.table.latest().optimize.compact_files()

    def load(self, former: Snapshot | None = None, *, exact_rows: int = 100_000) -> Snapshot:
        self.versions.append(int(self.table.latest().version))
        return catalogues.snapshot(
            lance.dataset(self.table.uri, version=self.versions[-1]),
            previous=None if former is None else former.parts,
            exact_rows=exact_rows,
        )


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(tmp_path / "lake")


def vectors_and_postings(held: Snapshot) -> list[int]:
    return [
        id(part)
        for block in held.parts.blocks.values()
        for part in (block.postings, *(block.vectors[name] for name in VECTOR_FIELDS))
    ]


def same(left: Snapshot, right: Snapshot) -> None:
    """All that two snapshots of one version hold, and what they answer."""
    assert left.label == right.label
    assert np.array_equal(left.alive, right.alive)
    assert np.array_equal(left.id_order, right.id_order)
    assert left.currency == right.currency
    rows = left.live_rows
    assert np.array_equal(left.price[rows], right.price[rows], equal_nan=True)
    assert np.array_equal(left.list_price[rows], right.list_price[rows], equal_nan=True)
    assert np.array_equal(left.priced[rows], right.priced[rows])
    for row in rows.tolist():
        assert [left.text(n, row) for n in TEXT_FIELDS] == [right.text(n, row) for n in TEXT_FIELDS]
        assert [left.coded(n, row) for n in CODED_FIELDS] == [right.coded(n, row) for n in CODED_FIELDS]
    for name in VECTOR_FIELDS:
        for mine, other in zip(
            left.vectors[name].gather(rows), right.vectors[name].gather(rows), strict=True
        ):
            assert np.array_equal(mine, other)
    assert catalogues.answers(left) == catalogues.answers(right)
    for row in rows[:3].tolist():
        product_id = left.text("id", row) or ""
        assert left.product(product_id) == right.product(product_id)


def test_prices_in_place_leave_vectors_and_postings_as_they_are(shop: Shop) -> None:
    shop.upsert(range(60))
    shop.upsert(range(60, 100))
    first = shop.load()
    before = set(shop.data.iterdir())
    assert shop.edit(range(0, 60, 2), price="123.00", **SALE).visible
    new = set(shop.data.iterdir()) - before
    assert len(new) == 1, "in place, not moved"
    second = shop.load(first)
    assert vectors_and_postings(second) == vectors_and_postings(first)
    old, changed = (held.parts.blocks[1] for held in (first, second))
    assert changed is not old
    assert changed.texts["title"] is old.texts["title"]
    assert changed.codes["brand"] is old.codes["brand"]
    assert second.parts.blocks[2] is first.parts.blocks[2]
    rows = [second.row(f"p{n:05d}") for n in range(100)]
    edited = [n % 2 == 0 and n < 60 for n in range(100)]
    assert second.price[rows].tolist() == [1.5 if e else n + 0.99 for n, e in enumerate(edited)]
    assert second.list_price[rows].tolist() == [123.0 if e else n + 0.99 for n, e in enumerate(edited)]
    assert second.product("p00002").price == catalogues.usd("123.00")
    same(second, shop.load())
    assert first.price[first.row("p00002")] == 2.99, "the former version keeps its prices"


def test_only_the_file_of_the_new_columns_is_read(shop: Shop) -> None:
    shop.upsert(range(80))
    first = shop.load()
    before = set(shop.data.iterdir())
    shop.edit(range(40), price="5.00", brand="Initech", attributes={"season": "Autumn"})
    for file in before:  # what is not read need not be there
        file.unlink()
    second = shop.load(first)
    facets = catalogues.answers(second)[0]["facets"]
    assert {c["value"]: c["count"] for c in facets["brand"]}["Initech"] == 40
    assert {c["value"]: c["count"] for c in facets["attributes.season"]} == {
        "Autumn": 40, "Summer": 20, "winter": 20,
    }  # fmt: skip
    assert second.price[[second.row("p00000"), second.row("p00079")]].tolist() == [5.0, 79.99]


def test_orders_that_moved_on_cost_nothing(shop: Shop) -> None:
    shop.upsert(range(50))
    first = shop.load()
    before = set(shop.data.iterdir())
    applied = shop.see(range(50))
    assert (applied.committed, applied.visible, applied.seen) == (True, False, 50)
    for file in (*before, *set(shop.data.iterdir()) - before):
        file.unlink()
    second = shop.load(first)
    assert second.version > first.version
    assert all(second.parts.blocks[number] is block for number, block in first.parts.blocks.items())
    assert {page["total"] for page in catalogues.answers(second)} == {
        page["total"] for page in catalogues.answers(first)
    }


def test_new_words_make_new_postings_and_no_new_vectors(shop: Shop) -> None:
    shop.upsert(range(40))
    first = shop.load()
    shop.edit(range(30), title="green coat")
    second = shop.load(first)
    for name in VECTOR_FIELDS:
        assert second.parts.blocks[1].vectors[name] is first.parts.blocks[1].vectors[name]
    assert second.lexical.holds("coat")
    assert not first.lexical.holds("coat")
    same(second, shop.load())


def test_a_row_that_is_edited_alone_is_moved_and_only_its_fragment_read(shop: Shop) -> None:
    shop.upsert(range(60))
    first = shop.load()
    before = set(shop.data.iterdir())
    shop.edit([7], price="70.00")
    kept = [path.rename(path.with_suffix(".away")) for path in before]
    second = shop.load(first)
    for path in kept:
        path.rename(path.with_suffix(".lance"))
    assert second.parts.blocks[1] is first.parts.blocks[1]
    assert [block.rows for block in second.parts.blocks.values()] == [60, 1]
    assert second.price[second.row("p00007")] == 70.0
    same(second, shop.load())


def test_frames_stay_at_hand_over_edits_in_place(tmp_path: Path) -> None:
    shop = Shop(tmp_path / "lake")
    rows = catalogues.clips_of({"a": [5, 250], "b": [250, 5], "c": None})
    shop.table.upsert(rows)
    query = catalogues.fake.encoders()["image"].embed_query(catalogues.picture(250))

    def told(held: Snapshot) -> dict[str | None, float | None]:
        found = moments.seconds(held, held.id_order, query)
        return {held.text("id", n): second for n, second in zip(held.id_order.tolist(), found, strict=True)}

    first = shop.load()
    assert told(first) == {"a": 1.0, "b": 0.0, "c": None}
    files = set(shop.data.iterdir())
    dearer = catalogues.rows_of(
        [catalogues.product(i, f"thing {i}", price="77.00") for i in ("a", "b", "c")], order="2"
    )
    assert shop.table.apply(Changes(edits=[dearer.select(EDIT_COLUMNS)])).updated == 3
    second = shop.load(first)
    assert second.parts.blocks[1] is not first.parts.blocks[1]
    for file in files:
        file.unlink()
    assert told(second) == {"a": 1.0, "b": 0.0, "c": None}


def test_a_fragment_id_that_is_used_again_is_another_fragment(tmp_path: Path) -> None:
    def lacking(folder: Path, count: int) -> Any:
        """A table of an earlier release, before there were sales and transcripts."""
        rows = catalogues.rows_of([catalogues.product(f"p{n}") for n in range(count)])
        schema = catalogues.products_schema(catalogues.PROFILE.dim, catalogues.PROFILE)
        new = ["sale_start", "sale_end", "transcript", "video_seconds", "video_frames"]
        dataset = lance.write_dataset(rows.cast(schema).drop_columns(new), str(folder))
        dataset.add_columns(catalogues.pa.schema([schema.field(name) for name in new]))
        return lance.dataset(str(folder))

    first = catalogues.snapshot(lacking(tmp_path / "one", 30))
    dataset = lacking(tmp_path / "other", 20)
    second = catalogues.snapshot(dataset, previous=first.parts)
    assert list(first.parts.blocks) == list(second.parts.blocks)
    same(second, catalogues.snapshot(dataset))
    assert all(len(text) == 20 for text in second.parts.blocks[0].texts.values())
    assert catalogues.snapshot(dataset, previous=second.parts).parts.blocks[0] is second.parts.blocks[0]


def test_candidates_of_the_vector_index_are_right_after_edits_in_place(shop: Shop) -> None:
    shop.upsert(range(400))
    shop.table.maintain()
    dataset = lance.dataset(shop.table.uri)
    assert VECTOR_INDEX in {index.name for index in dataset.describe_indices()}
    first = shop.load(exact_rows=100)
    assert first.ann is not None
    shop.edit(range(0, 400, 2), price="5.00")  # in place
    shop.edit([3, 5], price="6.00")  # moved
    shop.upsert([400, 401])
    shop.delete([8])
    second = shop.load(first, exact_rows=100)
    assert second.ann is not None
    assert vectors_and_postings(second)[: len(VECTOR_FIELDS) + 1] == vectors_and_postings(first)
    for n in (0, 3, 10, 399, 401):
        row = second.row(f"p{n:05d}")
        query = second.vectors["vector"].gather(np.array([row]))[0][0]
        found = second.rows_at(second.ann.addresses(query, 10))
        assert row in found.tolist()
        assert second.alive[found].sum() >= 9, "at most the deletion's own mark is dead"
    fresh = shop.load(exact_rows=100)
    for mine, other in zip(catalogues.answers(second), catalogues.answers(fresh), strict=True):
        assert mine == other
    exact = shop.load(second)
    assert exact.ann is None
    assert [page["hits"][:3] for page in catalogues.answers(second)] == [
        page["hits"][:3] for page in catalogues.answers(exact)
    ]


STEPS: dict[str, Callable[[Shop, list[int], random.Random], object]] = {
    "upsert": lambda shop, some, rng: shop.upsert(some, price=f"{rng.randint(1, 90)}.00"),
    "price": lambda shop, some, rng: shop.edit(some, price=f"{rng.randint(1, 90)}.50"),
    "sale": lambda shop, some, _: shop.edit(some, **SALE),
    "words": lambda shop, some, rng: shop.edit(some, title=f"red {rng.choice(('coat', 'lamp'))}"),
    "brand": lambda shop, some, rng: shop.edit(some, brand=rng.choice(("ACME", "Initech", None))),
    "pairs": lambda shop, some, rng: shop.edit(some, attributes=rng.choice(({}, {"season": "Autumn"}))),
    "seen": lambda shop, some, _: shop.see(some),
    "delete": lambda shop, some, _: shop.delete(some),
    "compact": lambda shop, some, _: shop.compact(),
    "reset": lambda shop, _, rng: shop.reset(rng.choice(shop.versions)),
}  # fmt: skip


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    steps=st.lists(
        st.tuples(st.sampled_from(sorted(STEPS)), st.sampled_from((0.05, 0.3, 0.8))), min_size=1, max_size=8
    ),
    seed=st.integers(0, 10_000),
)
def test_any_row_of_changes_followed_is_the_version_loaded_at_once(
    steps: list[tuple[str, float]], seed: int
) -> None:
    rng = random.Random(seed)
    with tempfile.TemporaryDirectory() as folder:
        shop = Shop(Path(folder))
        shop.upsert(range(24))
        shop.upsert(range(24, 40))
        current = shop.load()
        for step, share in steps:
            start = rng.randint(0, 40)
            some = [n % 44 for n in range(start, start + max(1, int(40 * share)))]
            STEPS[step](shop, some, rng)
            former, current = current, shop.load(current)
            same(current, shop.load())
            assert former.parts is not current.parts
