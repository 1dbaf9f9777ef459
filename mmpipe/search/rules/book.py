"""Which of a collection's rules take part in a search."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import TYPE_CHECKING

from mmpipe.lexical import fold, tokens
from mmpipe.search.columns.dictionaries import fold_path
from mmpipe.search.rules.effects import Effects, effects_of

if TYPE_CHECKING:
    from mmpipe.schemas.rules import Rule, RuleSet

Said = tuple[str, ...]
_BELOW = " > "
# So many rules take part in one search, the more important ones: a page cursor carries their names. And as
# many as name so many values together, which the search looks for: it must not hold up others'.
MAX_TAKING, MAX_LOOKED = 20, 1_000


class RuleBook:
    """The enabled rules of one version, looked up by the words that they wait for: what a search costs does
    not grow with the rules that are of other words."""

    def __init__(self, found: RuleSet) -> None:
        self.version = found.version
        self._rules = [rule for rule in found.rules if rule.enabled]
        self._looked = [rule.looked for rule in self._rules]
        self._is: dict[Said, list[int]] = {}
        self._contains: dict[Said, list[int]] = {}
        # Of phrases that begin with a word.
        self._lengths: dict[str, set[int]] = {}
        self._category: dict[str, list[int]] = {}
        self._always: list[int] = []
        for place, rule in enumerate(self._rules):
            self._take(place, rule)

    def __len__(self) -> int:
        return len(self._rules)

    def effects(
        self, text: str | None, categories: Sequence[str], context: Mapping[str, str], now: datetime
    ) -> Effects | None:
        """What the rules of one search come to; None where none takes part. ``categories`` are those that it
        is filtered by or names, ``now`` has a time zone."""
        if not self._rules:
            return None
        places = set(self._always)
        if text and (self._is or self._contains):
            said = _said(text)
            places.update(self._is.get(said, ()))
            for phrase in self._contained(said):
                places.update(self._contains[phrase])
        for path in categories:
            for above in _paths(path):
                places.update(self._category.get(above, ()))
        folded = {fold(name): fold(value) for name, value in context.items()} if context else {}
        taking: list[Rule] = []
        room = MAX_LOOKED
        for place in sorted(places):
            if not _holds(rule := self._rules[place], folded, now):
                continue
            room -= self._looked[place]
            if room < 0 or len(taking) == MAX_TAKING:
                break
            taking.append(rule)
        return effects_of(taking, self.version) if taking else None

    def named(self, names: Iterable[str]) -> Effects | None:
        """What the rules of these names come to, whatever the occasion; None where there is none of them."""
        wanted = frozenset(names)
        taking = [rule for rule in self._rules if rule.name in wanted]
        return effects_of(taking, self.version) if taking else None

    def _take(self, place: int, rule: Rule) -> None:
        when = rule.when
        for text in when.query_is:
            if said := _said(text):
                self._is.setdefault(said, []).append(place)
        for text in when.query_contains:
            if said := _said(text):
                self._contains.setdefault(said, []).append(place)
                self._lengths.setdefault(said[0], set()).add(len(said))
        for path in when.category:
            if folded := fold_path(path):
                self._category.setdefault(folded, []).append(place)
        if not (when.query_is or when.query_contains or when.category):
            self._always.append(place)

    def _contained(self, said: Said) -> set[Said]:
        """The phrases that rules wait for, of those that stand in what is said: each once, whatever rules
        they are of, for one caller's rules and words must not hold up the others."""
        found = {
            said[at : at + length] for at, word in enumerate(said) for length in self._lengths.get(word, ())
        }
        return found & self._contains.keys()


@lru_cache(maxsize=4_096)
def _said(text: str) -> Said:
    return tuple(tokens(text))


@lru_cache(maxsize=4_096)
def _paths(path: str) -> tuple[str, ...]:
    """A category path and those above it."""
    labels = fold_path(path).split(_BELOW)
    return tuple(_BELOW.join(labels[: depth + 1]) for depth in range(len(labels)))


def _holds(rule: Rule, context: Mapping[str, str], now: datetime) -> bool:
    when = rule.when
    if (when.since is not None and now < when.since) or (when.until is not None and now >= when.until):
        return False
    return all(context.get(fold(name)) == fold(value) for name, value in when.context.items())
