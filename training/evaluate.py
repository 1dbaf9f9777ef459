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
import torch

import mmpipe.encoders.starter as package
from mmpipe.encoders.starter.backbone import Backbone
from mmpipe.encoders.starter.loader import WEIGHTS, LoadedStarter, load
from mmpipe.encoders.starter.weights import GLOSSARY, write_manifest
from mmpipe.fusion import load as load_fusion
from mmpipe.learn.augment import augment
from mmpipe.learn.data import Source
from mmpipe.learn.loop import say
from mmpipe.learn.measures import Embedders, top
from training import measures
from training.data import (
    choosing_photos,
    embedded,
    on_canvas,
    read_article_types,
    read_fashion,
    read_grocery,
    read_queries,
)
from training.frozen import features_of
from training.pretrained import PACKAGES, load_published
from training.renders import shipped_catalogue
from training.sample_sounds import sound_recall
from training.splits import choosing

if TYPE_CHECKING:
    from numpy.typing import NDArray

_LOOK_ALIKES = 1_500


def embedders(loaded: LoadedStarter) -> Embedders:
    """The loaded encoders as the measures see them."""

    def texts(batch: Sequence[str]) -> NDArray[np.float32]:
        return loaded.text.embed_documents(list(batch))

    return Embedders(texts, loaded.image.embed_fitted)


def fashion(data: Path, embed: Embedders) -> dict[str, float]:
    """KAGL: titles, categories, Chinese queries and look-alikes over the whole corpus, pictures only.

    Titles of the half that did not choose the weights, and as ``all`` of both halves.
    """
    train, dev, twins = read_fashion(data)
    items = [*train.items, *dev.items, *twins.items]
    raw_type = read_article_types(data)
    started = time.perf_counter()
    documents = np.concatenate([embedded(part, embed) for part in (train, dev, twins)])
    seconds = time.perf_counter() - started
    corpus = Source("fashion", items, np.zeros((len(items), 0), np.uint8))
    labels = [raw_type[item.id] for item in items]
    queries = np.arange(len(train), len(train) + len(dev))
    rng = np.random.default_rng(3)
    some = rng.permutation(queries)[:_LOOK_ALIKES]
    asked, ids = read_queries(data), [i.id for i in items]
    chose = choosing([text for text, _ in asked])
    reported = [query for query, used in zip(asked, chose, strict=True) if not used]
    return {
        "documents": float(len(items)),
        "images_per_second": len(items) / seconds,
        "titles/queries": float(len(reported)),
        **measures.prefixed("titles", measures.text_to_image(reported, ids, documents, embed)),
        **measures.prefixed("titles/all", measures.text_to_image(asked, ids, documents, embed)),
        **measures.prefixed("article_type", measures.categories(labels, documents, embed)),
        **measures.prefixed("article_type", measures.naming([labels[q] for q in queries], documents[queries],
                                                            sorted(set(labels)), embed)),
        "titles/match_auc": measures.matching([items[q].title for q in queries], documents[queries], embed),
        **measures.prefixed("attributes", measures.chinese_queries(corpus, documents, embed)),
        "look_alikes/p@10": measures.look_alikes(labels, documents, some),
    }  # fmt: skip


def grocery(data: Path, embed: Embedders) -> dict[str, float]:
    """Shop photo → product, of the photos that did not choose the weights, and as ``all`` of both halves."""
    _, held = read_grocery(data)
    rows = np.flatnonzero(~choosing_photos(held) | ~held.photo)
    reported, vectors = held.subset(rows), embedded(held, embed)
    return {
        "photos": float(reported.photo.sum()),
        **measures.photo_to_product(reported, vectors[rows], embed, 0.5),
        **measures.prefixed("all", measures.photo_to_product(held, vectors, embed, 0.5)),
        **measures.prefixed("relit", relit(on_canvas(held.subset(np.flatnonzero(~held.photo))), embed)),
    }


def relit(pixels: NDArray[np.uint8], embed: Embedders) -> dict[str, float]:
    """A photo of a shop's own goods, cropped and relit by code → product."""
    generator = torch.Generator().manual_seed(11)
    strong = torch.ones(len(pixels), dtype=torch.bool)
    changed = augment(torch.from_numpy(pixels), strong, generator).permute(0, 2, 3, 1)
    photos = ((changed + 1.0) * 127.5).round().clamp(0, 255).to(torch.uint8).numpy()
    found = top(embed.images(photos), embed.images(pixels), 10)
    hits = found == np.arange(len(pixels))[:, None]
    return {"recall@1": float(hits[:, 0].mean()), "recall@10": float(hits.any(1).mean())}


def leaks(data: Path, cache: Path, packages: Path) -> dict[str, float]:
    """How near training pictures come to those measured on, by the published backbone's features."""
    backbone = Backbone(norm=True)
    load_published(backbone, packages)
    backbone.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    train, dev, _ = read_fashion(data)
    learnt, held = read_grocery(data)
    photos = held.subset(np.flatnonzero(held.photo))
    return {
        **measures.prefixed(
            "kagl", measures.leaks(features_of(backbone, dev, cache), features_of(backbone, train, cache))
        ),
        **measures.prefixed(
            "grocery",
            measures.leaks(features_of(backbone, photos, cache), features_of(backbone, learnt, cache)),
        ),
    }


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
        titles = embed.texts([p.title_en if language == "en" else p.title_zh for p in products])
        asked, _ = fusion.ask({"text": titles}, {"text": there})
        for name, queries, documents in (("fused", asked, fused), ("image", titles, image)):
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


def evaluate(
    data: Path,
    weights: Path | None,
    threads: int | None,
    cache: Path | None,
    packages: Path = PACKAGES,
    *,
    with_sample: bool,
) -> dict[str, float]:
    """Every figure, by name; those of leaks where ``cache`` says where to keep features."""
    started = time.perf_counter()
    loaded = load(threads, weights)
    figures = {"load_seconds": time.perf_counter() - started}
    embed = embedders(loaded)
    figures |= measures.prefixed("speed", speed(loaded))
    figures |= measures.prefixed("kagl", fashion(data, embed))
    figures |= measures.prefixed("grocery", grocery(data, embed))
    if cache is not None:
        figures |= measures.prefixed("leaks", leaks(data, cache, packages))
    if with_sample:
        figures |= measures.prefixed("sample", sample(loaded, embed, weights or WEIGHTS))
        figures |= measures.prefixed("sample/relit", relit(shipped_catalogue()[2], embed))
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
    parser.add_argument("--cache", type=Path, help="a run's folder: looks for leaks, by features kept there")
    parser.add_argument("--packages", type=Path, default=PACKAGES, help="where the pretrained backbone is")
    parser.add_argument("--record", action="store_true", help="write the figures into the weights' manifest")
    options = parser.parse_args(argv)
    figures = evaluate(
        options.data,
        options.weights,
        options.threads,
        options.cache,
        options.packages,
        with_sample=not options.no_sample,
    )
    say(json.dumps(figures, indent=1))
    if options.record:
        write_manifest(options.weights or WEIGHTS, Path(package.__file__).parent / GLOSSARY, figures)


if __name__ == "__main__":
    main()
