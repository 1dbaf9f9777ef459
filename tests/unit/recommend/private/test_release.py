"""The guarantee's arithmetic: how much a shopper can change, and how much more likely that makes anything."""

from __future__ import annotations

import itertools
import math
import random
from collections import Counter
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmpipe.recommend.private import release
from mmpipe.recommend.private.noise import probability, reaches
from mmpipe.recommend.private.release import (
    MAX_PAIRED_PRODUCTS,
    bounded,
    release_pairs,
    release_trending,
    threshold_of,
)

PRODUCTS = [f"p{n}" for n in range(8)]
SHOPPERS = st.dictionaries(st.text(max_size=3), st.sets(st.sampled_from(PRODUCTS)), max_size=8)


def difference(a: Counter[str], b: Counter[str]) -> int:
    return sum(abs(a[cell] - b[cell]) for cell in a.keys() | b.keys())


@given(SHOPPERS, st.text(min_size=4, max_size=6), st.sets(st.sampled_from(PRODUCTS)), st.integers(1, 5))
def test_a_shopper_changes_all_counts_together_by_no_more_than_the_bound(
    shoppers: dict[str, set[str]], name: str, own: set[str], most: int
) -> None:
    counts, more = bounded(shoppers, most), bounded({**shoppers, name: own}, most)
    assert difference(counts, more) == min(most, len(own))
    # Nobody else's choice moved: what one adds is nothing but their own.
    assert more - counts == bounded({name: own}, most)


@given(SHOPPERS, st.integers(1, 5))
def test_with_room_enough_everything_counts(shoppers: dict[str, set[str]], most: int) -> None:
    assert bounded(shoppers, 8) == Counter(p for own in shoppers.values() for p in own)
    assert all(bounded({name: own}, most).total() == min(most, len(own)) for name, own in shoppers.items())


@pytest.mark.parametrize("epsilon", [Fraction(1, 10), Fraction(1), Fraction(3)])
@pytest.mark.parametrize("most", [1, 2, 3])
def test_no_output_is_more_than_e_to_the_epsilon_likelier_with_a_shopper(
    epsilon: Fraction, most: int
) -> None:
    """In closed form, for all outputs of three cells around the counts of two neighbours."""
    scale = most / epsilon
    without = (4, 0, 2)
    for change in itertools.product((0, 1), repeat=3):
        if sum(change) > most:
            continue
        having = tuple(a + b for a, b in zip(without, change, strict=True))
        worst = 0.0
        for output in itertools.product(range(-3, 9), repeat=3):
            a, b = (
                math.prod(probability(z - c, scale) for z, c in zip(output, counts, strict=True))
                for counts in (without, having)
            )
            worst = max(worst, abs(math.log(a / b)))
        assert worst <= float(epsilon) + 1e-9
        # Not less either, where the shopper uses all they may: the noise is no larger than it must be.
        assert worst == pytest.approx(float(epsilon) * sum(change) / most)


def test_suppression_only_adds_up_probabilities() -> None:
    """Below the threshold all outputs are one: the ratio of sums is no more than that of what is summed."""
    scale, threshold = Fraction(2), 5
    for count in range(8):
        shown = [
            reaches(threshold - c, scale) if c < threshold else 1 - reaches(c - threshold + 1, scale)
            for c in (count, count + 1)
        ]
        for a, b in (shown, [1 - each for each in shown]):
            assert abs(math.log(a / b)) <= 1 / 2 + 1e-9


def shoppers_of(**counts: int) -> dict[str, set[str]]:
    return {f"{product}-{n}": {product} for product, count in counts.items() for n in range(count)}


def test_what_many_did_is_released_and_what_few_did_is_not() -> None:
    source = random.Random(3)
    found = release_trending(
        shoppers_of(p0=400, p1=100, p2=3),
        PRODUCTS,
        epsilon=Fraction(1),
        most=1,
        min_shoppers=20,
        randbelow=source.randrange,
    )
    assert [cell for cell, _ in found.counts] == ["p0", "p1"]
    assert found.counts[0][1] == pytest.approx(400, abs=10)
    assert (found.epsilon, found.scale, found.threshold) == (1, 1, 20)


def test_every_cell_gets_noise_also_those_that_nobody_touched(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[Fraction] = []

    def note(scale: Fraction, _: object) -> int:
        drawn.append(scale)
        return 0

    monkeypatch.setattr(release, "discrete_laplace", note)
    for shoppers in ({}, shoppers_of(p0=5), shoppers_of(p0=5, p3=1)):
        drawn.clear()
        release_trending(shoppers, PRODUCTS, epsilon=Fraction(1, 2), most=3, min_shoppers=1)
        assert drawn == [Fraction(6)] * len(PRODUCTS)


def test_products_that_nobody_knows_of_are_no_cells() -> None:
    source = random.Random(4)
    found = release_trending(
        shoppers_of(secret=500),
        PRODUCTS,
        epsilon=Fraction(1),
        most=1,
        min_shoppers=20,
        randbelow=source.randrange,
    )
    assert found.counts == ()


def test_pairs_are_counted_once_in_the_order_of_ids() -> None:
    source = random.Random(5)
    shoppers = {f"s{n}": ["p2", "p0", "p2", "elsewhere"] for n in range(300)}
    found = release_pairs(
        shoppers, PRODUCTS, epsilon=Fraction(1), most=2, min_shoppers=20, randbelow=source.randrange
    )
    ((pair, count),) = found.counts
    assert pair == ("p0", "p2")
    assert count == pytest.approx(300, abs=20)


@given(st.integers(1, 10**9), st.fractions(Fraction(1, 10), Fraction(200)), st.integers(1, 500))
def test_noise_alone_is_seldom_shown(cells: int, scale: Fraction, least: int) -> None:
    threshold = threshold_of(cells, scale, least)
    assert threshold >= least
    assert cells * reaches(threshold, scale) <= 0.05 * (1 + 1e-9)
    if threshold > least:
        assert cells * reaches(threshold - 1, scale) > 0.05 * (1 - 1e-9)


def test_bounds_that_cannot_be_are_refused() -> None:
    with pytest.raises(ValueError, match="epsilon"):
        release_trending({}, PRODUCTS, epsilon=Fraction(0), most=1, min_shoppers=1)
    with pytest.raises(ValueError, match="at least one"):
        release_trending({}, PRODUCTS, epsilon=Fraction(1), most=0, min_shoppers=1)
    many = [f"p{n}" for n in range(MAX_PAIRED_PRODUCTS + 1)]
    with pytest.raises(ValueError, match="at most"):
        release_pairs({}, many, epsilon=Fraction(1), most=1, min_shoppers=1)
