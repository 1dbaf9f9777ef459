"""Two or more products side by side, by amounts in one measure, as their own texts give them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from mmpipe.assistant import evidence, finding
from mmpipe.assistant.aspects import ASPECTS, Aspect, plain_name
from mmpipe.assistant.evidence import Evidence
from mmpipe.assistant.grammar import pieces, telling
from mmpipe.assistant.reading import COMPARES, aspects_of, ways_of
from mmpipe.assistant.wording import better, words
from mmpipe.schemas.assistant import ComparedRow

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mmpipe.assistant.comparatives import Comparative
    from mmpipe.assistant.draft import Draft
    from mmpipe.assistant.language import Language
    from mmpipe.assistant.reading import Turn
    from mmpipe.schemas.product import PublicProduct

_TABLE: Final = ("price", "rating", "weight", "capacity", "battery", "screen", "material", "color", "size")
_MOST_ROWS: Final = 8
_MOST_WAYS: Final = 3


def compare(
    draft: Draft, products: Sequence[PublicProduct], turn: Turn, language: Language
) -> tuple[list[ComparedRow], PublicProduct | None]:
    """Adds products side by side: by each word that compares, by what is asked for, by words that nothing
    measures, or by what two of them say; and who is ahead by the first. Without rows nothing says it."""
    ways = ways_of(turn)
    found = [decide(draft, products, by, language) for by in ways[:_MOST_WAYS]]
    rows = [row for row, _ in found if row is not None]
    if rows:
        return rows, found[0][1]
    aspects = [way.aspects[0] for way in ways] if ways else aspects_of(turn)
    if not ways and not aspects and not COMPARES.search(turn.even):
        said = [
            word
            for word in telling(pieces(turn.even))
            if not all(evidence.says(each, (word,), names=True) for each in products)
        ]
        rows = saying(draft, products, said, language) if said else table(draft, products, (), language)
        if not rows:
            draft.add(words("none_says", language))
        return rows, None
    if turn.comparatives:
        draft.say(words("cannot_compare", language), name=aspects[0].name(language))
        return [], None
    return table(draft, products, aspects, language), None


def decide(
    draft: Draft, products: Sequence[PublicProduct], by: Comparative, language: Language
) -> tuple[ComparedRow | None, PublicProduct | None]:
    """Adds which product has the least or the most of what is compared; nothing is decided, and nothing
    added, between fewer than two that say it in one measure."""
    for aspect in by.aspects:
        found = [(each, finding.amount(each, (aspect,), language)) for each in products]
        told = [(each, held) for each, held in found if held is not None and held.amount is not None]
        if len(told) < 2 or len({_measure(held) for _, held in told}) > 1:
            continue
        told.sort(key=lambda pair: (pair[1].amount or 0.0) * (1 if by.direction == "least" else -1))
        first, best = told[0]
        same = best.amount == told[1][1].amount
        claims: dict[str, str] = {}
        if draft.text:
            draft.add("" if language == "zh" else " ")
        if same:
            draft.say(words("same", language), name=aspect.name(language))
        else:
            draft.cite(evidence.title(first, language))
            draft.say(words("wins", language), better=better(aspect.key, by.direction, language))
            claims[first.id] = draft.cite(best).id
        stop = words("stop", language)
        for number, (each, held) in enumerate(told if same else told[1:]):
            if number or not same:
                draft.add(stop if language == "zh" else f"{stop} ")
            draft.cite(evidence.title(each, language))
            draft.add("：" if language == "zh" else ": ")
            claims[each.id] = draft.cite(held).id
        draft.add(stop)
        for each, other in found:
            if other is None:
                draft.say(words("unknown_of", language), title=evidence.title(each, language))
        winner = None if same else first
        row = ComparedRow(
            aspect=aspect.key,
            name=aspect.name(language),
            claims=claims,
            winner=None if winner is None else winner.id,
        )
        return row, winner
    return None, None


def saying(
    draft: Draft, products: Sequence[PublicProduct], said: Sequence[str], language: Language
) -> list[ComparedRow]:
    """Adds what the products say of some words, and which of them do not; nothing where none does."""
    told = [evidence.of_words(each, said, language)[:1] for each in products]
    if not any(told):
        return []
    draft.add(words("compare_head", language))
    name = "".join(said) if language == "zh" else " ".join(said)
    return [_row(draft, products, name, name, [held[0] if held else None for held in told], language)]


def table(
    draft: Draft, products: Sequence[PublicProduct], aspects: Sequence[Aspect], language: Language
) -> list[ComparedRow]:
    """Adds what the products say of each aspect; of those that the turn names all, else of the usual ones and
    common attributes those that two of them say."""
    rows: list[tuple[str, str, list[Evidence | None]]] = []
    for aspect in aspects or [ASPECTS[key] for key in _TABLE]:
        told = [evidence.of_aspect(each, aspect, language) for each in products]
        rows.append((aspect.key, aspect.name(language), told))
    if not aspects:
        known = {name for key in _TABLE for name in ASPECTS[key].attributes}
        for name in dict.fromkeys(plain_name(own) for each in products for own in each.attributes):
            if name not in known:
                rows += [(name, name, [_attribute(each, name) for each in products])]
    kept = [row for row in rows if sum(held is not None for held in row[2]) >= (1 if aspects else 2)]
    if not kept:
        draft.say(words("cannot_compare", language), name=aspects[0].name(language) if aspects else "—")
        return []
    draft.add(words("compare_head", language))
    found: list[ComparedRow] = []
    found += [_row(draft, products, *row, language) for row in kept[:_MOST_ROWS]]
    return found


def _row(
    draft: Draft, products: Sequence[PublicProduct], key: str, name: str, told: Sequence[Evidence | None],
    language: Language,
) -> ComparedRow:  # fmt: skip
    draft.say(words("compare_row", language), name=name)
    claims: dict[str, str] = {}
    for product, held in zip(products, told, strict=True):
        named = evidence.title(product, language).value
        if held is None:
            draft.say(words("compare_silent", language), title=named)
        else:
            draft.add(f" {named} " if language == "en" else f"{named} ")
            claims[product.id] = draft.cite(held).id
            draft.add(";" if language == "en" else "；")
    return ComparedRow(aspect=key, name=name, claims=claims)


def _measure(held: Evidence) -> str:
    """What amounts must share to be compared: of prices the currency."""
    return held.kind or (held.value.rpartition(" ")[2] if held.field.endswith("price") else held.field)


def _attribute(product: PublicProduct, name: str) -> Evidence | None:
    for own, value in product.attributes.items():
        if plain_name(own) == name and not evidence.speaks_to_machines(value):
            shown = value[: evidence.MAX_QUOTE]
            return Evidence(product.id, f"attributes.{own}", shown, shown)
    return None
