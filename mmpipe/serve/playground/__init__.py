"""The playground: what a person sees at ``/``. Plain ES modules and CSS in ``static``, no build step, nothing
loaded from elsewhere; :func:`static_files` reads them once, ``http.playground_route`` hands them out.

How a view is added:

1. ``static/views/NAME.js`` exports ``async function show(root, context)``, which fills ``root`` (an empty
   ``<div>``). It is called again with a new ``root`` whenever the hash or the language changes.
2. One line of ``VIEWS`` in ``app.js`` registers it: ``{ name, load: () => import("./views/NAME.js"), nav,
   group }``. Its address is ``#/NAME?key=value``, ``#/NAME/ID`` where it is of one thing; ``nav: true`` puts
   ``t("nav.NAME")`` into the header (``group: "shop"`` for shoppers, ``"desk"`` for the shop's people).
3. ``context`` has ``route`` (``name``, ``id``, ``params``), ``api`` (:file:`api.js`: ``get``, ``post``,
   ``put``, ``send``; errors are :class:`Problem` with ``title`` and ``detail``), ``collection`` (its name),
   ``shopper``, ``lang``, ``go(hash)``, ``choose(collection, hash)``, ``say(text)`` (read out by screen
   readers), and ``signal``, aborted when the view is left: hand it to every call and timer.
4. Elements are made by ``h(tag, attributes, ...children)`` of ``dom.js``: children are nodes or text, never
   markup. No ``innerHTML``, no ``style`` attribute (the policy refuses both); ``element.style.x = …`` is.
5. Every word is ``t("NAME.key", {value})`` of ``i18n.js``, in ``lang/en.json`` and ``lang/zh.json`` alike.
6. ``style.css`` has the colours as custom properties, for light and dark; a view's own rules go into
   ``views/NAME.css``, which ``VIEWS`` names as ``css: true``.
"""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

PAGE: Final = "index.html"
_TYPES: Final = {
    "html": "text/html; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "json": "application/json",
    "svg": "image/svg+xml",
}
# Smaller files travel in one packet either way.
_WORTH_BYTES: Final = 1_000


@dataclass(frozen=True, slots=True)
class StaticFile:
    """One file: ``gzipped`` where that is smaller, ``etag`` quoted as headers have it, of ``data``."""

    content_type: str
    data: bytes
    gzipped: bytes | None
    etag: str


@cache
def static_files() -> Mapping[str, StaticFile]:
    """Every file of the playground by its name below ``static``, as ``views/search.js``; read once."""
    root = files("mmpipe.serve.playground").joinpath("static")
    return MappingProxyType({name: _file(name, data) for name, data in _walk(root)})


def _walk(folder: Traversable, below: str = "") -> Iterator[tuple[str, bytes]]:
    for entry in sorted(folder.iterdir(), key=lambda each: each.name):
        if entry.is_dir():
            yield from _walk(entry, f"{below}{entry.name}/")
        elif entry.name.rpartition(".")[2] in _TYPES:
            yield below + entry.name, entry.read_bytes()


def _file(name: str, data: bytes) -> StaticFile:
    # The moment is left out, so that every replica sends the same bytes.
    packed = gzip.compress(data, mtime=0) if len(data) > _WORTH_BYTES else None
    return StaticFile(
        content_type=_TYPES[name.rpartition(".")[2]],
        data=data,
        gzipped=packed if packed is not None and len(packed) < len(data) else None,
        etag=f'"{hashlib.sha256(data).hexdigest()[:32]}"',
    )
