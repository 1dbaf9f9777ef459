"""The warm lane end to end: from an upload to S3 until a search finds the product.

    python benchmarks/warm_lane.py [--uploads 50] [--background 2000] [--profile starter]

Starts the one-machine stack (moto's S3 and SQS, the event pump with the real handler, Ray, the query
service), fills a collection, then uploads single products one after the other, each with a text and a
photo, and asks the search for the word that only it has until it is shown. Prints one JSON line.
"""

from __future__ import annotations

import argparse
import base64
import io
import json
import os
import random
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from PIL import Image

from benchmarks.workload import get, post
from mmpipe.local.cloud import UPLOADS_BUCKET
from mmpipe.local.stack import Stack
from mmpipe.settings import load_settings

COLLECTION = "bench"
_KINDS = ("shoe", "bag", "hat", "lamp", "chair", "phone", "watch", "mug")
_COLORS = {"red": (220, 30, 30), "green": (30, 180, 60), "blue": (40, 60, 220), "black": (20, 20, 20)}
_POLL_SECONDS = 0.01


def product(number: int, rng: random.Random, *, photo: bool) -> dict[str, Any]:
    """One product whose title holds a word that no other has."""
    color = rng.choice(sorted(_COLORS))
    row = {
        "id": f"p{number}",
        "title": f"{color.title()} {rng.choice(_KINDS)} item{number:06d}x",
        "description": " ".join(rng.choices(_KINDS, k=12)),
        "price": f"{rng.randint(5, 300)}.00 USD",
        "brand": f"Brand{rng.randint(1, 40)}",
        "color": color,
    }
    if photo:
        noise = Image.effect_noise((224, 224), 60).convert("RGB")
        picture = Image.blend(noise, Image.new("RGB", (224, 224), _COLORS[color]), 0.7)
        buffer = io.BytesIO()
        picture.save(buffer, "JPEG", quality=85)
        row["image_link"] = "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode()
    return row


def wait(url: str, text: str, product_id: str | None, total: int, seconds: float) -> None:
    """Until a search for ``text`` shows ``product_id``, or without one, there are ``total`` products."""
    deadline = time.perf_counter() + seconds
    last: Any = None
    while time.perf_counter() < deadline:
        try:
            page = post(
                f"{url}/v1/search", {"collection": COLLECTION, "limit": 10} | ({"text": text} if text else {})
            )
            last = page
            if product_id is None and page["total"] >= total:
                return
            if product_id is not None and product_id in [hit["id"] for hit in page["hits"]]:
                return
        except OSError as error:
            last = error
        time.sleep(_POLL_SECONDS)
    raise SystemExit(f"not searchable within {seconds:.0f} s: {last}")


def quantile(values: list[float], q: float) -> float:
    """The value below which a share ``q`` lies."""
    ordered = sorted(values)
    return round(ordered[min(len(ordered) - 1, int(q * len(ordered)))], 3)


def main() -> None:
    """Run it and print one JSON line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--uploads", type=int, default=50)
    parser.add_argument("--background", type=int, default=2_000, help="products that are there before")
    parser.add_argument("--profile", default="starter")
    options = parser.parse_args()
    rng = random.Random(11)
    base = load_settings()
    settings = base.model_copy(
        update={
            "indexing": base.indexing.model_copy(
                update={"profile": options.profile, "warm_max_bytes": 50_000_000}
            ),
        }
    )
    with (
        tempfile.TemporaryDirectory(prefix="mmpipe-bench-") as folder,
        Stack(settings, Path(folder)) as stack,
    ):
        url, s3 = stack.state.url, stack.cloud.s3()
        rows = [product(n, rng, photo=False) for n in range(options.background)]
        feed = "".join(json.dumps(row) + "\n" for row in rows).encode()
        begun = time.perf_counter()
        s3.put_object(Bucket=UPLOADS_BUCKET, Key=f"{COLLECTION}/feeds/all.jsonl", Body=feed)
        wait(url, "", None, options.background, 300)
        fill_seconds = time.perf_counter() - begun
        seconds: list[float] = []
        for n in range(options.background, options.background + options.uploads):
            row = product(n, rng, photo=True)
            body = json.dumps(row).encode()
            begun = time.perf_counter()
            s3.put_object(Bucket=UPLOADS_BUCKET, Key=f"{COLLECTION}/products/{row['id']}.json", Body=body)
            wait(url, row["title"].split()[-1], row["id"], 0, 60)
            seconds.append(time.perf_counter() - begun)
        served = get(f"{url}/v1/collections")["collections"][0]["rows"]
    print(
        json.dumps(
            {
                "benchmark": "warm_lane",
                "uploads": options.uploads,
                "profile": options.profile,
                "cpus": os.cpu_count(),
                "background_rows": options.background,
                "background_seconds": round(fill_seconds, 2),
                "served_rows": served,
                "p50_seconds": quantile(seconds, 0.5),
                "p95_seconds": quantile(seconds, 0.95),
                "max_seconds": quantile(seconds, 1.0),
            }
        )
    )


if __name__ == "__main__":
    main()
