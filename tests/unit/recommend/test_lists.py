"""What holds of every list, whatever its kind: exclusions, filters, reasons that add up, no repeats."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from mmpipe.errors import InvalidRequest, UnknownProduct
from mmpipe.recommend.behaviour import Done, Shopper
from mmpipe.schemas.product import Translation
from mmpipe.schemas.recommend import KINDS, Kind, RecommendationsRequest
from mmpipe.search.versions.version import Version
from tests.unit.recommend import shops
from tests.unit.recommend.behaviour.shoppers import table
from tests.unit.recommend.shops import DAY, HOUR, Shop, did

_ABOUT_PRODUCTS = ("similar", "bought_together", "also_viewed", "substitutes", "complements")
_IDS = [product.id for product in shops.products()]
_KINDS = st.sampled_from(KINDS)
_ACTS = ("view", "impression", "search-click", "add-to-cart", "purchase", "like", "dislike")


@pytest.fixture(scope="module")
def version(tmp_path_factory: pytest.TempPathFactory) -> Version:
    return shops.stocked(tmp_path_factory.mktemp("lists"))


@pytest.fixture(scope="module")
def shop(version: Version) -> Shop:
    """The crowd, and ``me`` who viewed, bought, put into the cart, liked and disliked something."""
    mine = [
        did("me", "view", "red-shoe-0", ago=2 * DAY),
        did("me", "purchase", "green-hat-0", ago=DAY),
        did("me", "add-to-cart", "blue-bag-1", ago=3 * HOUR),
        did("me", "like", "black-lamp-0", ago=2 * HOUR),
        did("me", "dislike", "green-lamp-1", ago=2 * HOUR),
        did("me", "view", "blue-shoe-0", ago=60, session="visit"),
        did("", "view", "red-bag-0", ago=30, session="visit"),
        did("me", "impression", "black-bag-0", ago=20, session="visit"),
    ]
    return Shop.of(version, [*shops.crowd(), *mine])


def request_for(kind: Kind, **more: Any) -> dict[str, Any]:
    about = {"product_ids": ["red-shoe-0"]} if kind in _ABOUT_PRODUCTS else {}
    return {"kind": kind, **about, **more}


def test_reasons_name_products_in_the_language_where_they_have_a_name_in_it(tmp_path: Path) -> None:
    items = [
        item.model_copy(update={"translations": {"zh": Translation(title="一号红鞋")}})
        if item.id == "red-shoe-0"
        else item
        for item in shops.products()
    ]
    shop = Shop.of(shops.stocked(tmp_path, items), shops.crowd())

    def told(about: str, lang: str) -> str:
        (found,) = shop.ask(kind="similar", product_ids=[about], lang=lang).lists
        return " ".join(why.text for item in found.items for why in item.why)

    assert "一号红鞋" in told("red-shoe-0", "zh")
    assert "red shoe number 0" not in told("red-shoe-0", "zh")
    assert "red shoe number 0" in told("red-shoe-0", "en")
    assert "blue bag number 0" in told("blue-bag-0", "zh")


@pytest.mark.parametrize("kind", KINDS)
def test_reasons_add_up_and_have_words(shop: Shop, kind: Kind) -> None:
    for lang in ("en", "zh"):
        (found,) = shop.ask("me", "visit", **request_for(kind, lang=lang, limit=20)).lists
        assert found.items, kind
        for item in found.items:
            assert sum(why.part for why in item.why) == pytest.approx(item.score, abs=1e-6)
            assert item.why, item.id
            for why in item.why:
                assert why.text, why.reason
                assert "{" not in why.text
            assert not item.sponsored


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_excluded_appears_nowhere(shop: Shop, kind: Kind) -> None:
    (found,) = shop.ask(
        "me",
        "visit",
        **request_for(kind, limit=100, exclude={"product_ids": ["black-shoe-0", "nobody-knows"]}),
    ).lists
    ids = {item.id for item in found.items}
    assert "black-shoe-0" not in ids
    assert not {each for each in ids if each.endswith("-2")}, "sold out"
    if kind != "recently_viewed":
        # Viewed, bought, in the cart, liked, disliked, viewed without a name; and a variant of the first.
        gone = {
            "red-shoe-0",
            "green-hat-0",
            "blue-bag-1",
            "black-lamp-0",
            "green-lamp-1",
            "blue-shoe-0",
            "red-bag-0",
        }
        assert not ids & (gone | {"red-shoe-1"})


def test_what_comes_while_a_call_is_answered_is_excluded(
    version: Version, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The event is of a product that no other names, and comes when exclusions are asked for."""
    shop = Shop.of(version, [did("me", "view", "black-hat-0")])
    behaviour, more = shop.behaviour, [did("me", "dislike", "green-hat-0", ago=0)]
    assert behaviour is not None
    done = behaviour.done

    def later(shopper: Shopper) -> Done:
        if more:
            behaviour.add(table([more.pop()]))
        return done(shopper)

    monkeypatch.setattr(behaviour, "done", later)
    (found,) = shop.ask("me", None, **request_for("popular", limit=100)).lists
    assert not more
    assert found.items
    assert "green-hat-0" not in {item.id for item in found.items}


def test_what_was_disliked_long_ago_is_shown_by_no_list(version: Version) -> None:
    events = [did("me", kind, "green-hat-0", ago=9 * DAY - n) for n, kind in enumerate(("view", "dislike"))]
    events += [did("me", "like", "red-bag-0", ago=9 * DAY), did("me", "dislike", "blue-bag-0", ago=9 * DAY)]
    events += [did("me", "view", "red-shoe-0", ago=8 * DAY - n) for n in range(600)]
    events += [did("me", "dislike", "red-bag-0", ago=DAY), did("me", "like", "blue-bag-0", ago=DAY)]
    shop = Shop.of(version, events)
    everything = {"purchased": False, "seen": False, "sold_out": False}
    for kind in ("for_you", "popular", "new_arrivals", "recently_viewed"):
        ids = shop.ids(kind, "me", limit=100, exclude=everything, explore=0)
        assert not {"green-hat-0", "red-bag-0"} & set(ids), kind
    assert "blue-bag-0" in shop.ids("popular", "me", limit=100, exclude=everything, explore=0)


def test_what_was_viewed_and_disliked_is_not_shown_as_viewed(version: Version) -> None:
    shop = Shop.of(
        version,
        [
            did("me", "view", "green-hat-0", ago=60),
            did("me", "view", "red-shoe-0", ago=50),
            did("me", "dislike", "green-hat-0", ago=40),
            did("me", "dislike", "red-shoe-1", ago=30),
            did("me", "view", "blue-bag-0", ago=20),
        ],
    )
    assert shop.ids("recently_viewed", "me") == ["blue-bag-0"], "nor is a variant of what was disliked"


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "recently_viewed"])
def test_nothing_but_the_disliked_is_excluded_where_that_is_asked(shop: Shop, kind: Kind) -> None:
    exclude = {"purchased": False, "seen": False, "sold_out": False}
    (found,) = shop.ask(
        "me",
        "visit",
        **request_for(
            kind, product_ids=["red-shoe-0"] if kind in _ABOUT_PRODUCTS else None, limit=100, exclude=exclude
        ),
    ).lists
    ids = {item.id for item in found.items}
    assert "green-lamp-1" not in ids
    if kind in ("for_you", "session", "popular", "trending"):
        assert {"green-hat-0", "blue-shoe-0"} <= ids
        assert any(each.endswith("-2") for each in ids)


@pytest.mark.parametrize("kind", KINDS)
def test_filters_hold(shop: Shop, kind: Kind) -> None:
    filters = {"color": ["blue", "black"], "price": {"lte": "11"}}
    (found,) = shop.ask("me", "visit", **request_for(kind, limit=50, filters=filters)).lists
    for item in found.items:
        assert item.color in ("blue", "black")
        assert item.price == "10.00 USD"


@pytest.mark.parametrize("kind", KINDS)
def test_a_condition_holds_beside_the_filters(shop: Shop, kind: Kind) -> None:
    asked = {
        "filters": {"color": ["blue", "black"]},
        "filter": {"or": [{"field": "price", "lt": "14.00"}, {"field": "id", "prefix": "black-"}]},
    }
    about = {"product_ids": ["red-shoe-0"]} if kind in _ABOUT_PRODUCTS else {}
    alone = shop.ids(kind, "me", "visit", limit=50, **about, **asked)
    (one, free) = shop.ask(
        "me", "visit", lists=[{"kind": kind, **about, **asked}, {"kind": kind, **about}]
    ).lists
    assert alone[: len(one.items)] == [item.id for item in one.items]
    for item in one.items:
        assert item.id.startswith("black-") or (item.color == "blue" and item.price == "10.00 USD")
    assert kind == "recently_viewed" or any(item.color not in ("blue", "black") for item in free.items)


def test_a_condition_goes_into_the_lists_where_these_are_given() -> None:
    brand = {"field": "brand", "eq": "Acme"}
    with pytest.raises(ValidationError, match="filters and filter go into lists"):
        RecommendationsRequest.model_validate({"lists": [{"kind": "popular"}], "filter": brand})
    with pytest.raises(ValidationError) as caught:
        RecommendationsRequest.model_validate(
            {"lists": [{"kind": "popular", "filter": {"not": {"field": "x"}}}]}
        )
    assert caught.value.errors()[0]["loc"] == ("lists", 0, "filter", "not", "field")


@pytest.mark.parametrize("kind", KINDS)
def test_one_of_each_group(shop: Shop, kind: Kind) -> None:
    (found,) = shop.ask(
        "u1",
        None,
        **request_for(kind, product_ids=["black-hat-1"] if kind in _ABOUT_PRODUCTS else None, limit=100),
    ).lists
    groups = [item.item_group_id for item in found.items if item.item_group_id is not None]
    assert len(groups) == len(set(groups))


@settings(max_examples=25, deadline=None)
@given(
    kinds=st.lists(_KINDS, min_size=1, max_size=10),
    limit=st.integers(1, 30),
    diversity=st.none() | st.floats(0, 1),
    explore=st.none() | st.floats(0, 1),
    events=st.lists(
        st.tuples(st.sampled_from(_ACTS), st.sampled_from(_IDS), st.integers(0, 90)), max_size=12
    ),
    crowded=st.booleans(),
)
def test_a_call_repeats_nothing_and_is_the_same_again(
    version: Version,
    kinds: list[Kind],
    limit: int,
    diversity: float | None,
    explore: float | None,
    events: list[tuple[str, str, int]],
    crowded: bool,
) -> None:
    mine = [did("me", act, item, ago=days * DAY + n) for n, (act, item, days) in enumerate(events)]
    shop = Shop.of(version, [*(shops.crowd() if crowded else []), *mine])
    lists = [
        {
            "kind": kind,
            "limit": limit,
            **({"product_ids": ["green-bag-0", "red-hat-1"]} if kind in _ABOUT_PRODUCTS else {}),
        }
        for kind in kinds
    ]
    first = shop.ask("me", lists=lists, diversity=diversity, explore=explore)
    again = shop.ask("me", lists=lists, diversity=diversity, explore=explore)
    assert first.lists == again.lists
    assert [each.kind for each in first.lists] == kinds
    shown = [item.id for each in first.lists for item in each.items]
    assert len(shown) == len(set(shown))
    groups = [item.item_group_id for each in first.lists for item in each.items if item.item_group_id]
    assert len(groups) == len(set(groups))
    bought = {item for act, item, _ in events if act == "purchase"}
    for each in first.lists:
        assert len(each.items) <= limit
        assert each.items or each.fallback
        if each.kind != "recently_viewed":
            assert not bought & {item.id for item in each.items}
        for item in each.items:
            assert sum(why.part for why in item.why) == pytest.approx(item.score, abs=1e-6)
            assert not item.id.endswith("-2")


@pytest.mark.parametrize("kind", KINDS)
def test_a_shop_that_nobody_visited_has_lists(version: Version, kind: Kind) -> None:
    (found,) = Shop.of(version).ask("somebody", **request_for(kind)).lists
    if kind == "recently_viewed":
        assert found.items == []
        assert found.fallback == "nothing more was viewed; nothing stands for it"
        return
    assert len(found.items) >= 2
    assert all(item.image_link for item in found.items)
    own = kind in ("similar", "substitutes", "new_arrivals")
    assert (found.fallback is None) == own
    if kind in ("for_you", "popular", "trending", "session"):
        # Of every part of the shop, not of one shelf.
        assert len({item.category for item in found.items[:4]}) == 4


@pytest.mark.parametrize("kind", KINDS)
def test_without_a_version_there_is_nothing_and_it_says_so(tmp_path: Path, kind: Kind) -> None:
    shop = Shop.of(shops.stocked(tmp_path, [shops.products()[0]]))
    (found,) = shop.ask("me", **request_for(kind)).lists
    if kind in _ABOUT_PRODUCTS or kind == "recently_viewed":
        assert found.items == []
        assert found.fallback
    else:
        assert [item.id for item in found.items] == ["red-shoe-0"]


def test_an_unknown_product_is_named(shop: Shop) -> None:
    with pytest.raises(UnknownProduct, match="no product 'nobody'"):
        shop.ask("me", kind="similar", product_ids=["nobody"])


def test_a_list_about_products_needs_one(shop: Shop) -> None:
    with pytest.raises(InvalidRequest) as error:
        shop.ask(kind="similar")
    assert error.value.field == "product_ids"
    with pytest.raises(InvalidRequest) as error:
        shop.ask("me", lists=[{"kind": "popular"}, {"kind": "substitutes"}])
    assert error.value.field == "lists.1.product_ids"


def test_what_the_shopper_did_last_stands_for_products(shop: Shop) -> None:
    (found,) = shop.ask("me", kind="bought_together").lists
    assert {why.product_id for why in found.items[0].why if why.product_id} <= {"blue-bag-1"}, (
        "it is in the cart"
    )
    (found,) = shop.ask("stranger", kind="similar").lists
    assert found.fallback is not None
    assert found.fallback.startswith("nothing is known of this shopper's taste: what is trending")


def test_lists_of_a_call_are_called_as_they_were_asked(shop: Shop) -> None:
    found = shop.ask(
        "me", lists=[{"kind": "popular", "name": "top of the page", "limit": 2}, {"kind": "for_you"}]
    )
    assert [(each.name, len(each.items)) for each in found.lists] == [("top of the page", 2), ("for_you", 10)]
    assert found.collection == "shop"
    assert found.model is None


def test_explain_false_leaves_out_why_alone(shop: Shop) -> None:
    (whole,) = shop.ask("me", kind="for_you").lists
    (bare,) = shop.ask("me", kind="for_you", explain=False).lists
    assert [item.why for item in bare.items] == [[]] * 10
    assert [(item.id, item.score) for item in bare.items] == [(item.id, item.score) for item in whole.items]


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"kind": "nonsense"},
        {"kind": "similar", "lists": [{"kind": "popular"}]},
        {"lists": []},
        {"lists": [{"kind": "popular"}] * 11},
        {"lists": [{"kind": "popular"}], "limit": 3},
        {"kind": "popular", "limit": 0},
        {"kind": "popular", "limit": 101},
        {"kind": "popular", "diversity": -0.1},
        {"kind": "popular", "explore": 1.5},
        {"kind": "popular", "user_id": ""},
        {"kind": "popular", "user_id": "x" * 129},
        {"kind": "popular", "product_ids": []},
        {"kind": "popular", "product_ids": ["a"] * 21},
        {"kind": "popular", "lang": "fr"},
        {"kind": "popular", "nonsense": 1},
    ],
)
def test_bad_requests(body: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        RecommendationsRequest.model_validate(body)


@pytest.mark.parametrize("number", ["NaN", "Infinity", "1e999"])
def test_numbers_that_are_none(number: str) -> None:
    with pytest.raises(ValidationError):
        RecommendationsRequest.model_validate_json(f'{{"kind": "popular", "diversity": {number}}}')
