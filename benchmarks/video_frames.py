"""What the frames of clips cost: bytes on disk for each product, and milliseconds for a page's seconds.

    python benchmarks/video_frames.py [--rows 5000] [--frames 8] [--dim 256] [--pages 250]

Every product has a clip, vectors are random: neither compresses. A page is 20 rows; ``cold`` pages are read
from the local copy, ``warm`` ones were shown before. Prints one JSON line; ``cpu`` is process CPU time a
page, which other load on the machine does not inflate.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

import lance
import numpy as np

from mmpipe.encoders.base import EncoderInfo, FusionInfo, Profile, Vectors
from mmpipe.lake.frames import ClipFrames
from mmpipe.lake.schema import ProductRow, VectorBlock, build_table, products_schema, vector_column
from mmpipe.schemas.product import Product
from mmpipe.search import Version
from mmpipe.search.page import moments
from mmpipe.search.versions.folder import NodeFolder
from mmpipe.search.versions.load import load

_PAGE = 20
_WARM = 100  # pages whose clips the cache surely holds


def main() -> None:
    """Write a table with frames and one without, load, time pages, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rows", type=int, default=5_000)
    parser.add_argument("--frames", type=int, default=8)
    parser.add_argument("--dim", type=int, default=256)
    parser.add_argument("--pages", type=int, default=250, help="at most rows / 20")
    options = parser.parse_args()
    rng = np.random.default_rng(7)
    profile = Profile(
        name="bench",
        dim=options.dim,
        encoders={m: EncoderInfo(f"bench-{m}", "1", m, options.dim) for m in ("image", "video")},
        fusion=FusionInfo("weighted_mean", "1", {"image": 1.0, "video": 1.0}),
    )
    with tempfile.TemporaryDirectory() as folder:
        sizes = {}
        for name, frames in (("without", 0), ("with", options.frames)):
            _write(Path(folder) / name, options.rows, frames, profile, rng)
            sizes[name] = sum(f.stat().st_size for f in Path(folder, name).rglob("*") if f.is_file())
        version = load(
            lance.dataset(str(Path(folder) / "with")),
            collection="bench",
            table="products",
            folder=NodeFolder(Path(folder) / "packs"),
            exact_rows=10**6,
        )
        pages = rng.permutation(options.rows)[: options.pages * _PAGE].astype(np.int32).reshape(-1, _PAGE)
        asked = _units(rng, 1, options.dim)[0]
        report = {
            "rows": options.rows,
            "frames": options.frames,
            "dim": options.dim,
            "frame_bytes_per_product": round((sizes["with"] - sizes["without"]) / options.rows),
            "cold_page": _timed(version, pages, asked),
            "warm_page": _timed(version, pages[-_WARM:], asked),
            "cache_bytes_per_clip": options.frames * (options.dim + 1) * 4,
        }
    print(json.dumps(report))


def _timed(version: Version, pages: Iterable[moments.Rows], asked: Vectors) -> dict[str, float]:
    walls = []
    cpu = time.process_time()
    for rows in pages:
        started = time.perf_counter()
        found = moments.seconds(version, rows, asked)
        walls.append((time.perf_counter() - started) * 1e3)
        assert None not in found
    spent = (time.process_time() - cpu) * 1e3
    return {"p50_ms": round(float(np.median(walls)), 3), "cpu_ms": round(spent / len(walls), 3)}


def _units(rng: np.random.Generator, count: int, dim: int) -> Vectors:
    rows = rng.standard_normal((count, dim)).astype(np.float32)
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), np.float32)


def _write(folder: Path, rows: int, frames: int, profile: Profile, rng: np.random.Generator) -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    products = [ProductRow(Product(id=f"p{n}", title=f"thing {n}"), "1", "bench", now) for n in range(rows)]
    block = VectorBlock(_units(rng, rows, profile.dim), np.ones(rows, np.bool_))
    clips = [
        ClipFrames.of(np.arange(frames).tolist(), _units(rng, frames, profile.dim)) if frames else None
        for _ in range(rows)
    ]
    names = (vector_column("image"), vector_column("video"), "vector")
    table = build_table(products, dict.fromkeys(names, block), profile.dim, clips)
    lance.write_dataset(table.cast(products_schema(profile.dim, profile)), str(folder))


if __name__ == "__main__":
    main()
