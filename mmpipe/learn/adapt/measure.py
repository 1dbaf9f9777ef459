"""How well titles find their products' pictures, on held-out products; and what else must not be lost."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from importlib import resources
from typing import TYPE_CHECKING

import numpy as np

from mmpipe.encoders.starter.glossary import load_glossary
from mmpipe.encoders.starter.images import fit_all
from mmpipe.encoders.starter.towers import TRUNK_CANVAS
from mmpipe.learn.measures import Embedders, top

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mmpipe.learn.catalogue_data import CatalogueData

    Rows = NDArray[np.int64]
    Vectors = NDArray[np.float32]

TITLES, PICTURES = "general.json", "general.webp"

_CHUNK = 256
_CORPUS = 6_000
_PICTURES = 4  # of a product, as many as indexing takes
_DRAWS = 2_000


@dataclass(frozen=True, slots=True)
class Found:
    """One entry for each title asked: the share of its products among the first ten, and 1 / first rank."""

    recall: NDArray[np.float64]
    reciprocal: NDArray[np.float64]

    @property
    def figures(self) -> dict[str, float]:
        """Recall@10 and MRR."""
        return {"recall@10": float(self.recall.mean()), "mrr": float(self.reciprocal.mean())}


@dataclass(frozen=True, slots=True)
class HeldOut:
    """Held-out products' titles against pictures of a catalogue, the held-out ones among them."""

    queries: tuple[str, ...]
    relevant: tuple[tuple[int, ...], ...]
    starts: Rows
    pictures: NDArray[np.uint8]

    def find(self, embed: Embedders) -> Found:
        """Ask every title; a document is the unit mean of its pictures' vectors, as in the index."""
        documents = np.add.reduceat(embed.images(self.pictures), self.starts, axis=0)
        documents /= np.linalg.norm(documents, axis=1, keepdims=True)
        asked = embed.texts(self.queries)
        recall, reciprocal = [], []
        for start in range(0, len(asked), _CHUNK):
            for row, scores in enumerate(asked[start : start + _CHUNK] @ documents.T, start=start):
                answers = self.relevant[row]
                ranks = sorted(int((scores > scores[answer]).sum()) + 1 for answer in answers)
                recall.append(sum(rank <= 10 for rank in ranks) / min(len(ranks), 10))
                reciprocal.append(1.0 / ranks[0])
        return Found(np.asarray(recall), np.asarray(reciprocal))


def held_out(data: CatalogueData, asked: Rows, others: Rows, seed: int) -> HeldOut:
    """The titles of ``asked``, in each of their languages, against ``asked`` and as many of ``others`` (6,000
    in all) as keep this affordable. Products of one title answer for each other."""
    room = max(0, _CORPUS - len(asked))
    some = np.sort(np.random.default_rng([seed, 23]).permutation(others)[:room])
    corpus = [data.items[i] for i in (*asked.tolist(), *some.tolist())]
    answers: dict[str, list[int]] = {}
    for number, item in enumerate(corpus):
        answers.setdefault(item.twin, []).append(number)
    pairs = dict.fromkeys((title, item.twin) for item in corpus[: len(asked)] for title in item.titles)
    pictures = [item.pictures[:_PICTURES] for item in corpus]
    starts = np.cumsum([0, *(len(rows) for rows in pictures)])[:-1]
    return HeldOut(
        tuple(title for title, _ in pairs),
        tuple(tuple(answers[twin]) for _, twin in pairs),
        np.asarray(starts, dtype=np.int64),
        np.asarray(data.pictures[[row for rows in pictures for row in rows]]),
    )


def difference(before: Found, after: Found, seed: int) -> tuple[float, float, float]:
    """The change in MRR and its 90 % interval, by the paired bootstrap over titles."""
    change = after.reciprocal - before.reciprocal
    rng = np.random.default_rng([seed, 29])
    means = change[rng.integers(len(change), size=(_DRAWS, len(change)))].mean(axis=1)
    low, high = np.quantile(means, (0.05, 0.95))
    return float(change.mean()), float(low), float(high)


def is_better(before: Found, after: Found) -> bool:
    """More recall@10; where that is equal, more MRR."""
    mine, theirs = after.figures, before.figures
    return (round(mine["recall@10"], 9), mine["mrr"]) > (round(theirs["recall@10"], 9), theirs["mrr"])


def score(found: Found) -> float:
    """Recall@10 with MRR to settle what recall cannot tell apart."""
    figures = found.figures
    return figures["recall@10"] + 1e-3 * figures["mrr"]


def general_figures() -> Callable[[Embedders], dict[str, float]]:
    """What is to survive of a parent's general knowledge: titles in both languages → the drawn pictures of
    160 products of many kinds, and Chinese → English glossary terms."""
    titles, pictures = _general()
    terms = [term for term in load_glossary().terms if term.zh]

    def measure(embed: Embedders) -> dict[str, float]:
        documents = embed.images(pictures)
        figures = {
            f"renders_{language}_mrr": _mrr(embed.texts([title[language] for title in titles]), documents)
            for language in ("en", "zh")
        }
        english, chinese = (
            embed.texts([getattr(t, language)[0] for t in terms]) for language in ("en", "zh")
        )
        figures["glossary_zh_en"] = float((top(chinese, english, 1)[:, 0] == np.arange(len(terms))).mean())
        return figures

    return measure


def _general() -> tuple[list[dict[str, str]], NDArray[np.uint8]]:
    """Titles by language, and their pictures on the canvas, as ``training.general`` wrote them."""
    from PIL import Image

    folder = resources.files(__package__)
    titles = json.loads(folder.joinpath(TITLES).read_text(encoding="utf-8"))
    with folder.joinpath(PICTURES).open("rb") as file, Image.open(file) as column:
        pictures = np.array(column.convert("RGB")).reshape(-1, *TRUNK_CANVAS, 3)
    return titles, fit_all(list(pictures))


def _mrr(queries: Vectors, documents: Vectors) -> float:
    scores = queries @ documents.T
    ranks = (scores > scores.diagonal()[:, None]).sum(axis=1) + 1
    return float((1.0 / ranks).mean())
