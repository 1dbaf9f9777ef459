"""A small shop of drawn products, as a feed and its media."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

from examples.catalogue.media import encode_jpeg, make_sound, make_video
from examples.catalogue.products import generate_products
from examples.catalogue.render import render_image
from examples.catalogue.writer import feed_row


def write_shop(folder: Path, products: int, *, seed: int = 31) -> Path:
    """The feed file of ``products`` sample products with small pictures, some recordings and one clip."""
    (folder / "media").mkdir(parents=True)
    lines = []
    for number, product in enumerate(generate_products(seed, products)):
        drawn = replace(product, views=1, has_video=number == 0)
        (folder / "media" / f"{product.id}.jpg").write_bytes(encode_jpeg(render_image(drawn, size=80)))
        if drawn.has_video:
            clip = make_video(drawn, seconds=0.6, rate=5, size=64)
            (folder / "media" / f"{product.id}.mp4").write_bytes(clip)
        if drawn.sound:
            (folder / "media" / f"{product.id}.wav").write_bytes(make_sound(drawn))
        lines.append(json.dumps(feed_row(drawn), ensure_ascii=False))
    (folder / "feed.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder / "feed.jsonl"
