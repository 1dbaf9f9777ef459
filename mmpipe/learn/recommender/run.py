"""From a collection's log to the recommender that readers follow: fit, choose, judge, register, switch."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

import numpy as np

from mmpipe.errors import ModelUnavailable
from mmpipe.lake.recommenders import Card, may_hold_erased
from mmpipe.learn.recommender.candidates import POPULAR, Workshop, complete, fit_all
from mmpipe.learn.recommender.catalogue import read_catalogue
from mmpipe.learn.recommender.corpus import Corpus, corpus_of
from mmpipe.learn.recommender.erased import remove_holding
from mmpipe.learn.recommender.events import COLUMNS, Log, read_log
from mmpipe.learn.recommender.judged import Questions, ask, difference, figures, measure
from mmpipe.learn.recommender.outcome import Outcome
from mmpipe.learn.recommender.ranking import Ranking, from_impressions, from_questions, train_ranker
from mmpipe.recommend.model import Bound, Recommender

if TYPE_CHECKING:
    from pathlib import Path

    from mmpipe.evaluate.recommend.ranking import Tally
    from mmpipe.evaluate.recommend.run import Model
    from mmpipe.lake import Collection
    from mmpipe.lake.models import ModelRegistry
    from mmpipe.lake.recommenders import LiveRecommender, RecommenderFile
    from mmpipe.learn.recommender.settings import RecommenderSettings
    from mmpipe.recommend.model import TableShelf

# Clocks of this machine and of replicas may differ by so much.
_SKEW: Final = timedelta(minutes=2)
_SUFFIX: Final = "-recommender"
_NAME: Final = 40


def default_name(collection: str) -> str:
    """The registry's name for a collection's recommenders: ``shop-recommender``."""
    slug = re.sub(r"[^a-z0-9]+", "-", collection.lower()).strip("-") or "shop"
    return f"{slug[: _NAME - len(_SUFFIX)].strip('-')}{_SUFFIX}"


@dataclass(slots=True)
class _Live:
    """What readers follow at the start. ``usable`` is the model where it can be measured, else ``fault`` says
    why not."""

    content: RecommenderFile | None
    entry: LiveRecommender | None = None
    usable: Recommender | None = None
    card: Card | None = None
    fault: str = ""


def train_recommender(
    collection: Collection,
    models: ModelRegistry,
    options: RecommenderSettings,
    *,
    name: str | None = None,
    phase: Callable[[str], None] = lambda text: None,
    now: datetime | None = None,
) -> Outcome:
    """Train on what shoppers did, and have readers follow the result where it is better.

    The latest part of the events is held out. Of the shoppers who came back then, one half chooses among the
    candidates and the other judges the chosen one against popularity and what is live; the winner is trained
    again on everything before it is registered. Who was erased is in nothing that is read; where what is live
    may still hold such people, the new model has to beat popularity alone, and where it does not, readers
    follow none.

    Raises :class:`NotReady` where nothing is live, ``CommitConflict`` where somebody else switched meanwhile,
    ``StorageUnavailable``.
    """
    started, read_at = time.perf_counter(), now or datetime.now(UTC)
    pointer = collection.recommender.read()
    heeded = collection.interactions.proofs()
    phase("reading interactions")
    log = read_log(collection.interactions.scan(COLUMNS))
    shelf = read_catalogue(collection, now=read_at)
    # An erasure that was heeded is over; for one that comes now, no clock may be ahead of the other.
    through = max([read_at - _SKEW, *(each.at + timedelta(microseconds=1) for each in heeded)])
    live = _live(collection, models, pointer)
    erased = [] if live.card is None else may_hold_erased(live.card, heeded)
    outcome = Outcome(
        collection=collection.name,
        status="too-little",
        reason="",
        events=log.events,
        shoppers=len(log.sequences),
        items=len(log.names),
        products=shelf.rows,
        live=None if live.entry is None or live.entry.name is None else _named(live.entry),
        erased=erased,
    )
    run = _Run(collection, models, options, name or default_name(collection.name), phase, log, shelf, through)
    run.decide(outcome, live)
    outcome.seconds = time.perf_counter() - started
    return outcome


@dataclass(slots=True)
class _Run:
    collection: Collection
    models: ModelRegistry
    options: RecommenderSettings
    name: str
    phase: Callable[[str], None]
    log: Log
    shelf: TableShelf
    through: datetime

    def decide(self, outcome: Outcome, live: _Live) -> None:
        """Train, judge, and switch or not; fills the outcome in."""
        able = int((np.diff(self.log.sequences.starts) > 1).sum())
        if able < self.options.least_shoppers:
            self._none(
                outcome,
                live,
                f"{able} shoppers liked two products or more, {self.options.least_shoppers} are needed",
            )
            return
        moment = self._moment(_Live(live.content) if outcome.erased else live)
        asked = ask(self.log, self.shelf, moment, most=self.options.judged, seed=self.options.seed)
        outcome.asked = {"choosing": len(asked.choosing), "judging": len(asked.judging)}
        if min(len(asked.choosing), len(asked.judging)) < self.options.least_judged:
            since = datetime.fromtimestamp(moment, UTC)
            self._none(
                outcome,
                live,
                f"{len(asked.choosing)} and {len(asked.judging)} shoppers came back since"
                f" {since:%Y-%m-%d %H:%M} to choose and to judge by,"
                f" {self.options.least_judged} of each are needed",
            )
            return
        with Workshop() as workshop:
            self._decide(outcome, live, moment, asked, workshop)

    def _decide(
        self, outcome: Outcome, live: _Live, moment: float, asked: Questions, workshop: Workshop
    ) -> None:
        options = self.options
        known = corpus_of(self.log.sequences.before(moment), self.log.names, self.shelf, seed=options.seed)
        if sum(len(sequence) > 1 for sequence in known.sequences) < options.least_shoppers // 2:
            since = datetime.fromtimestamp(moment, UTC)
            self._none(outcome, live, f"too few shoppers liked two products before {since:%Y-%m-%d %H:%M}")
            return
        best: tuple[float, Model, Bound] | None = None
        popular: Bound | None = None
        self.phase("fitting popularity")
        for fitted in fit_all(known, options):
            if fitted.model is None:
                outcome.left_out[fitted.name] = fitted.left_out
                continue
            bound = workshop.bound(fitted.model, known, self._card(known), self.shelf)
            tally = measure(bound, asked.choosing)
            outcome.candidates[fitted.name] = figures(tally)
            self.phase(f"{fitted.name}: ndcg@10 {np.mean(tally.ndcg):.4f}")
            if fitted.name == POPULAR:
                popular = bound
            elif best is None or np.mean(tally.ndcg) > best[0]:
                best = (float(np.mean(tally.ndcg)), fitted.model, bound)
        if best is None or popular is None:
            self._none(outcome, live, "no candidate could be trained; see left_out")
            return
        _, model, bound = best
        outcome.chosen = model.name
        new, old = measure(bound, asked.judging), measure(popular, asked.judging)
        outcome.judged = {"new": figures(new), "popular": figures(old)}
        verdict = self._verdict(outcome, live, asked, new, old)
        if verdict:
            self._none(outcome, live, verdict, status="kept")
            return
        self.phase("training the ranker")
        ranking = self._ranking(outcome, bound, moment, asked)
        self.phase(f"training {model.name} on everything")
        everything = corpus_of(self.log.sequences, self.log.names, self.shelf, seed=options.seed)
        complete(model, everything)
        folder = workshop.write(
            model, everything, self._card(everything), None if ranking is None else ranking.ranker
        )
        self._switch(outcome, live, folder, everything)

    def _verdict(self, outcome: Outcome, live: _Live, asked: Questions, new: Tally, popular: Tally) -> str:
        """Why the new model is not switched to; empty where it is."""
        mine, everybodys = float(np.mean(new.ndcg)), float(np.mean(popular.ndcg))
        if mine <= everybodys:
            return f"{outcome.chosen} (NDCG@10 {mine:.4f}) is no better than popularity ({everybodys:.4f})"
        if live.usable is None or outcome.erased:
            return ""
        try:
            old = measure(Bound(live.usable, self.shelf), asked.judging)
        except ModelUnavailable as error:
            live.fault = str(error)
            return ""
        outcome.judged["live"] = figures(old)
        outcome.change = difference(new, old, seed=self.options.seed)
        theirs = float(np.mean(old.ndcg))
        if mine <= theirs:
            return (
                f"{outcome.chosen} (NDCG@10 {mine:.4f}) is no better than {live.usable.name}"
                f" {live.usable.revision} ({theirs:.4f}), which stays live"
            )
        return ""

    def _ranking(self, outcome: Outcome, bound: Bound, moment: float, asked: Questions) -> Ranking | None:
        seed = self.options.seed
        examples = from_impressions(
            bound, self.log, moment, least_clicks=self.options.least_clicks, seed=seed
        )
        if examples is None:
            examples = from_questions(bound, [*asked.choosing, *asked.judging], seed=seed)
        ranking = train_ranker(examples, seed=seed)
        if ranking is None:
            outcome.ranker_note = "too few examples for a ranker: interest is not given"
            return None
        outcome.ranker = ranking.metrics
        outcome.ranker_note = f"of {examples.form.target}, calibrated by {ranking.calibration}"
        return ranking

    def _switch(self, outcome: Outcome, live: _Live, folder: Path, corpus: Corpus) -> None:
        self.phase("registering")
        # As a replica will read it: what does not load or score is not registered.
        Bound(Recommender(folder, name=self.name, revision="0" * 16), self.shelf)
        judged = {f"judged_{name}": value for name, value in outcome.judged["new"].items()}
        record = self.models.register(
            self.name,
            folder,
            kind="recommender",
            metrics={**judged, **outcome.ranker},
            data_fingerprint=f"{outcome.events} interactions, {corpus.fingerprint}",
            parent=None,
        )
        outcome.registered = record
        why = f"{outcome.chosen}, NDCG@10 {outcome.judged['new']['ndcg@10']:.4f}"
        self.collection.recommender.switch(record.name, record.revision, reason=why, former=live.content)
        outcome.removed = remove_holding(self.collection, self.models)
        outcome.status = "switched"
        before = outcome.judged.get("live") or outcome.judged["popular"]
        against = "what was live" if "live" in outcome.judged else "popularity"
        outcome.reason = f"{why}, {against} {before['ndcg@10']:.4f}"
        if outcome.erased:
            outcome.reason += "; what was live may have held people who were erased"
        if live.fault:
            outcome.reason += f"; what was live could not be measured: {live.fault}"

    def _none(self, outcome: Outcome, live: _Live, reason: str, *, status: str = "too-little") -> None:
        """No new model. One that may hold somebody who was erased is not followed any longer all the same."""
        outcome.reason = reason
        outcome.status = "kept" if status == "kept" else "too-little"
        if outcome.erased:
            self.collection.recommender.switch(
                None, None, reason="it may have held people who were erased", former=live.content
            )
            outcome.status = "off"
            outcome.reason = f"{reason}; what was live may hold people who were erased, so none is followed"
        outcome.removed = remove_holding(self.collection, self.models)

    def _moment(self, live: _Live) -> float:
        """From when on events are held out: the latest part, and of a live model at least half of what came
        since it was trained, so that neither model has seen what both are asked."""
        times = self.log.sequences.times
        moment = float(np.quantile(times, 1 - self.options.judged_share))
        if live.card is not None and live.usable is not None:
            since = times[times >= live.card.trained_through.timestamp()]
            if len(since):
                moment = max(moment, float(np.median(since)))
            else:
                moment = max(moment, live.card.trained_through.timestamp())
        return moment

    def _card(self, corpus: Corpus) -> Card:
        return Card(
            collection=self.collection.name,
            profile=self.shelf.fingerprint,
            trained_through=self.through,
            events=int(corpus.counts.sum()),
            shoppers=len(corpus.sequences),
        )


def _live(collection: Collection, models: ModelRegistry, content: RecommenderFile | None) -> _Live:
    if content is None or content.live.name is None or content.live.revision is None:
        return _Live(content, None if content is None else content.live)
    live = _Live(content, content.live)
    try:
        record = models.get(content.live.name, content.live.revision)
        live.card = record.card
        live.usable = Recommender(models.fetch(record), name=record.name, revision=record.revision)
    except ModelUnavailable as error:
        live.fault = str(error)
    return live


def _named(entry: LiveRecommender) -> str:
    return f"{entry.name} {entry.revision}"
