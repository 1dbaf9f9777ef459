"""Print every quality figure of the starter's weights as one JSON object.

::

    python -m training.evaluate --data DIR [--weights FOLDER] [--no-sample] [--record]

Exact search in numpy over the dev data. The products' official figures come from ``mmpipe eval search``,
which indexes them through the real pipeline; this is the trainer's own, faster view of the same.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

import mmpipe.encoders.starter as package
from mmpipe.encoders.starter.loader import WEIGHTS, LoadedStarter, load
from mmpipe.encoders.starter.weights import GLOSSARY, write_manifest
from mmpipe.fusion import load as load_fusion
from mmpipe.learn.data import Source
from mmpipe.learn.loop import say
from mmpipe.learn.measures import Embedders, top
from training import measures
from training.data import read_article_types, read_fashion, read_grocery, read_queries
from training.renders import shipped_catalogue
from training.sample_sounds import sound_recall

if TYPE_CHECKING:
    from numpy.typing import NDArray

_GROCERY_HELD = 0.2
_LOOK_ALIKES = 1_500


def embedders(loaded: LoadedStarter) -> Embedders:
    """The loaded encoders as the measures see them."""

    def texts(batch: Sequence[str]) -> NDArray[np.float32]:
        return loaded.text.embed_documents(list(batch))

    return Embedders(texts, loaded.image.embed_fitted)


def fashion(data: Path, embed: Embedders) -> dict[str, float]:
    """KAGL: titles, categories, Chinese queries and look-alikes over the whole corpus, pictures only."""
    train, dev, twins = read_fashion(data)
    items = [*train.items, *dev.items, *twins.items]
    pixels = np.concatenate([train.pixels, dev.pixels, twins.pixels])
    raw_type = read_article_types(data)
    started = time.perf_counter()
    documents = embed.images(pixels)
    seconds = time.perf_counter() - started
    corpus = Source("fashion", items, pixels)
    labels = [raw_type[item.id] for item in items]
    queries = np.arange(len(train), len(train) + len(dev))
    rng = np.random.default_rng(3)
    some = rng.permutation(queries)[:_LOOK_ALIKES]
    titles = measures.text_to_image(read_queries(data), [i.id for i in items], documents, embed)
    return {
        "documents": float(len(items)),
        "images_per_second": len(items) / seconds,
        **measures.prefixed("titles", titles),
        **measures.prefixed("article_type", measures.categories(labels, documents, embed)),
        **measures.prefixed("article_type", measures.naming([labels[q] for q in queries], documents[queries],
                                                            sorted(set(labels)), embed)),
        "titles/match_auc": measures.matching([items[q].title for q in queries], documents[queries], embed),
        **measures.prefixed("attributes", measures.chinese_queries(corpus, documents, embed)),
        "look_alikes/p@10": measures.look_alikes(labels, documents, some),
    }  # fmt: skip


def sample(loaded: LoadedStarter, embed: Embedders, home: Path) -> dict[str, float]:
    """The shipped sample catalogue: titles in both languages → product, fused from text and picture by what
    the weights' folder ``home`` holds."""
    products, texts, pixels = shipped_catalogue()
    text, image = embed.texts(texts), embed.images(pixels)
    there = np.ones(len(products), np.bool_)
    fusion = load_fusion(loaded.profile.fusion, home)
    fused, _ = fusion.fuse({"text": text, "image": image}, {"text": there, "image": there})
    figures: dict[str, float] = {}
    for language in ("en", "zh"):
        queries = embed.texts([p.title_en if language == "en" else p.title_zh for p in products])
        for name, documents in (("fused", fused), ("image", image)):
            found = top(queries, documents, 10)
            hits = found == np.arange(len(products))[:, None]
            figures[f"{language}_{name}_recall@1"] = float(hits[:, 0].mean())
            figures[f"{language}_{name}_recall@10"] = float(hits.any(1).mean())
    kinds = np.asarray([p.category for p in products], dtype=object)
    found = top(image, image, 10, skip=np.arange(len(products)))
    figures["look_alikes_p@10"] = float((kinds[found] == kinds[:, None]).mean())
    return figures | sound_recall(loaded, products)


def speed(loaded: LoadedStarter) -> dict[str, float]:
    """Milliseconds of one query each, best of many, on the threads torch has now."""
    picture = np.random.default_rng(0).integers(0, 255, (512, 512, 3), dtype=np.uint8)
    figures = {}
    calls: dict[str, Callable[[int], object]] = {
        "text_query_ms": lambda number: loaded.text.embed_query(f"women red dress {number}"),
        "image_query_ms": lambda _: loaded.image.embed_query(picture),
    }
    for name, call in calls.items():
        for warm in range(5):
            call(-warm)
        timings = []
        for number in range(50):
            started = time.perf_counter()
            call(number)
            timings.append(time.perf_counter() - started)
        figures[name] = 1e3 * float(np.median(timings))
    return figures


def evaluate(data: Path, weights: Path | None, threads: int | None, *, with_sample: bool) -> dict[str, float]:
    """Every figure, by name."""
    started = time.perf_counter()
    loaded = load(threads, weights)
    figures = {"load_seconds": time.perf_counter() - started}
    embed = embedders(loaded)
    figures |= measures.prefixed("speed", speed(loaded))
    figures |= measures.prefixed("kagl", fashion(data, embed))
    _, held = read_grocery(data, _GROCERY_HELD)
    figures |= measures.prefixed("grocery", measures.photo_to_product(held, embed, 0.5))
    if with_sample:
        figures |= measures.prefixed("sample", sample(loaded, embed, weights or WEIGHTS))
    return {name: round(value, 4) for name, value in figures.items()}


def main(argv: list[str] | None = None) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m training.evaluate")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument(
        "--weights", type=Path, help="a folder the exporter wrote; the package's own by default"
    )
    parser.add_argument("--threads", type=int)
    parser.add_argument("--no-sample", action="store_true")
    parser.add_argument("--record", action="store_true", help="write the figures into the weights' manifest")
    options = parser.parse_args(argv)
    figures = evaluate(options.data, options.weights, options.threads, with_sample=not options.no_sample)
    say(json.dumps(figures, indent=1))
    if options.record:
        write_manifest(options.weights or WEIGHTS, Path(package.__file__).parent / GLOSSARY, figures)


if __name__ == "__main__":
    main()
