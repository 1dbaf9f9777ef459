from __future__ import annotations

import itertools
import math
import random
from collections import Counter
from collections.abc import Callable
from fractions import Fraction

import pytest

from mmpipe.recommend.private import noise
from mmpipe.recommend.private.noise import discrete_laplace, probability, reaches


@pytest.mark.parametrize("scale", [Fraction(1, 2), Fraction(1), Fraction(7, 3), Fraction(40)])
def test_probabilities_are_of_a_distribution(scale: Fraction) -> None:
    spread = range(-3_000, 3_001)
    assert math.fsum(probability(z, scale) for z in spread) == pytest.approx(1.0)
    for least in (1, 2, 9):
        assert reaches(least, scale) == pytest.approx(
            math.fsum(probability(z, scale) for z in spread if z >= least)
        )


@pytest.mark.parametrize("scale", [Fraction(1, 2), Fraction(7, 3), Fraction(12)])
def test_draws_are_of_that_distribution(scale: Fraction) -> None:
    source, draws = random.Random(1), 20_000
    counts = Counter(discrete_laplace(scale, source.randrange) for _ in range(draws))
    values = range(-20, 21)
    expected = {z: draws * probability(z, scale) for z in values}
    usual = [z for z in values if expected[z] >= 10]
    chi_square = sum((counts[z] - expected[z]) ** 2 / expected[z] for z in usual)
    assert chi_square < len(usual) + 4 * math.sqrt(2 * len(usual))


def drawing(draws: tuple[int, ...]) -> Callable[[int], int]:
    source = iter(draws)
    return lambda most: next(source)


def test_a_coin_of_an_exponential_probability_is_exact() -> None:
    """All sequences of draws, weighed: the probabilities add up to e^(−a/b) as far as they were followed."""

    def weigh(numerator: int, denominator: int, depth: int) -> tuple[Fraction, Fraction]:
        won, left = Fraction(0), Fraction(1)
        for turn in range(1, depth + 1):
            # The run ends at this turn with the rest of what is left.
            again = left * Fraction(numerator, denominator * turn)
            won += (left - again) if turn % 2 else Fraction(0)
            left = again
        return won, left

    for numerator, denominator in ((1, 1), (1, 3), (2, 3), (0, 5)):
        won, unknown = weigh(numerator, denominator, 25)
        assert float(won) == pytest.approx(math.exp(-numerator / denominator), abs=float(unknown) + 1e-15)
        # The code flips as it was weighed: over all draws of the first three turns.
        for draws in itertools.product(range(denominator), range(2 * denominator), range(3 * denominator)):
            turns = [draw < numerator for draw in draws]
            if all(turns):
                continue
            took = turns.index(False) + 1
            assert noise._flip(numerator, denominator, drawing(draws)) == (took % 2 == 1)


def test_the_source_is_the_systems_own_and_secure() -> None:
    import secrets

    defaults: Callable[..., object] = discrete_laplace
    assert secrets.randbelow in (defaults.__defaults__ or ())


@pytest.mark.parametrize("scale", [Fraction(0), Fraction(-1)])
def test_a_scale_is_positive(scale: Fraction) -> None:
    with pytest.raises(ValueError, match="positive"):
        discrete_laplace(scale)


def test_there_is_no_tail_below_one() -> None:
    with pytest.raises(ValueError, match="1 or more"):
        reaches(0, Fraction(1))
