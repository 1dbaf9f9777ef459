"""One cleaner for every text of every format: markup, entities and invisible characters become words."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Mapping
from typing import Any, Final

# Elements of HTML, of the Word documents that shops paste from, and of old editors. A name outside of these,
# as in ``List<String>``, is no markup.
_NAMES: Final = """
a abbr acronym address applet area article aside audio b base basefont bdi bdo big blink blockquote body br
button canvas caption center cite code col colgroup data datalist dd del details dfn dialog dir div dl dt em
embed fieldset figcaption figure font footer form frame frameset h1 h2 h3 h4 h5 h6 head header hgroup hr html
i iframe img input ins kbd label legend li link main map mark marquee menu meta meter nav nobr noframes
noscript object ol optgroup option output p param path picture pre progress q rp rt ruby s samp script section
select small source span strike strong style sub summary sup svg table tbody td template textarea tfoot th
thead time title tr track tt u ul var video wbr
"""
_ELEMENTS: Final = frozenset(_NAMES.split())
_INLINE_NAMES: Final = """
a abbr acronym b bdi bdo big cite code del dfn em font i ins kbd mark nobr s samp small span strike
strong sub sup tt u var wbr
"""
_INLINE: Final = frozenset(_INLINE_NAMES.split())
_HIDDEN: Final = frozenset({"script", "style", "template", "noscript"})
# A tag whole, one with a quote left open, or one where the text was cut off.
_TAG: Final = re.compile(
    r"""<!--|<(/?)([A-Za-z][A-Za-z0-9]*(?::[A-Za-z]+)?)"""
    r"""(?:(?:[\s/](?:[^<>"']|"[^"<]*"|'[^'<]*')*)?>|[\s/][^<>]*>|\s+[A-Za-z][\w-]*\s*=[^<>]*\Z)"""
    r"|<[!?][^<>]*>"
)
_HIDES: Final = re.compile(r"<!--|<(?:script|style|template|noscript)\b", re.IGNORECASE)
# What no reader sees: soft hyphens, zero-width spaces, direction marks, byte-order marks, control characters.
# Joiners (U+200C, U+200D) stay: Persian, Hindi and emoji are spelt with them.
_INVISIBLE: Final = re.compile(
    "[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\u00ad\u034f\u061c\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u2064"
    "\u2066-\u206f\ufeff\ufff9-\ufffb]"
)
_SUSPECT: Final = re.compile(
    "[<&\x00-\x1f\x7f-\xa0\u00ad\u034f\u061c\u180e\u2000-\u200b\u200e\u200f\u2028-\u202f\u205f-\u206f\u3000\ufeff"
    "\ufff9-\ufffb]|  "
)
_REFERENCE: Final = re.compile("&[^\t\n\f <&;]")
# Of an ampersand that was escaped again and again.
_AMPERSANDS: Final = re.compile("&(?:amp;)+")
# No character, and so many digits that Python would not convert them.
_LONG_REFERENCE: Final = re.compile("&#[0-9]{8,};?")
_ROUNDS: Final = 6
_MAX_ITEMS: Final = 200
_MAX_CHARACTERS: Final = 500


def clean(text: str) -> str:
    """The words of a text that may hold HTML: tags, comments, scripts and entities gone, invisible characters
    too, spaces folded.

    Only names of HTML elements count as tags: ``a < b`` and ``List<String>`` stay. Texts that were escaped
    more than once are resolved as often. Takes time in proportion to the text's length.
    """
    if text.isalnum():
        return text
    # Most values are printable words, which is known in a fraction of the time that a pattern takes; U+034F
    # is invisible and yet counts as printable.
    if text.isprintable() and not (
        "<" in text or "  " in text or "\u034f" in text or ("&" in text and _refers(text))
    ):
        return text.strip()
    if _SUSPECT.search(text) is None:
        return text.strip()
    text = _INVISIBLE.sub("", text)  # first of all, as they may stand inside a tag
    for _ in range(_ROUNDS):
        before = text
        if "<" in text:
            text = _without_tags(text)
        if _refers(text):
            text = _resolved(text)
        if text == before:
            break
    return " ".join(text.split())


def _refers(text: str) -> bool:
    """Whether a text may hold references to characters: ``&`` alone, as in ``salt & pepper``, is none."""
    return "&" in text and _REFERENCE.search(text) is not None


def _resolved(text: str) -> str:
    text = _AMPERSANDS.sub("&", text)
    if "&#" in text:
        text = _LONG_REFERENCE.sub("", text)
    return _INVISIBLE.sub("", html.unescape(text))


def _without_tags(text: str) -> str:
    if _HIDES.search(text) is None:
        return _TAG.sub(_in_place, text)
    return _without_hidden(text)


def _in_place(tag: re.Match[str]) -> str:
    """What stands in place of a tag."""
    name = tag[2]
    if name is None:
        return ""  # a declaration
    name = name.lower()
    if name in _INLINE:
        return ""  # inside a word these change its looks, not where it ends
    return " " if name in _ELEMENTS or ":" in name else tag[0]


def _without_hidden(text: str) -> str:
    """Without tags, and without what comments and hidden elements hold."""
    parts: list[str] = []
    position, hidden = 0, ""
    while (found := _TAG.search(text, position)) is not None:
        if not hidden:
            parts.append(text[position : found.start()])
        position = found.end()
        if found.group() == "<!--":
            if not hidden:  # in a script it is no comment
                end = text.find("-->", position)
                position = len(text) if end < 0 else end + 3
            continue
        name = (found.group(2) or "").lower()
        if name in _HIDDEN and not found.group().endswith("/>"):
            if not found.group(1):
                hidden = hidden or name
            elif hidden == name:
                hidden = ""
            parts.append(" ")
        elif not hidden:
            parts.append(_in_place(found))
    if not hidden:
        parts.append(text[position:])
    return "".join(parts)


def as_text(value: Any) -> str:
    """Any value as text: a list's parts joined by commas, an object as JSON."""
    if isinstance(value, str):
        return value.strip()
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return str(int(value))
    if isinstance(value, list | tuple) and not any(
        isinstance(v, Mapping | list | tuple | bytes) for v in value
    ):
        return ", ".join(as_text(item) for item in value[:_MAX_ITEMS] if item is not None)
    if isinstance(value, Mapping | list | tuple):
        return json.dumps(value, ensure_ascii=False, default=str)
    if isinstance(value, bytes):
        return f"{len(value):,} bytes"
    return str(value)


def private_text(value: Any) -> str:
    """A value as it is kept privately: words, at most 500 characters."""
    text = value if value.__class__ is str else as_text(value)
    if len(text) <= _MAX_CHARACTERS:
        return clean(text)  # no text gets longer
    return clean(text.strip()[: 4 * _MAX_CHARACTERS])[:_MAX_CHARACTERS].strip()
