"""The planted faults: rows and media that an honest pipeline must turn away, each with its reason."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field as dataclass_field
from typing import Any, Literal

from examples.catalogue.media import encode_jpeg
from examples.catalogue.products import SampleProduct
from examples.catalogue.render import render_image

Scope = Literal["row", "media"]


@dataclass(frozen=True, slots=True)
class ExpectedReject:
    """One thing that must be found among the rejects.

    ``row`` is the 1-based line of the feed. ``scope`` ``"row"``: the product is turned away (its id is None
    when the row has no usable one); ``"media"``: the product is indexed by what else it has.
    ``reason_contains`` stands in the reason, compared without regard to case.
    """

    row: int
    product_id: str | None
    field: str
    scope: Scope
    reason_contains: str

    def explains(self, reason: str) -> bool:
        """Whether ``reason`` says what is wrong."""
        return self.reason_contains.casefold() in reason.casefold()


@dataclass(frozen=True, slots=True)
class Fault:
    """A line for the feed (a mapping, or text that is no JSON), its files by key, and the verdict on it."""

    line: Mapping[str, Any] | str
    product_id: str | None
    field: str
    scope: Scope
    reason_contains: str
    files: Mapping[str, bytes] = dataclass_field(default_factory=dict)


def planted_faults(products: list[SampleProduct]) -> list[Fault]:
    """Twelve faults: six rows, six media. The first of ``products`` lends a photo to be damaged.

    Their brand is ``Specimen`` and their titles say what is wrong, so that they answer no ordinary query.
    """
    return [*_rows(), *_media(products[0])]


def _row(name: str, title: str, **fields: Any) -> dict[str, Any]:
    return {
        "id": f"specimen-{name}",
        "title": f"Specimen {title}",
        "description": "A row of the sample catalogue with a fault on purpose.",
        "price": "9.99 USD",
        "availability": "in_stock",
        "brand": "Specimen",
        "product_type": "Specimens",
        "language": "en",
        **fields,
    }


def _rows() -> list[Fault]:
    untitled = _row("untitled", "")
    del untitled["title"]
    return [
        Fault(untitled, "specimen-untitled", "title", "row", "missing"),
        Fault(_row("priceless", "without an amount", price="free-ish"), "specimen-priceless", "price", "row",
              "amount"),
        Fault(_row("negative", "below zero", price="-4.50 USD"), "specimen-negative", "price", "row",
            "negative"),
        Fault(_row("vague", "of vague stock", availability="ask the cat"), "specimen-vague", "availability",
            "row",
              "in_stock"),
        Fault({**_row("", "outside the walls"), "id": "../../etc/passwd"}, None, "id", "row",
            "cannot be an id"),
        Fault('{"id": "specimen-cut-off", "title": "Specimen whose line breaks o', None, "row", "row",
              "JSON"),
    ]  # fmt: skip


def _media(lender: SampleProduct) -> list[Fault]:
    photo = encode_jpeg(render_image(lender, size=256))
    return [
        _medium("truncated", "with half a photo", "image_link", "jpg", photo[: len(photo) // 3],
                "truncated"),
        _medium("text-photo", "with a letter for a photo", "image_link", "jpg",
                b"Dear shop, the photo will follow next week.\n" * 8, "image"),
        _medium("bomb", "with a photo too large to open", "image_link", "png", bomb_png(), "pixels"),
        _medium("noise-clip", "with a clip of noise", "video_link", "mp4",
            bytes((i * 73 + 41) % 251 for i in range(4096)),
                "no file that we read"),
        _medium("absent", "whose photo was never sent", "image_link", "jpg", None, "nothing is stored"),
        Fault(_row("metadata", "that asks for a secret",
            image_link="http://169.254.169.254/latest/meta-data/photo.jpg"),
              "specimen-metadata", "image_link", "media", "https"),
    ]  # fmt: skip


def _medium(name: str, title: str, link: str, suffix: str, data: bytes | None, reason: str) -> Fault:
    key = f"media/specimen-{name}.{suffix}"
    files = {} if data is None else {key: data}
    return Fault(_row(name, title, **{link: key}), f"specimen-{name}", link, "media", reason, files)


def bomb_png(side: int = 60_000) -> bytes:
    """A PNG of less than a kilobyte whose header declares ``side`` x ``side`` one-bit pixels."""
    header = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    # Only the first rows are there: a reader that trusts the header has already asked for the memory by then.
    rows = zlib.compress(b"\0" * ((side // 8 + 1) * 64), 9)
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header) + _chunk(b"IDAT", rows) + _chunk(b"IEND", b"")


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
