"""Which products a turn means: those that were shown, by place or by a word of their names, or by search."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from mmpipe.assistant import evidence, finding
from mmpipe.assistant.aspects import Aspect, asked
from mmpipe.assistant.language import is_run
from mmpipe.assistant.reading import pieces, telling, without
from mmpipe.assistant.state import MAX_WORDS, Wishes
from mmpipe.lexical import CJK, fold, tokens

if TYPE_CHECKING:
    from mmpipe.assistant.reading import Turn
    from mmpipe.assistant.shop import Bounded
    from mmpipe.assistant.state import Conversation
    from mmpipe.schemas.product import PublicProduct

_APART: Final = re.compile(
    r"\b(?:and|vs\.?|versus|or|with|than|to)\b|[,，、/]|和|与|跟|还是|比|对比", re.IGNORECASE
)
_MOST_COMPARED: Final = 4


@dataclass(frozen=True)
class Meant:
    """``product`` is the one that is meant, ``aspect`` what is asked of it and ``rest`` the words that do not
    name it; where several may be meant, these are ``options``."""

    product: PublicProduct | None
    rest: tuple[str, ...] = ()
    aspect: Aspect | None = None
    options: tuple[PublicProduct, ...] = ()


@dataclass(frozen=True)
class _Named:
    """A product, and the words that name it. ``own`` is whether its brand is one of them, ``called`` how many
    characters a text has of what it begins with."""

    product: PublicProduct
    names: tuple[str, ...]
    own: bool
    called: int


async def one(shop: Bounded, turn: Turn, state: Conversation) -> Meant:
    """The product that a question is about, and what is asked of it."""
    shown = await shop.products(state.shown)
    by_id = {each.id: each for each in shown}
    if turn.places:
        at = [state.shown[place] for place in turn.places if -len(state.shown) <= place < len(state.shown)]
        return _asked(turn, by_id.get(at[0]) if at else None, named=False)
    focus = by_id.get(state.focus or "") or (shown[0] if shown else None)
    said = pieces(turn.even)
    if (not turn.points or not shown) and telling(said):
        best = _best(shown, said, turn.even)
        if len(best) == 1 and not _asked(turn, best[0].product, named=True).rest:
            return _asked(turn, best[0].product, named=True)
        found = await _searched(shop, said, turn.even)
        if best and (not found or _length(found[0]) <= _length(best[0])):
            return _asked(turn, best[0].product, named=True)
        # What is asked of a product may be in the name of another one.
        sure = focus is None or (found and (found[0].own or len(found[0].names) > 1))
        # Variants of one product are one.
        alike = len({each.product.item_group_id or each.product.id for each in found}) == 1
        if sure and alike:
            return _asked(turn, found[0].product, named=True)
        if found and (focus is None or found[0].own):
            return Meant(None, options=tuple(each.product for each in found[:3]))
    return _asked(turn, focus, named=False)


def _asked(turn: Turn, product: PublicProduct | None, *, named: bool) -> Meant:
    """What is asked of a product, by whose names nothing is asked."""
    if product is None:
        return Meant(None, telling(pieces(turn.even)))
    aspect, text = None, turn.even
    whole = _whole(product)
    # Reviews are asked by words, whatever a catalogue calls what these ask for.
    for each, match in () if turn.intent == "reviews" else asked(turn.even):
        start, end = match.span()
        wider = turn.even[max(start - 1, 0) : end], turn.even[start : end + 1]
        if named and any(len(part) > end - start and part in whole for part in wider):
            continue
        aspect, text = each, without(turn.even, [(start, end)])
        break
    rest = pieces(text)
    return Meant(product, telling(_split(whole, rest)[1] if named else rest), aspect)


async def several(shop: Bounded, turn: Turn, state: Conversation) -> list[PublicProduct]:
    """The products that are to be compared."""
    shown = await shop.products(state.shown)
    by_id = {each.id: each for each in shown}
    at = [state.shown[place] for place in turn.places if -len(state.shown) <= place < len(state.shown)]
    named: list[PublicProduct] = [by_id[each] for each in dict.fromkeys(at) if each in by_id]
    if len(named) > 1:
        return named[:_MOST_COMPARED]
    by = turn.comparative
    spans = [match.span() for _, match in asked(turn.even)] if by is None else [(by.start, by.end)]
    for chunk in _APART.split(without(turn.even, spans)):
        said = pieces(chunk)
        if not telling(said):
            continue
        found = _best(shown, said, turn.even)
        found = found if len(found) == 1 else await _searched(shop, said, turn.even)
        named += [each.product for each in found[:1] if each.product.id not in {own.id for own in named}]
    if len(named) > 1:
        return named[:_MOST_COMPARED]
    focus = by_id.get(state.focus or "") or (shown[0] if shown else None)
    if named and focus is not None and (turn.points or state.focus) and focus.id != named[0].id:
        return [focus, named[0]]
    return shown[:_MOST_COMPARED]


def _best(products: Sequence[PublicProduct], said: Sequence[str], text: str) -> list[_Named]:
    """Those of some products whose names have most of some words, as they were; none where none has any."""
    found: list[_Named] = []
    for each in products:
        names = _split(_whole(each), said)[0]
        brand = fold(each.brand or "")
        own = any(fold(name) in brand for name in names)
        found.append(_Named(each, names, own, _called(each, text)))
    most = max(map(_length, found), default=0)
    best = [each for each in found if most and _length(each) == most]
    # Inkling One is called so by a word that is grammar elsewhere.
    called = max((each.called for each in best), default=0)
    return [each for each in best if each.called == called]


def _called(product: PublicProduct, text: str) -> int:
    """How many characters of a title, from its beginning in whole words, a folded text has."""
    most = 0
    for title in (product.title, *(each.title for each in product.translations.values())):
        said = fold(title).split()
        while said and len(" ".join(said)) > most and " ".join(said) not in text:
            said.pop()
        most = max(most, len(" ".join(said)))
    return most


def _length(named: _Named) -> int:
    return len("".join(named.names))


async def _searched(shop: Bounded, said: Sequence[str], text: str) -> list[_Named]:
    asked_for = Wishes(text=" ".join(telling(said))[:MAX_WORDS])
    found = await shop.search(finding.request(asked_for, 8))
    return _best(await shop.products([hit.id for hit in found.hits if hit.lexical > 0]), said, text)


def _whole(product: PublicProduct) -> str:
    """What a product is called, folded."""
    named = [product.title, *(each.title for each in product.translations.values()), product.brand or ""]
    return fold(" \n".join(named))


def _split(whole: str, said: Sequence[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Which of some words are of names, and which are not; of a Chinese run its parts."""
    known = _known(whole)
    names: list[str] = []
    rest: list[str] = []
    for piece in said:
        if is_run(piece):
            own, other = _split_run(fold(piece), whole)
            names += own
            rest += other
        elif tokens(piece) and all(evidence.stem(token) in known for token in tokens(piece)):
            names.append(piece)
        else:
            rest.append(piece)
    return tuple(names), tuple(rest)


@lru_cache(maxsize=512)
def _known(whole: str) -> frozenset[str]:
    return frozenset(evidence.stem(token) for token in tokens(whole))


def _split_run(run: str, whole: str) -> tuple[list[str], list[str]]:
    names: list[str] = []
    rest, at = "", 0
    while at < len(run):
        end = next((stop for stop in range(len(run), at + 1, -1) if run[at:stop] in whole), None)
        if end is None:
            rest += run[at]
            at += 1
        else:
            names.append(run[at:end])
            rest += " "
            at = end
    return names, re.findall(f"[{CJK}]+", rest)
