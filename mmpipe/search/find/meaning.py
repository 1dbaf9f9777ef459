"""What a query's text means: the prices, brands, colours, sizes and categories that its words say.

A price is a condition, and the words that say it are not looked for. What names a value of the catalogue
(:mod:`mmpipe.search.find.values`) lifts the products that have it, or is a condition too; its words are
looked for all the same. What stands in quotes or behind a minus is taken as it stands.

Where nothing is found, :meth:`Meaning.looser` leaves out one thing after the other. A page cursor carries
what was meant on the first page, for the catalogue may have other values by the next.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import cached_property
from typing import TYPE_CHECKING, Final, Literal

from mmpipe.lexical import tokens
from mmpipe.schemas.conditions import Comparison, Condition, comparisons
from mmpipe.search.columns.dictionaries import CATEGORY, fold
from mmpipe.search.find import values
from mmpipe.search.find.amounts import bounds
from mmpipe.search.find.lifts import Lift
from mmpipe.search.find.money import measures
from mmpipe.search.find.stated import even, state, untouched

if TYPE_CHECKING:
    from mmpipe.schemas.search import Meaning as Mode
    from mmpipe.schemas.search import SearchRequest
    from mmpipe.search.find.synonyms import Synonyms
    from mmpipe.search.find.values import Candidate, Reading, Told
    from mmpipe.search.versions.version import Version

PRICE: Final = "price"
# What a value that is named lifts the products by that have it, as a share of the span of scores: with its
# word more than what vectors say.
LIFT: Final = 0.3
MOST_PARTS: Final = 8
MOST_ALSO: Final = 6
# Words that may stand behind the thing that is looked for.
_BEHIND: Final = frozenset(
    (
        "for", "with", "in", "and", "or", "from", "by", "of", "on", "under", "over", "below", "above",
        "without", "that", "not", "except", "but",
    )
)  # fmt: skip
# Behind these a value is what is not wanted.
_NOT: Final = re.compile(
    r"(?:(?<![a-z0-9'])(?:not|non|no|without|except|excluding)[ -](?:in |for |a |any |the )?"
    r"|不要|不是|除了|没有|不含|非)$"
)
_LONGEST_NOT: Final = 16
_OF: Final = "的"

Span = tuple[int, int]
# Of a value: minus the products that have it, the place of its field, the field, the value.
_Option = tuple[int, int, str, str]
Applied = Literal["filter", "boost", "none"]


@dataclass(frozen=True, slots=True)
class Part:
    """What a text says from ``start`` to ``end`` of a field: a ``value`` as the catalogue spells it, and in
    ``also`` its other values for the same, as those of the other language; or of a price at least ``gte``, at
    most ``lte`` in a ``currency``; ``none`` of it is ``applied`` where that is not the collection's own."""

    field: str
    start: int
    end: int
    applied: Applied
    value: str | None = None
    gte: Decimal | None = None
    lte: Decimal | None = None
    currency: str | None = None
    also: tuple[str, ...] = ()

    @property
    def values(self) -> tuple[str, ...]:
        """All values that are meant; none of a price."""
        return () if self.value is None else (self.value, *self.also)

    def near(self, said: str) -> tuple[str, ...]:
        """Of the values those that only another word of the same language says of a text that says the value
        itself."""
        if self.value is None or not values.spells(said[self.start : self.end], self.value):
            return ()
        return tuple(other for other in self.also if values.is_han(other) == values.is_han(self.value))

    @property
    def name(self) -> str:
        """What shoppers are told that it is: ``color: Red``, ``price: at most 500``."""
        if self.value is not None:
            return f"{self.field}: {self.value}"
        if self.gte is None:
            return f"{self.field}: at most {self.lte}"
        return (
            f"{self.field}: at least {self.gte}"
            if self.lte is None
            else f"{self.field}: {self.gte} to {self.lte}"
        )

    def told(self) -> dict[str, object]:
        """An :class:`~mmpipe.schemas.search.UnderstoodPart`, as JSON has it."""
        return {
            "field": self.field,
            "value": self.value,
            "gte": None if self.gte is None else str(self.gte),
            "lte": None if self.lte is None else str(self.lte),
            "currency": self.currency,
            "start": self.start,
            "end": self.end,
            "applied": self.applied,
        }


@dataclass(frozen=True)
class Meaning:
    """What ``said``, a query's text, means. ``taken`` are the places of it that are not looked for, in order.
    ``relaxed`` names what was left out since nothing was found with it; with ``loose`` the phrases in quotes
    are among that."""

    said: str
    parts: tuple[Part, ...] = ()
    taken: tuple[Span, ...] = ()
    relaxed: tuple[str, ...] = ()
    loose: bool = False

    @cached_property
    def text(self) -> str:
        """What is left to be looked for; empty where all of it was said of a price."""
        left, at = [], 0
        for start, end in (*self.taken, (len(self.said), len(self.said))):
            left.append(self.said[at:start].strip())
            at = end
        return " ".join(filter(None, left))

    @cached_property
    def conditions(self) -> tuple[Condition, ...]:
        """What every match must meet: of each field what any of its values says."""
        held: dict[str, list[str]] = {}
        found: list[Condition] = []
        for part in self.parts:
            if part.applied == "filter" and part.value is not None:
                held.setdefault(part.field, []).extend(part.values)
            elif part.applied == "filter":
                found.append(
                    Comparison.model_construct(
                        field=part.field, gte=part.gte, lte=part.lte, currency=part.currency
                    )
                )
        found += [Comparison.of(name, each) for name, each in held.items()]
        return tuple(found)

    @cached_property
    def values(self) -> frozenset[str]:
        """The tokens of what names a value that is no category."""
        named = (part for part in self.parts if part.value is not None and part.field != CATEGORY)
        return frozenset(token for part in named for token in tokens(self.said[part.start : part.end]))

    @cached_property
    def lifts(self) -> tuple[Lift, ...]:
        """What lifts those that have what is named: half as far those with a value that is another word of
        the same language for what the catalogue has as it is written, as ceramic is for porcelain."""
        found: list[Lift] = []
        for part in self.parts:
            if part.applied != "boost" or part.value is None:
                continue
            near = part.near(self.said)
            same = tuple(value for value in part.values if value not in near)
            found.append(Lift("boosts", part.name, LIFT, Comparison.of(part.field, same)))
            if near:
                name = f"{part.field}: {' | '.join(near)}"
                found.append(Lift("boosts", name, LIFT / 2, Comparison.of(part.field, near)))
        return tuple(found)

    @staticmethod
    def nothing() -> dict[str, object]:
        """:meth:`told` of a text whose words are words alone."""
        return {"understood": (), "relaxed": ()}

    def told(self) -> dict[str, object]:
        """What a :class:`~mmpipe.schemas.search.SearchResponse` says of it, as JSON has it."""
        return {"understood": [part.told() for part in self.parts], "relaxed": self.relaxed}

    def asked(self, request: SearchRequest) -> SearchRequest:
        """The request as it is encoded: with what is left of its text."""
        return request.model_copy(update={"text": self.text or None}) if self.taken else request

    def looser(self) -> Meaning | None:
        """The same with less: without the last value that is a condition, where none is without the price,
        where none is without its quotes; None where nothing is left to be left out, or to be looked for."""
        filters = [part for part in self.parts if part.applied == "filter"]
        dropped = [part for part in filters if part.value is not None][-1:] or filters
        if dropped and not self.text and all(part.value is None for part in dropped):
            return None
        if dropped:
            kept = tuple(part for part in self.parts if part not in dropped)
            return replace(self, parts=kept, relaxed=(*self.relaxed, *(part.name for part in dropped)))
        phrases = () if self.loose else state(self.text).phrases
        if not phrases:
            return None
        return replace(self, relaxed=(*self.relaxed, *(f'"{said}"' for said in phrases)), loose=True)


def understand(
    said: str,
    reading: Reading,
    told: Told,
    currency: str | None,
    mode: Mode,
    filtered: frozenset[str] = frozenset(),
) -> Meaning | None:
    """What a text means: ``reading`` is what it may name, ``told`` what of that the catalogue has, and
    ``currency`` the collection's own: a price in another is told, its words are not looked for, and nothing
    follows of it. Nothing is said of the fields that are ``filtered`` already. None where nothing is, and
    there is no phrase either."""
    spared = untouched(said)
    text = even(said)
    parts = [] if PRICE in filtered else _prices(text, currency, spared)
    # Where words for a price stand in a row, what is between them is none.
    taken = [_with_of(text, part) for part in parts]
    if not _left(text, taken):
        # What no currency of the collection's says is all that there is: it stays words.
        taken = [span for part, span in zip(parts, taken, strict=True) if part.applied != "none"]
        parts = [part for part in parts if part.applied != "none"]
    chosen = _chosen(text, reading, told, [*taken, *spared])
    applied: Applied = "filter" if mode == "filter" else "boost"
    for candidate, name, value in chosen[: MOST_PARTS - len(parts)]:
        if name in filtered:
            continue
        also = _also(reading, told, candidate, name, value)
        parts.append(Part(name, candidate.start, candidate.end, applied, value, also=also))
        if candidate.noun is not None:
            taken.append(candidate.noun)
    if not parts and not state(said).phrases:
        return None
    return Meaning(said, tuple(sorted(parts, key=lambda part: part.start)), tuple(sorted(taken)))


def meant(
    version: Version, said: str, synonyms: Synonyms | None, mode: Mode, filtered: frozenset[str]
) -> Meaning | None:
    """:func:`understand` by one version, that remembers what it was asked lately."""
    key = "meaning", said, None if synonyms is None else synonyms.number, mode, filtered
    held: tuple[Meaning | None] | None = version.text.understood.get(key)
    if held is None:
        reading = read(said, synonyms)
        told = values.tell(version, reading.keys, tuple(reading.joints))
        held = (understand(said, reading, told, version.prices.currency, mode, filtered),)
        version.text.understood.put(key, held)
    return held[0]


def read(said: str, synonyms: Synonyms | None) -> Reading:
    """What of a text may be values of the catalogue."""
    return values.read(even(said), said, synonyms, untouched(said))


def filtered_by(request: SearchRequest) -> frozenset[str]:
    """The fields that a request filters by itself."""
    found = {name for name in request.filters.model_fields_set if getattr(request.filters, name)}
    if request.filter is not None:
        found |= {each.field for each in comparisons(request.filter)}
    return frozenset(found)


def _prices(text: str, currency: str | None, spared: Sequence[Span]) -> list[Part]:
    """At most one lower and one upper bound: the first of each."""
    found: list[Part] = []
    for bound in bounds(text, currency):
        again = any(
            (bound.low is not None and part.gte is not None)
            or (bound.high is not None and part.lte is not None)
            for part in found
        )
        if not again and not _over((bound.start, bound.end), spared):
            applied: Applied = "filter" if bound.currency == currency else "none"
            low, high, code = bound.low, bound.high, bound.currency
            found.append(Part(PRICE, bound.start, bound.end, applied, gte=low, lte=high, currency=code))
    return found


def _left(text: str, taken: Sequence[Span]) -> bool:
    """Whether anything of a text is left beside what is taken."""
    at = 0
    for start, end in sorted(taken):
        if text[at:start].strip():
            return True
        at = end
    return bool(text[at:].strip())


def _with_of(text: str, part: Part) -> Span:
    end = part.end + len(text[part.end :]) - len(text[part.end :].lstrip())
    return (part.start, end + 1) if text[end : end + 1] == _OF else (part.start, part.end)


def _chosen(
    text: str, reading: Reading, told: Told, used: Sequence[Span]
) -> list[tuple[Candidate, str, str]]:
    """The values that are named, each with its field, from left to right: of those that share a word the
    longest, then what is written before what stands for it, then what more products have."""
    known = frozenset(key for held in told.held.values() for key in held)
    joined = [span for word, span in reading.joints.items() if word in told.words]
    found: list[tuple[int, bool, int, int, int, list[_Option], Candidate]] = []
    for candidate in reading.candidates:
        if known.isdisjoint(candidate.keys) or any(_cuts(candidate, span) for span in joined):
            continue
        if _NOT.search(text[max(candidate.start - _LONGEST_NOT, 0) : candidate.start]) is not None:
            continue
        options = sorted(
            (-held[0], values.FIELDS.index(name), name, held[1])
            for name in candidate.fields
            for key in candidate.keys
            if (held := told.value(name, key)) is not None
        )
        if options:
            count, place, *_ = options[0]
            shorter = candidate.start - candidate.end
            found.append((shorter, not candidate.own, count, place, candidate.start, options, candidate))
    found.sort(key=lambda each: each[:5])
    taken, named = list(used), []
    for *_, options, candidate in found:
        if not _over((candidate.start, candidate.end), taken):
            taken.append((candidate.start, candidate.end))
            named.append((candidate, options))
    chosen = []
    for candidate, options in named:
        if options[0][2] == CATEGORY and not _is_last(text, candidate, reading, taken):
            options = [each for each in options if each[2] != CATEGORY]
        if options:
            chosen.append((candidate, *options[0][2:]))
    return sorted(chosen, key=lambda each: each[0].start)


def _also(reading: Reading, told: Told, chosen: Candidate, name: str, value: str) -> tuple[str, ...]:
    """The field's other values that the same words stand for, those of most products first."""
    known = {fold(value)}
    found: list[tuple[int, str]] = []
    for candidate in reading.candidates:
        if (candidate.start, candidate.end) != (chosen.start, chosen.end) or name not in candidate.fields:
            continue
        for key in candidate.keys:
            held = told.value(name, key)
            if held is not None and key not in known:
                known.add(key)
                found.append((-held[0], held[1]))
    return tuple(other for _, other in sorted(found)[:MOST_ALSO])


def _is_last(text: str, candidate: Candidate, reading: Reading, taken: Sequence[Span]) -> bool:
    """Whether no other word follows that says more of what is looked for: a phone case is no phone."""
    at = candidate.end
    while True:
        begins = next((span for span in taken if span[0] <= at < span[1] and span[0] >= candidate.end), None)
        if begins is not None:
            at = begins[1]
        elif at < len(text) and text[at] in " ,，":
            at += 1
        else:
            break
    if at >= len(text) or text[at] == _OF:
        return True
    following = _behind_numbers(text, at, reading)
    return following is None or following in _BEHIND


def _behind_numbers(text: str, at: int, reading: Reading) -> str | None:
    """The word at a place, or behind the numbers and amounts that stand there: sneakers 42, bottle 500 ml."""
    words = [text[start:end] for start, end in reading.pieces if end > at]
    while words and words[0][0].isdecimal():
        amount = not words[0].isdecimal() or (len(words) > 1 and measures(f"{words[0]} {words[1]}"))
        words = words[2 if amount and words[0].isdecimal() else 1 :]
    return words[0] if words else None


def _cuts(candidate: Candidate, word: Span) -> bool:
    """Whether a candidate is a part of a word that was written as two, but not the whole: sun glasses."""
    return _over((candidate.start, candidate.end), (word,)) and not (
        candidate.start <= word[0] and word[1] <= candidate.end
    )


def _over(span: Span, others: Sequence[Span]) -> bool:
    return any(start < span[1] and span[0] < end for start, end in others)
