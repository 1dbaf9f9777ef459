"""Columns with parts: Google's grouped attributes as text files, XML and JSON write them.

In text files a cell holds ``a:b:c,d:e:f``; a part with a comma, a colon or a quote stands in double quotes,
and quotes inside are doubled. Source: Merchant Center product data specification, "Submit group attributes".
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from mmpipe.catalogue import nesting
from mmpipe.catalogue.formats.options import option_field
from mmpipe.catalogue.text import clean

_MAX_PARTS: Final = 500
_MAX_CHARACTERS: Final = 500


def apply(
    product: dict[str, Any], attributes: dict[str, str], column: str, value: Any, hint: Sequence[str]
) -> None:
    """Add one grouped column's value to the product and its attributes; what is there already stays."""
    match column:
        case "structured_title" | "structured_description":
            field = column.removeprefix("structured_")
            if not product.get(field) and (content := _content(value, hint)):
                product[field] = content
        case "product_detail":
            for name, text in _details(value, hint):
                attributes.setdefault(name, text)
        case "product_highlight":
            texts = [text for text in (clean(t) for t in _texts(value)) if text]
            if texts:
                attributes.setdefault("product_highlight", " | ".join(texts)[:_MAX_CHARACTERS])
        case "variant_option":
            for name, text in _options(value):
                option = option_field(name)
                if option is not None and not product.get(option):
                    product[option] = text
                elif option is None or product.get(option) != text:
                    attributes.setdefault(name, text)
        case "question_and_answer":
            words = [clean(t) for t in _answers(value)]
            product["additional_text"] = "\n".join([product.get("additional_text", ""), *words]).strip()[
                :10_000
            ]


def cell_parts(text: str, separator: str) -> list[str]:
    """A cell split at a separator outside of double quotes; parts keep their quotes."""
    parts, start, inside = [], 0, False
    for position, character in enumerate(text):
        if character == '"':
            inside = not inside
        elif character == separator and not inside:
            parts.append(text[start:position])
            start = position + 1
            if len(parts) >= _MAX_PARTS:
                break
    parts.append(text[start:])
    return parts


def unquoted(part: str) -> str:
    """A part without the quotes around it; doubled ones inside become single."""
    part = part.strip()
    if len(part) > 1 and part[0] == part[-1] == '"':
        return part[1:-1].replace('""', '"').strip()
    return part.replace('""', '"')


def _decoded(value: Any) -> Any:
    if isinstance(value, str) and value.strip()[:1] in ("[", "{"):
        try:
            return nesting.loads(value)
        except ValueError:
            return value
    return value


def _flat(value: Any) -> Iterator[Any]:
    """The items of a list, of lists in it (repeated columns), or the value alone."""
    value = _decoded(value)
    if isinstance(value, list | tuple):
        for item in value[:_MAX_PARTS]:
            yield from _flat(item)
    elif value is not None:
        yield value


def _text(value: Any) -> str:
    return (
        clean(value)
        if isinstance(value, str)
        else ""
        if value is None or isinstance(value, Mapping | list)
        else str(value)
    )


def _of(item: Mapping[str, Any], *names: str) -> str:
    lowered = {str(key).lower().replace("_", ""): value for key, value in item.items()}
    return next((text for name in names if (text := _text(lowered.get(name)))), "")


def _content(value: Any, hint: Sequence[str]) -> str:
    for item in _flat(value):
        if isinstance(item, Mapping):
            return _of(item, "content", "value")
        text = str(item).strip()
        parts = cell_parts(text, ":")
        # The kind of source comes first, unless the header says that the cell is the text alone.
        if len(parts) > 1 and parts[0].strip().lower() in _SOURCES and hint != ("content",):
            text = text[len(parts[0]) + 1 :]
        return clean(unquoted(text))
    return ""


_SOURCES: Final = frozenset({"trained_algorithmic_media", "default", "digital_source_type_unspecified"})


def _details(value: Any, hint: Sequence[str]) -> Iterator[tuple[str, str]]:
    order = [part.removeprefix("attribute_") for part in hint] or ["section_name", "name", "value"]
    for item in _flat(value):
        if isinstance(item, Mapping):
            name, text = _of(item, "attributename", "name"), _of(item, "attributevalue", "value")
            if name and text:
                yield name[:_MAX_CHARACTERS], text[:_MAX_CHARACTERS]
            continue
        for cell in cell_parts(str(item), ","):
            parts = [clean(unquoted(part)) for part in cell_parts(cell, ":")]
            if len(parts) == 2 and len(order) == 3:
                parts.insert(0, "")
            found = dict(
                zip(order, [*parts[: len(order) - 1], ":".join(parts[len(order) - 1 :])], strict=False)
            )
            if found.get("name") and found.get("value"):
                yield found["name"][:_MAX_CHARACTERS], found["value"][:_MAX_CHARACTERS]


def _texts(value: Any) -> Iterable[str]:
    for item in _flat(value):
        if isinstance(item, Mapping):
            yield _of(item, "value", "text")
        elif '"' in str(item):
            yield from (unquoted(part) for part in cell_parts(str(item), ","))
        else:
            # Without quotes a comma belongs to the sentence as often as it separates two: kept as it stands.
            yield str(item)


def _options(value: Any) -> Iterator[tuple[str, str]]:
    for item in _flat(value):
        if isinstance(item, Mapping):
            name, text = _of(item, "name"), _of(item, "value")
            pairs = [(name, text)] if name and text else [(str(k), _text(v)) for k, v in item.items()]
        else:
            pairs = []
            for cell in cell_parts(str(item), ","):
                name, _, text = cell.partition(":") if '"' not in cell else _pair(cell)
                pairs.append((clean(unquoted(name)), clean(unquoted(text))))
        for name, text in pairs:
            if name and text:
                yield name[:_MAX_CHARACTERS], text[:_MAX_CHARACTERS]


def _pair(cell: str) -> tuple[str, str, str]:
    name, *rest = cell_parts(cell, ":")
    return name, ":", ":".join(rest)


def _answers(value: Any) -> Iterator[str]:
    for item in _flat(value):
        if isinstance(item, Mapping):
            yield _of(item, "question")
            yield _of(item, "answer")
        else:
            for cell in cell_parts(str(item), ","):
                yield from (unquoted(part) for part in cell_parts(cell, ":"))
