"""JSON-LD as web pages carry it: the objects of a document, their types, and the texts of their values."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from mmpipe.catalogue.text import as_text

Node = Mapping[str, Any]

_PREFIXES: Final = ("https://schema.org/", "http://schema.org/", "https://www.schema.org/", "schema:")
_LANGUAGE: Final = re.compile(r"[a-z]{2,3}(?:[-_][A-Za-z0-9]{2,8})?")
_MAX_DEPTH: Final = 8
MAX_VALUES: Final = 200


def local_name(text: str) -> str:
    """``https://schema.org/InStock``, ``schema:InStock`` and ``InStock`` are all ``InStock``."""
    text = text.strip()
    for prefix in _PREFIXES:
        if text.lower().startswith(prefix):
            return text[len(prefix) :].strip("/#")
    return text


def types_of(node: Node) -> list[str]:
    """The names of its types, without schema.org's address; none where it says none."""
    given = node.get("@type")
    return [
        local_name(name) for name in (given if isinstance(given, list) else [given]) if isinstance(name, str)
    ]


def values_of(value: Any) -> list[Any]:
    """The values of a property: a list's, at most :data:`MAX_VALUES`, or the one."""
    if value is None:
        return []
    if isinstance(value, Mapping) and isinstance(value.get("@list", value.get("@set")), list):
        value = value.get("@list", value.get("@set"))
    return value[:MAX_VALUES] if isinstance(value, list) else [value]


def is_reference(value: Any) -> bool:
    """Whether an object only names another one by its ``@id``."""
    return (
        isinstance(value, Mapping)
        and isinstance(value.get("@id"), str)
        and not (set(value) - {"@id", "@type"})
    )


def text_of(value: Any) -> str:
    """A value as one text: of a list the first that has one, of an object its ``@value``, ``name`` or
    ``value``."""
    for item in values_of(value):
        if isinstance(item, Mapping):
            item = next((item[key] for key in ("@value", "name", "value") if item.get(key) is not None), None)
            text = text_of(item) if item is not None and not is_reference(item) else ""
        else:
            text = as_text(item) if item is not None else ""
        if text:
            return text
    return ""


def texts_of(value: Any) -> list[str]:
    """Every value as text, each once."""
    found = (text_of(item) for item in values_of(value))
    return list(dict.fromkeys(text for text in found if text))


def by_language(value: Any) -> dict[str, str]:
    """A property's texts by language, in their order; under the empty name where a text says no language."""
    found: dict[str, str] = {}
    for item in values_of(value):
        if isinstance(item, Mapping) and "@value" not in item and item and all(map(_is_language, item)):
            for language, text in item.items():
                found.setdefault(language.replace("_", "-"), text_of(text))
            continue
        language = item.get("@language") if isinstance(item, Mapping) else None
        named = language.strip().replace("_", "-") if isinstance(language, str) else ""
        found.setdefault(named if _LANGUAGE.fullmatch(named) else "", text_of(item))
    return {language: text for language, text in found.items() if text}


def language_of(value: Any) -> str:
    """The language code of a text or of a ``Language`` object; empty where it is none."""
    value = next(iter(values_of(value)), None)
    texts = (
        [text_of(value.get("alternateName")), text_of(value)]
        if isinstance(value, Mapping)
        else [text_of(value)]
    )
    return next((text.replace("_", "-") for text in texts if _LANGUAGE.fullmatch(text)), "")


def _is_language(key: Any) -> bool:
    return isinstance(key, str) and _LANGUAGE.fullmatch(key) is not None


def plain(value: Any, depth: int = 0) -> Any:
    """A value whose properties have schema.org's names, also where the document spells their addresses."""
    if depth > _MAX_DEPTH:
        return value
    if isinstance(value, list):
        return [plain(item, depth + 1) for item in value]
    if not isinstance(value, Mapping):
        return value
    return {local_name(str(name)): plain(item, depth + 1) for name, item in value.items()}


def nodes_of(document: Node) -> list[Node]:
    """The objects that a document is about: of a ``@graph``, an ``ItemList``, a page with its ``mainEntity``
    or an ``Offer`` of an ``itemOffered`` those inside, else itself."""
    return list(_nodes(document, 0))


def _nodes(node: Node, depth: int) -> Iterator[Node]:
    if any(":" in name for name in node):
        node = plain(node)
    inner: list[Any] = []
    types = types_of(node)
    if isinstance(node.get("@graph"), list):
        inner = node["@graph"]
    elif "itemListElement" in node and "BreadcrumbList" not in types:
        inner = _all(node["itemListElement"])
    elif "ListItem" in types and isinstance(node.get("item"), Mapping):
        inner = [node["item"]]
    elif "mainEntity" in node and "Product" not in types:
        inner = _all(node["mainEntity"])
    elif "itemOffered" in node and types in (["Offer"], ["AggregateOffer"]):
        offer = {name: value for name, value in node.items() if name != "itemOffered"}
        inner = [
            {**item, "offers": item.get("offers", offer)}
            for item in _all(node["itemOffered"])
            if isinstance(item, Mapping)
        ]
    if not inner or depth >= _MAX_DEPTH:
        yield node
        return
    for item in inner:
        if isinstance(item, Mapping):
            yield from _nodes(item, depth + 1)


def _all(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def resolved(value: Any, index: Mapping[str, Node], depth: int = 0) -> Any:
    """A value with references to objects of the same document replaced by these."""
    if isinstance(value, list):
        return [resolved(item, index, depth) for item in value]
    if depth < 2 and is_reference(value) and value["@id"] in index:
        return index[value["@id"]]
    return value
