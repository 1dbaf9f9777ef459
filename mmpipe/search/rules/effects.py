"""What some rules come to together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from mmpipe.schemas.conditions import Comparison, Condition, Not
from mmpipe.search.find.lifts import Lift

if TYPE_CHECKING:
    from mmpipe.schemas.rules import Pin, Rule

# More than any match is apart from another by what was asked for, boosts and taste: it comes after the rest.
_BURIED = -10.0
# Above what boosts and taste can reach at every position that a pin may have.
_PINNED = 200.0


@dataclass(frozen=True)
class Effects:
    """``conditions`` that every match meets, ``lifts``, ``pins`` by rising position, each position and
    product once; where the shopper is sent, what is said beside the hits, and the ``names`` of the rules of
    this ``version``."""

    conditions: tuple[Condition, ...] = ()
    lifts: tuple[Lift, ...] = ()
    pins: tuple[Pin, ...] = ()
    redirect: str | None = None
    banners: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    version: int = 0

    def lifting_pins(self) -> Effects:
        """The same with pins that lift what is found: where no one process can put a product at a place."""
        if not self.pins:
            return self
        lifted = tuple(
            Lift("rules", "pin", _PINNED - pin.position, Comparison.of("id", (pin.id,))) for pin in self.pins
        )
        return replace(self, lifts=(*self.lifts, *lifted), pins=())

    def told(self) -> dict[str, object]:
        """The members of a :class:`~mmpipe.schemas.search.SearchResponse` that tell of rules."""
        return {"rules": list(self.names), "redirect": self.redirect, "banners": list(self.banners)}


def effects_of(rules: Sequence[Rule], version: int = 0) -> Effects:
    """Of rules that take part, the more important first: of two that want one position, or one redirect, the
    first has it."""
    conditions: list[Condition] = []
    lifts: list[Lift] = []
    positions: dict[int, Pin] = {}
    pinned: set[str] = set()
    for rule in rules:
        if rule.filter is not None:
            conditions.append(rule.filter)
        if rule.hide:
            conditions.append(Not.model_construct(part=Comparison.of("id", rule.hide)))
        lifts += [Lift("rules", rule.name, boost.weight, boost.filter) for boost in rule.boost]
        lifts += [Lift("rules", rule.name, _BURIED, condition) for condition in rule.bury]
        for pin in rule.pin:
            if pin.id not in pinned and pin.position not in positions:
                positions[pin.position] = pin
                pinned.add(pin.id)
    return Effects(
        conditions=tuple(conditions),
        lifts=tuple(lifts),
        pins=tuple(positions[place] for place in sorted(positions)),
        redirect=next((rule.redirect for rule in rules if rule.redirect is not None), None),
        banners=tuple(rule.banner for rule in rules if rule.banner is not None),
        names=tuple(rule.name for rule in rules),
        version=version,
    )
