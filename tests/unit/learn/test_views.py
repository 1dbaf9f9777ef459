"""Text views of an item."""

from __future__ import annotations

from mmpipe.encoders.starter.features import named_features
from mmpipe.encoders.starter.glossary import load_glossary
from mmpipe.learn.data import Item
from mmpipe.learn.draws import draws
from mmpipe.learn.views import (
    attribute_query,
    choose_fields,
    document_text,
    shortened,
    title_view,
    translated_title,
)

TERMS = load_glossary().by_concept
SHIRT = Item(
    "1", "g", "Turtle Check Men Navy Blue Shirt", None,
    {"type": TERMS["type/shirts"], "colour": TERMS["colour/navy blue"], "gender": TERMS["gender/men"]},
)  # fmt: skip


def concepts(text: str) -> set[str]:
    return {name[2:] for name, _, _ in named_features(text, load_glossary()) if name.startswith("c:")}


def test_attribute_queries_say_exactly_what_is_asked() -> None:
    for seed in range(30):
        rng = draws(seed)
        for language in ("en", "zh"):
            text = attribute_query(SHIRT, ("type", "colour"), language, rng)
            assert {"type/shirts", "colour/navy blue"} <= concepts(text), text
            assert "gender/men" not in concepts(text), text


def test_queries_come_in_the_language_asked_for() -> None:
    rng = draws("language")
    assert attribute_query(SHIRT, ("type", "gender"), "en", rng).isascii()
    chinese = attribute_query(SHIRT, ("type", "gender"), "zh", rng)
    assert not any("a" <= c.lower() <= "z" for c in chinese)


def test_every_item_asks_for_something() -> None:
    rng = draws("fields")
    assert all(choose_fields(SHIRT, rng) for _ in range(200))


def test_translation_keeps_the_brand() -> None:
    text = translated_title(SHIRT.title, 1.0, draws(1))
    assert text.startswith("turtle ")
    assert {"pattern/checked", "gender/men", "colour/navy blue", "type/shirts"} <= concepts(text)
    assert "shirt" not in text
    assert translated_title(SHIRT.title, 0.0, draws(1)) == "turtle check men navy blue shirt"


def test_views_are_repeatable_and_varied() -> None:
    first = [title_view(SHIRT, draws(n)) for n in range(40)]
    assert first == [title_view(SHIRT, draws(n)) for n in range(40)]
    assert len(set(first)) > 4
    assert SHIRT.title in first


def test_documents_hold_the_title() -> None:
    assert all(document_text(SHIRT, draws(n)).startswith(SHIRT.title) for n in range(10))


def test_shortened_is_never_empty() -> None:
    assert all(shortened("金属亚光钢笔", draws(n)) for n in range(50))
    assert all(shortened("pen", draws(n)) == "pen" or len(shortened("pen", draws(n))) > 0 for n in range(20))
