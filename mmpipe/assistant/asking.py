"""What the assistant asks back: a size or a budget that would tell many products apart, each at most once."""

# ruff: noqa: E501  (an expression is read as one line)

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from mmpipe.assistant import wishes
from mmpipe.assistant.wording import words
from mmpipe.schemas.assistant import Asked

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mmpipe.assistant.finding import Looked
    from mmpipe.assistant.language import Language
    from mmpipe.assistant.outcome import Outcome
    from mmpipe.assistant.reading import Turn
    from mmpipe.assistant.shop import Shop
    from mmpipe.assistant.state import Conversation, Slot, Wishes
    from mmpipe.assistant.wishes import Said
    from mmpipe.schemas.product import PublicProduct

_SIZED: Final = 0.5
_MANY: Final = 6
_APART: Final = 2
_MOST_OPTIONS: Final = 12
_LETTERS: Final = ("xxs", "xs", "s", "m", "l", "xl", "xxl", "2xl", "3xl", "4xl")
# What follows a number that counts something else than money.
_COUNTED: Final = re.compile(
    r"[- ]?(?!dollars?\b|bucks\b|usd\b|euros?\b|eur\b|pounds?\b|quid\b|gbp\b|yuan\b|rmb\b|or\b|at\b|max|tops\b|please\b|is\b|would\b|will\b|ish\b|and\b|but\b|i\b|maybe\b)[a-z]{2,}"
)
_NUMBER: Final = re.compile(r"\d{1,7}(?:\.\d{1,2})?")


def open_slot(state: Conversation, products: Sequence[PublicProduct]) -> tuple[Slot, list[str]] | None:
    """What would be worth to know, with the options; None where nothing is, or it was asked already."""
    asked = state.wishes
    if "size" not in state.asked and "size" not in asked.fields and "size" not in asked.nots:
        sizes = [each.size for each in products if each.size]
        options = sorted(dict.fromkeys(sizes), key=by_size)
        if len(options) > 1 and len(sizes) >= _SIZED * len(products):
            return "size", options[:_MOST_OPTIONS]
    if "budget" not in state.asked and not _priced(asked) and len(products) >= _MANY:
        now = datetime.now(UTC)
        paid = [each.effective_price(now) for each in products]
        amounts = [each.amount for each in paid if each is not None]
        if len(amounts) >= _MANY and min(amounts) * _APART <= max(amounts):
            return "budget", []
    return None


def ask(found: Outcome, looked: Looked, language: Language) -> Outcome:
    """An answer that lists products, with one question where something is open."""
    slot = open_slot(found.state, looked.products)
    if slot is None or looked.relaxed:
        return found
    name, options = slot
    found.state = found.state.model_copy(update={"pending": name, "asked": (*found.state.asked, name)})
    found.question = Asked(slot=name, options=options)
    before = len(found.draft.text)
    found.draft.add("\n" + words(f"ask_{name}", language))
    if options:
        found.draft.say(words("options", language), options=", ".join(options))
    found.tail = found.draft.text[before:]
    return found


async def answered(shop: Shop, turn: Turn, pending: Slot, now: Said, language: Language) -> Said:
    """A turn read as the answer to what was asked: ``42``, ``about 100``."""
    if turn.any:
        return wishes.Said()
    if pending == "size" and len(turn.core) <= 12:
        found = await wishes.said(shop, f"size {turn.core.strip(' .!。码号')}", language)
        return found if "size" in found.fields else now
    number = _NUMBER.search(turn.even) if pending == "budget" and len(turn.core) <= 40 else None
    if number is not None and _COUNTED.match(turn.even, number.end()):
        return now
    return now if number is None else replace(now, lte=Decimal(number.group()), subject="")


def amount_said(text: str) -> tuple[Decimal, tuple[int, int]] | None:
    """A number of two digits and more that counts nothing but money, and where a folded text has it."""
    number = next((each for each in _NUMBER.finditer(text) if len(each.group()) > 1), None)
    if number is None or _COUNTED.match(text, number.end()):
        return None
    return Decimal(number.group()), number.span()


def _priced(asked: Wishes) -> bool:
    return asked.gte is not None or asked.lte is not None or asked.below is not None


def by_size(size: str) -> tuple[int, float, str]:
    """What puts sizes in order, from small to large: letters, then numbers."""
    folded = size.lower()
    if folded in _LETTERS:
        return 0, float(_LETTERS.index(folded)), folded
    number = _NUMBER.search(folded)
    return 1, float(number.group()) if number else 1e9, folded
