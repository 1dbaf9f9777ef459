"""Counts of shoppers, released with differential privacy.

Two sets of shoppers are neighbours where one has one shopper more. A release with ``epsilon`` is at most
e^ε times as likely on the one as on the other, whatever comes out (pure ε-differential privacy), because

1. each shopper counts for at most ``most`` cells, by one each, whatever they did: which ones depends on their
   own events only. So all counts together change by at most ``most`` (the sensitivity Δ);
2. every cell of a domain that is known without the shoppers (the live products, pairs of products that were
   released before) gets discrete Laplace noise of scale Δ/ε of its own, those that nobody touched included;
3. all else is done with the noisy counts. Small groups are suppressed by them too: below ``min_shoppers``,
   and below what noise alone would reach anywhere in the domain in more than one release of twenty.
"""

from __future__ import annotations

import hashlib
import itertools
import math
import secrets
from collections import Counter
from collections.abc import Collection, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Generic, TypeVar

from mmpipe.recommend.private.noise import RandBelow, discrete_laplace, reaches

Cell = TypeVar("Cell", bound=Hashable)

# Pairs are counted among so many products: 19,900 cells.
MAX_PAIRED_PRODUCTS = 200
_NOISE_ALONE = 0.05


@dataclass(frozen=True)
class Release(Generic[Cell]):
    """What may be shown to anybody: cells with their noisy numbers of shoppers, the greatest first.

    ``threshold`` is the number below which cells are left out; ``scale`` that of the noise, which is within
    ± 3 · scale of the truth for 95 % of the cells.
    """

    epsilon: Fraction
    scale: Fraction
    threshold: int
    counts: tuple[tuple[Cell, int], ...]


def release_trending(
    shoppers: Mapping[str, Iterable[str]],
    products: Collection[str],
    *,
    epsilon: Fraction,
    most: int,
    min_shoppers: int,
    randbelow: RandBelow = secrets.randbelow,
) -> Release[str]:
    """How many shoppers showed interest in each product.

    ``shoppers`` has each one's products, under whatever names them for good; ``products`` is the domain: it
    must not follow from what the shoppers did. ``randbelow`` is replaced in tests only. Raises ``ValueError``
    for a bound below 1 or an epsilon that is not positive.
    """
    domain = sorted(set(products))
    known = set(domain)
    cells = {name: {product for product in own if product in known} for name, own in shoppers.items()}
    return _released(cells, domain, epsilon, most, min_shoppers, randbelow)


def release_pairs(
    shoppers: Mapping[str, Iterable[str]],
    products: Collection[str],
    *,
    epsilon: Fraction,
    most: int,
    min_shoppers: int,
    randbelow: RandBelow = secrets.randbelow,
) -> Release[tuple[str, str]]:
    """How many shoppers did something with both of two products, each pair once, in the order of the ids.

    As :func:`release_trending`, of the pairs of ``products``, at most :data:`MAX_PAIRED_PRODUCTS` of them:
    those that a private release of trending products named, for what follows from it is free.
    """
    domain = sorted(set(products))
    if len(domain) > MAX_PAIRED_PRODUCTS:
        raise ValueError(f"pairs are released of at most {MAX_PAIRED_PRODUCTS} products")
    known = set(domain)
    cells = {
        name: set(itertools.combinations(sorted({p for p in own if p in known}), 2))
        for name, own in shoppers.items()
    }
    return _released(cells, list(itertools.combinations(domain, 2)), epsilon, most, min_shoppers, randbelow)


def bounded(cells: Mapping[str, Collection[Cell]], most: int) -> Counter[Cell]:
    """Shoppers by cell, where each counts for at most ``most`` cells, chosen by a digest of shopper and cell:
    adding or removing a shopper changes all counts together by at most ``most``."""
    if most < 1:
        raise ValueError("a shopper counts for at least one cell")
    counts: Counter[Cell] = Counter()
    for name, own in cells.items():
        counts.update(sorted(set(own), key=lambda cell: _digest(name, cell))[:most])
    return counts


def threshold_of(cells: int, scale: Fraction, min_shoppers: int) -> int:
    """The least noisy count that is shown: ``min_shoppers``, or more where noise alone would reach it in any
    of so many empty cells with more than 5 %."""
    least = max(1, min_shoppers)
    if cells * reaches(least, scale) <= _NOISE_ALONE:
        return least
    both_sides = 1 + math.exp(-1 / float(scale))
    return max(least, math.ceil(float(scale) * math.log(cells / (_NOISE_ALONE * both_sides))))


def _released(
    cells: Mapping[str, Collection[Cell]],
    domain: Sequence[Cell],
    epsilon: Fraction,
    most: int,
    min_shoppers: int,
    randbelow: RandBelow,
) -> Release[Cell]:
    if epsilon <= 0:
        raise ValueError("epsilon is positive")
    counts = bounded(cells, most)
    scale = most / epsilon
    threshold = threshold_of(len(domain), scale, min_shoppers)
    noisy = ((cell, counts[cell] + discrete_laplace(scale, randbelow)) for cell in domain)
    shown = [each for each in noisy if each[1] >= threshold]
    shown.sort(key=lambda each: -each[1])  # equal ones stay in the domain's order
    return Release(epsilon=epsilon, scale=scale, threshold=threshold, counts=tuple(shown))


def _digest(name: str, cell: Hashable) -> bytes:
    return hashlib.blake2b(repr((name, cell)).encode(), digest_size=16).digest()
