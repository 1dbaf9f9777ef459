"""One training step on a catalogue: the batch, and what it costs."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn

from mmpipe.encoders.starter.features import Vocabulary, pack
from mmpipe.encoders.starter.glossary import load_glossary
from mmpipe.learn.adapt.batches import Sampler, category_numbers, class_weights, mine
from mmpipe.learn.adapt.model import AdaptModel, scaled
from mmpipe.learn.adapt.settings import SLICE, AdaptSettings, LossKind
from mmpipe.learn.adapt.views import disturbed, document_view, general_phrase, query_view
from mmpipe.learn.adapt.workers import Workers
from mmpipe.learn.answers import match
from mmpipe.learn.augment import augment
from mmpipe.learn.data import FIELDS
from mmpipe.learn.draws import draws
from mmpipe.learn.losses import info_nce, siamese_margin, triplet_semi_hard
from mmpipe.learn.precision import autocast

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mmpipe.learn.catalogue_data import CatalogueData, TrainingItem

    Packed = tuple[Tensor, Tensor, Tensor]
    Rows = NDArray[np.int64]

DOCUMENTS, SOUNDS = 0.3, 0.2
_CLIPS = 2  # recordings a slice
_PHRASES = 8  # general phrases a slice
_FEATURE_DROPOUT = 0.1
_KEPT_PICTURES = 2  # every second picture is compared with the parent's vector of it: a forward pass each


def contrast(
    kind: LossKind, left: Tensor, right: Tensor, same: Tensor, scale: Tensor, margin: float,
    weights: Tensor | None = None,
) -> Tensor:  # fmt: skip
    """One of the three losses over rows paired by index, in both directions.

    ``same[i, j]`` marks what is no negative of row ``i``; the diagonal is the positive, marked or not.
    Siamese pairs are the positives, and for every row of either side its nearest negative.
    """
    if kind == "infonce":
        return info_nce(left, right, scale, same, weights)
    positive = same | torch.eye(len(left), dtype=torch.bool, device=same.device)
    if kind == "triplet":
        forth = triplet_semi_hard(left, right, positive, margin, weights)
        return 0.5 * (forth + triplet_semi_hard(right, left, positive.T, margin, weights))
    cosines = (left @ right.T).detach().masked_fill(positive, -2.0)
    usable = ~positive.all(1), ~positive.all(0)
    rows = [mask.nonzero()[:, 0] for mask in usable]
    nearest = cosines.argmax(1)[rows[0]], cosines.argmax(0)[rows[1]]
    lefts = torch.cat([left, left[rows[0]], left[nearest[1]]])
    rights = torch.cat([right, right[nearest[0]], right[rows[1]]])
    is_pair = torch.arange(len(lefts), device=left.device) < len(left)
    if weights is not None:
        weights = torch.cat([weights, weights[rows[0]], weights[rows[1]]])
    return siamese_margin(lefts, rights, is_pair, margin, weights)


@dataclass(frozen=True, slots=True)
class Batch:
    """This worker's inputs of a step, and the masks of the whole batch (see :func:`contrast`)."""

    images: Tensor
    queries: Packed
    documents: Packed
    phrases: Packed
    sounds: Tensor
    sound_documents: Packed
    same: Tensor
    twins: Tensor
    sounds_alike: Tensor
    weights: Tensor | None
    rows: Rows


class AdaptRecipe:
    """Builds batches and their loss for one worker; deterministic in ``(seed, step)``.

    ``train`` numbers the items to train on. ``parent`` is the model to stay near, None for fresh towers.
    """

    def __init__(
        self, data: CatalogueData, train: Rows, model: AdaptModel, settings: AdaptSettings,
        workers: Workers | None = None, parent: AdaptModel | None = None,
    ) -> None:  # fmt: skip
        self.settings, self.workers = settings, workers or Workers()
        self._data, self._train = data, train
        self._items = [data.items[i] for i in train.tolist()]
        categories = category_numbers([item.category for item in self._items])
        self._categories = categories
        self._weights = class_weights(categories) if settings.balance == "weighting" else None
        twins: dict[str, int] = {}
        self._twins = np.asarray([twins.setdefault(item.twin, len(twins)) for item in self._items])
        self._values = _attribute_values(self._items)
        self._sounding = np.flatnonzero([item.clips[1] > 0 for item in self._items])
        self.sampler = Sampler(
            categories, settings.batch, settings.seed, balance=settings.balance, hard=settings.hard_negatives
        )
        self._parent = parent if settings.stay > 0 else None
        self._texts_learn = "text" not in settings.freeze
        self._vocabulary = model.vocabulary
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="batches")
        self._ahead: dict[int, Future[Batch]] = {}
        self._mined = -1

    @property
    def mined_epoch(self) -> int:
        """The epoch whose hard negatives are in use; -1 for none yet."""
        return self._mined

    def use_neighbours(self, epoch: int, neighbours: Rows) -> None:
        """Take up hard negatives that were found before an interruption."""
        self.sampler.use(neighbours)
        self._mined = epoch

    def neighbours(self, model: AdaptModel, epoch: int) -> Rows:
        """The hard negatives of an epoch, by the model as it is."""
        model.eval()
        queries = model.embed_texts([item.titles[0] for item in self._items])
        first = np.asarray([item.pictures[0] for item in self._items], dtype=np.int64)
        pictures = model.embed_pictures(self._data.pictures[first])
        return mine(queries, pictures, self._twins, self.settings.seed, epoch)

    def loss(self, module: nn.Module, step: int) -> tuple[Tensor, dict[str, float]]:
        """The loss whose gradient, summed over workers, is the whole batch's; and its parts."""
        if not isinstance(module, AdaptModel):
            raise TypeError(f"the recipe trains an AdaptModel, not {type(module).__name__}")
        epoch = step // self.sampler.steps_per_epoch
        if self.sampler.mines and self._mined != epoch:
            found = self.neighbours(module, epoch) if self.workers.first else None
            self.use_neighbours(epoch, self.workers.from_first(found))
            module.train()
        ready = self._ahead.pop(step, None)
        batch = ready.result() if ready is not None else self.prepare(step)
        self._ahead = {}
        if (step + 1) // self.sampler.steps_per_epoch == epoch:
            self._ahead[step + 1] = self._thread.submit(self.prepare, step + 1)
        return self._loss(module, batch)

    def prepare(self, step: int) -> Batch:
        """Everything of a step that does not depend on the model."""
        rows = self.sampler.rows(step)
        seed, on = self.settings.seed, self.settings.augment
        items = [self._items[row] for row in rows.tolist()]
        rngs = [draws(seed, step, place) for place in range(len(items))]
        views = [query_view(item, rng, augment=on) for item, rng in zip(items, rngs, strict=True)]
        documents = [document_view(item, rng, augment=on) for item, rng in zip(items, rngs, strict=True)]
        pictures = [rng.choice(item.pictures) for item, rng in zip(items, rngs, strict=True)]
        slices = range(len(rows) // SLICE)
        clip_rows = self._clip_rows(step, len(slices))
        clips = self.workers.own(len(clip_rows))
        parts = [
            _Slice.of(self, step, number, [text for text, _ in views], documents, pictures)
            for number in slices[self.workers.own(len(slices))]
        ]
        asked = np.array([[f in fields for f in FIELDS] for _, fields in views])
        values = self._values[rows]
        asked &= values >= 0
        positive, ignore = match(values, asked, np.arange(len(rows)))
        # A title asks for its own product and nothing less: everything else is a negative of it.
        ignore &= np.asarray(asked.any(axis=1))[:, np.newaxis]
        twins = np.equal.outer(self._twins[rows], self._twins[rows])
        kinds = np.equal.outer(self._categories[clip_rows], self._categories[clip_rows])
        sounds = self._sounds(step, clip_rows, clips, on)
        sounding = [self._items[row].document for row in clip_rows[clips].tolist()]
        return Batch(
            images=torch.cat([part.images for part in parts]).contiguous(memory_format=torch.channels_last),
            queries=_joined([part.queries for part in parts]),
            documents=_joined([part.documents for part in parts]),
            phrases=_joined([part.phrases for part in parts]),
            sounds=sounds,
            sound_documents=_packed(self._vocabulary, sounding),
            same=torch.from_numpy(twins | positive | ignore),
            twins=torch.from_numpy(twins),
            sounds_alike=torch.from_numpy(kinds),
            weights=None if self._weights is None else torch.from_numpy(self._weights[rows]),
            rows=rows,
        )

    def _clip_rows(self, step: int, slices: int) -> Rows:
        if len(self._sounding) == 0 or "audio" in self.settings.freeze:
            return np.zeros(0, dtype=np.int64)
        rng = np.random.default_rng([self.settings.seed, 17, step])
        return rng.choice(self._sounding, _CLIPS * slices, replace=len(self._sounding) < _CLIPS * slices)

    def _sounds(self, step: int, rows: Rows, own: slice, on: bool) -> Tensor:
        picked = []
        for place in range(len(rows))[own]:
            start, count = self._items[int(rows[place])].clips
            rng = np.random.default_rng([self.settings.seed, 19, step, place])
            mel = torch.from_numpy(self._data.mels[start + int(rng.integers(count))].astype(np.float32))[None]
            generator = torch.Generator().manual_seed(int(rng.integers(2**62)))
            picked.append(disturbed(mel, generator) if on else mel)
        return torch.stack(picked) if picked else torch.zeros(0, 1, 1, 1)

    def _loss(self, model: AdaptModel, batch: Batch) -> tuple[Tensor, dict[str, float]]:
        s, device, workers = self.settings, model.device, self.workers
        weights = None if batch.weights is None else batch.weights.to(device)
        scale = workers.part_of(model.scale)
        images = batch.images.to(device)
        packed = (batch.queries, batch.documents, batch.phrases)
        queries, documents, phrases = (_to(part, device) for part in packed)
        with autocast(device):
            query_v, document_v = model.encode_packed(queries), model.encode_packed(documents)
            image_v = model.encode_images(images)

        def pull(left: Tensor, right: Tensor, mask: Tensor, by: Tensor | None) -> Tensor:
            gathered = workers.gather(left), workers.gather(right)
            return contrast(s.loss, *gathered, mask.to(device), scale, s.loss_margin, by)

        parts = {"titles": pull(query_v, image_v, batch.same, weights)}
        total = parts["titles"]
        if self._texts_learn:
            parts["documents"] = pull(query_v, document_v, batch.twins, weights)
            total = total + DOCUMENTS * parts["documents"]
        if len(batch.sounds_alike):
            with autocast(device):
                sound_v = model.encode_sounds(batch.sounds.to(device))
                sounding_v = model.encode_packed(_to(batch.sound_documents, device))
            parts["sounds"] = pull(sound_v, sounding_v, batch.sounds_alike, None)
            total = total + SOUNDS * parts["sounds"]
        named = {name: float(value.detach()) for name, value in parts.items()}
        if self._parent is not None:
            away = self._away(model, images, image_v, [(queries, query_v), (documents, document_v)], phrases)
            total = total + s.stay * away / workers.size
            named["away"] = float(workers.total(away)) / workers.size
        return total, named | {"scale": float(model.scale.detach())}

    def _away(
        self, model: AdaptModel, images: Tensor, image_v: Tensor, texts: Sequence[tuple[Packed, Tensor]],
        phrases: Packed,
    ) -> Tensor:  # fmt: skip
        """Mean cosine distance to the parent's vectors, of pictures and of texts, as seen by this worker."""
        assert self._parent is not None
        some = images[::_KEPT_PICTURES]
        with torch.no_grad(), autocast(model.device):
            before = self._parent.encode_images(some)
            read = [self._parent.encode_packed(packed) for packed, _ in texts]
            general = self._parent.encode_packed(phrases)
        distance = (1.0 - (image_v[::_KEPT_PICTURES] * before).sum(1)).mean()
        if self._texts_learn:
            with autocast(model.device):
                phrase_v = model.encode_packed(phrases)
            moved = [(1.0 - (now * was).sum(1)).mean() for (_, now), was in zip(texts, read, strict=True)]
            moved.append((1.0 - (phrase_v * general).sum(1)).mean())
            distance = distance + torch.stack(moved).mean()
        return distance


@dataclass(frozen=True, slots=True)
class _Slice:
    """The rows whose random numbers come from one generator."""

    images: Tensor
    queries: Packed
    documents: Packed
    phrases: Packed

    @classmethod
    def of(
        cls, recipe: AdaptRecipe, step: int, number: int, queries: Sequence[str], documents: Sequence[str],
        pictures: Sequence[int],
    ) -> _Slice:  # fmt: skip
        seed, on = recipe.settings.seed, recipe.settings.augment
        generator = torch.Generator().manual_seed((seed * 1_000_003 + step) * 4_099 + number)
        rows = slice(number * SLICE, (number + 1) * SLICE)
        pixels = torch.from_numpy(recipe._data.pictures[np.asarray(pictures[rows])])
        strong = torch.zeros(len(pixels), dtype=torch.bool)
        images = augment(pixels, strong, generator) if on else scaled(pixels)
        rng = draws(seed, "phrases", step, number)
        phrases = [general_phrase(rng) for _ in range(_PHRASES)]
        packed = [_packed(recipe._vocabulary, texts) for texts in (queries[rows], documents[rows], phrases)]
        if on:
            packed = [(a, b * (torch.rand(len(b), generator=generator) >= _FEATURE_DROPOUT), c)
                      for a, b, c in packed]  # fmt: skip
        return cls(images, *packed)


def frozen_copy(model: AdaptModel) -> AdaptModel:
    """The model as it is now, never to change."""
    return copy.deepcopy(model).eval().requires_grad_(False)


def _attribute_values(items: Sequence[TrainingItem]) -> Rows:
    known = load_glossary().by_concept
    values = np.full((len(items), len(FIELDS)), -1, dtype=np.int64)
    for column, name in enumerate(FIELDS):
        numbers: dict[str, int] = {}
        for row, item in enumerate(items):
            concept = item.terms.get(name)
            if concept in known:
                values[row, column] = numbers.setdefault(str(concept), len(numbers))
    return values


def _packed(vocabulary: Vocabulary, texts: Sequence[str]) -> Packed:
    found, weights, offsets = (torch.from_numpy(part) for part in pack(vocabulary, texts))
    return found, weights, offsets


def _joined(parts: Sequence[Packed]) -> Packed:
    starts = np.cumsum([0, *(len(found) for found, _, _ in parts)]).tolist()
    offsets = [part[2] + start for part, start in zip(parts, starts, strict=False)]
    return torch.cat([part[0] for part in parts]), torch.cat([part[1] for part in parts]), torch.cat(offsets)


def _to(packed: Packed, device: torch.device) -> Packed:
    return packed[0].to(device), packed[1].to(device), packed[2].to(device)
