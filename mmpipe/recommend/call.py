"""One call for lists: shopper → exclusions → candidates of each list → what is shown.

Lists are made in the order of the request, and what one shows no later one does.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from pydantic_core import to_json

from mmpipe.errors import InvalidRequest
from mmpipe.recommend import why
from mmpipe.recommend.kinds.asked import Asked, Learnt
from mmpipe.recommend.kinds.past import Did
from mmpipe.recommend.kinds.plans import PLANS
from mmpipe.recommend.rank.choice import Manner, Taken, choose
from mmpipe.recommend.rank.sold import Item, because, sold
from mmpipe.search.find import filters
from mmpipe.search.page import present

if TYPE_CHECKING:
    from mmpipe.recommend.behaviour import Shopper
    from mmpipe.recommend.kinds.asked import Behaviour
    from mmpipe.recommend.kinds.plans import Measure, Plan
    from mmpipe.recommend.kinds.shelf import Shelf
    from mmpipe.recommend.rank.choice import Chosen
    from mmpipe.recommend.rank.scored import Because, Scored
    from mmpipe.recommend.signals import Recommender
    from mmpipe.recommend.sponsored import Sponsored
    from mmpipe.schemas.recommend import RecommendationsRequest, WantedList
    from mmpipe.search.versions.version import Version

Rows = NDArray[np.int32]

_NONE: Rows = np.zeros(0, np.int32)
_EXPLORED = {mark: b'"explored":%b' % to_json(mark) for mark in (False, True)}
_SPONSORED = {mark: b'"sponsored":%b' % to_json(mark) for mark in (False, True)}
_FIRST_DEPTH = 64
_PER_ITEM = 6
_DEEPEST = 20_000
_HOUR = 3_600.0
# Products of the history that a list is about where none is named.
_LATEST = 3


@dataclass(kw_only=True)
class Call:
    """What the lists of one call share. Without any event ``behaviour`` is None; ``now`` is in Unix
    seconds."""

    version: Version
    shelf: Shelf
    behaviour: Behaviour | None
    model: Recommender | None
    sponsored: Sponsored | None
    request: RecommendationsRequest
    shopper: Shopper | None
    now: float

    def __post_init__(self) -> None:
        known = self.behaviour
        self._did = Did(
            None if known is None else known.actions,
            None if known is None else known.items,
            self.shopper,
            self.now,
        )
        self._told: dict[tuple[Hashable, ...], bytes] = {}
        self.learnt = Learnt(self.version, self.model, self._did, self.now)
        excluded = (self.version.find(product_id) for product_id in self.request.exclude.product_ids)
        self._excluded = _rows([row for row in excluded if row is not None])
        self._disliked, self._refused = self._exclusions()
        # What lists have shown, which no later one may.
        self._shown: list[int] = []

    def answer(self, place: int, wanted: WantedList) -> bytes:
        """The list at one place of the request, as JSON."""
        plan = PLANS[wanted.kind]
        asked, taken = self._asked(place, wanted, plan)
        sourceless = plan.about_products and not asked.sources
        measures = (*plan.own, *(PLANS["for_you"].others if sourceless else plan.others))
        manner = self._manner(wanted, plan)
        items: list[Item] = []
        given: list[tuple[str, int]] = []
        own, least = 0, math.inf
        for number, measure in enumerate(measures):
            room = wanted.limit - len(items)
            if room <= 0:
                break
            if items:
                asked = replace(asked, mask=asked.mask & ~taken.rows)
            scored, chosen = self._candidates(asked, measure, room, taken, manner)
            if not len(chosen.places):
                continue
            scores = scored.scores
            highest = float(scores[chosen.places].max())
            if highest > least > 0:
                # What stands in goes below: scores of one list compare.
                scored = replace(scored, factor=scored.factor * least / highest)
                scores = scored.scores
            least = min(least, float(scores[chosen.places].min()))
            if number < len(plan.own):
                own += len(chosen.places)
            else:
                given.append((measure.__name__, len(items)))
            items += [Item(scored, at, explored=at in chosen.explored) for at in chosen.places.tolist()]
            taken.add(scored.rows[chosen.places])
        query_id = None
        if plan.sells and items and self.sponsored is not None and wanted.sponsored != 0:
            items, query_id = sold(self.sponsored, asked, items, taken, wanted.limit, wanted.sponsored)
        self._shown += [item.row for item in items]
        fallback = None
        if given or not items:
            fallback = why.fallback_text(
                self.request.lang,
                wanted.kind,
                given,
                found=own,
                named=self.shopper is not None,
                sourceless=sourceless,
            )
        head = {"kind": wanted.kind, "name": wanted.called, "fallback": fallback, "query_id": query_id}
        found = self._hits(items, probable=plan.probable)
        return b"".join((to_json(head)[:-1], b',"items":[', b",".join(found), b"]}"))

    def _exclusions(self) -> tuple[Rows, Rows]:
        """What no list may show, and what none but that of what was seen, of what the shopper did."""
        if self.behaviour is None or self.shopper is None:
            return _NONE, _NONE
        done = self.behaviour.actions.done(self.shopper)
        # In this order: events come meanwhile, and so do items.
        every = self.behaviour.items.every
        exclude = self.request.exclude
        refused = [
            every[codes]
            for wanted, codes in ((exclude.purchased, done.purchased), (exclude.seen, done.seen))
            if wanted
        ]
        return every[done.disliked], np.concatenate([_NONE, *refused])

    def _asked(self, place: int, wanted: WantedList, plan: Plan) -> tuple[Asked, Taken]:
        version = self.version
        conditions = () if wanted.filter is None else (wanted.filter,)
        base = filters.allowed(version, wanted.filters, conditions, in_stock=self.request.exclude.sold_out)
        sources = self._sources(place, wanted, plan)
        refused = _NONE if plan.all_seen else self._refused
        rows = np.concatenate([self._excluded, self._disliked, refused, _rows(self._shown), _rows(sources)])
        taken = Taken.of(version, rows[rows >= 0])
        asked = Asked(
            version=version,
            shelf=self.shelf,
            behaviour=self.behaviour,
            learnt=self.learnt,
            did=self._did,
            filters=wanted.filters,
            base=base,
            mask=base & ~taken.rows,
            sources=sources,
            now=self.now,
        )
        return asked, taken

    def _sources(self, place: int, wanted: WantedList, plan: Plan) -> tuple[int, ...]:
        if not plan.about_products:
            return ()
        if wanted.product_ids is not None:
            return tuple(dict.fromkeys(self.version.row(each) for each in wanted.product_ids))
        field = "product_ids" if self.request.lists is None else f"lists.{place}.product_ids"
        if wanted.kind == "substitutes":
            raise InvalidRequest(field, "name the products that a substitute is wanted for")
        if self.shopper is None:
            raise InvalidRequest(
                field,
                f"name the products that '{wanted.kind}' is about, or the shopper by user_id or session_id",
            )
        cart = self._did.past.cart()
        latest = cart if len(cart) else self._did.past.viewed()[0]
        return tuple(latest[:_LATEST].tolist())

    def _manner(self, wanted: WantedList, plan: Plan) -> Manner:
        diversity = plan.diversity if self.request.diversity is None else self.request.diversity
        explore = plan.explore if self.request.explore is None else self.request.explore
        if plan.all_seen:
            diversity = explore = 0.0
        exposures = None if self.behaviour is None else self.behaviour.exposures
        return Manner(diversity, explore, exposures, partial(self._draws, wanted.kind))

    def _draws(self, kind: str) -> np.random.Generator:
        """Chance that stays the same for one shopper and kind for an hour."""
        who = self.shopper
        name = "" if who is None else f"{who.user or ''}\0{who.session or ''}"
        seed = f"{name}\0{int(self.now // _HOUR)}\0{kind}"
        digest = hashlib.blake2b(seed.encode(errors="surrogatepass"), digest_size=8).digest()
        return np.random.default_rng(int.from_bytes(digest, "big"))

    def _candidates(
        self, asked: Asked, measure: Measure, room: int, taken: Taken, manner: Manner
    ) -> tuple[Scored, Chosen]:
        """What a measure finds, looked at as deep as it takes to fill the room."""
        depth = _FIRST_DEPTH + _PER_ITEM * room
        while True:
            scored = measure(asked, depth)
            chosen = choose(self.version, scored, room, taken, manner)
            if len(chosen.places) >= room or not scored.more or depth >= _DEEPEST:
                return scored, chosen
            # Many variants stood in the way.
            depth *= 4

    def _hits(self, items: list[Item], *, probable: bool) -> list[bytes]:
        rows = np.array([item.row for item in items], np.int32)
        hits = present.hits(self.version, rows, [item.score for item in items], None, [None] * len(items))
        interest = self.learnt.interest(rows) if probable else None
        found = []
        reasons = because(items) if self.request.explain else [[] for _ in items]
        causes = {part.row: None for parts in reasons for part in parts if part.row is not None}
        titles = self.shelf.titles(causes, self.request.lang)
        # All at once: a number alone takes longer to begin than to write.
        numbers = iter(to_json([part.part for parts in reasons for part in parts])[1:-1].split(b","))
        for place, (item, hit) in enumerate(zip(items, hits, strict=True)):
            likely = b"null" if interest is None else to_json(float(interest[place]))
            parts = b",".join(
                [b'%b,"part":%b}' % (self._why(part, titles), next(numbers)) for part in reasons[place]]
            )
            marks = _EXPLORED[item.explored], _SPONSORED[item.sponsored]
            found.append(b'%b,"interest":%b,"why":[%b],%b,%b}' % (hit[:-1], likely, parts, *marks))
        return found

    def _why(self, part: Because, titles: Mapping[int, str]) -> bytes:
        """A :class:`~mmpipe.schemas.recommend.Why` without its end, the number; ``titles`` are those of the
        products that reasons come from. Items share most of theirs but for that."""
        key = (part.reason, part.row, *part.facts.values())
        told = self._told.get(key)
        if told is None:
            title = None if part.row is None else titles[part.row]
            told = to_json(
                {
                    "reason": part.reason,
                    "product_id": None if part.row is None else self.shelf.shown(part.row).id,
                    "text": why.reason_text(self.request.lang, part.reason, title, part.facts),
                }
            )[:-1]
            self._told[key] = told
        return told


def _rows(rows: Sequence[int]) -> Rows:
    return np.array(rows, np.int32)
