"""Teach a trained text tower more words, while what pictures are asked by stays where it is.

::

    python -m training.finish_text --data DIR --words RUN/words --weights FOLDER [--steps 1000]

The towers are trained together, where a text costs a picture; here only the text tower learns, so a step is
cheap and there are many. It gets rows for more words, learns them from what :mod:`training.lessons` shows
it, and is held by its own vectors of what pictures are found by (:data:`ANCHOR`). Its table is trained as it
is kept, in 4 bits. In a share of the texts (:data:`PIECES`) it sees no whole word, only what words are made
of: so it learns to read a word that it never met. ``text.safetensors`` of ``--weights`` is replaced, and the
manifest written anew.
"""

from __future__ import annotations

import argparse
import copy
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

import mmpipe.encoders.starter as package
from mmpipe.encoders.starter.features import Vocabulary, feature_key, pack
from mmpipe.encoders.starter.loader import load_text
from mmpipe.encoders.starter.towers import TextTower
from mmpipe.encoders.starter.weights import (
    GLOSSARY,
    MANIFEST,
    as_kept,
    dequantise,
    read_tensors,
    write_manifest,
)  # fmt: skip
from mmpipe.learn.draws import draws
from mmpipe.learn.export import export_text, finish
from mmpipe.learn.loop import say
from training.lessons import Lessons, feature_names, grown, product, query, read_lessons

# How much each loss counts; the anchors' from the first step to the last.
ANCHOR, ANSWERS, ENTRIES, LIKENESS, APART = (40.0, 4_000.0), 1.0, 0.7, 0.5, 2.0
PIECES = 0.3
_QUERIES, _ENTRIES, _ANY, _COMPARED = 160, 132, 60, 192
_ANCHORS = {"title": 288, "asked": 160, "type": 64, "made": 96, "named": 16}
# As near as two texts may come whose teacher's cosine is 0, and how much nearer with each of it.
_FAR, _NEARER = 0.3, 0.7
_SCALE, _STUDENT, _ENGLISH, _MULTILINGUAL = 14.0, 0.07, 0.05, 0.03
_WEIGHT_DECAY, _WARMUP, _DROPOUT, _QUIET, _TABLE_RATE = 1e-4, 0.06, 0.1, 0.02, 1.5
_MASKED = -1e4
_NOTHING_LEFT = 0.05
_WHOLE, _PAIR = 1, 2


class Tower:
    """A text tower in training: texts → unit vectors, float32 ``(texts, DIM)``."""

    def __init__(self, tower: TextTower, vocabulary: Vocabulary, names: Iterable[str]) -> None:
        self.tower, self.vocabulary = tower, vocabulary
        kinds = np.zeros(len(vocabulary), dtype=np.int8)
        for name in names:
            row = vocabulary.rows.get(feature_key(name))
            if row is not None:
                kinds[row] = _kind(name)
        self._kinds = torch.from_numpy(kinds)

    def __call__(self, texts: Sequence[str], *, drop: float = 0.0, pieces: float = 0.0) -> Tensor:
        """``drop`` of the features are left out, in ``pieces`` of the texts all but pieces of words."""
        rows, weights, offsets = (torch.from_numpy(each) for each in pack(self.vocabulary, texts))
        if drop:
            weights = weights * (torch.rand(len(weights)) >= drop)
        if pieces:
            weights = self._in_pieces(rows, weights, offsets, pieces)
        distinct, inverse = torch.unique(rows, return_inverse=True)
        # Sparse: a step reaches a tenth of the rows.
        table = as_kept(F.embedding(distinct, self.tower.table.weight, sparse=True))
        bag = F.embedding_bag(inverse, table, offsets, mode="sum", per_sample_weights=weights)
        return F.normalize(self.tower.after_bag(bag), dim=1)

    def _in_pieces(self, rows: Tensor, weights: Tensor, offsets: Tensor, share: float) -> Tensor:
        """Weights as if whole words, and half of the pairs, had no row."""
        texts = len(offsets)
        lengths = torch.diff(offsets, append=torch.tensor([len(rows)]))
        text_of = torch.repeat_interleave(torch.arange(texts), lengths)
        kinds = self._kinds[rows]
        whole = (kinds == _WHOLE) | ((kinds == _PAIR) & (torch.rand(len(rows)) < 0.5))
        left = weights * ~(whole & (torch.rand(texts) < share)[text_of])
        length = torch.zeros(texts).index_add_(0, text_of, left * left).sqrt()
        return torch.where((length > _NOTHING_LEFT)[text_of], left / length[text_of].clamp_min(1e-6), weights)


def _kind(name: str) -> int:
    if name[0] in "wc":
        return _WHOLE
    return _PAIR if name[0] == "b" or (name[0] == "z" and len(name) > len("z:字")) else 0


def widened(tower: TextTower, rows: int, seed: int) -> TextTower:
    """The same tower with quiet rows added to its table, up to ``rows``."""
    state = tower.state_dict()
    table = state["table.weight"]
    quiet = torch.empty(rows - len(table), table.shape[1])
    quiet.normal_(std=_QUIET, generator=torch.Generator().manual_seed(seed))
    wide = TextTower(rows, initialise=False)
    wide.load_state_dict({**state, "table.weight": torch.cat([table, quiet])})
    return wide


def loss(
    tower: Tower, lessons: Lessons, held: Mapping[str, Tensor], step: int, seed: int, anchored: float
) -> tuple[Tensor, dict[str, float]]:
    """The loss of one step, and its parts; ``held`` are the vectors that the anchors had, ``anchored`` is how
    much they count."""
    rng = draws(seed, step)
    chosen = rng.sample(range(len(lessons.groups)), _QUERIES)
    groups, things = [lessons.groups[row] for row in chosen], lessons.things[chosen]
    asked = tower([query(group, rng) for group in groups], drop=_DROPOUT, pieces=PIECES)
    titles = tower([product(group, rng) for group in groups], drop=_DROPOUT, pieces=PIECES / 2)
    words = [set(group.en) | set(group.zh) for group in groups]
    alike = torch.tensor([[i != j and bool(a & b) for j, b in enumerate(words)] for i, a in enumerate(words)])
    answers = _pairs(asked, titles, alike)
    every = range(len(lessons.entries))
    drawn = rng.choices(every, cum_weights=lessons.drawn, k=_ENTRIES) + rng.choices(every, k=_ANY)
    rows = list(dict.fromkeys(drawn))
    english = tower([lessons.entries[row][0] for row in rows], drop=_DROPOUT / 2, pieces=PIECES)
    chinese = tower([lessons.entries[row][1] for row in rows], drop=_DROPOUT / 2, pieces=PIECES)
    meanings = lessons.meanings[rows]
    entries = _translations(chinese, english, meanings)
    apart = _too_near(asked, titles, things, things, same=alike | torch.eye(len(chosen), dtype=torch.bool))
    itself = torch.eye(len(rows), dtype=torch.bool)
    for said in (english, chinese):
        entries = entries + 0.25 * _relations(said, meanings, _ENGLISH)
        apart = apart + _too_near(said, titles, meanings, things)
        apart = apart + 0.5 * _too_near(said, english, meanings, meanings, same=itself)
    rows = rng.sample(range(len(lessons.e5)), _COMPARED)
    compared = tower([lessons.texts[row] for row in rows], pieces=PIECES / 2)
    likeness = 0.5 * _relations(compared, lessons.e5[rows], _MULTILINGUAL)
    rows = [row for row in rng.sample(range(len(lessons.texts)), _COMPARED) if lessons.minilm[row].any()]
    compared = tower([lessons.texts[row] for row in rows], pieces=PIECES / 2)
    likeness = likeness + _relations(compared, lessons.minilm[rows], _ENGLISH)
    for said in (english, chinese):
        apart = apart + _too_near(said, compared, meanings, lessons.minilm[rows])
    texts, stayed = [], []
    for kind, count in _ANCHORS.items():
        rows = rng.sample(range(len(held[kind])), min(count, len(held[kind])))
        texts += [lessons.anchors[kind][row] for row in rows]
        stayed.append(held[kind][rows])
    anchor = (1 - (tower(texts) * torch.cat(stayed)).sum(1)).mean()
    parts = {"answers": answers, "entries": entries, "likeness": likeness, "apart": apart, "anchor": anchor}
    much = {"answers": ANSWERS, "entries": ENTRIES, "likeness": LIKENESS, "apart": APART, "anchor": anchored}
    total = sum((much[name] * part for name, part in parts.items()), torch.zeros(()))
    return total, {name: float(part.detach()) for name, part in parts.items()}


def _pairs(left: Tensor, right: Tensor, alike: Tensor) -> Tensor:
    logits = (_SCALE * left @ right.T).masked_fill(alike, _MASKED)
    targets = torch.arange(len(left))
    return 0.5 * (F.cross_entropy(logits, targets) + F.cross_entropy(logits.T, targets))


def _translations(left: Tensor, right: Tensor, vectors: np.ndarray) -> Tensor:
    """Each of one language is as near to each of the other as the teacher's vectors of their meanings are."""
    teacher = torch.from_numpy(vectors).float()
    wanted = (teacher @ teacher.T / _ENGLISH).softmax(1)
    logits = _SCALE * left @ right.T
    ways = (F.kl_div(each.log_softmax(1), wanted, reduction="batchmean") for each in (logits, logits.T))
    return 0.5 * sum(ways, torch.zeros(()))


def _relations(student: Tensor, vectors: np.ndarray, temperature: float) -> Tensor:
    teacher = torch.from_numpy(vectors).float()
    itself = torch.eye(len(student), dtype=torch.bool)
    wanted = (teacher @ teacher.T / temperature).masked_fill(itself, _MASKED).softmax(1)
    found = (student @ student.T / _STUDENT).masked_fill(itself, _MASKED).log_softmax(1)
    return F.kl_div(found, wanted, reduction="batchmean")


def _too_near(
    left: Tensor, right: Tensor, lefts: np.ndarray, rights: np.ndarray, same: Tensor | None = None
) -> Tensor:
    """How much nearer texts are than the teacher's vectors of them allow, squared; what are the ``same`` may
    be as near as they like."""
    teacher = torch.from_numpy(lefts).float() @ torch.from_numpy(rights).float().T
    over = F.relu(left @ right.T - (_FAR + _NEARER * teacher.clamp_min(0))).square()
    return (over if same is None else over.masked_fill(same, 0.0)).sum(1).mean()


def teach(
    tower: Tower, lessons: Lessons, held: Mapping[str, Tensor], steps: int, rate: float, seed: int
) -> TextTower:
    """The tower after ``steps``: the mean of its weights over the last quarter."""
    torch.manual_seed(seed)
    learning = tower.tower.train()
    table = learning.table.weight
    layers = [each for each in learning.parameters() if each is not table]
    optimisers = (
        torch.optim.AdamW(layers, rate, weight_decay=_WEIGHT_DECAY),
        torch.optim.SparseAdam([table], rate * _TABLE_RATE),
    )
    mean, counted = copy.deepcopy(learning), 0
    for step in range(steps):
        warm = min(1.0, (step + 1) / (_WARMUP * steps))
        now_rate = rate * warm * 0.5 * (1 + math.cos(math.pi * step / steps))
        for optimiser, factor in zip(optimisers, (1.0, _TABLE_RATE), strict=True):
            optimiser.param_groups[0]["lr"] = now_rate * factor
        anchored = ANCHOR[0] * (ANCHOR[1] / ANCHOR[0]) ** (step / steps)
        total, parts = loss(tower, lessons, held, step, seed, anchored)
        learning.zero_grad(set_to_none=True)
        total.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(layers, 5.0)
        for optimiser in optimisers:
            optimiser.step()
        if step % 50 == 0 or step == steps - 1:
            say(" ".join([f"step={step}", *(f"{name}={value:.4g}" for name, value in parts.items())]))
        if step >= 0.75 * steps:
            counted += 1
            with torch.no_grad():
                for kept, now in zip(mean.parameters(), learning.parameters(), strict=True):
                    kept.lerp_(now, 1 / counted)
    return mean.eval()


def write(tower: TextTower, vocabulary: Vocabulary, weights: Path) -> None:
    """Put the tower into a weights folder, whose other files and recorded figures stay."""
    glossary = Path(package.__file__).parent / GLOSSARY
    manifest = weights / MANIFEST
    metrics = json.loads(manifest.read_text(encoding="utf-8"))["metrics"] if manifest.is_file() else {}
    export_text(tower.state_dict(), vocabulary, weights, glossary, coarse=True)
    if (weights / "audio.safetensors").is_file():
        finish(weights, glossary, metrics)
    else:  # the recipe's audio tower comes later, and completes the folder
        write_manifest(weights, glossary, metrics)


def main(argv: list[str] | None = None) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m training.finish_text", description=__doc__.split("\n")[0]
    )
    parser.add_argument("--data", type=Path, required=True, help="folder with kagl/, zh/ …")
    parser.add_argument("--words", type=Path, required=True, help="what python -m training.words wrote")
    parser.add_argument("--weights", type=Path, required=True, help="the weights whose text tower learns")
    parser.add_argument("--steps", type=int, default=1_000)
    parser.add_argument("--rows", type=int, default=62_000, help="of the table, those it has included")
    parser.add_argument("--learning-rate", type=float, default=2.5e-3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seed", type=int, default=17)
    options = parser.parse_args(argv)
    torch.set_num_threads(options.threads)
    file = options.weights / "text.safetensors"
    packed = read_tensors(file)
    known = Vocabulary(packed.pop("keys").tolist())
    before = TextTower(len(known), initialise=False)
    before.load_state_dict(dequantise(packed))
    lessons = read_lessons(options.data, options.words)
    names = feature_names(lessons)
    held = _vectors(file, lessons)
    vocabulary = grown(known, names, options.rows)
    tower = Tower(widened(before, len(vocabulary), options.seed), vocabulary, names)
    taught = teach(tower, lessons, held, options.steps, options.learning_rate, options.seed)
    write(taught, vocabulary, options.weights)
    likeness = {
        kind: round(float((now * held[kind]).sum(1).mean()), 4)
        for kind, now in _vectors(file, lessons).items()
    }
    say(f"{len(known)} rows before, {len(vocabulary)} now; cosine of the anchors {likeness}")


def _vectors(file: Path, lessons: Lessons) -> dict[str, Tensor]:
    text = load_text(file)
    return {kind: torch.from_numpy(text.embed_documents(said)) for kind, said in lessons.anchors.items()}


if __name__ == "__main__":
    main()
