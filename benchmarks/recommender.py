"""A learnt recommender as replicas answer with it: loading, a version's rows, scores after a history.

    OMP_NUM_THREADS=1 python benchmarks/recommender.py [--items 42662] [--history 50] [--dim 192]

Weights are drawn at random: nothing depends on them. ``sasrec`` is the sequence model alone, ``mixture`` all
parts that ``sequence+content`` has. ``load_ms`` maps the files and checks them, ``version_ms`` finds a
version's rows among the model's items, once; ``ms`` are median, 95th percentile and least of 500 histories of
different products; ``interest_ms`` is the ranker's features of 500 rows. Prints one JSON line.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from mmpipe.encoders.base import EncoderInfo, FusionInfo, Profile
from mmpipe.lake import open_lake
from mmpipe.lake.recommenders import Card
from mmpipe.lake.schema import ProductRow, VectorBlock, build_table
from mmpipe.learn.recommend.blend import Blend, Portion
from mmpipe.learn.recommend.content import ContentModel
from mmpipe.learn.recommend.neighbours import KNN, NEXT, NeighbourModel
from mmpipe.learn.recommend.sasrec import SasRec, SasRecConfig
from mmpipe.learn.recommend.train import SequenceModel, Trained
from mmpipe.learn.recommender.candidates import Workshop
from mmpipe.learn.recommender.corpus import Corpus
from mmpipe.recommend.model import Recommender
from mmpipe.recommend.model.features import features
from mmpipe.schemas.product import Product
from mmpipe.search import LiveVersions, Version
from mmpipe.settings import LakeSettings, ServeSettings, Settings

_ROUNDS = 500
_STAGED = 8_192


def main() -> None:
    """Parse, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--items", type=int, default=42_662)
    parser.add_argument("--history", type=int, default=50)
    parser.add_argument("--dim", type=int, default=192)
    options = parser.parse_args()
    torch.set_num_threads(1)
    rng = np.random.default_rng(1)
    ids = [f"p{n:07d}" for n in range(options.items)]
    vectors = rng.standard_normal((options.items, options.dim)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    figures: dict[str, Any] = {"items": options.items, "history": options.history, "dim": options.dim}
    with _version(ids, vectors) as version:
        corpus = _corpus(ids, vectors, rng)
        card = Card(
            collection="shop",
            profile=version.fingerprint,
            trained_through=datetime.now(UTC),
            events=int(corpus.counts.sum()),
            shoppers=len(corpus.sequences),
        )
        sequence, mixture = _models(corpus, options.dim)
        with Workshop() as workshop:
            for name, model in (("sasrec", sequence), ("mixture", mixture)):
                folder = workshop.write(model, corpus, card)
                figures[name] = _measure(folder, version, ids, options.history, rng)
    sys.stdout.write(json.dumps(figures) + "\n")


def _measure(
    folder: Path, version: Version, ids: list[str], length: int, rng: np.random.Generator
) -> dict[str, Any]:
    started = time.perf_counter()
    model = Recommender(folder, name="benchmark", revision="0" * 16)
    load = time.perf_counter() - started
    started = time.perf_counter()
    bound = model.on(version)
    rows = time.perf_counter() - started
    taken = []
    for _ in range(_ROUNDS):
        history = [ids[item] for item in rng.choice(len(ids), length, replace=False)]
        started = time.perf_counter()
        scores = model.scores(version, history)
        taken.append((time.perf_counter() - started) * 1e3)
    past, some = bound.past(history), np.arange(500, dtype=np.int32)
    started = time.perf_counter()
    for _ in range(50):
        features(bound, past, some, scores, 60.0)
    interest = (time.perf_counter() - started) / 50
    return {
        "megabytes": round(sum(path.stat().st_size for path in folder.iterdir()) / 1e6, 1),
        "load_ms": round(load * 1e3, 1),
        "version_ms": round(rows * 1e3, 1),
        "ms": [round(float(q), 2) for q in (np.median(taken), np.quantile(taken, 0.95), min(taken))],
        "interest_ms": round(interest * 1e3, 2),
    }


def _corpus(ids: list[str], vectors: np.ndarray[Any, Any], rng: np.random.Generator) -> Corpus:
    """Shoppers who mostly like what most do."""
    items = len(ids)
    lists = [
        np.unique(rng.zipf(1.3, rng.integers(3, 40)) % items).astype(np.int32) for _ in range(items // 2)
    ]
    counts = np.bincount(np.concatenate(lists), minlength=items).astype(np.float32)
    return Corpus(lists, ids, counts, items, vectors)


def _models(corpus: Corpus, dim: int) -> tuple[SequenceModel, Blend]:
    sequence = SequenceModel()
    config = SasRecConfig(items=corpus.items, features=dim)
    network = SasRec(config, np.ones(corpus.items, np.bool_), corpus.features).eval()
    sequence.trained = Trained(network, 1, 0.0)
    others = [ContentModel(), NeighbourModel(NEXT, name="next"), NeighbourModel(KNN)]
    for model in others:
        model.fit(corpus.sequences, corpus.items, corpus.features)
    content, *weights = others
    portions = [Portion(sequence, 1.0), Portion(content, 15.0), *(Portion(each, None) for each in weights)]
    return sequence, Blend(portions, name="sequence+content")


@contextmanager
def _version(ids: list[str], vectors: np.ndarray[Any, Any]) -> Iterator[Version]:
    dim = vectors.shape[1]
    text = EncoderInfo("benchmark", "1", "text", dim)
    profile = Profile("benchmark", dim, {"text": text}, FusionInfo("weighted_mean", "1", {"text": 1.0}))
    now = datetime.now(UTC)
    with tempfile.TemporaryDirectory(prefix="mmpipe-benchmark-") as home:
        settings = Settings(
            lake=LakeSettings(uri=f"{home}/lake"), serve=ServeSettings(mirror_dir=f"{home}/mirror")
        )
        lake = open_lake(settings)
        collection = lake.collection("shop", create=True)
        table = collection.products(profile, create=True)
        for start in range(0, len(ids), _STAGED):
            some = slice(start, start + _STAGED)
            rows = [ProductRow(Product(id=each, title=each), f"{1:012d}", "run", now) for each in ids[some]]
            block = VectorBlock(vectors[some], np.ones(len(rows), np.bool_))
            table.upsert(build_table(rows, {"text_vector": block, "vector": block}, dim))
        collection.publish(table, reason="benchmark")
        with LiveVersions(settings, lake) as versions:
            yield versions.get("shop")


if __name__ == "__main__":
    main()
