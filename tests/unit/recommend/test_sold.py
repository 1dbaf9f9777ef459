"""Places of a list that are paid for: in their positions, marked, of what may be shown alone."""

from __future__ import annotations

import pytest

from mmpipe.recommend import Knowledge, Lists
from mmpipe.recommend.behaviour import Shopper
from mmpipe.recommend.sponsored import Sponsored
from mmpipe.schemas.recommend import RecommendationsRequest, RecommendationsResponse, RecommendedList
from mmpipe.search.versions.version import Version
from tests.unit.recommend import shops
from tests.unit.recommend.behaviour.shoppers import NOW
from tests.unit.recommend.shops import HOUR, did
from tests.unit.recommend.sponsored.shops import Shop as Seller


@pytest.fixture(scope="module")
def version(tmp_path_factory: pytest.TempPathFactory) -> Version:
    return shops.stocked(tmp_path_factory.mktemp("sold"))


@pytest.fixture
def sponsored() -> Sponsored:
    seller = Seller()
    seller.bid(
        {"product_id": "black-shoe-0", "bid": "0.50 USD"},
        {"product_id": "red-shoe-1", "bid": "0.40 USD"},
        {"product_id": "blue-shoe-2", "bid": "9.00 USD"},
        {"product_id": "green-shoe-0", "bid": "9.00 USD"},
    )
    return seller.replica()


def asked(version: Version, sponsored: Sponsored | None, **request: object) -> RecommendedList:
    shop = shops.Shop.of(
        version, [did("me", "view", "red-shoe-0", ago=HOUR), did("me", "view", "green-shoe-0", ago=HOUR)]
    )
    wanted = RecommendationsRequest.model_validate({"explore": 0.0, "diversity": 0.0, **request})
    known = Knowledge(shop.behaviour, None, NOW, sponsored)
    found = Lists().answer_json(version, wanted, Shopper("me", None), known)
    return RecommendationsResponse.model_validate_json(found).lists[0]


def test_who_pays_stands_in_the_places_that_are_sold(version: Version, sponsored: Sponsored) -> None:
    plain = asked(version, None, kind="for_you", limit=6)
    assert plain.query_id is None
    assert not any(item.sponsored for item in plain.items)
    found = asked(version, sponsored, kind="for_you", limit=6)
    # Sold out, seen, a variant of what was seen: neither money nor relevance helps.
    assert [item.id for item in found.items if item.sponsored] == ["black-shoe-0"]
    assert found.items[0].id == "black-shoe-0"
    assert found.query_id is not None
    assert len({item.id for item in found.items}) == 6
    others = [item.id for item in plain.items if item.id != "black-shoe-0"]
    assert [item.id for item in found.items[1:]] == others[:5]
    for item in found.items:
        assert sum(why.part for why in item.why) == pytest.approx(item.score, abs=1e-6)


def test_a_list_may_ask_for_none(version: Version, sponsored: Sponsored) -> None:
    lists = [{"kind": "for_you", "limit": 6, "sponsored": 0}]
    found = asked(version, sponsored, lists=lists)
    assert found.query_id is None
    assert not any(item.sponsored for item in found.items)


@pytest.mark.parametrize("kind", ["substitutes", "recently_viewed", "bought_together", "new_arrivals"])
def test_some_lists_are_not_for_sale(version: Version, sponsored: Sponsored, kind: str) -> None:
    about = {"product_ids": ["blue-shoe-0"]} if kind in ("substitutes", "bought_together") else {}
    found = asked(version, sponsored, kind=kind, limit=6, **about)
    assert not any(item.sponsored for item in found.items)
    assert found.query_id is None
