"""Write the sample catalogue to a folder, in the layout a shop would upload."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from examples.catalogue.faults import ExpectedReject, planted_faults
from examples.catalogue.media import encode_jpeg, make_sound, make_video
from examples.catalogue.products import SampleProduct, generate_products
from examples.catalogue.render import render_image
from mmpipe.errors import InvalidRequest

FEED = "feeds/catalogue.jsonl"
_MAX_WORKERS = 8
_LINE_EVERY = 37  # a planted fault stands after so many sound rows


@dataclass(frozen=True, slots=True)
class SampleManifest:
    """What was written and what must become of it.

    ``uploaded`` counts the feed's lines, faulty ones included; ``expected_indexed`` the products that must be
    found afterwards (those with a damaged medium too). ``files`` are keys relative to the folder, media first
    and the feed last: uploaded in this order, no row names a file that is still on its way.
    """

    folder: Path
    feed: str
    uploaded: int
    expected_indexed: int
    expected_rejects: tuple[ExpectedReject, ...]
    products: tuple[SampleProduct, ...]
    files: tuple[str, ...]


def write_sample(
    folder: Path,
    *,
    seed: int = 7,
    count: int = 600,
    workers: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> SampleManifest:
    """Draw and write ``count`` products and the planted faults below ``folder``.

    Writes ``feeds/catalogue.jsonl`` and ``media/…``; existing files of those names are replaced. ``workers``
    processes draw (None: one per CPU, at most 8; 1: none but this one). ``progress(done,
        total)`` is called in
    this process after each product. The bytes depend on ``seed`` and ``count`` alone.

    Raises:
        InvalidRequest: ``count`` or ``workers`` is out of range.
    """
    if workers is not None and workers < 1:
        raise InvalidRequest("workers", f"needs at least one process, not {workers}")
    products = generate_products(seed, count)
    (folder / "media").mkdir(parents=True, exist_ok=True)
    (folder / FEED).parent.mkdir(parents=True, exist_ok=True)
    files: list[str] = []
    for done, keys in enumerate(_drawn(folder, products, workers), start=1):
        files.extend(keys)
        if progress is not None:
            progress(done, len(products))
    lines, rejects, kept = [], [], 0
    for line, fault in _lines(products):
        lines.append(line)
        if fault is None:
            continue
        rejects.append(
            ExpectedReject(len(lines), fault.product_id, fault.field, fault.scope, fault.reason_contains)
        )
        kept += fault.scope == "media"
        for key, data in fault.files.items():
            (folder / key).write_bytes(data)
            files.append(key)
    (folder / FEED).write_text("\n".join(lines) + "\n", encoding="utf-8")
    return SampleManifest(
        folder=folder,
        feed=FEED,
        uploaded=len(lines),
        expected_indexed=len(products) + kept,
        expected_rejects=tuple(rejects),
        products=tuple(products),
        files=(*files, FEED),
    )


def feed_row(product: SampleProduct) -> dict[str, Any]:
    """The product as a feed line, in Google Merchant's field names; links are relative to the collection."""
    row: dict[str, Any] = {
        "id": product.id,
        "title": product.title_en,
        "description": product.description_en,
        "link": f"https://shop.example/products/{product.id}",
        "image_link": f"media/{product.id}.jpg",
        "additional_image_link": [f"media/{product.id}-{view}.jpg" for view in range(1, product.views)],
        "video_link": f"media/{product.id}.mp4" if product.has_video else None,
        "audio_link": f"media/{product.id}.wav" if product.sound else None,
        "price": f"{product.price} {product.currency}",
        "availability": product.availability,
        "brand": product.brand,
        "item_group_id": product.item_group_id,
        "product_type": product.product_type,
        "google_product_category": product.google_product_category,
        "color": product.colour,
        "size": product.size,
        "gender": product.gender,
        "age_group": product.age_group,
        "material": product.material,
        "pattern": product.pattern,
        "language": "en",
        "translations": {"zh": {"title": product.title_zh, "description": product.description_zh}},
        "attributes": dict(product.attributes),
    }
    return {key: value for key, value in row.items() if value not in (None, [])}


def _lines(products: list[SampleProduct]) -> Iterator[tuple[str, Any]]:
    """The feed's lines in order, each with its fault or None; faults stand between sound rows."""
    faults = iter(planted_faults(products))
    for index, product in enumerate(products, start=1):
        yield json.dumps(feed_row(product), ensure_ascii=False), None
        if index % _LINE_EVERY == 0:
            for fault in faults:
                yield _text(fault.line), fault
                break
    for fault in faults:
        yield _text(fault.line), fault


def _text(line: Any) -> str:
    return line if isinstance(line, str) else json.dumps(line, ensure_ascii=False)


def _drawn(folder: Path, products: list[SampleProduct], workers: int | None) -> Iterator[list[str]]:
    """The keys written for each product, in the products' order."""
    count = min(workers or min(os.cpu_count() or 1, _MAX_WORKERS), len(products))
    jobs = [(folder, product) for product in products]
    if count == 1:
        yield from map(_write_media, jobs)
        return
    # Spawned, not forked: the caller may run threads (servers, Ray) whose locks a fork would copy held.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(count, mp_context=context, initializer=_leave_interrupts) as pool:
        try:
            yield from pool.map(_write_media, jobs, chunksize=6)
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _leave_interrupts() -> None:
    # Ctrl-C reaches the whole process group; who waits for the pictures ends the drawing.
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _write_media(job: tuple[Path, SampleProduct]) -> list[str]:
    folder, product = job
    files = {f"media/{product.id}.jpg": encode_jpeg(render_image(product))}
    for view in range(1, product.views):
        files[f"media/{product.id}-{view}.jpg"] = encode_jpeg(render_image(product, view=view))
    if product.has_video:
        files[f"media/{product.id}.mp4"] = make_video(product)
    if product.sound:
        files[f"media/{product.id}.wav"] = make_sound(product)
    for key, data in files.items():
        (folder / key).write_bytes(data)
    return list(files)
