"""Text views of an item: its title (English, code-mixed, Chinese) and attribute queries in both languages."""

from __future__ import annotations

import random
from collections.abc import Sequence
from functools import lru_cache

from mmpipe.encoders.starter.features import PART_SEPARATOR
from mmpipe.encoders.starter.glossary import Term, fold, is_han, load_glossary, split_words
from mmpipe.learn.data import Item

_CANONICAL = 0.65  # how often the first surface is used; the others teach synonyms
_FIELD_CHANCE = {
    "type": 0.92, "colour": 0.7, "gender": 0.55, "usage": 0.15, "season": 0.06, "pattern": 0.4,
    "material": 0.3,
}  # fmt: skip
_TYPE_ALONE = 0.15  # a bare article type is the shortest query, and the one with most answers
_EN_FORMS = (
    "{season} {usage} {gender} {colour} {material} {pattern} {type}",
    "{gender} {pattern} {colour} {material} {usage} {season} {type}",
    "{colour} {pattern} {material} {usage} {season} {type} for {gender}",
    "{usage} {type} {gender} {colour} {season} {material} {pattern}",
)
_ZH_FORMS = (
    "{season}{gender}{usage}{colour}{pattern}{material}{type}",
    "{colour}{material}{pattern}{usage}{season}{gender}{type}",
    "{gender}{colour}{season}{usage}{pattern}{material}{type}",
    "{colour}的{gender}{season}{usage}{pattern}{material}{type}",
    "{gender} {colour} {season} {usage} {pattern} {material} {type}",
)
_SKIP_KINDS = ("detail",)


def surface(term: Term, language: str, rng: random.Random) -> str:
    """One way to write the term, the canonical one most often."""
    forms = term.en if language == "en" else term.zh
    return forms[0] if len(forms) == 1 or rng.random() < _CANONICAL else rng.choice(forms)


def choose_fields(item: Item, rng: random.Random) -> tuple[str, ...]:
    """Which attributes a query asks for; at least one where the item has any."""
    if "type" in item.terms and rng.random() < _TYPE_ALONE:
        return ("type",)
    chosen = tuple(f for f in item.terms if rng.random() < _FIELD_CHANCE[f])
    return chosen or tuple(item.terms)[:1]


def attribute_query(item: Item, fields: Sequence[str], language: str, rng: random.Random) -> str:
    """A shopper's query for these attributes of the item, in ``en`` or ``zh``."""
    if not fields:
        return item.title_zh or item.title if language == "zh" else item.title
    words = dict.fromkeys(_FIELD_CHANCE, "")
    for name in fields:
        words[name] = surface(item.terms[name], language, rng)
    if language == "zh":
        return " ".join(rng.choice(_ZH_FORMS).format(**words).split()).lstrip("的")
    form = rng.choice(_EN_FORMS if words["gender"] else _EN_FORMS[:2])
    return " ".join(form.format(**words).split())


@lru_cache(maxsize=100_000)
def _pieces(title: str) -> tuple[tuple[str, Term | None], ...]:
    """The title as words and glossary terms, in order."""
    glossary = load_glossary()
    words = split_words(fold(title))
    pieces: list[tuple[str, Term | None]] = []
    position = 0
    for span in glossary.match_en(words):
        pieces.extend((word, None) for word in words[position : span.start])
        term = next((t for t in span.terms if t.kind not in _SKIP_KINDS), span.terms[0])
        pieces.append((" ".join(words[span.start : span.stop]), term))
        position = span.stop
    pieces.extend((word, None) for word in words[position:])
    return tuple(pieces)


def translated_title(title: str, share: float, rng: random.Random) -> str:
    """The title with about ``share`` of its glossary terms written in Chinese; the rest (brands) stays."""
    out: list[str] = []
    for text, term in _pieces(title):
        out.append(surface(term, "zh", rng) if term is not None and rng.random() < share else text)
    joined = ""
    for piece in out:
        glue = "" if joined and is_han(joined[-1]) and is_han(piece[0]) else " "
        joined = f"{joined}{glue}{piece}" if joined else piece
    return joined


def title_view(item: Item, rng: random.Random) -> str:
    """The title as a shopper might type it: as it is, shortened, code-mixed or in Chinese."""
    draw = rng.random()
    if item.title_zh is not None and draw < 0.5:
        return item.title_zh
    if item.title_zh is None and draw < 0.12:
        return translated_title(item.title, 1.0, rng)
    if item.title_zh is None and draw < 0.22:
        return translated_title(item.title, 0.5, rng)
    if draw < 0.45:
        words = item.title.split()
        kept = [word for word in words if rng.random() > 0.25]
        return " ".join(kept) if kept else item.title
    return item.title


def document_text(item: Item, rng: random.Random) -> str:
    """What the text encoder reads when a product is indexed: every title, then most of its looks."""
    parts = [item.title]
    if item.title_zh is not None:
        parts.append(item.title_zh)
    elif rng.random() < 0.3:
        parts.append(translated_title(item.title, 1.0, rng))
    parts += [
        surface(term, "en" if rng.random() < 0.8 else "zh", rng)
        for term in item.terms.values()
        if rng.random() < 0.7
    ]
    return PART_SEPARATOR.join(parts)


def shortened(text: str, rng: random.Random) -> str:
    """The text with some of its words (or Chinese characters) left out, never all."""
    words = text.split() if " " in text else list(text)
    kept = [word for word in words if rng.random() > 0.3] or words
    return ("" if " " not in text else " ").join(kept)
