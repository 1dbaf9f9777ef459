"""Google Merchant Center's XML: RSS 2.0 and Atom, with the ``g:`` namespace."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from typing import Any, BinaryIO, Final
from xml.etree.ElementTree import Element, ParseError, tostring

from mmpipe.catalogue.prices import is_currency
from mmpipe.catalogue.rows import Record
from mmpipe.errors import InvalidFeed, InvalidRow

_ITEMS: Final = frozenset({"item", "entry"})
_GOOGLE: Final = "{http://base.google.com/ns/1.0}"
_ATOM_NAMES: Final = {"summary": "description", "content": "description"}
_SEVERAL_NAMES: Final = """
additional_image_link lifestyle_image_link product_detail product_highlight video_link gtin
variant_option question_and_answer certification size_type
"""
# Elements that may stand in an item several times and all count; of others the first does.
_SEVERAL: Final = frozenset(_SEVERAL_NAMES.split())
# In these, elements are markup; in others they are the parts of a group.
_TEXTS: Final = frozenset({"title", "description"})
_CURRENCIES: Final = ("currency", "unit", "currency_code", "currencyCode")
_AMOUNT: Final = re.compile(r"[\d.,'\s]{1,40}")
_MAX_REPEATED: Final = 100
_READ_BYTES: Final = 64 * 1024
_MAX_DEPTH: Final = 32


def read_merchant_xml(stream: io.BufferedReader, max_row_bytes: int) -> Iterator[Record]:
    """One row per ``item`` or ``entry``. Document types and entities are refused, so nothing expands.

    ``InvalidFeed`` where the XML breaks off or is not well-formed (the items before it have come by then), or
    where it holds no items at all.
    """
    from defusedxml.common import DefusedXmlException
    from defusedxml.ElementTree import iterparse

    bounded = _SinceItem(stream, max_row_bytes)
    row, depth, inside, problem = 0, 0, 0, None
    root: Element | None = None
    parents: list[Element] = []
    try:
        for event, element in iterparse(bounded, events=("start", "end"), forbid_dtd=True):
            if event == "start":
                root = element if root is None else root
                depth += 1
                if depth > _MAX_DEPTH:
                    raise InvalidFeed(
                        "read as Merchant XML, it is nested too deep: is it really a product feed?"
                    )
                inside += inside > 0 or _local(element.tag) in _ITEMS
                parents.append(element)
                continue
            depth -= 1
            parents.pop()
            if inside:
                inside -= 1
                if inside:
                    continue
                row += 1
                values, problem = _values(element)
                yield Record(row, values, problem=problem)
                bounded.count = 0
            # An element that is done is dropped from its parent, or the tree would grow with the file.
            if parents:
                parents[-1].remove(element)
                parents[-1].text = None
            element.clear()
    except ParseError as error:
        raise InvalidFeed(
            f"read as Merchant XML, it is not well-formed ({error}): upload the whole file, in UTF-8"
        ) from None
    except DefusedXmlException:
        raise InvalidFeed(
            "read as Merchant XML, it declares a document type or entities: leave them out"
        ) from None
    except (LookupError, ValueError) as error:
        raise InvalidFeed(
            f"read as Merchant XML, its encoding is not known ({error}): save it as UTF-8"
        ) from None
    if row == 0 and (root is None or _local(root.tag) not in ("rss", "feed", "RDF")):
        raise InvalidFeed(
            "read as Merchant XML, it holds no <item> or <entry>: use RSS 2.0 or Atom with g: fields"
        )


class _SinceItem:
    """Counts what was read since the last item, so that no single element fills the memory."""

    def __init__(self, stream: BinaryIO, max_row_bytes: int) -> None:
        self._stream = stream
        self._limit = max_row_bytes + 2 * _READ_BYTES
        self.count = 0

    def read(self, size: int = -1) -> bytes:
        data = self._stream.read(_READ_BYTES if size < 0 else min(size, _READ_BYTES))
        self.count += len(data)
        if self.count > self._limit:
            raise InvalidFeed(
                f"read as Merchant XML, one item is longer than {self._limit:,} bytes: shorten it"
            )
        return data


def _values(item: Element) -> tuple[dict[str, Any], InvalidRow | None]:
    values: dict[str, Any] = {}
    repeated: dict[str, list[Any]] = {}
    for child in item:
        # Google's elements are kept under their whole names, those of RSS and Atom under their short ones.
        name = key = _local(child.tag)
        if child.tag.startswith(_GOOGLE):
            key = child.tag
        elif name in _ATOM_NAMES:
            name = key = _ATOM_NAMES[name]
        value: Any = (child.text or "").strip()
        if len(child) and name in _TEXTS:
            value = (child.text or "") + "".join(tostring(part, encoding="unicode") for part in child)
        elif len(child):
            value = _parts(child)
        elif value and child.attrib:
            value = _with_currency(value, child)
        elif not value and name == "link" and child.get("rel", "alternate") == "alternate":
            value = child.get("href", "").strip()
        if not value:
            continue
        kept = repeated.get(key)
        if kept is None:
            repeated[key] = [value]
        elif len(kept) < _MAX_REPEATED:
            kept.append(value)
    for key, found in repeated.items():
        # Of one name, Google's element counts before that of RSS or Atom.
        if key.startswith(_GOOGLE):
            _add(values, key[len(_GOOGLE) :], found)
        elif _GOOGLE + key not in repeated:
            _add(values, key, found)
    problem = None if values else InvalidRow("row", "holds no fields: write <g:id>, <g:title> and so on")
    return values, problem


def _with_currency(amount: str, element: Element) -> str:
    """A price whose currency is an attribute: ``<price currency="EUR">12.00</price>``."""
    said = next((text for name in _CURRENCIES if (text := element.get(name, "").strip())), "")
    return f"{amount} {said}" if said and _AMOUNT.fullmatch(amount) and is_currency(said) else amount


def _add(values: dict[str, Any], name: str, found: list[Any]) -> None:
    values[name] = found[0]
    if len(found) == 1:
        return
    if name in _SEVERAL:
        values[name] = found
    elif name == "product_type":
        values["attributes"] = {"more_product_types": " | ".join(str(path) for path in found[1:])}


def _parts(element: Element) -> dict[str, str] | None:
    """The texts of an element's own elements, by name; markup inside a text is no such thing."""
    parts = {_local(part.tag): "".join(part.itertext()).strip() for part in element}
    return {name: text for name, text in parts.items() if text} or None


def _local(tag: Any) -> str:
    return tag.rpartition("}")[2] if isinstance(tag, str) else ""
