"""Who gets the places, and for how much: the generalised second-price auction.

Products are ordered by bid × click probability; each that gets a place pays the least that keeps it there:
what makes its own product of bid and probability that of the next one (Edelman, Ostrovsky and Schwarz,
*Internet Advertising and the Generalized Second-Price Auction*, 2007), at least the reserve. All of it is
whole numbers, so that the same bids give the same prices everywhere.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

# Click probabilities are compared in billionths.
PROBABILITY: Final = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Candidate:
    """A bidder: ``bid`` in millionths, ``probability`` of a click in billionths, at least 1."""

    product_id: str
    bid: int
    probability: int


@dataclass(frozen=True, slots=True)
class Won:
    """A place, and what it costs in millionths; in the order of the places."""

    product_id: str
    price: int


def auction(candidates: Sequence[Candidate], slots: int, reserve: int) -> list[Won]:
    """Up to ``slots`` places by falling bid × probability, ties by id; who bids less than ``reserve``
    (millionths) takes no part. Each product must be there once.

    Every price is at least the reserve and at most the product's own bid. A higher bid never makes a
    product's place worse, and its price does not depend on its own bid while its place does not.
    """
    order = sorted(
        (one for one in candidates if one.bid >= reserve),
        key=lambda one: (-one.bid * one.probability, one.product_id),
    )
    won = []
    for place, one in enumerate(order[: max(slots, 0)]):
        price = reserve
        if place + 1 < len(order):
            price = max(price, _keeps(one, order[place + 1]))
        won.append(Won(one.product_id, price))
    return won


def _keeps(one: Candidate, following: Candidate) -> int:
    """The least bid with which ``one`` still comes before ``following``."""
    other = following.bid * following.probability
    price = -(-other // one.probability)
    if price * one.probability == other and one.product_id > following.product_id:
        price += 1
    return price


def click_probability(impressions: float, clicks: float, *, prior: float, prior_impressions: float) -> int:
    """Clicks per impression in billionths, drawn towards ``prior`` as if there had been
    ``prior_impressions`` more with that rate: the mean of a beta posterior. Counts that cannot be (negative,
    not finite, more clicks than impressions) are cut to what can."""
    shown = impressions if math.isfinite(impressions) and impressions > 0 else 0.0
    clicked = clicks if math.isfinite(clicks) and clicks > 0 else 0.0
    rate = (min(clicked, shown) + prior * prior_impressions) / (shown + prior_impressions)
    return max(1, min(PROBABILITY, round(rate * PROBABILITY)))
