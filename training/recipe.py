"""The starter's recipe: what one training step is, and what is measured on the way."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mmpipe.encoders.starter.features import Vocabulary, pack
from mmpipe.encoders.starter.glossary import Term
from mmpipe.learn.answers import match
from mmpipe.learn.augment import augment
from mmpipe.learn.data import FIELDS, Source
from mmpipe.learn.draws import draws
from mmpipe.learn.losses import info_nce, multi_positive
from mmpipe.learn.measures import Embedders
from mmpipe.learn.precision import autocast
from mmpipe.learn.views import attribute_query, choose_fields, document_text, shortened, surface, title_view
from training.batches import Rows, Shares, grocery_rows, label_items, same_group
from training.losses import alignment, prototype_loss
from training.model import StarterModel

if TYPE_CHECKING:
    from numpy.typing import NDArray

HEADS = ("type", "colour", "gender", "usage", "season", "pattern")
_FEATURE_DROPOUT = 0.1
_EVAL_BATCH = 256
_TEXT_PAIRS = 96
SMALL = (60, 48)  # progressive resizing: three quarters of the canvas, each way


@dataclass(frozen=True, slots=True)
class Weights:
    """How much each loss counts."""

    titles: float = 1.0
    attributes: float = 0.5
    prototypes: float = 0.6
    kinds: float = 0.25
    heads: float = 0.25
    languages: float = 0.3
    photos: float = 0.2
    documents: float = 0.2


@dataclass(frozen=True, slots=True)
class Sources:
    """Everything a run trains on; ``sample`` may be empty."""

    fashion: Source
    grocery: Source
    sample: Source
    texts: Sequence[tuple[str, str]] = ()

    @property
    def all(self) -> tuple[Source, Source, Source]:
        return self.fashion, self.grocery, self.sample


@dataclass(frozen=True, slots=True)
class Batch:
    """One step's batch.

    ``texts`` are packed in this order, ``sizes`` counts each: titles of every picture; shortened titles of
    text-only products; whole texts of the ``asking`` half of the items, then of the text-only products;
    attribute queries of ``asking`` in English; the same in Chinese; article-type names.
    """

    images: Tensor
    texts: tuple[Tensor, Tensor, Tensor]
    sizes: tuple[int, int, int, int, int, int]
    labels: Tensor
    photo: NDArray[np.bool_]
    grocery: tuple[int, int]
    same: NDArray[np.bool_]
    twins: Tensor
    positive: Tensor
    ignore: Tensor
    asking: Tensor
    use_chinese: Tensor


class Recipe:
    """Builds batches and their loss; deterministic in ``(seed, step)``."""

    def __init__(
        self, sources: Sources, shares: Shares, weights: Weights, seed: int, small_steps: int = 0
    ) -> None:
        """``small_steps``: how many first steps see pictures at :data:`SMALL`, which costs half as much.

        ``labels`` are each source's attribute values by number, ``prior`` the shares of the article types.
        """
        self._small_steps = small_steps
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="batches")
        self._ahead: dict[int, Future[Batch]] = {}
        self.sources, self.shares, self.weights, self.seed = sources, shares, weights, seed
        self.concepts: dict[str, list[str]] = {}
        self.labels = [label_items(source, self.concepts).values for source in sources.all]
        self._fashion = Rows(self.labels[0][:, 0], seed, hard=0.5, rare=0.08)
        self._sample = Rows(self.labels[2][:, 0] if len(sources.sample) else np.zeros(0, dtype=np.int64),
                            seed + 1, hard=0.5, rare=0.0)  # fmt: skip
        counts = np.zeros(len(self.concepts["type"]))
        for labels in self.labels:
            np.add.at(counts, labels[labels[:, 0] >= 0, 0], 1)
        self.prior = torch.from_numpy((counts + 1) / (counts + 1).sum()).float()
        self._type_terms = self._terms("type")

    @property
    def classes(self) -> dict[str, int]:
        """Classes of each training-only head."""
        return {f: max(1, len(self.concepts[f])) for f in HEADS}

    @property
    def type_names(self) -> list[str]:
        """What the classes of the article types' head are called in English."""
        return self.type_surfaces("en")

    def type_surfaces(self, language: str) -> list[str]:
        """The same in ``en`` or ``zh``."""
        return [(term.en if language == "en" else term.zh)[0] for term in self._type_terms]

    def _terms(self, name: str) -> list[Term]:
        met: dict[str, Term] = {}
        for source in self.sources.all:
            for item in source.items:
                if name in item.terms:
                    met.setdefault(item.terms[name].concept, item.terms[name])
        return [met[concept] for concept in self.concepts[name]]

    def loss(self, module: nn.Module, step: int) -> tuple[Tensor, dict[str, float]]:
        """The loss of training step ``step``, and its parts.

        Another thread makes the next step's batch meanwhile: text is Python's work, convolutions are not.
        """
        if not isinstance(module, StarterModel):
            raise TypeError(f"the recipe trains a StarterModel, not {type(module).__name__}")
        ready = self._ahead.pop(step, None)
        batch = ready.result() if ready is not None else self.prepare(step, module.vocabulary)
        self._ahead = {step + 1: self._thread.submit(self.prepare, step + 1, module.vocabulary)}
        with autocast():
            return self._loss(module, batch)

    def prepare(self, step: int, vocabulary: Vocabulary) -> Batch:
        """Everything of step ``step`` that does not depend on the model."""
        rng = draws(self.seed, step)
        generator = torch.Generator().manual_seed(self.seed * 1_000_003 + step)
        rows = (
            self._fashion.batch(step, self.shares.fashion),
            grocery_rows(self.sources.grocery, self.seed, step, self.shares.grocery),
            self._sample.batch(step, self.shares.sample if len(self.sources.sample) else 0),
        )
        parts = list(zip(self.sources.all, rows, self.labels, strict=True))
        items = [source.items[i] for source, picked, _ in parts for i in picked]
        pixels = np.concatenate([source.pixels[picked] for source, picked, _ in parts])
        photo = np.concatenate([source.photo[picked] for source, picked, _ in parts])
        values = np.concatenate([labels[picked] for _, picked, labels in parts])
        bounds = (len(rows[0]), len(rows[0]) + len(rows[1]))
        strong = photo.copy()
        strong[slice(*bounds)] = True
        size = SMALL if step < self._small_steps else None
        images = augment(torch.from_numpy(pixels), torch.from_numpy(strong), generator, size)

        n = len(items)
        fields = [choose_fields(item, rng) for item in items]
        titles = [title_view(item, rng) for item in items]
        pairs = [rng.choice(self.sources.texts) for _ in range(_TEXT_PAIRS if self.sources.texts else 0)]
        asides = [shortened(title, rng) for title, _ in pairs]
        others = [f"{title} . {rest}" if rng.random() < 0.7 else rest for title, rest in pairs]
        # Half the items have more than a title: enough positives, and text costs real time on few cores.
        asking = torch.randperm(n, generator=generator)[: (n + 1) // 2].numpy()
        documents = [document_text(items[i], rng) for i in asking]
        english, chinese = (
            [attribute_query(items[i], fields[i], language, rng) for i in asking] for language in ("en", "zh")
        )
        names = [surface(term, rng.choice(("en", "en", "zh")), rng) for term in self._type_terms]
        texts = [*titles, *asides, *documents, *others, *english, *chinese, *names]
        found, weights, offsets = (torch.from_numpy(a) for a in pack(vocabulary, texts))
        survive = torch.rand(len(weights), generator=generator) >= _FEATURE_DROPOUT
        groups = [item.group for item in items]
        asked = np.array([[f in chosen for f in FIELDS] for chosen in fields])
        positive, ignore = match(values, asked & (values >= 0), asking)
        return Batch(
            images=images,
            texts=(found, weights * survive, offsets),
            sizes=(n, len(pairs), len(asking) + len(pairs), len(asking), len(asking), len(names)),
            labels=torch.from_numpy(values),
            photo=photo,
            grocery=bounds,
            same=same_group(groups),
            twins=torch.from_numpy(
                same_group([*(groups[i] for i in asking), *(f"text:{title}" for title, _ in pairs)])
            ),
            positive=torch.from_numpy(positive),
            ignore=torch.from_numpy(ignore),
            asking=torch.from_numpy(asking),
            use_chinese=torch.rand(len(asking), 1, generator=generator) < 0.5,
        )

    def _loss(self, model: StarterModel, batch: Batch) -> tuple[Tensor, dict[str, float]]:
        weights = self.weights
        title_v, aside_v, document_v, english_v, chinese_v, type_v = torch.split(
            model.encode_packed(*batch.texts), list(batch.sizes)
        )
        image_v, features = model.encode_images(batch.images)
        scales = model.scales.float()
        loss_titles = info_nce(title_v, image_v, scales[0], torch.from_numpy(batch.same))
        query_v = torch.where(batch.use_chinese, chinese_v, english_v)
        loss_attributes = multi_positive(query_v, image_v, scales[1], batch.positive, batch.ignore)
        loss_types = prototype_loss(image_v, type_v, scales[2], batch.labels[:, 0], self.prior)
        loss_kinds = multi_positive(image_v, image_v, scales[2], *same_kind(batch.labels[:, 0]))
        loss_heads = head_loss(model.heads, features, batch.labels)
        loss_languages = alignment(english_v, chinese_v)
        short_v = torch.cat([title_v[batch.asking], aside_v])
        loss_documents = info_nce(short_v, document_v, scales[0], batch.twins)
        loss_photos = photo_loss(image_v, batch.photo, batch.same, batch.grocery, scales[0])
        total = (weights.titles * loss_titles + weights.attributes * loss_attributes
                 + weights.prototypes * loss_types + weights.kinds * loss_kinds
                 + weights.heads * loss_heads + weights.languages * loss_languages
                 + weights.photos * loss_photos + weights.documents * loss_documents)  # fmt: skip
        named = {
            "titles": loss_titles, "attributes": loss_attributes, "types": loss_types, "kinds": loss_kinds,
            "heads": loss_heads, "languages": loss_languages, "photos": loss_photos,
            "documents": loss_documents, "scale": scales[0],
        }  # fmt: skip
        return total, {k: float(v.detach()) for k, v in named.items()}


def head_loss(heads: nn.ModuleDict, features: Tensor, labels: Tensor) -> Tensor:
    """Mean cross-entropy of the attribute heads that have any label in the batch."""
    losses = []
    for name in HEADS:
        wanted = labels[:, FIELDS.index(name)]
        if bool((wanted >= 0).any()):
            scores = heads[f"by_{name}"](features).float()
            losses.append(F.cross_entropy(scores, wanted, ignore_index=-1, label_smoothing=0.05))
    return torch.stack(losses).mean() if losses else features.sum() * 0.0


def photo_loss(image_v: Tensor, photo: NDArray[np.bool_], same: NDArray[np.bool_],
               bounds: tuple[int, int], scale: Tensor) -> Tensor:  # fmt: skip
    """Shop photos against the studio pictures of the batch's products, which lie between ``bounds``."""
    start, stop = bounds
    icons = [i for i in range(start, stop) if not photo[i]]
    photos = [i for i in range(start, stop) if photo[i]]
    if not icons or not photos:
        return image_v.sum() * 0.0
    targets = torch.from_numpy(same[np.ix_(photos, icons)].argmax(1))
    return F.cross_entropy(scale * image_v[photos] @ image_v[icons].T, targets)


def same_kind(types: Tensor) -> tuple[Tensor, Tensor]:
    """``(positive, ignore)`` of every picture against every other: the same article type is an answer."""
    known = types >= 0
    itself = torch.eye(len(types), dtype=torch.bool)
    positive = (types[:, None] == types[None, :]) & known[:, None] & ~itself
    return positive, itself | ~(known[:, None] & known[None, :])


def embedders_of(model: StarterModel) -> Embedders:
    """The model as the measures see it, in eval mode."""

    def texts(batch: Sequence[str]) -> NDArray[np.float32]:
        with torch.inference_mode():
            return np.asarray(model.encode_texts(batch).numpy(), dtype=np.float32)

    def images(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        parts = []
        with torch.inference_mode(), autocast():
            for start in range(0, len(pixels), _EVAL_BATCH):
                batch = torch.from_numpy(pixels[start : start + _EVAL_BATCH]).permute(0, 3, 1, 2).float()
                parts.append(model.encode_images(batch.div_(127.5).sub_(1.0))[0].float().numpy())
        return np.concatenate(parts)

    return Embedders(texts, images)
