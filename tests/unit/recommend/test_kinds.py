"""What each kind is made of: formulas by hand, and what stands in where too little is known."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from mmpipe.errors import ModelUnavailable
from mmpipe.recommend.behaviour import Counts
from mmpipe.recommend.items import ItemRows, ItemsOfVersions
from mmpipe.recommend.kinds import neighbours
from mmpipe.recommend.kinds.categories import Categories
from mmpipe.recommend.kinds.neighbours import Neighbours
from mmpipe.recommend.kinds.shelf import Shelf
from mmpipe.recommend.kinds.strength import lifts, strengths
from mmpipe.search.find.likeness import fused_vector
from mmpipe.search.kernels.memory import rows_of, set_rows
from mmpipe.search.versions.version import Version
from tests.unit.recommend import shops
from tests.unit.recommend.behaviour.shoppers import NOW, table
from tests.unit.recommend.shops import DAY, HOUR, Shop, did
from tests.unit.search import catalogues


@pytest.fixture(scope="module")
def version(tmp_path_factory: pytest.TempPathFactory) -> Version:
    return shops.stocked(tmp_path_factory.mktemp("kinds"))


@pytest.fixture(scope="module")
def crowded(version: Version) -> Shop:
    return Shop.of(version, shops.crowd())


def counts(both: int, total: int, of_item: int, shoppers: int, sampled: int | None = None) -> Counts:
    return Counts(
        np.array([1], np.int32),
        np.array([both], np.int32),
        np.array([total], np.int32),
        of_item,
        of_item if sampled is None else sampled,
        shoppers,
    )


def test_strength_by_hand() -> None:
    # 10 of 100 shoppers had the one, 20 the other, 8 both: four times as many as by chance.
    found = counts(8, 20, 10, 100)
    assert lifts(found)[0] == pytest.approx(4.0)
    assert strengths(found)[0] == pytest.approx(8 / math.sqrt(10 * 20) * 8 / 11)
    # Of half of them looked at, 4 with both: as many in all, of which fewer were counted.
    assert strengths(counts(4, 20, 10, 100, 5))[0] == pytest.approx(8 / math.sqrt(10 * 20) * 4 / 7)


def test_strength_of_chance_and_of_one_person_is_none() -> None:
    assert strengths(counts(2, 20, 10, 100))[0] > 0
    assert strengths(counts(2, 21, 10, 100))[0] == 0, "as often as by chance, or less"
    assert strengths(counts(1, 1, 1, 100))[0] == 0, "one person's basket"


def test_what_everybody_has_goes_with_nothing(crowded: Shop) -> None:
    assert crowded.ids("bought_together", product_ids=["red-shoe-0"])[0] == "black-hat-0"
    (found,) = crowded.ask(kind="bought_together", product_ids=["red-shoe-0"]).lists
    assert [why.reason for why in found.items[0].why] == ["bought-together"]
    assert found.items[0].why[0].text == "often bought with red shoe number 0"
    assert found.fallback is not None
    assert "from place 2 on products of the categories that go with it" in found.fallback


def test_also_viewed_and_similar(crowded: Shop) -> None:
    assert crowded.ids("also_viewed", product_ids=["blue-bag-0"], limit=1) == ["green-lamp-0"]
    (found,) = crowded.ask(kind="similar", product_ids=["blue-bag-0"], limit=40).lists
    by_id = {item.id: {why.reason: why.part for why in item.why} for item in found.items}
    assert by_id["green-lamp-0"]["also-viewed"] > 0
    assert "also-viewed" not in by_id["blue-bag-1"]
    assert found.items[0].id == "blue-bag-1" or by_id[found.items[0].id].get("also-viewed")


def test_complements_are_of_another_category(crowded: Shop) -> None:
    (found,) = crowded.ask(kind="complements", product_ids=["red-shoe-0"], limit=5).lists
    assert found.items[0].id == "black-hat-0"
    assert all(item.category != "Clothing > Shoes" for item in found.items)
    # Its neighbour was never bought: the categories that are bought with it say what goes with it.
    (found,) = crowded.ask(kind="complements", product_ids=["blue-shoe-0"], limit=3).lists
    assert {item.category for item in found.items} == {"Clothing > Hats"}
    assert found.items[0].why[0].text == "often bought beside Clothing > Shoes"


def test_substitutes_meet_the_same_need_in_stock_near_the_price(crowded: Shop) -> None:
    (found,) = crowded.ask(kind="substitutes", product_ids=["black-shoe-2"], limit=20).lists
    assert found.items
    assert found.fallback is None
    for item in found.items:
        assert item.availability == "in_stock"
        assert item.category in ("Clothing > Shoes", "Clothing > Hats")
        assert 18 / 1.5 <= float((item.price or "0").split()[0]) <= 18 * 1.5
    assert found.items[0].category == "Clothing > Shoes"


def test_trending_is_of_the_shoppers_category_first(version: Version) -> None:
    mine = [did("me", "view", "green-hat-1", ago=HOUR)]
    others = [did(f"t{n}", "view", "blue-hat-0", ago=HOUR) for n in range(8)]
    shop = Shop.of(version, [*shops.crowd(), *mine, *others])
    (found,) = shop.ask("me", kind="trending", limit=4, diversity=0.0, explore=0.0).lists
    assert found.fallback is None
    assert [item.id for item in found.items[:2]] == ["blue-hat-0", "black-hat-0"]
    assert found.items[0].why[0].text == "trending in Clothing > Hats"
    # What is trending everywhere follows.
    assert found.items[2].why[0].text == "trending now"
    assert shop.ids("trending", limit=1, diversity=0.0, explore=0.0) == ["blue-hat-0"]
    filtered = shop.ids(
        "trending", "me", limit=1, filters={"category": ["Lamps"]}, diversity=0.0, explore=0.0
    )
    assert filtered == ["blue-lamp-1"]


def test_popular_forgets_nothing(crowded: Shop) -> None:
    found = crowded.ids("popular", limit=4, diversity=0.0, explore=0.0)
    assert set(found) == {"red-shoe-0", "black-hat-0", "blue-bag-0", "green-lamp-0"}


def test_for_you_names_what_it_comes_from(version: Version) -> None:
    shop = Shop.of(
        version, [did("me", "like", "black-hat-0", ago=HOUR), did("me", "view", "blue-bag-0", ago=DAY)]
    )
    (found,) = shop.ask("me", kind="for_you", limit=5, diversity=0.0).lists
    assert found.fallback is None
    assert found.items[0].color == "black"
    assert {why.reason for why in found.items[0].why} == {"liked", "viewed"}
    first = max(found.items[0].why, key=lambda why: why.part)
    assert (first.product_id, first.text) == ("black-hat-0", "because you like black hat number 0")


def test_of_a_long_history_a_why_names_three(version: Version) -> None:
    ids = [product.id for product in shops.products() if product.id.endswith("-0")]
    shop = Shop.of(version, [did("me", "view", item, ago=HOUR + n) for n, item in enumerate(ids[:9])])
    (found,) = shop.ask("me", kind="for_you", limit=3).lists
    for item in found.items:
        assert [why.reason for why in item.why] == ["viewed", "viewed", "viewed", "history"]
        assert item.why[-1].text == "and 6 more products of your history"
        assert sum(why.part for why in item.why) == pytest.approx(item.score, abs=1e-6)


def test_what_is_disliked_pushes_its_like_down(version: Version) -> None:
    liked = did("me", "like", "blue-bag-0", ago=HOUR)
    plain = Shop.of(version, [liked]).ids("for_you", "me", limit=30, diversity=0.0)
    pushed = Shop.of(version, [liked, did("me", "dislike", "blue-lamp-0", ago=HOUR)])
    found = pushed.ids("for_you", "me", limit=30, diversity=0.0)
    assert "blue-lamp-0" not in found
    assert found.index("blue-lamp-1") > plain.index("blue-lamp-1")


def test_a_session_is_this_visit_alone(version: Version) -> None:
    shop = Shop.of(
        version,
        [
            did("me", "view", "red-lamp-0", ago=3 * DAY, session="old"),
            did("", "view", "green-hat-0", ago=60, session="now"),
            did("", "view", "green-hat-1", ago=30, session="now"),
        ],
    )
    (found,) = shop.ask(None, "now", kind="session", limit=2).lists
    assert found.fallback is None
    assert {why.product_id for item in found.items for why in item.why} == {"green-hat-0", "green-hat-1"}
    (found,) = shop.ask("me", kind="session").lists
    assert found.fallback is not None
    assert found.fallback.startswith("nothing was done in this visit yet: what fits the shopper's history")
    mine = [did("me", "view", "black-bag-0", ago=60)]
    (found,) = Shop.of(version, mine).ask("me", kind="session", limit=1).lists
    assert found.items[0].color == "black"


def test_a_clock_that_is_ahead_ends_no_visit(version: Version) -> None:
    events = [
        did("", "view", "green-hat-0", ago=60, session="now"),
        did("", "view", "green-hat-1", ago=30, session="now"),
        did("", "view", "red-lamp-0", ago=-20 * HOUR, session="now"),
    ]
    (found,) = Shop.of(version, events).ask(None, "now", kind="session", limit=20).lists
    named = {why.product_id for item in found.items for why in item.why}
    assert {"green-hat-0", "green-hat-1", "red-lamp-0"} <= named


def test_recently_viewed_is_in_the_order_of_time(version: Version) -> None:
    shop = Shop.of(
        version,
        [
            did("me", "view", "red-lamp-0", ago=2 * DAY),
            did("me", "view", "green-hat-0", ago=2 * HOUR),
            did("me", "purchase", "green-hat-0", ago=HOUR),
            did("me", "view", "blue-bag-0", ago=60),
            did("me", "view", "red-lamp-0", ago=30),
            did("me", "view", "gone", ago=20),
        ],
    )
    (found,) = shop.ask("me", kind="recently_viewed").lists
    assert [item.id for item in found.items] == ["red-lamp-0", "blue-bag-0", "green-hat-0"]
    assert [item.why[0].text for item in found.items] == [
        "you viewed it a moment ago",
        "you viewed it 1 minute ago",
        "you viewed it 2 hours ago",
    ]


def test_new_arrivals_are_the_last_rows_that_nobody_knew(tmp_path: Path) -> None:
    folder = tmp_path / "products_t.lance"
    old = [catalogues.product(f"old-{n}", f"old lamp {n}") for n in range(5)]
    new = [catalogues.product(f"new-{n}", f"new lamp {n}") for n in range(3)]
    batches = (catalogues.rows_of(old), catalogues.rows_of(new))
    catalogues.create(folder, *(added(each, [None] * len(each)) for each in batches))
    dataset = catalogues.upsert(
        folder,
        added(catalogues.rows_of([catalogues.product("old-1", "old lamp, other words")], order="2"), [None]),
    )
    version = catalogues.version(dataset)
    assert Shop.of(version).ids("new_arrivals", limit=3) == ["old-1", "new-2", "new-1"]
    shop = Shop.of(version, [did("x", "view", "old-1", ago=70 * DAY)])
    assert shop.ids("new_arrivals", limit=3) == ["new-2", "new-1", "new-0"]
    (found,) = shop.ask(kind="new_arrivals", limit=50).lists
    assert found.items[0].score == 1.0


def added(batch: pa.Table, ago: Sequence[float | None]) -> pa.Table:
    """Rows that were added so many seconds ago; None where nobody knows."""
    moments = [None if each is None else datetime.fromtimestamp(NOW - each, UTC) for each in ago]
    place = batch.schema.get_field_index("added_at")
    return batch.set_column(place, "added_at", pa.array(moments, batch.schema.field(place).type))


def test_new_arrivals_go_by_when_they_were_added(tmp_path: Path) -> None:
    items = [catalogues.product(f"p{n}", f"lamp {n}") for n in range(7)]
    ago = [DAY, 2 * DAY, None, 59 * DAY, 61 * DAY, DAY, None]
    version = catalogues.version(
        catalogues.create(tmp_path / "products_t.lance", added(catalogues.rows_of(items), ago))
    )
    assert Shop.of(version).ids("new_arrivals", limit=9) == ["p0", "p5", "p1", "p3", "p6", "p2"]
    # When it was added says more than when somebody was seen with it, but where that is not known.
    known = [did("x", "view", each, ago=70 * DAY) for each in ("p1", "p6")]
    assert Shop.of(version, known).ids("new_arrivals", limit=9) == ["p0", "p5", "p1", "p3", "p2"]


def test_the_newest_of_any_mask_are_those_of_an_ordinary_sort(tmp_path: Path) -> None:
    rng = np.random.default_rng(4)
    items = [catalogues.product(f"p{n:03d}", f"lamp {n}") for n in rng.permutation(300).tolist()]
    ago = [None if n % 7 == 0 else float(rng.integers(0, 40)) * DAY for n in range(300)]
    version = catalogues.version(
        catalogues.create(tmp_path / "products_t.lance", added(catalogues.rows_of(items), ago))
    )
    shelf, rows = Shelf(version), np.arange(300, dtype=np.int32)
    moments = version.numbers["added"].of(rows)
    for part in (1.0, 0.5, 0.02, 0.0):
        chosen = rng.random(300) < part
        mask = set_rows(rows[chosen], version.layout.rows) & version.alive
        for count, since in ((5, -np.inf), (40, NOW - 20 * DAY), (400, NOW - 10 * DAY), (400, -np.inf)):
            known = [n for n in rows[chosen].tolist() if moments[n] >= since]
            known.sort(key=lambda n: (-moments[n], items[n].id))
            unknown = [n for n in rows[chosen].tolist()[::-1] if np.isnan(moments[n])]
            assert shelf.newest(mask, count, since).tolist() == [*known, *unknown][:count]


class Learnt:
    """A model that expects products by their number of letters."""

    name, revision = "letters", "r1"

    def __init__(self, *, refused: bool = False) -> None:
        self.refused = refused
        self.asked: list[list[str]] = []

    def scores(self, version: Version, product_ids: list[str], types: object, times: object) -> object:
        if self.refused:
            raise ModelUnavailable("trained on other vectors")
        self.asked.append(list(product_ids))
        shares = np.full(version.layout.rows, -np.inf, np.float32)
        rows = np.flatnonzero(np.unpackbits(version.alive.view(np.uint8), bitorder="little")).astype(np.int32)
        lengths = np.array([len(each) for each in version.ids.ids(rows)], np.float32)
        shares[rows] = np.exp(lengths) / np.exp(lengths).sum()
        return shares

    def interest(self, version: Version, rows: np.ndarray, *rest: object, **more: object) -> object:
        return np.linspace(0.9, 0.1, len(rows))


def test_a_learnt_model_takes_part(version: Version) -> None:
    shop = Shop.of(version, [did("me", "view", "red-bag-0", ago=HOUR)])
    shop.model = Learnt()  # type: ignore[assignment]
    found = shop.ask("me", kind="for_you", limit=5, diversity=0.0)
    assert found.model == "letters r1"
    assert shop.model.asked == [["red-bag-0"]]  # type: ignore[union-attr]
    first = found.lists[0].items[0]
    assert "model" in {why.reason for why in first.why}
    assert first.interest == pytest.approx(0.9)
    assert shop.ask("me", kind="popular").model is None
    shop.model = Learnt(refused=True)  # type: ignore[assignment]
    again = shop.ask("me", kind="for_you", limit=5)
    assert again.model is None
    assert again.lists[0].fallback is None
    assert again.lists[0].items[0].interest is None


def test_exploration_shows_cold_products_where_showings_are_told(version: Version) -> None:
    shown = [
        did(f"s{n}", "impression", item, ago=HOUR + n)
        for item in ("red-shoe-0", "black-hat-0", "blue-bag-0", "green-lamp-0", "blue-lamp-1")
        for n in range(40)
    ]
    shop = Shop.of(version, [*shops.crowd(), *shown, did("me", "view", "green-bag-1", ago=HOUR)])
    (plain,) = shop.ask("me", kind="for_you", limit=10, explore=0.0).lists
    (open_,) = shop.ask("me", kind="for_you", limit=10, explore=1.0).lists
    assert not any(item.explored for item in plain.items)
    assert any(item.explored for item in open_.items)
    assert not open_.items[0].explored
    assert len({item.id for item in open_.items}) == 10
    assert open_ == shop.ask("me", kind="for_you", limit=10, explore=1.0).lists[0]
    shop.now += 2 * HOUR
    assert open_ != shop.ask("me", kind="for_you", limit=10, explore=1.0).lists[0]


def test_diversity_spreads_a_list(version: Version) -> None:
    shop = Shop.of(version, [did("me", "like", "black-hat-0", ago=HOUR)])
    near = shop.ask("me", kind="for_you", limit=8, diversity=0.0, explore=0.0).lists[0]
    spread = shop.ask("me", kind="for_you", limit=8, diversity=0.9, explore=0.0).lists[0]
    assert near.items[0].id == spread.items[0].id
    assert len({item.category for item in spread.items}) >= len({item.category for item in near.items})
    assert {item.id for item in near.items} != {item.id for item in spread.items}


def test_items_are_found_in_the_versions_that_follow(tmp_path: Path) -> None:
    folder = tmp_path / "products_t.lance"
    first = [catalogues.product(f"p{n}", f"lamp {n}") for n in range(6)]
    before = catalogues.version(catalogues.create(folder, catalogues.rows_of(first)))
    shop = Shop.of(before, [did("u", "view", f"p{n}", ago=n) for n in range(9)])
    actions = shop.behaviour
    assert actions is not None
    held = ItemsOfVersions()
    codes = np.arange(9, dtype=np.int32)
    held.of(before, actions).rows(codes)
    more = [catalogues.product("p7", "new lamp"), catalogues.product("p2", "other words")]
    dataset = catalogues.upsert(folder, catalogues.rows_of(more, order="2"))
    after = catalogues.version(dataset, former=before)
    for version in (before, after):
        followed = held.of(version, actions).rows(codes)
        assert followed.tolist() == ItemRows(version, actions).rows(codes).tolist()
        expected = [version.find(name) for name in actions.product_ids(codes)]
        assert [None if row < 0 else row for row in followed.tolist()] == expected
    actions.add(table([did("v", "view", "p5", ago=1), did("v", "view", "late", ago=1)]))
    assert held.of(after, actions).rows(np.array([9], np.int32)).tolist() == [-1]


def test_a_clock_that_runs_behind_does_no_harm(version: Version) -> None:
    shop = Shop.of(version, [*shops.crowd(), did("me", "view", "black-bag-0", ago=-HOUR)])
    for moment in (NOW - 10 * DAY, 0.0, NOW + 80 * 365 * DAY):
        shop.now = moment
        for kind in ("for_you", "session", "trending", "popular", "recently_viewed", "new_arrivals"):
            (found,) = shop.ask("me", kind=kind).lists
            assert found.items or found.fallback
            for item in found.items:
                assert math.isfinite(item.score)


@pytest.mark.parametrize(
    ("own", "others", "expected"),
    [
        ("Wear > Shoes > Heels", ["Wear > Shoes > Flats", "Wear > Bags > Totes"], {"Wear > Bags > Totes"}),
        ("Wear > Shoes > Heels", ["Wear > Shoes > Flats"], {"Wear > Shoes > Flats"}),
        ("Wear > Dresses", ["Wear > Hats", "Home > Lamps"], {"Wear > Hats", "Home > Lamps"}),
    ],
)
def test_what_serves_the_same_need_complements_nothing(
    tmp_path: Path, own: str, others: list[str], expected: set[str]
) -> None:
    categories = [own, own, *others, *others]
    items = [catalogues.product(f"p{n}", "red", product_type=each) for n, each in enumerate(categories)]
    shop = Shop.of(shops.stocked(tmp_path, items))
    (found,) = shop.ask(kind="complements", product_ids=["p0"]).lists
    assert {item.category for item in found.items} == expected
    assert found.fallback is not None


def test_what_goes_with_a_category_is_of_what_the_filters_leave(version: Version) -> None:
    events = [
        did(f"u{n}", "purchase", item, ago=DAY + n)
        for n in range(6)
        for item in ("red-shoe-0", "black-hat-0", *(("green-lamp-0",) if n < 3 else ()))
    ] + [did(f"others{n}", "purchase", "blue-bag-0", ago=DAY) for n in range(20)]
    shop = Shop.of(version, events)
    asked = {"kind": "complements", "product_ids": ["red-shoe-1"], "limit": 4}
    for _ in range(2):  # what was counted is kept
        (found,) = shop.ask(**asked).lists
        assert any("hat" in item.id for item in found.items)
        (left,) = shop.ask(**asked, filters={"category": ["Home > Lamps"]}).lists
        assert left.items
        assert all("lamp" in item.id for item in left.items)
        assert {part.reason for item in left.items for part in item.why} >= {"category-bought-with"}


def test_the_products_of_a_category_are_looked_up_once(
    version: Version, monkeypatch: pytest.MonkeyPatch
) -> None:
    column, looked = version.coded["category"], []
    mask = column.mask

    def counted(values: Sequence[str]) -> Any:
        looked.extend(values)
        return mask(values)

    monkeypatch.setattr(column, "mask", counted)
    found, paths = Categories(version), ("Shoes", "shoes ", "Hats", "no such path")
    for _ in range(2):
        for path in paths:
            assert np.array_equal(found.of(path), mask([path]))
    assert looked == list(paths)


def test_neighbours_are_the_nearest_of_what_may_be_shown(version: Version) -> None:
    found, base = Neighbours(version, Categories(version)), version.alive
    row = version.row("blue-shoe-0")
    vector = fused_vector(version, row)
    assert vector is not None
    hats = base & version.coded["category"].mask(["Hats"])
    for gone in ([], ["blue-hat-0"], [f"{color}-hat-{n}" for color in shops.COLORS for n in (0, 1)]):
        excluded = np.array([row, *map(version.row, gone)], np.int32)
        for within, words in ((None, base), ("Hats", hats)):
            mask = words & ~set_rows(excluded, version.layout.rows)
            expected = version.fused.nearest(vector, mask, 4, version.ids.rank)[0]
            for _ in range(2):
                assert found.of(row, vector, 4, mask, base, within).tolist() == expected.tolist()
    shoes = base & ~version.coded["category"].mask(["Shoes"])
    expected = version.fused.nearest(vector, shoes, 4, version.ids.rank)[0]
    assert found.of(row, vector, 4, shoes, base, None, ("Shoes",)).tolist() == expected.tolist()
    # Another bit set under the same name: what was found among the former one is of no use.
    assert set(found.of(row, vector, 4, hats, hats.copy()).tolist()) <= set(rows_of(hats).tolist())


def test_long_lists_of_neighbours_are_found_but_not_kept(
    version: Version, monkeypatch: pytest.MonkeyPatch
) -> None:
    found, row, looked = Neighbours(version, Categories(version)), version.row("blue-shoe-0"), []
    vector = fused_vector(version, row)
    assert vector is not None
    nearest = version.fused.nearest

    def counted(*asked: Any) -> Any:
        looked.append(asked[2])
        return nearest(*asked)

    monkeypatch.setattr(version.fused, "nearest", counted)
    monkeypatch.setattr(neighbours, "_LONGEST", 12)
    for count in (6, 6, 7, 7):
        assert len(found.of(row, vector, count, version.alive, version.alive)) == count
    assert looked == [12, 14, 14]
