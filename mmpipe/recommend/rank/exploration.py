"""Places that go to cold products, so that the shop learns of them.

Which places is drawn with the share that was asked for; who gets one by Thompson sampling: for every cold
product a click rate is drawn from its Beta distribution, and the highest of score times rate wins. The prior
is the rate of the warm products of the same list, worth :data:`PRIOR` showings: one that was shown a few
times without a click soon gives its place to another.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Counts = NDArray[np.int64]
Scores = NDArray[np.float64]

# With fewer showings than this nobody knows whether shoppers want a product.
COLD = 30
PRIOR = 10.0
# A rate that nobody has measured yet: that of a page of ten of which one is clicked.
_UNKNOWN_RATE = 0.1
_RATES = (0.01, 0.5)


def explored(
    order: Sequence[int],
    count: int,
    scores: Scores,
    shown: Counts,
    clicked: Counts,
    share: float,
    draws: np.random.Generator,
) -> tuple[list[int], set[int]]:
    """The ``count`` places to show of an ``order`` of candidates, and which of them are there to be explored.

    ``scores``, ``shown`` and ``clicked`` are the candidates' by place. The first place is never given away. A
    cold product that is in the list anyway is moved up rather than shown twice; it counts as explored.
    """
    chosen = list(order[:count])
    cold = np.flatnonzero(shown < COLD)
    if share <= 0 or len(chosen) < 2 or not len(cold):
        return chosen, set()
    places = [place for place in range(1, len(chosen)) if draws.random() < share]
    if not places:
        return chosen, set()
    warm = shown >= COLD
    seen = int(shown[warm].sum())
    rate = float(clicked[warm].sum()) / seen if seen else _UNKNOWN_RATE
    rate = min(max(rate, _RATES[0]), _RATES[1])
    hits = np.minimum(clicked, shown)[cold]
    rates = draws.beta(PRIOR * rate + hits, PRIOR * (1 - rate) + shown[cold] - hits)
    worth = np.maximum(scores[cold], 1e-9) * rates
    taken: set[int] = set()
    wanted = [int(cold[at]) for at in np.argsort(-worth, kind="stable")]
    for place in places:
        who = next((each for each in wanted if each not in taken and each != chosen[0]), None)
        if who is None:
            break
        if who in chosen:
            if chosen.index(who) <= place:
                taken.add(who)  # it has a place as good as this one by itself
                continue
            chosen.remove(who)
        chosen.insert(place, who)
        del chosen[count:]
        taken.add(who)
    shown_now = set(chosen)
    lead = set(order[:count])
    return chosen, {
        who for who in taken if who in shown_now and (who not in lead or _moved(who, order, chosen))
    }


def _moved(who: int, order: Sequence[int], chosen: Sequence[int]) -> bool:
    return chosen.index(who) < list(order).index(who)
