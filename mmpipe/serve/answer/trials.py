"""Experiments on what shoppers are shown: with which settings an answer is made, and who counts for it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from mmpipe.experiments import ArmSettings, LiveExperiments

if TYPE_CHECKING:
    from mmpipe.experiments import Choice
    from mmpipe.lake import Lake
    from mmpipe.recommend.behaviour import Shopper
    from mmpipe.schemas.recommend import RecommendationsRequest

# What bears on a search; all else that an arm may change bears on lists.
_SEARCH = frozenset({"taste"})
_REQUEST = ("diversity", "explore")

Make = Callable[["RecommendationsRequest", ArmSettings], bytes]
"""A response as JSON, made with an arm's settings."""


class Trials:
    """Of one replica. Who is in no experiment costs microseconds. Only an experiment that an answer could
    show counts the shopper who got it, whichever arm they are in."""

    def __init__(self, lake: Lake) -> None:
        self._live = LiveExperiments(lake)

    def start(self) -> None:
        """Follow what is defined."""
        self._live.start()

    def close(self) -> None:
        """Write what waits."""
        self._live.close()

    def follow(self, collection: str) -> None:
        """Read a collection's experiments from now on."""
        self._live.follow(collection)

    def taste(self, collection: str, shopper: Shopper, weight: float) -> float:
        """How far this shopper's search is to lean to their taste: ``weight``, unless an arm says."""
        now = datetime.now(UTC)
        choice = self._bearing(self._live.choose(collection, shopper, now), search=True)
        self._live.expose(collection, shopper, choice, now)
        return weight if choice.settings.taste is None else choice.settings.taste

    def lists(
        self, collection: str, shopper: Shopper | None, request: RecommendationsRequest, make: Make
    ) -> bytes:
        """A response to ``request``. Two rankings are interleaved in calls of one list; of several lists,
        which must not repeat each other's products, the first ranking answers and nothing is counted for it.
        """
        if shopper is None:
            return make(request, ArmSettings())
        now = datetime.now(UTC)
        choice = self._bearing(self._live.choose(collection, shopper, now), search=False)
        if choice.rankings is None:
            found = make(_asked(request, choice.settings), choice.settings)
        else:
            alone = len(request.wanted) == 1
            shown = [_over(choice.settings, each) for each in choice.rankings[: 2 if alone else 1]]
            answers = [make(_asked(request, settings), settings) for settings in shown]
            found = self._interleaved(collection, shopper, choice, answers, now) if alone else answers[0]
        self._live.expose(collection, shopper, choice, now)
        return found

    def _interleaved(
        self, collection: str, shopper: Shopper, choice: Choice, answers: list[bytes], now: datetime
    ) -> bytes:
        first, second = (json.loads(answer) for answer in answers)
        (one,), (other,) = first["lists"], second["lists"]
        by_id = {item["id"]: item for item in (*other["items"], *one["items"])}
        ids = [item["id"] for item in one["items"]], _beside(one["items"], other["items"])
        most = max(len(each["items"]) for each in (one, other))
        one["items"] = [
            by_id[product_id]
            for product_id in self._live.interleave(collection, shopper, choice, ids, now, most)
        ]
        return json.dumps(first, ensure_ascii=False).encode()

    @staticmethod
    def _bearing(choice: Choice, *, search: bool) -> Choice:
        """The part of a choice that bears on a search, or on lists."""
        if not choice.assigned and choice.rankings is None:
            return choice
        assigned = {
            name: arm
            for name, arm in choice.assigned.items()
            if (found := choice.experiments.get(name)) is not None
            and any((setting in _SEARCH) == search for setting in found.changes())
        }
        rankings = None if search else choice.rankings
        return replace(choice, assigned=assigned, rankings=rankings)


def _beside(first: list[dict[str, Any]], second: list[dict[str, Any]]) -> list[str]:
    """The second ranking as it may stand in one list with the first: of a product's variants it shows the one
    that the first does, and it has no paid place of its own, which the answer's ``query_id`` would not pay
    for."""
    own = {item["id"] for item in first}
    variants = {group: item["id"] for item in first if (group := item.get("item_group_id")) is not None}
    return [
        variants.get(item.get("item_group_id"), item["id"])
        for item in second
        if item["id"] in own or not item.get("sponsored")
    ]


def _asked(request: RecommendationsRequest, settings: ArmSettings) -> RecommendationsRequest:
    changed = settings.model_dump(include=set(_REQUEST), exclude_none=True)
    return request.model_copy(update=changed) if changed else request


def _over(settings: ArmSettings, ranking: ArmSettings) -> ArmSettings:
    return settings.model_copy(update=ranking.model_dump(exclude_none=True))
