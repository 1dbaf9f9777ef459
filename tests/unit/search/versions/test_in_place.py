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
from mmpipe.lake.schema import EDIT_COLUMNS
from mmpipe.search import Version
from mmpipe.search.kernels.memory import rows_of
from mmpipe.search.page import moments
from mmpipe.search.versions.fragment import CODED_FIELDS, NUMBER_FIELDS, PARTS, VECTOR_FIELDS
from mmpipe.settings import LakeSettings, Settings
from tests.unit.search import catalogues

SALE = catalogues.sale("1.50", datetime(2020, 1, 1, tzinfo=UTC), datetime(2999, 1, 1, tzinfo=UTC))


class Shop:
    """A table written through the lake; each write is newer than the one before."""

    def __init__(self, folder: Path) -> None:
        lake = open_lake(Settings(lake=LakeSettings(uri=str(folder))))
        self.table: ProductTable = lake.collection("shop", create=True).products(
            catalogues.PROFILE, create=True
        )
        self.data = Path(self.table.uri.removeprefix("file://")) / "data"
        self.node = folder.parent / f"{folder.name}-node"
        self.nodes = 0
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

    def load(
        self, former: Version | None = None, *, exact_rows: int = 100_000, folder: Path | None = None
    ) -> Version:
        """The latest version, by what its node holds; ``folder`` is another node's."""
        self.versions.append(int(self.table.latest().version))
        return catalogues.version(
            lance.dataset(self.table.uri, version=self.versions[-1]),
            former=former,
            exact_rows=exact_rows,
            folder=folder or self.node,
        )

    def fresh(self, *, exact_rows: int = 100_000) -> Version:
        """The latest version, as a node that holds nothing yet loads it."""
        self.nodes += 1
        return self.load(exact_rows=exact_rows, folder=self.node / str(self.nodes))


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(tmp_path / "lake")


def paid(held: Version, *numbers: int) -> list[float]:
    rows = np.array([held.row(f"p{n:05d}") for n in numbers], np.int32)
    return held.prices.paid(rows).tolist()


def kept(held: Version, former: Version, parts: Sequence[str]) -> set[str]:
    """Which parts of the first fragment are the former's, to the array."""
    mine, old = (next(iter(each.fragments.values())) for each in (held, former))
    return {
        name for name in parts if all(mine.part(name)[key] is array for key, array in old.part(name).items())
    }


def same(left: Version, right: Version) -> None:
    """All that two versions of one number hold, and what they answer."""
    assert left.label == right.label
    assert np.array_equal(left.alive, right.alive)
    assert np.array_equal(left.ids.order, right.ids.order)
    assert np.array_equal(left.ids.rank, right.ids.rank)
    assert left.prices.currency == right.prices.currency
    rows = rows_of(left.alive)
    assert np.array_equal(left.prices.paid(rows), right.prices.paid(rows), equal_nan=True)
    assert np.array_equal(left.prices.listed(rows), right.prices.listed(rows), equal_nan=True)
    assert np.array_equal(left.prices.priced & left.alive, right.prices.priced & right.alive)
    assert left.page.members(rows) == right.page.members(rows)
    for name in CODED_FIELDS:
        assert left.coded[name].values(rows) == right.coded[name].values(rows)
    for name in NUMBER_FIELDS:
        assert np.array_equal(left.numbers[name].of(rows), right.numbers[name].of(rows), equal_nan=True)
    for name in VECTOR_FIELDS:
        for mine, other in zip(
            left.vectors[name].gather(rows), right.vectors[name].gather(rows), strict=True
        ):
            assert np.array_equal(mine, other)
    assert catalogues.answers(left) == catalogues.answers(right)
    for product_id in left.ids.ids(rows[:3]):
        assert left.product(product_id) == right.product(product_id)


VECTORS_AND_TEXT = (*(f"vector.{name}" for name in VECTOR_FIELDS), "text")


def test_prices_in_place_leave_vectors_and_postings_as_they_are(shop: Shop) -> None:
    shop.upsert(range(60))
    shop.upsert(range(60, 100))
    first = shop.load()
    before = set(shop.data.iterdir())
    assert shop.edit(range(0, 60, 2), price="123.00", **SALE).visible
    assert len(set(shop.data.iterdir()) - before) == 1, "in place, not moved"
    second = shop.load(first)
    assert kept(second, first, VECTORS_AND_TEXT) == set(VECTORS_AND_TEXT)
    edited = [n % 2 == 0 and n < 60 for n in range(100)]
    rows = np.array([second.row(f"p{n:05d}") for n in range(100)], np.int32)
    assert second.prices.paid(rows).tolist() == [1.5 if e else n + 0.99 for n, e in enumerate(edited)]
    assert second.prices.listed(rows).tolist() == [123.0 if e else n + 0.99 for n, e in enumerate(edited)]
    assert second.product("p00002").price == catalogues.usd("123.00")
    same(second, shop.fresh())
    assert paid(first, 2) == [2.99], "the former version keeps its prices"


def test_ratings_in_place_leave_when_products_came(shop: Shop) -> None:
    shop.upsert(range(40), rating=4.0, rating_count=3)
    shop.upsert(range(40, 50))
    first = shop.load()
    rows = np.array([first.row(f"p{n:05d}") for n in range(50)], np.int32)
    assert [each.tolist() for each in first.numbers["rating"].distinct(first.alive)] == [[4.0], [40]]
    assert first.numbers["added"].of(rows).tolist() == [catalogues.NOW.timestamp()] * 50
    shop.edit(range(20), rating=5.0, rating_count=4)
    second = shop.load(first)
    assert kept(second, first, ("number.added", "code.brand", *VECTORS_AND_TEXT)) >= {"number.added"}
    values, counts = second.numbers["rating"].distinct(second.alive)
    assert (values.tolist(), counts.tolist()) == ([4.0, 5.0], [20, 20])
    assert rows_of(second.numbers["rating_count"].range_mask(4, None)).tolist() == rows[:20].tolist()
    assert second.numbers["added"].of(rows).tolist() == [catalogues.NOW.timestamp()] * 50
    assert first.numbers["rating"].of(rows[:1]).tolist() == [4.0], "the former version keeps its own"
    same(second, shop.fresh())


def test_only_the_file_of_the_new_columns_is_read(shop: Shop) -> None:
    shop.upsert(range(80))
    first = shop.load()
    before = set(shop.data.iterdir())
    shop.edit(range(40), price="5.00", attributes={"season": "Autumn"}, availability="out_of_stock")
    for file in before:  # what is not read need not be there
        file.unlink()
    second = shop.load(first)
    facets = catalogues.answers(second)[0]["facets"]
    assert {c["value"]: c["count"] for c in facets["attributes.season"]} == {
        "Autumn": 40, "Summer": 20, "winter": 20,
    }  # fmt: skip
    assert paid(second, 0, 79) == [5.0, 79.99]
    assert second.coded["availability"].tally(second.alive) == [("in_stock", 40), ("out_of_stock", 40)]


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
    assert kept(second, first, PARTS) == set(PARTS)
    assert {page["total"] for page in catalogues.answers(second)} == {
        page["total"] for page in catalogues.answers(first)
    }


def test_new_words_make_new_postings_and_no_new_vectors(shop: Shop) -> None:
    shop.upsert(range(40))
    first = shop.load()
    shop.edit(range(30), title="green coat")
    second = shop.load(first)
    assert kept(second, first, VECTORS_AND_TEXT) == set(VECTORS_AND_TEXT) - {"text"}
    assert second.text.holds("coat")
    assert not first.text.holds("coat")
    same(second, shop.fresh())


def test_a_row_that_is_edited_alone_is_moved_and_only_its_fragment_read(shop: Shop) -> None:
    shop.upsert(range(60))
    first = shop.load()
    before = set(shop.data.iterdir())
    shop.edit([7], price="70.00")
    away = [path.rename(path.with_suffix(".away")) for path in before]
    second = shop.load(first)
    for path in away:
        path.rename(path.with_suffix(".lance"))
    assert kept(second, first, PARTS) == set(PARTS)
    assert [fragment.rows for fragment in second.fragments.values()] == [60, 1]
    assert paid(second, 7) == [70.0]
    same(second, shop.fresh())


def test_frames_stay_at_hand_over_edits_in_place(tmp_path: Path) -> None:
    shop = Shop(tmp_path / "lake")
    rows = catalogues.clips_of({"a": [5, 250], "b": [250, 5], "c": None})
    shop.table.upsert(rows)
    query = catalogues.fake.encoders()["image"].embed_query(catalogues.picture(250))

    def told(held: Version) -> dict[str, float | None]:
        living = rows_of(held.alive)
        return dict(zip(held.ids.ids(living), moments.seconds(held, living, query), strict=True))

    first = shop.load()
    assert told(first) == {"a": 1.0, "b": 0.0, "c": None}
    files = set(shop.data.iterdir())
    dearer = catalogues.rows_of(
        [catalogues.product(i, f"thing {i}", price="77.00") for i in ("a", "b", "c")], order="2"
    )
    assert shop.table.apply(Changes(edits=[dearer.select(EDIT_COLUMNS)])).updated == 3
    second = shop.load(first)
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

    first = catalogues.version(lacking(tmp_path / "one", 30))
    dataset = lacking(tmp_path / "other", 20)
    second = catalogues.version(dataset, former=first)
    assert list(first.fragments) == list(second.fragments)
    assert len(second) == 20
    same(second, catalogues.version(dataset, folder=tmp_path / "another node"))
    again = catalogues.version(dataset, former=second)
    assert kept(again, second, PARTS) == set(PARTS)


@pytest.mark.parametrize("exact_rows", [100, 100_000])
def test_nearest_products_are_right_after_edits_in_place(shop: Shop, exact_rows: int) -> None:
    shop.upsert(range(400))
    shop.table.maintain()
    first = shop.load(exact_rows=exact_rows)
    shop.edit(range(0, 400, 2), price="5.00")  # in place
    shop.edit([3, 5], price="6.00")  # moved
    shop.upsert([400, 401])
    shop.delete([8])
    second = shop.load(first, exact_rows=exact_rows)
    for n in (0, 3, 10, 399, 401):
        row = second.row(f"p{n:05d}")
        query = second.fused.gather(np.array([row], np.int32))[0][0]
        found, scores = second.fused.nearest(query, second.alive, 10, second.ids.rank)
        assert row in found.tolist()
        assert len(found) == 10
        assert scores.tolist() == sorted(scores.tolist(), reverse=True)
    assert second.find("p00008") is None
    same(second, shop.fresh(exact_rows=exact_rows))


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
        shop = Shop(Path(folder) / "lake")
        shop.upsert(range(24))
        shop.upsert(range(24, 40))
        current = shop.load()
        for step, share in steps:
            start = rng.randint(0, 40)
            some = [n % 44 for n in range(start, start + max(1, int(40 * share)))]
            STEPS[step](shop, some, rng)
            former = current
            before = catalogues.answers(former)
            current = shop.load(former)
            same(current, shop.fresh())
            assert catalogues.answers(former) == before
