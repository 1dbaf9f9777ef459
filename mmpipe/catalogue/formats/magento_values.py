"""How Magento's product export writes values."""

from __future__ import annotations

import re
from itertools import dropwhile
from typing import Any, Final

# A name and an equals sign after a comma begin the next pair; any other comma belongs to the value.
_NEXT_PAIR: Final = re.compile(r",(?=[A-Za-z_]\w{0,60}=)")
_STEP: Final = re.compile(r"(?<!\\)/")
_ROOTS: Final = ("Default Category", "Root Catalog")
_DECIMALS: Final = re.compile(r"\d{1,12}\.\d{3,8}")
_SHORT_DAY: Final = re.compile(r"(\d{1,2})([/.-])(\d{1,2})\2(\d{2}|\d{4})(?:,? \d.*)?")
_MIDNIGHT: Final = re.compile(r",?[T ](?:00?:00(?::00)?|12:00(?::00)?[ \u202f]?AM)$")
# Magento's own folders of pictures, by the first two letters of their names.
_OWN_PICTURE: Final = re.compile(r"[^/]/[^/]/[^/]+")
_NO_PICTURE: Final = "no_selection"
_HIDDEN: Final = frozenset(
    {
        "1", "not visible individually", "einzeln nicht sichtbar", "nicht einzeln sichtbar",
        "non visible individuellement", "no visible individualmente", "niet individueel zichtbaar",
        "non visibile singolarmente", "não visível individualmente",
    }
)  # fmt: skip
_CATALOG_ONLY: Final = frozenset(
    {"2", "catalog", "katalog", "catalogue", "catálogo", "catalogus", "catalogo"}
)
_MAX_JOINED: Final = 50
# Far more than a hundred attributes of at most 500 characters, all that a product holds.
_MAX_CHARACTERS: Final = 100_000


def amount(text: str) -> Any:
    """A price, of whose four or six decimals those beyond the cents are left out where they are zeros. The
    point is always decimal, so what a reader of prices could take for thousands is a number."""
    if _DECIMALS.fullmatch(text) is None:
        return text
    whole, _, fraction = text.partition(".")
    fraction = fraction.rstrip("0").ljust(2, "0")
    return float(f"{whole}.{fraction}") if len(fraction) == 3 else f"{whole}.{fraction}"


def number(text: str) -> str:
    """A count or a measure without the zeros behind its point: ``1.0000`` is ``1``."""
    return text.rstrip("0").rstrip(".") if _DECIMALS.fullmatch(text) else text


def day(text: str, order: str = "") -> str:
    """The date of a sale as ISO 8601 has it, where it can be told; else as it is.

    Exports write dates as their user's locale does: ``2/19/26`` (en_US), ``19.02.26``, ``19-02-2026``. Where
    both numbers may be a month, ``order`` (of :func:`order_of`) decides, and for a year of two digits without
    it en_US, Magento's default. A time of midnight is a whole day, as Magento counts it.
    """
    text = _MIDNIGHT.sub("", text)
    found = _SHORT_DAY.fullmatch(text)
    if found is None:
        return text
    first, sign, second, year = int(found[1]), found[2], int(found[3]), found[4]
    if sign == "/" and first != second:
        order = order_of(text) or order or ("month" if len(year) == 2 else "")
        if not order:
            return text
        if order == "month":
            first, second = second, first
    return f"{'20' if len(year) == 2 else ''}{year}-{second:02d}-{first:02d}"


def order_of(text: str) -> str:
    """``month`` or ``day``, whichever stands first in a date with slashes; empty where both may."""
    found = _SHORT_DAY.fullmatch(text)
    if found is None or found[2] != "/":
        return ""
    return "day" if int(found[1]) > 12 else "month" if int(found[3]) > 12 else ""


def visibility(text: str) -> str:
    """``hidden`` (not visible individually), ``catalog`` (in lists alone), or ``search``."""
    word = text.lower()
    return "hidden" if word in _HIDDEN else "catalog" if word in _CATALOG_ONLY else "search"


def picture(path: str) -> str:
    """A picture's link; empty where there is none. A path of Magento's own store of pictures leads into the
    collection's ``media`` folder: ``/m/b/mb01.jpg`` is ``media/m/b/mb01.jpg``."""
    path = path.strip()
    if path == _NO_PICTURE or "://" in path or path.startswith("//"):
        return "" if path == _NO_PICTURE else path
    path = path.lstrip("/")
    return f"media/{path}" if _OWN_PICTURE.fullmatch(path) else path


def category_paths(text: str) -> list[list[str]]:
    """The steps of each path of ``Root/Women/Tops,Root/Sale``; a slash inside a name is ``\\/``, and a comma
    that a space follows is part of one, unless the root follows too."""
    text = text[:_MAX_CHARACTERS]
    pieces: list[list[str]] = []
    root = text.partition("/")[0].strip()
    for part in text.split("|" if "|" in text else ","):
        if pieces and part[:1] == " " and not part.strip().startswith(root):
            pieces[-1].append(part)
        elif part.strip():
            pieces.append([part])
    paths = (_STEP.split(",".join(piece)) for piece in pieces)
    steps = ([step.strip().replace("\\/", "/") for step in path if step.strip()] for path in paths)
    return [path for path in steps if path]


def without_root(paths: list[list[str]], roots: set[str]) -> list[str]:
    """The paths as ``Women > Tops``, without their root: Magento's own names, and the only first step that a
    whole file has (``roots``: all there are).

    A path comes first that goes on where the first one ends: ``Gear,Gear/Bags`` is ``Gear > Bags``.
    """
    found: dict[tuple[str, ...], None] = {}
    for path in paths:
        steps = dropwhile(lambda step: step in _ROOTS or (len(roots) == 1 and step in roots), path)
        found[tuple(steps)] = None
    found.pop((), None)
    if not found:
        return []
    main = next(iter(found))
    for longer in found:
        if len(longer) > len(main) and longer[: len(main)] == main:
            main = longer
    others = [other for other in found if other != main[: len(other)]]
    return [" > ".join(path) for path in (main, *others)]


def pairs(text: str) -> dict[str, str]:
    """``a=b,c=d|e`` as names and values; a value may hold commas, and several values are joined by ``/``.
    Values in double quotes, which one option of the export writes, lose them."""
    found: dict[str, str] = {}
    pieces = _NEXT_PAIR.split(text[:_MAX_CHARACTERS])
    position = 0
    while position < len(pieces):
        name, _, value = pieces[position].partition("=")
        position += 1
        if value.startswith('"'):
            value, taken = _unquoted(value, pieces[position : position + _MAX_JOINED])
            position += taken
        if name.strip() and (words := [word.strip() for word in value.split("|") if word.strip()]):
            found.setdefault(name.strip(), "/".join(words))
    return found


def _unquoted(piece: str, following: list[str]) -> tuple[str, int]:
    """A value that begins with a quote, and how many of the pieces behind it belong to it."""
    value = piece
    for taken in range(len(following) + 1):
        if taken:
            value += "," + following[taken - 1]
        if len(value) > 1 and value.endswith('"') and value.count('"') % 2 == 0:
            return value[1:-1].replace('""', '"'), taken
    return piece, 0


def variations(text: str) -> list[tuple[str, dict[str, str]]]:
    """The SKUs of ``sku=A,size=S|sku=B,size=M``, each with its options."""
    found = []
    for part in text.split("|"):
        options = pairs(part)
        if sku := options.pop("sku", ""):
            found.append((sku, options))
    return found


def associated(text: str) -> list[str]:
    """The SKUs of a grouped product, ``A=0.0000,B=2.0000``."""
    return [sku for part in text.split(",") if (sku := part.rpartition("=")[0].strip() or part.strip())]
