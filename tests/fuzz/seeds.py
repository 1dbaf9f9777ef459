"""Harmless inputs of our own making, one small one of each kind: where mutation begins."""

from __future__ import annotations

import base64
import gzip
import io
import json
import wave
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import av
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from tests.fuzz.targets import BOUNDARY, FORM, JSON, QUERY

EVENTS = Path(__file__).parents[1] / "events"
_PRODUCT: Mapping[str, Any] = {
    "id": "7",
    "title": "Red running shoe, size 42",
    "description": "Light, for roads.",
    "price": "19.99 EUR",
    "sale_price": "9.99 EUR",
    "sale_price_effective_date": "2026-01-01T00:00Z/2026-02-01T00:00Z",
    "availability": "in stock",
    "brand": "Acme",
    "product_type": "Shoes > Running",
    "image_link": "media/7.png",
    "additional_image_link": ["media/7b.png", "https://cdn.example/7.png"],
    "attributes": {"heel": "2 cm"},
}


def feeds() -> list[bytes]:
    """A feed of each container, and of the exports that are read."""
    lines = "".join(json.dumps({**_PRODUCT, "id": str(n)}) + "\n" for n in range(2)).encode()
    google = b"id\ttitle\tprice\tavailability\timage link\n1\tRed shoe\t5.00 USD\tin stock\tmedia/1.png\n"
    shopify = (
        b"Handle,Title,Body (HTML),Vendor,Option1 Name,Option1 Value,Variant SKU,Variant Price,Image Src\n"
        b"shoe,Shoe,<p>Red</p>,Acme,Size,42,S-42,5.00,https://cdn.example/a.png\nshoe,,,,Size,43,S-43,5.00,\n"
    )
    woo = b"ID,Type,SKU,Name,Published,Regular price,Categories\n5,simple,S,Shoe,1,5.00,Shoes\n"
    xml = (
        b'<?xml version="1.0"?><rss xmlns:g="http://base.google.com/ns/1.0" version="2.0"><channel>'
        b"<item><g:id>1</g:id><title>Shoe</title><g:price>5.00 USD</g:price></item></channel></rss>"
    )
    parquet = io.BytesIO()
    pq.write_table(pa.table({"id": ["1", "2"], "title": ["Shoe", "Hat"], "price": ["5 USD", None]}), parquet)
    return [
        lines,
        gzip.compress(lines, mtime=0),
        lines.decode().encode("utf-16"),
        json.dumps({"products": [dict(_PRODUCT)]}).encode(),
        google,
        google.replace(b"\t", b";"),
        shopify,
        woo,
        xml,
        parquet.getvalue(),
        b'{"id": "1", "_op": "delete"}\n',
    ]


def products() -> list[bytes]:
    """One product, and one of which more is said than is known."""
    return [json.dumps(dict(_PRODUCT)).encode(), json.dumps({**_PRODUCT, "id": 7, "extra": [{}]}).encode()]


def events() -> list[bytes]:
    """The recorded messages."""
    return [file.read_bytes() for file in sorted(EVENTS.glob("*.json"))]


def interactions() -> list[bytes]:
    """Some of what shoppers do."""
    view = {"type": "view", "user_id": "u", "product_id": "7", "time": "2026-01-01T00:00:00Z"}
    search = {"type": "search", "session_id": "s", "context": {"query": "red shoe", "query_id": "q"}}
    return [json.dumps(each).encode() for each in (view, search, {**view, "type": "rating", "rating": 4})]


def searches() -> list[bytes]:
    """Texts, filters in every form, pictures in every place."""
    picture = base64.b64encode(pictures()[0]).decode()
    bodies: list[dict[str, Any]] = [
        {"text": "red shoe under 50", "facets": ["brand", "color"], "limit": 5, "explain": True},
        {"filters": {"price": {"gte": 5, "lte": "90.5"}, "brand": ["Acme"], "attributes": {"heel": ["2"]}}},
        {"filter": {"and": [{"field": "brand", "eq": "Acme"}, {"not": {"field": "price", "gt": 5}}]}},
        {"filter": {"or": [{"field": "color", "in": ["red", "blue"]}, {"field": "title", "prefix": "re"}]}},
        {"image": {"data": picture, "crop": [0.1, 0.1, 0.9, 0.9]}, "weights": {"image": 0.5}},
        {"image": {"uri": f"data:image/png;base64,{picture}"}, "text": "hat", "not": {"text": "green"}},
        {"like": ["red-shoe-1"], "boosts": [{"field": "brand", "eq": "Orbit", "weight": 0.5}]},
        {"text": "鞋", "sort": "price", "collapse": True, "diversity": 0.5, "cursor": "AAAA"},
    ]
    part = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="%s"%s\r\n\r\n%s\r\n'
    form = (part % ("text", "", "red hat") + part % ("limit", "", "3")).encode()
    form += (part % ("image", '; filename="a.png"', "")).encode()[:-2] + pictures()[0] + b"\r\n"
    return [
        *(JSON + json.dumps(body).encode() for body in bodies),
        FORM + form + f"--{BOUNDARY}--\r\n".encode(),
        QUERY + b"q=red+shoe&facets=brand,color&price_gte=5&brand=Acme&limit=3&attribute=heel%3D2",
    ]


def pictures() -> list[bytes]:
    """A small picture of each format."""
    found = []
    for kind in ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "AVIF"):
        out = io.BytesIO()
        Image.new("RGB", (16, 12), (200, 30, 40)).save(out, kind)
        found.append(out.getvalue())
    return found


def recordings() -> list[bytes]:
    """A tenth of a second as WAV, and by two codecs."""
    tone = (3_000 * np.sin(np.arange(800) / 4)).astype("<i2")
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8_000)
        file.writeframes(tone.tobytes())
    return [out.getvalue(), *(_sound(tone, *how) for how in (("flac", "flac"), ("ogg", "libopus")))]


def clips() -> list[bytes]:
    """Four frames by each of two codecs."""
    return [_clip("mp4", "mpeg4"), _clip("webm", "libvpx")]


def _sound(tone: Any, container: str, codec: str) -> bytes:
    out = io.BytesIO()
    with av.open(out, "w", format=container) as file:
        rate = 48_000 if codec == "libopus" else 8_000
        stream = file.add_stream(codec, rate=rate, layout="mono")
        frame = av.AudioFrame.from_ndarray(np.tile(tone, 6)[None, :], format="s16", layout="mono")
        frame.sample_rate = rate
        frames: list[Any] = [frame, None]
        for each in frames:
            file.mux(stream.encode(each))
    return out.getvalue()


def _clip(container: str, codec: str) -> bytes:
    out = io.BytesIO()
    with av.open(out, "w", format=container) as file:
        stream = file.add_stream(codec, rate=4)
        stream.width, stream.height, stream.pix_fmt = 32, 32, "yuv420p"
        for n in range(4):
            file.mux(stream.encode(av.VideoFrame.from_ndarray(np.full((32, 32, 3), 60 * n, np.uint8))))
        file.mux(stream.encode(None))
    return out.getvalue()


SEEDS: Mapping[str, Callable[[], list[bytes]]] = {
    "feeds": feeds,
    "products": products,
    "events": events,
    "interactions": interactions,
    "searches": searches,
    "pictures": pictures,
    "recordings": recordings,
    "clips": clips,
}
