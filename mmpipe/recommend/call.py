"""One call for lists: shopper → exclusions → candidates of each list → what is shown.

Lists are made in the order of the request, and what one shows no later one does.
"""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from pydantic_core import to_json

from mmpipe.errors import InvalidRequest
from mmpipe.recommend import why
from mmpipe.recommend.kinds.asked import Asked, Learnt
from mmpipe.recommend.kinds.past import Past
from mmpipe.recommend.kinds.plans import PLANS
from mmpipe.recommend.rank.choice import Manner, Taken, choose
from mmpipe.recommend.rank.sold import Item, because, sold
from mmpipe.search.find import filters
from mmpipe.search.kernels.memory import set_rows
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
Words = NDArray[np.uint64]

_FIRST_DEPTH = 64
_PER_ITEM = 6
_DEEPEST = 20_000
_HOUR = 3_600.0
# Products of the history that a list is about where none is named.
_LATEST = 3
# So many products of each sort are excluded with all their variants; any more by themselves.
_WITH_VARIANTS = 1_000


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
        self._past, self._visit = self._history()
        self.learnt = Learnt(self.version, self.model, self._past, self.now)
        # What no list may show: what was excluded by its id, and what lists have shown.
        self._shown = Taken()
        known = (self.version.find(product_id) for product_id in self.request.exclude.product_ids)
        self._take(self._shown, [row for row in known if row is not None])
        self._disliked, self._refused, self._refused_rows = self._exclusions()

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
            self._take(taken, scored.rows[chosen.places].tolist())
            asked = replace(asked, mask=asked.mask & ~self._bits(taken))
        query_id = None
        if plan.sells and items and self.sponsored is not None and wanted.sponsored != 0:
            items, query_id = sold(self.sponsored, asked, items, taken, wanted.limit, wanted.sponsored)
        self._take(self._shown, [item.row for item in items])
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

    def _history(self) -> tuple[Past, Past]:
        """All that the shopper did, and what of it is of this visit."""
        if self.behaviour is None or self.shopper is None:
            return Past.nothing(), Past.nothing()
        actions, items = self.behaviour.actions, self.behaviour.items
        past = Past.of(actions.history(self.shopper), items)
        if self.shopper.session is None:
            return past, past.latest_visit(self.now)
        visit = past
        if self.shopper.user is not None:
            visit = Past.of(actions.history(replace(self.shopper, user=None)), items)
        return past, visit.last_part(self.now)

    def _exclusions(self) -> tuple[Taken, Taken, Words]:
        """What no list may show, and what none but that of what was seen: products with variants, and rows
        of the latter."""
        disliked, refused, exclude = Taken(), Taken(), self.request.exclude
        rows: list[Rows] = []
        if self.behaviour is not None and self.shopper is not None:
            actions, items = self.behaviour.actions, self.behaviour.items
            none = items.rows(actions.disliked(self.shopper))
            self._take(disliked, none[none >= 0].tolist())
            if exclude.purchased:
                rows.append(items.rows(actions.purchased(self.shopper)))
            if exclude.seen:
                # The latest first, for the others may be left without their variants.
                rows += [self._past.rows[::-1], items.rows(actions.seen(self.shopper))]
        words = np.zeros(self.version.layout.words, np.uint64)
        for some in rows:
            there = some[some >= 0]
            words |= set_rows(there, self.version.layout.rows)
            self._take(refused, list(dict.fromkeys(there.tolist()))[:_WITH_VARIANTS])
        return disliked, refused, words

    def _asked(self, place: int, wanted: WantedList, plan: Plan) -> tuple[Asked, Taken]:
        version, exclude = self.version, self.request.exclude
        conditions = () if wanted.filter is None else (wanted.filter,)
        base = filters.allowed(version, wanted.filters, conditions)
        if exclude.sold_out:
            base = base & ~version.coded["availability"].mask(["out_of_stock"])
        mask = base
        sources = self._sources(place, wanted, plan)
        taken = Taken(self._shown.rows | self._disliked.rows, self._shown.groups | self._disliked.groups)
        if not plan.all_seen:
            taken.rows |= self._refused.rows
            taken.groups |= self._refused.groups
            mask = mask & ~self._refused_rows
        self._take(taken, list(sources))
        asked = Asked(
            version=version,
            shelf=self.shelf,
            behaviour=self.behaviour,
            learnt=self.learnt,
            past=self._past,
            visit=self._visit,
            filters=wanted.filters,
            base=base,
            mask=mask & ~self._bits(taken),
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
        cart = self._past.cart()
        latest = cart if len(cart) else self._past.viewed()[0]
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
            chosen = choose(self.version, self.shelf, scored, room, taken, manner)
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
        for place, (item, hit) in enumerate(zip(items, hits, strict=True)):
            rest = {
                "interest": None if interest is None else float(interest[place]),
                "why": [self._why(part) for part in reasons[place]],
                "explored": item.explored,
                "sponsored": item.sponsored,
            }
            found.append(b"%b,%b" % (hit[:-1], to_json(rest)[1:]))
        return found

    def _why(self, part: Because) -> dict[str, Any]:
        shown = None if part.row is None else self.shelf.shown(part.row)
        title = None if shown is None else shown.title
        return {
            "reason": part.reason,
            "product_id": None if shown is None else shown.id,
            "text": why.reason_text(self.request.lang, part.reason, title, part.facts),
            "part": part.part,
        }

    def _take(self, taken: Taken, rows: list[int]) -> None:
        self.shelf.see(rows)
        for row in rows:
            taken.add(row, self.shelf)

    def _bits(self, taken: Taken) -> Words:
        return set_rows(np.array(sorted(taken.rows), np.int32), self.version.layout.rows)
