"""Teach a trained text tower more words, while what pictures are asked by stays where it is.

::

    python -m training.finish_text --data DIR --words RUN/words --weights FOLDER [--steps 900]

The towers are trained together, where a text costs a picture; here only the text tower learns, so a step is
cheap and there are many. It is shown what ``python -m training.words`` wrote, every dictionary entry, and
made-up products of a shop, and held by its own vectors of what pictures are found by (:data:`ANCHOR`).
``text.safetensors`` of ``--weights`` is replaced, and the manifest written anew.
"""

from __future__ import annotations

import argparse
import copy
import json
import math
import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

import mmpipe.encoders.starter as package
from mmpipe.encoders.starter.features import PART_SEPARATOR, Vocabulary, pack
from mmpipe.encoders.starter.glossary import load_glossary
from mmpipe.encoders.starter.towers import TextTower
from mmpipe.encoders.starter.weights import GLOSSARY, MANIFEST, dequantise, read_tensors, write_manifest
from mmpipe.learn.data import Item
from mmpipe.learn.draws import draws
from mmpipe.learn.export import export_text
from mmpipe.learn.loop import say
from mmpipe.learn.views import attribute_query, choose_fields, translated_title
from training.word_forms import BRANDS, FINISHES, LOOKS, SHELVES, TAILS
from training.words import dictionary, shop_groups, unknown

if TYPE_CHECKING:
    from mmpipe.lake.synonyms import Group

# How much each loss counts.
ANCHOR, ANSWERS, ENTRIES, LIKENESS = 40.0, 1.0, 0.5, 0.5
_QUERIES, _ENTRIES, _COMPARED, _ANCHORS = 160, 128, 128, 128
_ANCHORED = 16_000
_SCALE, _STUDENT, _ENGLISH, _MULTILINGUAL = 14.0, 0.07, 0.05, 0.03
_WEIGHT_DECAY, _WARMUP, _DROPOUT = 1e-4, 0.06, 0.1
_MASKED = -1e4


@dataclass(frozen=True, slots=True)
class Lessons:
    """What the tower learns from. ``anchors`` are texts whose vectors stay."""

    groups: list[Group]
    entries: list[tuple[str, str]]
    texts: list[str]
    e5: np.ndarray[tuple[int, int], np.dtype[np.float16]]
    minilm: np.ndarray[tuple[int, int], np.dtype[np.float16]]
    anchors: list[str]


def read_lessons(data: Path, words: Path) -> Lessons:
    """From the data sets and the folder that ``training.words`` wrote."""
    keep_out = unknown()
    entries = [(en, zh) for en, zh in dictionary(data / "zh" / "cedict.txt.gz")
               if not keep_out.search(en) and not keep_out.search(zh)]  # fmt: skip
    texts = (words / "texts.txt").read_text(encoding="utf-8").splitlines()
    groups = [group for group in shop_groups() if group.en and group.zh]
    held = anchors(data / "kagl" / "catalogue.parquet", draws(0, "anchors"))
    return Lessons(groups, entries, texts, np.load(words / "e5.npy"), np.load(words / "minilm.npy"), held)


def anchors(path: Path, rng: random.Random) -> list[str]:
    """Texts that pictures are found by: titles of KAGL's split ``train``, whole and in part in Chinese, and
    attribute queries in both languages."""
    import pyarrow.parquet as pq

    columns = {"type": "article_type", "colour": "base_colour", "gender": "gender", "usage": "usage"}
    rows = pq.read_table(path, columns=["id", "title", "split", *columns.values()]).to_pylist()
    concepts = load_glossary().by_concept
    found: dict[str, None] = {}
    for row in rng.sample([row for row in rows if row["split"] == "train"], _ANCHORED):
        found.setdefault(row["title"])
        terms = {field: concepts.get(f"{field}/{str(row[name]).lower()}") for field, name in columns.items()}
        item = Item(row["id"], row["title"], row["title"], None, {f: t for f, t in terms.items() if t})
        language = rng.choice(("en", "zh"))
        found.setdefault(attribute_query(item, choose_fields(item, rng), language, rng))
        if rng.random() < 0.3:
            found.setdefault(translated_title(row["title"], rng.choice((0.5, 1.0)), rng))
    return list(found)


def product(group: Group, rng: random.Random) -> str:
    """What the text encoder reads of a made-up product of a thing."""
    look = rng.choice(LOOKS)[0] if rng.random() < 0.4 else ""
    words = (rng.choice(BRANDS), look, rng.choice(group.en[:3]), rng.choice(TAILS))
    title = " ".join(word for word in words if word)
    if rng.random() < 0.4:
        title = f"{title}, {rng.choice(FINISHES)}"
    shelf = rng.choice(SHELVES) if rng.random() < 0.7 else ""
    parts = (title.title() if rng.random() < 0.5 else title, words[0], shelf)
    return PART_SEPARATOR.join(part for part in parts if part)


def query(group: Group, rng: random.Random) -> str:
    """How a shopper asks for a thing, in either language, now and then with a slip."""
    if rng.random() < 0.4:
        return rng.choice(group.zh)
    said = rng.choice(group.en)
    if rng.random() < 0.15 and len(said) > 5:
        at = rng.randrange(1, len(said) - 2)
        said = said[:at] + said[at + 1] + said[at] + said[at + 2 :]
    return said


class Tower:
    """A text tower in training, and the same as it was."""

    def __init__(self, tower: TextTower, vocabulary: Vocabulary) -> None:
        self.tower, self.vocabulary = tower, vocabulary
        self.before = copy.deepcopy(tower).eval().requires_grad_(False)

    def __call__(self, texts: Sequence[str], *, drop: float = 0.0) -> Tensor:
        rows, weights, offsets = (torch.from_numpy(each) for each in pack(self.vocabulary, texts))
        if drop:
            weights = weights * (torch.rand(len(weights)) >= drop)
        return F.normalize(self.tower(rows, weights, offsets), dim=1)

    def was(self, texts: Sequence[str]) -> Tensor:
        """The vectors of the tower as it was."""
        rows, weights, offsets = (torch.from_numpy(each) for each in pack(self.vocabulary, texts))
        with torch.no_grad():
            return F.normalize(self.before(rows, weights, offsets), dim=1)


def loss(tower: Tower, lessons: Lessons, step: int, seed: int) -> tuple[Tensor, dict[str, float]]:
    """The loss of one step, and its parts."""
    rng = draws(seed, step)
    groups = rng.sample(lessons.groups, _QUERIES)
    asked = tower([query(group, rng) for group in groups], drop=_DROPOUT)
    titles = tower([product(group, rng) for group in groups], drop=_DROPOUT)
    words = [set(group.en) | set(group.zh) for group in groups]
    alike = torch.tensor([[i != j and bool(a & b) for j, b in enumerate(words)] for i, a in enumerate(words)])
    answers = _pairs(asked, titles, alike)
    entries = rng.sample(lessons.entries, _ENTRIES)
    english, chinese = tower([en for en, _ in entries]), tower([zh for _, zh in entries])
    same = torch.tensor(
        [[i != j and a == b for j, (b, _) in enumerate(entries)] for i, (a, _) in enumerate(entries)]
    )
    translations = _pairs(chinese, english, same)
    rows = rng.sample(range(len(lessons.e5)), _COMPARED)
    compared = tower([lessons.texts[row] for row in rows])
    likeness = 0.5 * _relations(compared, lessons.e5[rows], _MULTILINGUAL)
    rows = rng.sample(range(len(lessons.texts)), _COMPARED)
    rows = [row for row in rows if lessons.minilm[row].any()]
    compared = tower([lessons.texts[row] for row in rows])
    likeness = likeness + _relations(compared, lessons.minilm[rows], _ENGLISH)
    anchors = rng.sample(lessons.anchors, _ANCHORS)
    anchor = (1 - (tower(anchors) * tower.was(anchors)).sum(1)).mean()
    total = ANSWERS * answers + ENTRIES * translations + LIKENESS * likeness + ANCHOR * anchor
    parts = {"answers": answers, "entries": translations, "likeness": likeness, "anchor": anchor}
    return total, {name: float(part.detach()) for name, part in parts.items()}


def _pairs(left: Tensor, right: Tensor, alike: Tensor) -> Tensor:
    logits = (_SCALE * left @ right.T).masked_fill(alike, _MASKED)
    targets = torch.arange(len(left))
    return 0.5 * (F.cross_entropy(logits, targets) + F.cross_entropy(logits.T, targets))


def _relations(student: Tensor, vectors: np.ndarray, temperature: float) -> Tensor:
    teacher = torch.from_numpy(vectors).float()
    itself = torch.eye(len(student), dtype=torch.bool)
    wanted = (teacher @ teacher.T / temperature).masked_fill(itself, _MASKED).softmax(1)
    found = (student @ student.T / _STUDENT).masked_fill(itself, _MASKED).log_softmax(1)
    return F.kl_div(found, wanted, reduction="batchmean")


def teach(
    tower: TextTower, vocabulary: Vocabulary, lessons: Lessons, steps: int, rate: float, seed: int
) -> TextTower:
    """The tower after ``steps``: the mean of its weights over the last quarter."""
    torch.manual_seed(seed)
    both = Tower(tower.train(), vocabulary)
    optimiser = torch.optim.AdamW(tower.parameters(), rate, weight_decay=_WEIGHT_DECAY)
    mean, counted = copy.deepcopy(tower), 0
    for step in range(steps):
        warm = min(1.0, (step + 1) / (_WARMUP * steps))
        for group in optimiser.param_groups:
            group["lr"] = rate * warm * 0.5 * (1 + math.cos(math.pi * step / steps))
        total, parts = loss(both, lessons, step, seed)
        optimiser.zero_grad(set_to_none=True)
        total.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(tower.parameters(), 5.0)
        optimiser.step()
        if step % 50 == 0 or step == steps - 1:
            say(" ".join([f"step={step}", *(f"{name}={value:.4g}" for name, value in parts.items())]))
        if step >= 0.75 * steps:
            counted += 1
            with torch.no_grad():
                for kept, now in zip(mean.parameters(), tower.parameters(), strict=True):
                    kept.lerp_(now, 1 / counted)
    return mean.eval()


def main(argv: list[str] | None = None) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m training.finish_text", description=__doc__.split("\n")[0]
    )
    parser.add_argument("--data", type=Path, required=True, help="folder with kagl/, zh/ …")
    parser.add_argument("--words", type=Path, required=True, help="what python -m training.words wrote")
    parser.add_argument("--weights", type=Path, required=True, help="the weights whose text tower learns")
    parser.add_argument("--steps", type=int, default=900)
    parser.add_argument("--learning-rate", type=float, default=2e-3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seed", type=int, default=17)
    options = parser.parse_args(argv)
    torch.set_num_threads(options.threads)
    packed = read_tensors(options.weights / "text.safetensors")
    vocabulary = Vocabulary(packed.pop("keys").tolist())
    tower = TextTower(len(vocabulary))
    tower.load_state_dict(dequantise(packed))
    lessons = read_lessons(options.data, options.words)
    taught = teach(tower, vocabulary, lessons, options.steps, options.learning_rate, options.seed)
    glossary = Path(package.__file__).parent / GLOSSARY
    export_text(taught.state_dict(), vocabulary, options.weights, glossary)
    metrics = json.loads((options.weights / MANIFEST).read_text(encoding="utf-8"))["metrics"]
    write_manifest(options.weights, glossary, metrics)


if __name__ == "__main__":
    main()
