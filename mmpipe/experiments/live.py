"""Experiments as a replica runs them: followed, asked without I/O, exposures written behind the answer."""

from __future__ import annotations

import logging
import threading
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from mmpipe.errors import MmpipeError
from mmpipe.experiments.assignment import Shopper, assign, settings_of, takes_part, unit_of
from mmpipe.experiments.book import ExperimentBook
from mmpipe.experiments.definition import ArmSettings, Experiment, Experiments
from mmpipe.experiments.exposures import exposure, interleaved, seed_of
from mmpipe.experiments.interleaving import interleave
from mmpipe.lake.interactions import SCHEMA

if TYPE_CHECKING:
    from mmpipe.lake import Lake

log = logging.getLogger(__name__)

# Rows that wait for a store that does not answer, and ids of rows that were written lately.
_MAX_WAITING = 50_000
_MAX_KNOWN = 200_000

NONE = Experiments()


@dataclass(frozen=True)
class Choice:
    """What experiments say of one answer. ``settings`` are the assigned arms', together; ``rankings`` the two
    of a running interleaving, for whom both lists are to be made (each with its settings over ``settings``)
    and handed to :meth:`LiveExperiments.interleave`."""

    assigned: dict[str, str]
    settings: ArmSettings
    rankings: tuple[ArmSettings, ArmSettings] | None = None
    interleaving: Experiment | None = None
    experiments: Experiments = NONE


NOTHING = Choice({}, ArmSettings())


class LiveExperiments:
    """One per replica, for all its collections. Its thread reads each collection's experiments every
    ``seconds`` (one conditional request while nothing changed) and appends new exposures in one segment.

    Exposures are not acknowledged to anybody: a crash may lose the last ``seconds`` of them, and a store that
    is away for long those beyond 50,000. A shopper who comes back is exposed again the next day. Errors are
    logged and change no answer.
    """

    def __init__(self, lake: Lake, *, seconds: float = 1.0) -> None:
        self._lake = lake
        self._seconds = seconds
        self._books: dict[str, ExperimentBook] = {}
        self._held: dict[str, Experiments] = {}
        self._waiting: dict[str, dict[str, dict[str, Any]]] = defaultdict(dict)
        self._known: dict[str, None] = {}
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="mmpipe-experiments", daemon=True)

    def start(self) -> None:
        """Begin to follow."""
        self._thread.start()

    def close(self) -> None:
        """Write what waits and end; twice is once."""
        self._ended.set()
        if self._thread.is_alive():
            self._thread.join()
        self.refresh()

    def follow(self, collection: str) -> None:
        """Read a collection's experiments from now on. For names that were checked: each is kept."""
        self._held.setdefault(collection, NONE)

    def choose(self, collection: str, shopper: Shopper, now: datetime) -> Choice:
        """What applies to a shopper: no I/O, microseconds. A collection has no experiments until it is
        followed and they were read, within ``seconds``."""
        held = self._held.get(collection, NONE)
        unit = unit_of(shopper)
        running = held.running(now)
        if not running or unit is None:
            return NOTHING
        assigned = assign(held, shopper, now)
        both = next((each for each in running if each.design == "interleave"), None)
        if both is not None and not takes_part(both, unit):
            both = None
        return Choice(
            assigned=assigned,
            settings=settings_of(held, assigned),
            rankings=None if both is None else (both.arms[0].settings, both.arms[1].settings),
            interleaving=both,
            experiments=held,
        )

    def expose(self, collection: str, shopper: Shopper, choice: Choice, now: datetime) -> None:
        """Note that the shopper got an answer that every experiment of the choice could bear on: call it for
        the control's shoppers too, or the arms cannot be compared."""
        for name, arm in choice.assigned.items():
            experiment = choice.experiments.get(name)
            if experiment is not None:
                self._note(collection, exposure(experiment, arm, shopper, now))

    def interleave(
        self,
        collection: str,
        shopper: Shopper,
        choice: Choice,
        lists: tuple[Sequence[str], Sequence[str]],
        now: datetime,
        limit: int | None = None,
    ) -> list[str]:
        """The two rankings in one list, noted as shown. Raises ``ValueError`` for a choice without
        ``rankings``."""
        if choice.interleaving is None:
            raise ValueError("no interleaving runs for this choice")
        seed = seed_of(choice.interleaving, shopper, now)
        items, teams = interleave(*lists, seed, limit)
        self._note(collection, interleaved(choice.interleaving, shopper, items, teams, now))
        return items

    def refresh(self) -> None:
        """Read every collection's experiments and write what waits, now."""
        for collection in list(self._held):
            try:
                self._held[collection] = self._book(collection).read()
                self._write(collection)
            except (MmpipeError, OSError) as error:
                log.warning("experiments of %s: %s", collection, error)

    def _note(self, collection: str, row: dict[str, Any]) -> None:
        key = row["event_id"]
        with self._lock:
            if key in self._known:
                return
            waiting = self._waiting[collection]
            if len(waiting) >= _MAX_WAITING:
                return
            self._known[key] = None
            if len(self._known) > _MAX_KNOWN:
                del self._known[next(iter(self._known))]
            waiting[key] = row

    def _write(self, collection: str) -> None:
        with self._lock:
            rows = list(self._waiting.pop(collection, {}).values())
        if not rows:
            return
        try:
            self._lake.collection(collection).interactions.append(pa.Table.from_pylist(rows, schema=SCHEMA))
        except (MmpipeError, OSError):
            with self._lock:
                kept = {row["event_id"]: row for row in rows} | self._waiting[collection]
                self._waiting[collection] = dict(list(kept.items())[:_MAX_WAITING])
            raise

    def _book(self, collection: str) -> ExperimentBook:
        if collection not in self._books:
            held = self._lake.collection(collection)
            self._books[collection] = ExperimentBook(held.store, held.uri)
        return self._books[collection]

    def _run(self) -> None:
        while not self._ended.wait(self._seconds):
            self.refresh()
