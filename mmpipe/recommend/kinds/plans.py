"""Which measures make a list of a kind, and which stand for it where these find too little."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mmpipe.recommend.kinds import everybody, product, shopper

if TYPE_CHECKING:
    from mmpipe.recommend.kinds.asked import Asked
    from mmpipe.recommend.rank.scored import Scored
    from mmpipe.schemas.recommend import Kind

Measure = Callable[["Asked", int], "Scored"]


@dataclass(frozen=True)
class Plan:
    """``own`` measures are the kind; ``others`` fill what they leave empty, and the answer says so. Of both
    the first goes first, and what it gives stands above the next.

    ``about_products`` lists need sources. ``diversity`` and ``explore`` hold where the request names none.
    ``all_seen`` is a list of what was seen, in the order of time: that and what was bought is not excluded.
    ``sells`` is a list whose places may be paid for, ``probable`` one whose items say how probably the
    shopper is interested.
    """

    own: tuple[Measure, ...]
    others: tuple[Measure, ...] = ()
    about_products: bool = False
    diversity: float = 0.0
    explore: float = 0.0
    all_seen: bool = False
    sells: bool = False
    probable: bool = False


_ANYTHING = (everybody.popular, everybody.typical, everybody.anything)

PLANS: Mapping[Kind, Plan] = {
    "similar": Plan((product.similar,), _ANYTHING, about_products=True, sells=True),
    "for_you": Plan(
        (shopper.for_you,),
        (everybody.trending, *_ANYTHING),
        diversity=0.3,
        explore=0.1,
        sells=True,
        probable=True,
    ),
    "session": Plan(
        (shopper.session,),
        (shopper.for_you, everybody.trending, *_ANYTHING),
        diversity=0.3,
        explore=0.1,
        sells=True,
        probable=True,
    ),
    "bought_together": Plan(
        (product.bought_together,), (product.goes_with, product.similar), about_products=True
    ),
    "also_viewed": Plan((product.also_viewed,), (product.similar, *_ANYTHING), about_products=True),
    "trending": Plan(
        (everybody.trending_here, everybody.trending), _ANYTHING, diversity=0.3, explore=0.1, sells=True
    ),
    "popular": Plan(
        (everybody.popular,), (everybody.typical, everybody.anything), diversity=0.3, explore=0.1, sells=True
    ),
    "substitutes": Plan((product.substitutes,), about_products=True),
    "complements": Plan((product.complements,), (product.goes_with,), about_products=True),
    "new_arrivals": Plan((everybody.new_arrivals,)),
    "recently_viewed": Plan((shopper.recently_viewed,), all_seen=True),
}
