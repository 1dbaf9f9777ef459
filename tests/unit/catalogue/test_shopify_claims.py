"""Who is called what, where several products of a file would have one id."""

from __future__ import annotations

import random

from mmpipe.catalogue.formats.shopify_claims import Claims, Names, Shares


def test_many_products_that_want_the_same_names() -> None:
    chance = random.Random(5)
    handles = ["a", "b", "a-b", "b-a", "a-a", "a-b-a"]
    for _ in range(300):
        products = {
            handle: [
                Names.of(
                    chance.choice([*handles, ""]),
                    [handle, *chance.choices(["a", "b"], k=chance.randrange(3))],
                )
                for _ in range(chance.randrange(1, 4))
            ]
            for handle in chance.sample(handles, len(handles))
        }
        live = {product: chance.random() < 0.7 for product in products}
        claims = Claims()
        for product, variants in products.items():
            claims.said(product, live[product])
            for names in variants:
                claims.claim(names, product)
        claims.settle()
        for_sale: list[str] = []
        withdrawn: set[str] = set()
        for product, variants in products.items():
            taken: set[str] = set()
            given = [claims.name(names, product, taken) for names in variants]
            assert len(set(given)) == len(given)
            if live[product]:
                for_sale += given
            else:
                withdrawn.update(given)
        assert len(set(for_sale)) == len(for_sale)
        assert not withdrawn & set(for_sale)


def test_the_first_word_about_a_product_counts() -> None:
    claims = Claims()
    for product, live in (("a", False), ("a", True), ("b", True), ("b", False)):
        claims.said(product, live)
    for product in ("a", "b"):
        claims.claim(Names.of("X", [product]), product)
    claims.settle()
    assert claims.is_contested("X")
    assert claims.name(Names.of("X", ["a"]), "a", set()) == "a"
    assert claims.name(Names.of("X", ["b"]), "b", set()) == "X"


def test_without_any_claim() -> None:
    claims = Claims()
    claims.settle()
    assert not claims.is_contested("X")
    assert claims.name(Names.of("", ["a", "b"]), "a", set()) == "a-b"


def test_names() -> None:
    names = Names.of("'0012", ["tee", "Red"])
    assert (names.first, names.wanted) == ("0012", ["0012", "tee-Red"])
    assert Names.of("", ["tee"], "77").wanted == ["77"]
    assert Names.of("", ["a", "b-c"]).spare != Names.of("", ["a-b", "c"]).spare


def test_shares_are_counted_by_product() -> None:
    shares = Shares()
    assert shares.admits("a", 64 << 20)
    assert not shares.admits("a", 1)
