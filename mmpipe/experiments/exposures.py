"""Who saw which arm, as rows of the interaction log.

An exposure is an ``impression`` without a product whose ``list`` is ``experiment:<name>:<arm>``; of two
interleaved rankings ``experiment:<name>``, and ``query`` holds whose each product was, as JSON. So retention,
erasure, export and compaction are the log's own. Its ``event_id`` is a digest of the experiment, the shopper
and the UTC day (and the list, where it was interleaved), so a shopper counts once a day whichever replicas
they met and however often.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from mmpipe.experiments.assignment import Shopper, unit_of
from mmpipe.experiments.definition import Experiment

TYPE = "impression"
_LIST = "experiment:"
# Of an interleaved list: further down nobody looks.
MAX_CREDITED = 100


def exposure(experiment: Experiment, arm: str, shopper: Shopper, now: datetime) -> dict[str, Any]:
    """The row for a shopper who got an arm's answer."""
    return _row(experiment, f"{_LIST}{experiment.name}:{arm}", shopper, now, None)


def interleaved(
    experiment: Experiment, shopper: Shopper, items: Sequence[str], teams: Sequence[int], now: datetime
) -> dict[str, Any]:
    """The row for a shopper who got an interleaved list; ``items`` and ``teams`` as
    :func:`~mmpipe.experiments.interleaving.interleave` gives them."""
    picked: dict[str, list[str]] = {arm.name: [] for arm in experiment.arms}
    for item, team in list(zip(items, teams, strict=True))[:MAX_CREDITED]:
        if team >= 0:
            picked[experiment.arms[team].name].append(item)
    return _row(experiment, f"{_LIST}{experiment.name}", shopper, now, json.dumps(picked, sort_keys=True))


def seed_of(experiment: Experiment, shopper: Shopper, now: datetime) -> str:
    """What a shopper's lists are interleaved by: the same for a day, so that a page shown again is the
    same."""
    return f"{experiment.salt}\0{unit_of(shopper)}\0{_day(now)}"


def list_of(experiment: Experiment) -> Mapping[str, str | None]:
    """What ``list`` says in rows of this experiment, and the arm that it stands for (None: interleaved)."""
    if experiment.design == "interleave":
        return {f"{_LIST}{experiment.name}": None}
    return {f"{_LIST}{experiment.name}:{arm.name}": arm.name for arm in experiment.arms}


def teams_of(query: str | None, experiment: Experiment) -> dict[str, int]:
    """Whose each product of an interleaved row was; nobody's where the row is damaged."""
    try:
        picked = json.loads(query or "{}")
    except ValueError:
        return {}
    if not isinstance(picked, dict):
        return {}
    arms = [arm.name for arm in experiment.arms]
    return {
        item: arms.index(arm)
        for arm, items in picked.items()
        if arm in arms and isinstance(items, list)
        for item in items
        if isinstance(item, str)
    }


def _row(
    experiment: Experiment, shown: str, shopper: Shopper, now: datetime, query: str | None
) -> dict[str, Any]:
    what = "\0".join((experiment.salt, unit_of(shopper) or "", _day(now), query or ""))
    return {
        "event_id": f"exposure-{hashlib.blake2b(what.encode(), digest_size=16).hexdigest()}",
        "type": TYPE,
        "user": shopper.user,
        "session": shopper.session,
        "product_id": None,
        "occurred_at": now,
        "received_at": now,
        "list": shown,
        "query": query,
    }


def _day(now: datetime) -> str:
    return now.astimezone(UTC).date().isoformat()
