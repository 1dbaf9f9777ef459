"""How to pool a clip's frames into one vector: retrieval by mean pooling, by attention, and by single frames.

    python -m benchmarks.video_pooling --catalogue kagl/catalogue.parquet [--products 240] [--fps 5]

Clips are made of the photos of held-out products (split ``dev``), coded as MP4 and read again by
``mmpipe.media``, so that frame sampling takes part; the sample catalogue's own clips follow. Attention is
parameter-free: softmax over frames of ``sharpness`` times each frame's mean cosine with the clip's other
frames (``agreement``), times its cosine with the product's photo (``photo``, products only), or the mean of
softmax rows of all cosines (``self-attention``). Sharpness is chosen by the mean MRR over the even products,
figures are of the odd ones; ``best frame`` compares queries with every frame and pools nothing.
Prints the MRR of every sharpness and a Markdown table.
"""

from __future__ import annotations

import argparse
import io
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from examples.catalogue.media import make_video
from examples.catalogue.products import SampleProduct, generate_products
from examples.catalogue.queries import look_en
from examples.catalogue.render import render_image
from mmpipe.encoders import registry
from mmpipe.encoders.base import EmbedsFrames, Encoder, EncoderInput, Vectors
from mmpipe.encoders.pooling import MEAN, Pooling, pool
from mmpipe.evaluate.fusion_queries import another_photo, partial_title
from mmpipe.media import decode
from mmpipe.settings import MediaSettings

Pixels = NDArray[np.uint8]
# Seconds that something is shown: a product's shot (None), a named interruption, or another product.
Shots = tuple[tuple[str, float], ...]
KINDS: dict[str, Shots] = {
    "cuts": (("it", 1.6), ("it", 1.2), ("it", 2.0)),
    "flashes": (("it", 1.6), ("white", 0.4), ("it", 1.2), ("black", 0.6), ("it", 2.0)),
    "title cards": (("card", 1.2), ("it", 1.6), ("it", 1.4), ("card", 1.6)),
    "one other": (("it", 1.6), ("other", 1.2), ("it", 1.4)),
    "three others": (("other", 1.2), ("it", 1.6), ("other", 1.2), ("it", 1.4), ("other", 1.2)),
    "cards, other": (("card", 1.2), ("it", 1.6), ("other", 1.2), ("it", 1.4), ("card", 1.2)),
    "one shot, cards": (("card", 1.2), ("it", 1.6), ("card", 1.6)),
    "one shot, others": (("other", 1.2), ("other", 1.2), ("it", 1.6), ("other", 1.2)),
}
SIZE = (120, 160)
SHARPNESS = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0)
Pool = Callable[[list[Vectors], Vectors | None], Vectors]


@dataclass(frozen=True)
class Case:
    """One corpus of clips: their frames, their products' photos, and queries answered by the same row."""

    name: str
    frames: list[Vectors]
    photos: Vectors
    texts: Vectors
    views: Vectors
    asked: list[Vectors]  # the frames of query clips


def main() -> None:
    """Make, encode, choose, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--catalogue", type=Path, required=True, help="Parquet: title, split, image (bytes)")
    parser.add_argument("--products", type=int, default=240)
    parser.add_argument("--fps", type=int, default=5)
    parser.add_argument("--profile", default="starter")
    options = parser.parse_args()
    loaded = registry.load(options.profile, threads=1)
    text, image, video = (loaded.encoders[m] for m in ("text", "image", "video"))
    cases = [*_kagl(options, text, image, video), _sample(text, image, video)]
    halves = {"chosen on": slice(0, None, 2), "reported": slice(1, None, 2)}
    chosen: dict[str, Pool] = {"mean": _mean}
    for name, kind in {"agreement": _agreement, "self-attention": _self, "photo": _photo}.items():
        scores = {
            s: np.mean([list(_mrr(case, kind(s), halves["chosen on"]).values()) for case in cases[:-1]])
            for s in SHARPNESS
        }
        best = max(scores, key=lambda s: scores[s])
        print(name, {s: round(float(v), 3) for s, v in scores.items()}, "chosen:", best)
        chosen[f"{name} {best:g}"] = kind(best)
    rows = {name: [_mrr(case, pool, halves["reported"]) for case in cases] for name, pool in chosen.items()}
    rows["best frame"] = [_ceiling(case, halves["reported"]) for case in cases]
    print("\n| clips | query |", " | ".join(rows), "|\n|---|---|" + "---|" * len(rows))
    for at, case in enumerate(cases):
        _line(case.name, [found[at] for found in rows.values()])
    means = [
        {query: float(np.mean([each[query] for each in found[:-1]])) for query in found[0]}
        for found in rows.values()
    ]
    _line("mean over KAGL", means)


def _line(name: str, columns: list[dict[str, float]]) -> None:
    for query in columns[0]:
        cells = [f"{found[query]:.3f}" if query in found else "–" for found in columns]
        print("|", name, "|", query, "|", " | ".join(cells), "|")


def _mean(clips: list[Vectors], _photos: Vectors | None) -> Vectors:
    return pool(clips, clips[0].shape[1], MEAN)


def _agreement(sharpness: float) -> Pool:
    return lambda clips, _photos: pool(clips, clips[0].shape[1], Pooling(sharpness))


def _self(sharpness: float) -> Pool:
    def weights(clip: Vectors) -> Vectors:
        return np.asarray(_softmax(sharpness * (clip @ clip.T)).mean(axis=0), np.float32)

    return lambda clips, _photos: _weighted(clips, [weights(clip) for clip in clips])


def _photo(sharpness: float) -> Pool:
    def by_photo(clips: list[Vectors], photos: Vectors | None) -> Vectors:
        if photos is None:  # a query's clip has no photo beside it
            return _mean(clips, None)
        both = zip(clips, photos, strict=True)
        return _weighted(clips, [_softmax(sharpness * (clip @ photo)) for clip, photo in both])

    return by_photo


def _softmax(values: Vectors) -> Vectors:
    raised = np.exp(values - values.max(axis=-1, keepdims=True))
    return np.asarray(raised / raised.sum(axis=-1, keepdims=True), np.float32)


def _weighted(clips: list[Vectors], weights: list[Vectors]) -> Vectors:
    pooled = np.stack([w @ clip for w, clip in zip(weights, clips, strict=True)])
    return np.asarray(pooled / np.linalg.norm(pooled, axis=1, keepdims=True), np.float32)


def _mrr(case: Case, pool: Pool, half: slice) -> dict[str, float]:
    clips, asked = pool(case.frames, case.photos), pool(case.asked, None)
    return {
        "title": _rank(case.texts[half] @ clips.T, half),
        "photo": _rank(case.views[half] @ clips.T, half),
        "clip": _rank(asked[half] @ clips.T, half),
        "clip → photo": _rank(asked[half] @ case.photos.T, half),
    }


def _ceiling(case: Case, half: slice) -> dict[str, float]:
    return {
        name: _rank(np.stack([(query[half] @ clip.T).max(axis=1) for clip in case.frames], axis=1), half)
        for name, query in (("title", case.texts), ("photo", case.views))
    }


def _rank(scores: Vectors, half: slice) -> float:
    own = np.arange(scores.shape[1])[half]
    right = scores[np.arange(len(own)), own][:, None]
    return float((1 / (1 + (scores > right).sum(axis=1))).mean())


def _kagl(options: argparse.Namespace, text: Encoder, image: Encoder, video: Encoder) -> Iterator[Case]:
    import pyarrow.parquet as pq

    rows = pq.read_table(options.catalogue, filters=[("split", "==", "dev")]).to_pylist()
    # Several products may have one title and look alike: of those, one.
    rows = list({row["title"].lower(): row for row in rows}.values())
    random.Random(1).shuffle(rows)
    rows = rows[: options.products]
    shown = [np.asarray(Image.open(io.BytesIO(row["image"])).convert("RGB")) for row in rows]
    rng = random.Random(2)
    texts = text.embed_documents([partial_title(row["title"], rng) for row in rows])
    views = image.embed_documents([another_photo(picture, rng) for picture in shown])
    photos = image.embed_documents(list(shown))
    kinds = [*KINDS.values()]
    asked = _frames(
        video, (_clip(shown, n, kinds[n // 2 % len(kinds)], options.fps, rng) for n in range(len(shown)))
    )
    for name, shots in KINDS.items():
        frames = _frames(video, (_clip(shown, n, shots, options.fps, rng) for n in range(len(shown))))
        yield Case(name, frames, photos, texts, views, asked)


def _sample(text: Encoder, image: Encoder, video: Encoder) -> Case:
    filmed: list[SampleProduct] = [p for p in generate_products() if p.has_video]
    frames = _frames(video, (make_video(product, size=128) for product in filmed))
    views = [render_image(product, view=1, size=128) for product in filmed]
    rng = random.Random(3)
    asked = _frames(video, (_clip(views, row, KINDS["title cards"], 5, rng) for row in range(len(views))))
    return Case(
        f"sample catalogue ({len(filmed)})",
        frames,
        image.embed_documents([render_image(product, size=128) for product in filmed]),
        text.embed_documents([look_en(product) for product in filmed]),
        image.embed_documents(list(views)),
        asked,
    )


def _frames(video: Encoder, clips: Iterator[bytes]) -> list[Vectors]:
    assert isinstance(video, EmbedsFrames)
    found: list[Vectors] = []
    batch: list[EncoderInput] = []
    for data in clips:
        batch.append(decode("video", data, MediaSettings(), "clip"))
        if len(batch) == 64:
            found += video.embed_frames(batch)[1]
            batch = []
    return found + video.embed_frames(batch)[1]


def _clip(shown: list[Pixels], row: int, shots: Shots, fps: int, rng: random.Random) -> bytes:
    """An MP4 of ``shots``; every shot of a product is another photo of it, slowly zoomed into."""
    file = io.BytesIO()
    shop = rng.randrange(5)
    with av.open(file, "w", format="mp4") as container:
        stream = container.add_stream("mpeg4", rate=fps, options={"threads": "1", "b": "400k"})
        stream.width, stream.height, stream.pix_fmt = *SIZE, "yuv420p"
        number = 0
        for what, seconds in shots:
            picture = _picture(what, shown, row, shop, rng)
            many = max(1, round(seconds * fps))
            for step in range(many):
                edge = 0.08 * step / many if what in ("it", "other") else 0.0
                box = (edge * SIZE[0], edge * SIZE[1], (1 - edge) * SIZE[0], (1 - edge) * SIZE[1])
                frame = av.VideoFrame.from_image(picture.resize(SIZE, box=box))
                frame.pts, frame.time_base = number, Fraction(1, fps)
                container.mux(stream.encode(frame))
                number += 1
        container.mux(stream.encode(None))
    return file.getvalue()


def _picture(what: str, shown: list[Pixels], row: int, shop: int, rng: random.Random) -> Image.Image:
    if what in ("white", "black"):
        return Image.new("RGB", SIZE, what)
    if what == "card":
        card = Image.new("RGB", SIZE, ("#103040", "#f4d35e", "#222222", "#ee4266", "#f7f7f2")[shop])
        pen = ImageDraw.Draw(card)
        for line, words in enumerate(("NEW IN", f"SHOP {shop}", f"No. {rng.randrange(1000)}")):
            ink = "white" if shop in (0, 2, 3) else "black"
            pen.text((12, 30 + 36 * line), words, fill=ink, font=ImageFont.load_default(24))
        return card
    other = rng.choice([n for n in range(len(shown)) if n != row])
    picture = another_photo(shown[row if what == "it" else other], rng)
    return Image.fromarray(picture).resize(SIZE)


if __name__ == "__main__":
    main()
