"""Which categories are bought together, of one version, counted once for the many who ask."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from mmpipe.recommend.momentary import Momentary

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mmpipe.recommend.kinds.asked import Behaviour
    from mmpipe.recommend.signals import Actions
    from mmpipe.search.versions.version import Version

# Products of a category whose baskets tell what goes with it.
_SIBLINGS = 8


class Pairs:
    """The categories of ``version`` and what shoppers do, ``actions``. Safe for many threads."""

    def __init__(self, version: Version, actions: Actions) -> None:
        self._version = version
        self.actions = actions
        self._kept: Momentary[Mapping[str, float]] = Momentary(lambda: actions.event_count)

    def beside(self, behaviour: Behaviour, category: str) -> Mapping[str, float]:
        """The categories of what is bought with the :data:`_SIBLINGS` products of a category that most is
        done with, itself and those below it among them, and the sum of the strengths with which it is, the
        highest first, equals by name."""

        def count() -> Mapping[str, float]:
            column, alive = self._version.coded["category"], self._version.alive
            paired: Counter[str] = Counter()
            for row in behaviour.popular(alive & column.mask([category]), _SIBLINGS)[0].tolist():
                rows, values = behaviour.associated(row, "bought", alive)
                for name, value in zip(column.values(rows), values.tolist(), strict=True):
                    if name is not None:
                        paired[name] += value
            return first_by_value(paired)

        return self._kept.of(category, count)


def first_by_value(paired: Mapping[str, float]) -> dict[str, float]:
    """The same with the highest first, equals by name."""
    return dict(sorted(paired.items(), key=lambda each: (-each[1], each[0])))
