"""A recommender as queries ask it: scores of all rows of a version after a history, and why it knows them.

A recommender is read once and serves every version of its collection. What must be known of a version (which
of its rows are items of the model, which are new) is kept for the last few that were asked.
"""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mmpipe.errors import InvalidRequest, ModelUnavailable
from mmpipe.lake.recommenders import Card, read_card
from mmpipe.recommend.model.features import features
from mmpipe.recommend.model.form import ITEMS_FILE, POSITIVE, RANKER_FILE, Form, PartForm, read_form
from mmpipe.recommend.model.ids import NO_ITEM, ItemIds
from mmpipe.recommend.model.parts import (
    ContentPart,
    FactorPart,
    NeighbourPart,
    Part,
    Past,
    Place,
    PopularPart,
    SequencePart,
)
from mmpipe.recommend.model.ranker import Ranker
from mmpipe.recommend.model.sequence import SequenceNet
from mmpipe.recommend.model.shelf import Shelf, VersionShelf
from mmpipe.recommend.model.tensors import mapped
from mmpipe.schemas.interaction import EVENT_TYPES

if TYPE_CHECKING:
    from mmpipe.search import Version

Scores = NDArray[np.float32]
Rows = NDArray[np.int32]
_VERSIONS = 4
_LATEST = 1_000
_POSITIVE = np.array([name in POSITIVE for name in EVENT_TYPES])


class Recommender:
    """A model of one collection, read from ``folder``, whose arrays stay mapped. Safe to share between
    threads, and quick enough for an event loop once a version is known (:meth:`prepare`).

    ``name`` and ``revision`` are the registry's, ``kind`` says which sort of model was chosen. Raises
    :class:`ModelUnavailable` for files that are missing, damaged or of another release.
    """

    def __init__(self, folder: Path, *, name: str, revision: str) -> None:
        self.name, self.revision = name, revision
        self._folder = folder
        try:
            self.card: Card = read_card(folder)
        except InvalidRequest as error:
            raise ModelUnavailable(f"recommender {name} {revision}: {error.reason}") from error
        self.form: Form = read_form(folder)
        _, arrays = mapped(folder / ITEMS_FILE)
        self.ids = ItemIds(_array(arrays, "start", np.int64), _array(arrays, "ids", np.uint8))
        self.counts: Scores = _array(arrays, "counts", np.float32)
        if self.counts.shape != (len(self.ids),) or not np.isfinite(self.counts).all():
            raise ModelUnavailable(f"{ITEMS_FILE}: the items' counts are damaged")
        self.parts = tuple((form, self._open(folder, form)) for form in self.form.parts)
        self.ranker = (
            None if self.form.ranker is None else Ranker.read(folder / RANKER_FILE, self.form.ranker)
        )
        self._held: OrderedDict[int, tuple[object, Bound]] = OrderedDict()
        self._lock = threading.Lock()

    @property
    def kind(self) -> str:
        """Which sort of model it is: ``blend``, ``item-knn``, ``popular`` …"""
        return self.form.name

    def touch(self) -> None:
        """Note on disk that the model's local copy is in use."""
        with suppress(OSError):  # somebody removed it: what is mapped stays
            os.utime(self._folder)

    def on(self, version: Version) -> Bound:
        """The model on a version's rows, kept for the versions that were asked last.

        The first call for a version passes over its ids (tens of milliseconds for fifty thousand new ones):
        followers make it before readers do. Raises :class:`ModelUnavailable` where nothing of the model can
        be used with this version's vectors.
        """
        key = id(version.columns)
        held = self._held.get(key)
        if held is not None:
            return held[1]
        with self._lock:
            held = self._held.get(key)
            if held is not None:
                return held[1]
            former = next(reversed(self._held.values()))[1].place.shelf if self._held else None
            shelf = VersionShelf(version, former if isinstance(former, VersionShelf) else None)
            bound = Bound(self, shelf)
            # With the columns, so that no other object gets their address.
            self._held[key] = (version.columns, bound)
            while len(self._held) > _VERSIONS:
                self._held.popitem(last=False)
            return bound

    def scores(
        self,
        version: Version,
        product_ids: Sequence[str],
        types: NDArray[np.uint8] | None = None,
        times: NDArray[np.float64] | None = None,
    ) -> Scores:
        """Each row's share of what comes next after a history, oldest first: float32 ``(layout.rows,)``, of
        sum 1 over the rows that have one, -inf for the others: dead rows, products of the history, and those
        that the model can say nothing of. -inf everywhere where the history says nothing.

        ``types`` are places in ``EVENT_TYPES``: events that show no liking are passed over. ``times`` are not
        read: only the order counts.
        """
        del times
        ids = list(product_ids) if types is None else positive(product_ids, types)
        return self.on(version).scores(ids)

    def interest(
        self,
        version: Version,
        rows: Rows,
        product_ids: Sequence[str],
        types: NDArray[np.uint8] | None = None,
        times: NDArray[np.float64] | None = None,
        *,
        now: float,
        scores: Scores | None = None,
    ) -> NDArray[np.float64] | None:
        """How probably the shopper of a history is interested in some rows, calibrated: float64
        ``(len(rows),)``; None where the model has no ranker or the history says nothing.

        ``times`` and ``now`` are Unix seconds; ``scores``, of the same history and version, saves computing
        them again. What exactly it is the probability of, ``form.ranker.target`` says.
        """
        ids = list(product_ids) if types is None else positive(product_ids, types)
        pause = 0.0 if times is None or not len(times) else now - float(times[-1])
        return self.on(version).interest(ids, rows, pause_seconds=pause, scores=scores)

    def _open(self, folder: Path, form: PartForm) -> Part:
        if (form.sharpness is None) != (form.kind in ("neighbours", "popular")):
            raise ModelUnavailable(f"{form.name}: weights have no sharpness, and logits need one")
        if form.kind == "popular":
            return PopularPart(self.counts)
        metadata, arrays = mapped(folder / form.file)
        items = len(self.ids)
        fading = 1.0 if form.fading is None else form.fading
        part: Part
        if form.kind == "sequence":
            embedding = _array(arrays, "item_embedding", np.float32)
            if len(embedding) != items:
                raise ModelUnavailable(f"{form.file} is of another number of items")
            part = SequencePart(SequenceNet(metadata, arrays), embedding)
        elif form.kind == "neighbours":
            typed = {
                "starts": _array(arrays, "starts", np.int64),
                "items": _array(arrays, "items", np.int32),
                "weights": _array(arrays, "weights", np.float32),
            }
            part = NeighbourPart(typed, items, fading)
        elif form.kind == "whitened":
            mean, matrix = (_array(arrays, name, np.float32) for name in ("mean", "matrix"))
            part = ContentPart(mean, matrix, fading)
        else:
            factors = _array(arrays, "factors", np.float32)
            if len(factors) != items:
                raise ModelUnavailable(f"{form.file} is of another number of items")
            part = FactorPart(factors, form.regularization or 0.0, form.confidence or 0.0)
        return part


class Bound:
    """A model on the rows of a shelf. Raises :class:`ModelUnavailable` as :meth:`Recommender.on` does;
    ``refused`` says what is not done with this shelf, empty where everything is."""

    def __init__(self, model: Recommender, shelf: Shelf) -> None:
        self.model = model
        readable = shelf.fingerprint == model.card.profile
        self.refused = ""
        if not readable:
            self.refused = (
                f"{model.name} {model.revision} was trained on vectors of profile {model.card.profile}, the"
                f" table has those of {shelf.fingerprint}: new products are not scored until it is trained"
                " again (mmpipe train recommender)"
            )
        self._weighted = [
            (form, part) for form, part in model.parts if isinstance(part, NeighbourPart | PopularPart)
        ]
        self._logits = [
            (form, part)
            for form, part in model.parts
            if isinstance(part, SequencePart | ContentPart | FactorPart)
            and (readable or not part.needs_vectors)
        ]
        if not self._weighted and not self._logits:
            raise ModelUnavailable(self.refused)
        items = shelf.items(model.ids)
        self._here = np.zeros(len(model.ids))
        self._of_items = items != NO_ITEM
        self._here[items[self._of_items]] = 1
        described = shelf.described() if readable else np.zeros(0, np.int32)
        self.place = Place(shelf, items, described[items[described] == NO_ITEM], readable=readable)
        # What new products are worth beside the others, whose weights sum to 1; None where it is the same.
        self._new_total: float | None = None
        if any(form.new_weight is not None for form, _ in self._logits):
            self._new_total = sum(_new_weight(form) for form, _ in self._logits)
        for _, part in self._logits:
            if isinstance(part, ContentPart):
                part.prepare(self.place)

    def past(self, product_ids: Sequence[str]) -> Past:
        """A history, oldest first, as the parts take it: of every product among the latest 1,000 its latest
        event, products that neither the model nor the shelf knows passed over."""
        latest = list(dict.fromkeys(reversed(product_ids[-_LATEST:])))[::-1]
        items, rows = self.model.ids.find(latest), self.place.shelf.find(latest)
        there = (items != NO_ITEM) | (rows >= 0)
        return Past(items[there], rows[there])

    def scores(self, product_ids: Sequence[str]) -> Scores:
        """See :meth:`Recommender.scores`."""
        return self.scores_after(self.past(product_ids))

    def scores_after(self, past: Past) -> Scores:
        """The same of a history that was looked up."""
        rows = self.place.shelf.rows
        nothing: Scores = np.full(rows, -np.inf, np.float32)
        if not len(past.items):
            return nothing
        seen = past.rows[past.rows >= 0]
        used = 0.0
        weights = np.zeros(len(self.model.ids))
        for weight, by_item in self._weights(past):
            weights += weight * by_item
            used += weight
        mixed = self.place.spread(weights, 0.0)
        scored = self._of_items.copy() if used > 0 else np.zeros(rows, np.bool_)
        said: list[tuple[PartForm, Scores]] = []
        for form, part in self._logits:
            logits = part.scores(past, self.place)
            if logits is None:
                continue
            logits[seen] = -np.inf
            scored |= logits > -np.inf
            said.append((form, _softmax(logits, form.sharpness or 1.0)))
        # Parts that say nothing of this history leave their weight to the others.
        used += sum(form.weight for form, _ in said)
        new_used = sum(_new_weight(form) for form, _ in said)
        if used == 0.0 and new_used == 0.0:
            return nothing
        of_known = 1 / used if used > 0 else 0.0
        of_new = of_known
        if self._new_total is not None:
            of_new = self._new_total / new_used if new_used > 0 else 0.0
        mixed *= np.float32(of_known)
        for form, shares in said:
            new = np.float32(_new_weight(form) * of_new)
            # Where no part that knows behaviour says anything, those of new products speak of all.
            known = np.float32(form.weight * of_known) if used > 0 else new
            shares *= known if known == new else np.where(self._of_items, known, new)
            mixed += shares
        mixed *= np.float32(1 / max(float(mixed.sum()), 1e-12))
        scored[seen] = False
        np.copyto(nothing, mixed, where=scored)
        return nothing

    def _weights(self, past: Past) -> Iterator[tuple[float, NDArray[np.float64]]]:
        """The weight of each part that gives weights, and its shares by item: of those on the shelf and not
        in the history, of sum 1."""
        for form, part in self._weighted:
            by_item = part.by_item(past)
            if by_item is None:
                continue
            shares = by_item * self._here
            shares[past.known] = 0
            total = float(shares.sum())
            if total > 0:
                yield form.weight, shares / total

    def interest(
        self,
        product_ids: Sequence[str],
        rows: Rows,
        *,
        pause_seconds: float = 0.0,
        scores: Scores | None = None,
    ) -> NDArray[np.float64] | None:
        """See :meth:`Recommender.interest`."""
        past = self.past(product_ids)
        if self.model.ranker is None or not len(past.items):
            return None
        shares = self.scores_after(past) if scores is None else scores
        return self.model.ranker.interest(features(self, past, rows, shares, pause_seconds))


def positive(product_ids: Sequence[str], types: NDArray[np.uint8]) -> list[str]:
    """The products of the events that show a liking; ``types`` are places in ``EVENT_TYPES``."""
    liked = _POSITIVE[np.minimum(types, len(_POSITIVE) - 1)] & (types < len(_POSITIVE))
    return [product_ids[place] for place in np.flatnonzero(liked).tolist()]


def _new_weight(form: PartForm) -> float:
    return form.weight if form.new_weight is None else form.new_weight


def _softmax(logits: Scores, sharpness: float) -> Scores:
    """Shares of sum 1 by logits, 0 for -inf; in place."""
    logits *= np.float32(sharpness)
    top = logits.max(initial=-np.inf)
    if top > -np.inf:
        logits -= top
    np.exp(logits, out=logits)
    total = float(logits.sum())
    if total > 0:
        logits *= np.float32(1 / total)
    return logits


def _array(arrays: dict[str, NDArray[Any]], name: str, kind: type[np.generic]) -> NDArray[Any]:
    array = arrays.get(name)
    if array is None or array.dtype != kind:
        raise ModelUnavailable(f"the model's {name} are missing, or not of type {np.dtype(kind).name}")
    return array
