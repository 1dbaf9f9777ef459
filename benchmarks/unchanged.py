"""What an upload costs whose content is there already: wall time, bytes written, photos read, publications.

    python benchmarks/unchanged.py --data ../shared/data/kagl [--baseline WORKTREE] [--million 1000000]

Makes a shop of the catalogue: a feed with prices and a folder of photos. Each build (the baseline's work
tree, then this checkout) indexes it into a lake of its own by ``mmpipe index``, then the same feed under
another name, and feeds with one thing changed in 1 % of the products. With ``--million`` also one product's
change in a table of so many products with made-up vectors, beside the same in a table as large as the
catalogue. Prints one JSON line: both builds, the ratios, and the targets.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import random
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
from PIL import Image, ImageOps

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.builds import Build, Measured, builds, fill, index, ratio, start_up_bytes, target

_SHARE = 100  # one in so many is changed
_SEED = 11
_COLUMNS = ["id", "title", "gender", "article_type", "base_colour", "usage", "image"]
# Feeds carry the time of their file in whole seconds: the next must be newer.
_TICK_SECONDS = 1.1


@dataclass(slots=True)
class Shop:
    """Products as a shop keeps them, with photos as files beside the feed."""

    folder: Path
    rows: list[dict[str, str]]
    rng: random.Random = field(default_factory=lambda: random.Random(_SEED))
    feeds: int = 0

    @property
    def media(self) -> Path:
        return self.folder / "media"

    def feed(self) -> Path:
        """The whole catalogue as a new file."""
        self.feeds += 1
        path = self.folder / f"feed-{self.feeds}.jsonl"
        path.write_text("".join(json.dumps(row) + "\n" for row in self.rows))
        return path

    def some(self) -> list[int]:
        """The places of 1 % of the products, at least one."""
        return self.rng.sample(range(len(self.rows)), max(1, len(self.rows) // _SHARE))

    def change_prices(self, places: list[int]) -> int:
        for place in places:
            self.rows[place]["price"] = f"{self.rng.randint(500, 30_000) / 100 + 300:.2f} USD"
        return len(places)

    def change_titles(self, places: list[int]) -> int:
        for place in places:
            self.rows[place]["title"] += f" edition {self.rng.randint(2, 99)}"
        return len(places)

    def add_products(self, places: list[int]) -> int:
        for place in places:
            row = self.rows[place]
            name = f"{row['id']}-new"
            photo = ImageOps.flip(Image.open(self.media / f"{row['id']}.jpg").convert("RGB"))
            photo.save(self.media / f"{name}.jpg", "JPEG", quality=88)
            self.rows.append(
                row | {"id": name, "title": row["title"] + " new", "image_link": f"media/{name}.jpg"}
            )
        return len(places)

    def replace_photos(self, places: list[int]) -> int:
        for place in places:
            path = self.folder / self.rows[place]["image_link"]
            buffer = io.BytesIO()
            ImageOps.mirror(Image.open(path).convert("RGB")).save(buffer, "JPEG", quality=89)
            path.write_bytes(buffer.getvalue())
        return len(places)


def make_shop(source: Path, folder: Path, limit: int) -> Shop:
    """The catalogue's first ``limit`` rows (0: all); prices are made up."""
    rng = random.Random(_SEED)
    media = folder / "media"
    media.mkdir(parents=True)
    rows: list[dict[str, str]] = []
    for batch in pq.ParquetFile(source).iter_batches(1_024, columns=_COLUMNS):
        for row in batch.to_pylist():
            if limit and len(rows) == limit:
                return Shop(folder, rows)
            (media / f"{row['id']}.jpg").write_bytes(row["image"])
            rows.append(
                {
                    "id": row["id"],
                    "title": row["title"],
                    "price": f"{rng.randint(500, 30_000) / 100:.2f} USD",
                    "availability": "in stock",
                    "brand": row["title"].split()[0],
                    "product_type": row["article_type"] or "",
                    "color": row["base_colour"] or "",
                    "gender": (row["gender"] or "").lower(),
                    "image_link": f"media/{row['id']}.jpg",
                }
            )
    return Shop(folder, rows)


def measure_shop(build: Build, source: Path, work: Path, limit: int) -> dict[str, Any]:
    """Every step, one after the other, into one lake."""
    shop = make_shop(source, work / "shop", limit)
    lake = work / "lake"
    _warm_up(build, shop, work)
    steps: dict[str, Callable[[], int]] = {
        "first": lambda: len(shop.rows),
        "again": lambda: 0,
        "prices_1_percent": lambda: shop.change_prices(shop.some()),
        "new_1_percent": lambda: shop.add_products(shop.some()),
        "titles_1_percent": lambda: shop.change_titles(shop.some()),
        "photos_1_percent": lambda: shop.replace_photos(shop.some()),
        "prices_all": lambda: shop.change_prices(list(range(len(shop.rows)))),
    }
    report: dict[str, Any] = {"commit": build.commit()}
    first: Measured | None = None
    for name, change in steps.items():
        time.sleep(_TICK_SECONDS)
        changed = change()
        found = index(build, shop.feed(), lake, shop.media)
        first = first or found
        report[name] = {"changed": changed} | found.line()
        if found is not first:
            report[name]["ratio_to_first"] = {
                "seconds": ratio(found.seconds, first.seconds),
                "new_bytes": ratio(found.new_files, first.new_files),
                "media_bytes": ratio(found.media_bytes, first.media_bytes),
            }
        print(f"{build.name}: {name}: {json.dumps(report[name])}", file=sys.stderr, flush=True)
    return report


def _warm_up(build: Build, shop: Shop, work: Path) -> None:
    """Let the build's byte code and the model's file be where the first step finds them."""
    few = shop.folder / "few.jsonl"
    few.write_text("".join(json.dumps(row) + "\n" for row in shop.rows[:8]))
    index(build, few, work / "other-lake")


def targets(report: dict[str, Any]) -> dict[str, Any]:
    """The figures that were agreed on, with what they are."""
    again = report["again"]
    photos = report["photos_1_percent"]
    found = photos["run"].get("encoded", {}).get("image", 0)
    return {
        "again_seconds": target(again["ratio_to_first"]["seconds"], 0.10),
        "again_new_bytes": target(again["ratio_to_first"]["new_bytes"], 0.01),
        "again_media_bytes": target(again["media_bytes"], 0),
        "again_publications": target(int(again["published"]), 0),
        "prices_new_bytes": target(report["prices_1_percent"]["ratio_to_first"]["new_bytes"], 0.03),
        "new_products_new_bytes": target(report["new_1_percent"]["ratio_to_first"]["new_bytes"], 0.05),
        "changed_photos_missed": target(photos["changed"] - found, 0),
    }


def measure_one_change(build: Build, work: Path, rows: int) -> dict[str, Any]:
    """One product's new price, twice, in a table of ``rows`` other products; 0: in a lake of its own."""
    report: dict[str, Any] = {"rows": rows}
    lake = work / f"lake-{rows}"
    if rows:
        begun = time.perf_counter()
        fill(build, lake, rows)
        report["build_seconds"] = round(time.perf_counter() - begun, 1)
    for name, price in (("added", "10.00 USD"), ("price", "11.00 USD"), ("price_again", "12.00 USD")):
        time.sleep(_TICK_SECONDS)
        feed = work / f"one-{rows}-{name}.jsonl"
        product = {"id": "one", "title": "Plain red shoe", "price": price, "availability": "in stock"}
        feed.write_text(json.dumps(product) + "\n")
        found = index(build, feed, lake)
        report[name] = {
            "seconds": round(found.seconds, 2),
            "read_bytes": found.read,
            "written_bytes": found.written,
            "new_bytes": found.new_files,
            "published": found.generation[0] != found.generation[1],
        }
        print(f"{build.name}: {rows} rows: {name}: {json.dumps(report[name])}", file=sys.stderr, flush=True)
    shutil.rmtree(lake)
    return report


def growth(start_up: int, small: dict[str, Any], large: dict[str, Any]) -> dict[str, Any]:
    """Bytes of one changed price at both sizes; reads without what any process of the build reads."""
    report: dict[str, Any] = {}
    for name, fixed in (("read_bytes", start_up), ("written_bytes", 0), ("new_bytes", 0)):
        at = [table["price_again"][name] - fixed for table in (small, large)]
        report[name] = {"small": at[0], "large": at[1]} | target(ratio(at[1], at[0]), 2.0)
    return report


def measure(build: Build, options: argparse.Namespace, work: Path) -> dict[str, Any]:
    """Everything of one build; its files are removed afterwards."""
    home = work / build.name
    home.mkdir(parents=True)
    report: dict[str, Any] = {}
    try:
        if not options.only_million:
            report = measure_shop(build, options.data / "catalogue.parquet", home, options.rows)
            report["targets"] = targets(report)
        if options.million:
            sizes = [0, options.rows or 42_662, options.million]
            empty, small, large = (measure_one_change(build, home, rows) for rows in sizes)
            start_up = start_up_bytes(build, home)
            report["one_change"] = {
                "start_up_bytes": start_up,
                "empty": empty,
                "small": small,
                "large": large,
            }
            report["one_change"]["growth"] = growth(start_up, small, large)
    finally:
        shutil.rmtree(home, ignore_errors=True)
    return report


def against(baseline: dict[str, Any], this: dict[str, Any]) -> dict[str, Any]:
    """This build's figures as parts of the baseline's, step by step."""
    found: dict[str, Any] = {}
    for name, step in this.items():
        if isinstance(step, dict) and "new_bytes" in step:
            found[name] = {key: ratio(step[key], baseline[name][key]) for key in ("seconds", "new_bytes")}
    return found


def main() -> None:
    """Run it and print one JSON line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, help="the folder that holds catalogue.parquet")
    parser.add_argument("--rows", type=int, default=0, help="of the catalogue; 0 means all")
    parser.add_argument("--baseline", type=Path, help="a work tree of the commit to compare with")
    parser.add_argument("--only-baseline", action="store_true", help="leave this checkout out")
    parser.add_argument("--million", type=int, default=0, metavar="ROWS", help="size of the large table")
    parser.add_argument("--only-million", action="store_true", help="leave the catalogue out")
    parser.add_argument("--work", type=Path, help="where shops and lakes are made; default: the system's")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="mmpipe-bench-", dir=options.work) as folder:
        chosen = builds(options.baseline, options.only_baseline)
        found = {build.name: measure(build, options, Path(folder)) for build in chosen}
    report: dict[str, Any] = {"benchmark": "unchanged", "cpus": os.cpu_count(), "rows": options.rows or "all"}
    report |= found
    if len(found) == 2:
        report["this_to_baseline"] = against(found["baseline"], found["this"])
    print(json.dumps(report))


if __name__ == "__main__":
    main()
