"""What many reviews say, added up: counts by aspect, and which sentences stand for them."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from mmpipe.schemas.review import ASPECTS, AspectOpinions, Quote

# Quotations of an aspect, and sentences of a summary.
QUOTES: Final = 2
SUMMARY: Final = 5
# Sentences of these lengths say something, and are read; others are quoted where there are no such.
_SHORT, _LONG = 12, 180
# The newest sentences of an aspect and sense, of which some are quoted.
_CANDIDATES = 100
_Sense = tuple[int, bool]


@dataclass(frozen=True, slots=True)
class Place:
    """``text[start:end]`` of the review ``key``."""

    key: str
    start: int
    end: int


@dataclass(slots=True)
class Added:
    """How many reviews say it, by aspect and sense, and where the newest of them do, newest first."""

    counts: Counter[_Sense] = field(default_factory=Counter)
    places: dict[_Sense, list[Place]] = field(default_factory=lambda: defaultdict(list))


def add_up(said: Iterable[tuple[str, str | None]]) -> Added:
    """Of (key, ``HeldReview.said``), the newest first. A review counts once for an aspect and sense."""
    added = Added()
    for key, packed in said:
        if packed is None:
            continue
        senses: set[_Sense] = set()
        for aspect, positive, start, end in json.loads(packed):
            sense = aspect, bool(positive)
            senses.add(sense)
            if len(added.places[sense]) < _CANDIDATES:
                added.places[sense].append(Place(key, start, end))
        added.counts.update(senses)
    return added


@dataclass(frozen=True, slots=True)
class Chosen:
    """Which sentences are quoted: by aspect, the better attested sense first, and for the summary."""

    aspects: Mapping[int, Sequence[Place]]
    summary: Sequence[Place]

    @property
    def keys(self) -> list[str]:
        """The reviews that are quoted."""
        places = [place for each in (*self.aspects.values(), self.summary) for place in each]
        return list(dict.fromkeys(place.key for place in places))


def choose(added: Added) -> Chosen:
    """Two sentences of each aspect, one of either sense where both are spoken; and few sentences that say
    together, of as many aspects as they can, what most reviews say of them."""
    order = _by_mentions(added.counts)
    aspects = {}
    for aspect in order:
        senses = sorted((True, False), key=lambda positive: -added.counts[aspect, positive])
        best = [_best(added.places.get((aspect, positive), ())) for positive in senses]
        first, second = best
        taken = first[:1] + second[:1] + first[1:]
        aspects[aspect] = list(dict.fromkeys(taken))[:QUOTES]
    return Chosen(aspects, _covering(added, order))


def told(added: Added, chosen: Chosen, texts: Mapping[str, tuple[str, str]]) -> list[AspectOpinions]:
    """By how often they are spoken of; ``texts`` has review id and text of the quoted reviews."""
    return [
        AspectOpinions(
            name=ASPECTS[aspect],
            positive=added.counts[aspect, True],
            negative=added.counts[aspect, False],
            quotes=quotes(places, texts),
        )
        for aspect, places in chosen.aspects.items()
    ]


def quotes(places: Iterable[Place], texts: Mapping[str, tuple[str, str]]) -> list[Quote]:
    """The words at these places; of a review that is gone since, none."""
    found = []
    for place in places:
        held = texts.get(place.key)
        if held is not None:
            found.append(Quote(text=held[1][place.start : place.end], review_id=held[0]))
    return found


def _by_mentions(counts: Counter[_Sense]) -> list[int]:
    mentioned = Counter[int]()
    for (aspect, _), count in counts.items():
        mentioned[aspect] += count
    return sorted(mentioned, key=lambda aspect: (-mentioned[aspect], aspect))


def _best(places: Sequence[Place]) -> list[Place]:
    """Of readable length first, of those the newest; at most one of a review."""
    ordered = sorted(places, key=lambda place: not _SHORT <= place.end - place.start <= _LONG)
    by_review = {place.key: place for place in reversed(ordered)}
    return [place for place in ordered if by_review[place.key] == place]


def _covering(added: Added, order: Sequence[int]) -> list[Place]:
    wanted: dict[_Sense, int] = {}
    for aspect in order:
        positive = added.counts[aspect, True] >= added.counts[aspect, False]
        wanted[aspect, positive] = added.counts[aspect, positive]
    covers: dict[Place, set[_Sense]] = defaultdict(set)
    for sense in wanted:
        for place in added.places.get(sense, ()):
            covers[place].add(sense)
    # A sentence may also say the contrary of what most say of something else.
    chosen: list[Place] = []
    left = dict(wanted)
    while left and len(chosen) < SUMMARY:
        best = max(
            (place for place in covers if place not in chosen),
            key=lambda place: (
                sum(left.get(sense, 0) for sense in covers[place]),
                _SHORT <= place.end - place.start <= _LONG,
            ),
            default=None,
        )
        if best is None or not covers[best] & left.keys():
            break
        chosen.append(best)
        for sense in covers[best]:
            left.pop(sense, None)
    return chosen
