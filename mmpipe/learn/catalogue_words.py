"""A product's words as the trainer sees them: glossary terms, and when two titles are the same."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from mmpipe.encoders.starter.glossary import Glossary, Term, fold, is_han, load_glossary, split_words
from mmpipe.lexical import tokens

if TYPE_CHECKING:
    from mmpipe.schemas.product import Product

# Kinds of glossary terms that may stand for each attribute; a shop of food has grocery terms as its types.
_KINDS: dict[str, tuple[str, ...]] = {
    "type": ("type", "grocery"),
    "colour": ("colour",),
    "gender": ("gender",),
    "usage": ("usage",),
    "season": ("season",),
    "pattern": ("pattern",),
    "material": ("material",),
}
_FROM_TITLE = ("pattern", "material")


def twin_key(title: str) -> str:
    """Titles that differ in case, punctuation, spacing or plural only have the same key."""
    return " ".join(tokens(title)) or title.strip()


def terms_of(product: Product) -> dict[str, Term]:
    """What the glossary knows of the product's attributes, by field; the title gives pattern and material."""
    attributes = {name.lower().replace(" ", "_"): value for name, value in product.attributes.items()}
    category = product.category or ""
    texts = {
        "type": [part.strip() for part in reversed(category.split(">"))],
        "colour": [product.color or ""],
        "gender": [product.gender or ""],
        "usage": [attributes.get("usage", "")],
        "season": [attributes.get("season", "")],
        "pattern": [product.pattern or "", product.title],
        "material": [product.material or "", product.title],
    }
    glossary = load_glossary()
    found: dict[str, Term] = {}
    for name, candidates in texts.items():
        for text in candidates:
            whole = name not in _FROM_TITLE or text != product.title
            term = find_term(glossary, _KINDS[name], text, whole=whole)
            if term is not None:
                found[name] = term
                break
    return found


def find_term(glossary: Glossary, kinds: tuple[str, ...], text: str, *, whole: bool) -> Term | None:
    """The first term of one of ``kinds`` in ``text``; ``whole``: an English text must be nothing else."""
    folded = fold(text)
    words = split_words(folded)
    for span in glossary.match_en(words):
        if whole and (span.start, span.stop) != (0, len(words)):
            continue
        for term in span.terms:
            if term.kind in kinds:
                return term
    for run in _han(folded):
        for span in glossary.match_zh(run):
            for term in span.terms:
                if term.kind in kinds:
                    return term
    return None


def _han(folded: str) -> Iterator[str]:
    run = ""
    for char in [*folded, " "]:
        if is_han(char):
            run += char
        elif run:
            yield run
            run = ""
