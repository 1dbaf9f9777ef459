"""What shoppers chose lately orders searches, and time passing does not."""

from __future__ import annotations

import numpy as np
import pytest

from mmpipe.recommend import Knowledge
from mmpipe.recommend.popularity import HALF_LIFE_SECONDS
from mmpipe.search.versions.version import Version
from tests.unit.recommend import shops
from tests.unit.recommend.shops import DAY, Shop, did


@pytest.fixture(scope="module")
def version(tmp_path_factory: pytest.TempPathFactory) -> Version:
    return shops.stocked(tmp_path_factory.mktemp("popular"))


def popular(shop: Shop) -> list[str]:
    """The products that anybody did anything with, the most popular first."""
    values = shop.lists.popularity(shop.version, Knowledge(shop.behaviour, None, shop.now))
    if values is None:
        return []
    rows = np.flatnonzero(~np.isnan(values)).astype(np.int32)
    order = np.argsort(-values[rows], kind="stable")
    return shop.version.ids.ids(rows[order])


def test_what_was_done_lately_counts_more(version: Version) -> None:
    first, second, third, *_ = sorted(version.ids.ids(version.ids.order))
    views = [did(f"u{n}", "view", first, ago=4 * HALF_LIFE_SECONDS) for n in range(12)]
    lately = [did(f"u{n}", "view", second, ago=DAY) for n in range(2)]
    shop = Shop.of(version, [*views, *lately, did("u", "purchase", third, ago=DAY), did("u", "view", "gone")])
    assert popular(shop) == [third, second, first]


def test_time_passing_changes_no_number(version: Version) -> None:
    first, second, *_ = sorted(version.ids.ids(version.ids.order))
    shop = Shop.of(version, [did("u", "view", first, ago=DAY), did("v", "purchase", second, ago=9 * DAY)])
    now = shop.lists.popularity(version, Knowledge(shop.behaviour, None, shop.now))
    later = shop.lists.popularity(version, Knowledge(shop.behaviour, None, shop.now + 3 * DAY))
    assert now is not None
    assert later is not None
    assert now is not later
    np.testing.assert_array_equal(now, later)


def test_nobody_did_anything(version: Version) -> None:
    assert popular(Shop.of(version)) == []
