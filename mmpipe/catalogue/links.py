"""Columns of links: one, several in a cell, lists, JSON inside a cell, objects with an address."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from mmpipe.catalogue import nesting
from mmpipe.catalogue.grouped import cell_parts, unquoted
from mmpipe.errors import InvalidRow

_MAX_LINKS: Final = 100
_MAX_IMAGES: Final = 20
_FIELDS: Final = ("link", "image_link", "video_link", "audio_link")
_ADDRESS_KEYS: Final = ("url", "src", "href", "path", "link", "contentUrl")
_ABSOLUTE: Final = re.compile(r"(?:https?|s3):", re.IGNORECASE)
_BEFORE_ADDRESS: Final = re.compile(r"(?<![,;|\s])[,;|\s]+(?=(?:https?|s3)://)", re.IGNORECASE)
_MARKS: Final = re.compile("[;|]")
_FILE: Final = re.compile(r"\.\w{2,5}(?:[?#].*)?$")
_MAX_LENGTH: Final = 2_000
# A list, and no link that happens to begin with a bracket.
_LIST: Final = re.compile(r"""\[\s*["'{\]]|\{\s*["']""")


def add_links(product: dict[str, Any], fields: dict[str, Any], further: Sequence[Any] = ()) -> None:
    """Move the links from ``fields`` to ``product``; of several videos the first counts. ``further`` are more
    images. Raises ``InvalidRow`` for what is no link."""
    more: list[str] = []
    for name in _FIELDS:
        if name not in fields:
            continue
        links = _links(name, fields.pop(name), split=name == "video_link")
        if links:
            product[name] = links[0]
            if name == "image_link":
                more = links[1:]
    if "additional_image_link" in fields:
        more += _links("additional_image_link", fields.pop("additional_image_link"), split=True)
    for value in further:
        more += _links("additional_image_link", value, split=True)
    if not more:
        return
    more = [link for link in dict.fromkeys(more) if link != product.get("image_link")]
    if more and "image_link" not in product:
        product["image_link"] = more.pop(0)
    if more:
        product["additional_image_link"] = more[:_MAX_IMAGES]


def _links(field: str, value: Any, *, split: bool) -> list[str]:
    if not isinstance(value, str | list | tuple) and isinstance(value, Mapping):
        value = next((value[key] for key in _ADDRESS_KEYS if value.get(key)), None)
        if not isinstance(value, str):
            raise InvalidRow(field, "is a nested object without url: write the link as text")
    if isinstance(value, str):
        text = value.strip()
        if not (_LIST.match(text) or (split and text.startswith("["))):
            whole = _split(text) if split else [text]
            return [part for link in whole for part in _apart(link) if part]
        value = _decoded(field, text)
        if isinstance(value, Mapping):
            return _links(field, value, split=False)
    if not isinstance(value, list | tuple):
        raise InvalidRow(field, "is no link: write a text such as media/1.jpg or https://…")
    if len(value) > _MAX_LINKS:
        raise InvalidRow(field, f"holds {len(value):,} links: at most {_MAX_IMAGES} are used")
    # What stands in a list is one link each, and may hold a comma.
    return [link for item in value if item for link in _links(field, item, split=False)]


def _decoded(field: str, text: str) -> Any:
    try:
        return nesting.loads(text if '"' in text else text.replace("'", '"'))
    except ValueError:
        raise InvalidRow(field, "is text that is no JSON: write JSON, or leave it empty") from None


def _split(text: str) -> list[str]:
    """At commas, except those inside quotes and those that belong to an address."""
    if "," not in text and '"' not in text and text[:5].lower() != "data:":
        return [text]
    links: list[str] = []
    parts = iter(cell_parts(text, ",") if '"' in text else text.split(","))
    for part in parts:
        link = unquoted(part)
        if links and _goes_on(links[-1], part):
            links[-1] = f"{links[-1]},{part.rstrip()}"
            continue
        if link[:5].lower() == "data:":
            link = f"{link},{next(parts, '').strip()}"
        links.append(link)
    return links


def _apart(text: str) -> list[str]:
    """Several links in one: addresses behind one another, or files between semicolons or bars."""
    if text[:5].lower() == "data:":
        return [text]
    if _ABSOLUTE.match(text) is not None:
        return _BEFORE_ADDRESS.split(text)
    parts = [part.strip() for part in _MARKS.split(text)]
    return parts if len(parts) > 1 and all(_FILE.search(part) for part in parts if part) else [text]


def _goes_on(link: str, part: str) -> bool:
    """Whether the comma between belongs to the address, as in ``https://cdn/w_400,h_400/1.jpg``: it does
    where the address has not come to the name of a file, and no other one begins."""
    return (
        len(link) < _MAX_LENGTH
        and _ABSOLUTE.match(link) is not None
        and _FILE.search(link) is None
        and not part[:1].isspace()
        and not part.startswith('"')
        and _ABSOLUTE.match(part) is None
    )
