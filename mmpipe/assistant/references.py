"""Which products a turn means: those that were shown, by place or by a word of their names, or by search."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import islice
from typing import TYPE_CHECKING, Final

from mmpipe.assistant import evidence, finding, topics
from mmpipe.assistant.aspects import Aspect, asked
from mmpipe.assistant.grammar import idle, pieces, telling, without
from mmpipe.assistant.language import is_run
from mmpipe.assistant.reading import asking
from mmpipe.assistant.state import MAX_WORDS, Wishes
from mmpipe.lexical import CJK, fold, tokens

if TYPE_CHECKING:
    from mmpipe.assistant.reading import Turn
    from mmpipe.assistant.shop import Bounded
    from mmpipe.assistant.state import Conversation
    from mmpipe.assistant.topics import Topic
    from mmpipe.schemas.product import PublicProduct

_APART: Final = re.compile(
    r"\b(?:and|vs\.?|versus|or|with|than|to)\b|[,，、/]|和|与|跟|还是|比|对比", re.IGNORECASE
)
_MOST_COMPARED: Final = 4
_BOTH: Final = re.compile(r"\band\b|,|和|跟|与|以及|还有|，|、")
_MOST_ASKED: Final = 3
# Words of a question that are looked for: each in every sentence of a product.
_MOST_WORDS: Final = 24
# Beside Chinese characters spaces are a matter of taste.
_NO_SPACE: Final = re.compile(rf"(?<=[{CJK}])\s+|\s+(?=[{CJK}])")


@dataclass(frozen=True)
class Meant:
    """``product`` is the one that is meant, ``aspects`` and ``topics`` what is asked of it and ``rest`` the
    words that do not name it; where several may be meant, these are ``options``."""

    product: PublicProduct | None
    rest: tuple[str, ...] = ()
    aspects: tuple[Aspect, ...] = ()
    options: tuple[PublicProduct, ...] = ()
    topics: tuple[Topic, ...] = ()


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
    if turn.picks and turn.comparative is not None:
        among = [by_id[each] for each in state.compared if each in by_id] or shown
        picked = finding.ahead(among, turn.comparative)
        rest = replace(turn, even=without(turn.even, [(turn.comparative.start, turn.comparative.end)]))
        return _asked(rest, picked, named=False)
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
    found: list[Aspect] = []
    spans: list[tuple[int, int]] = []
    whole = _whole(product)
    # Reviews are asked by words, whatever a catalogue calls what these ask for.
    for each, match in () if turn.intent == "reviews" else asked(turn.even):
        start, end = match.span()
        wider = turn.even[max(start - 1, 0) : end], turn.even[start : end + 1]
        if named and any(len(part) > end - start and part in whole for part in wider):
            continue
        if not any(start < other and at < end for at, other in spans):
            found.append(each)
            spans.append((start, end))
    # Two things are asked for only where a turn says so; else the first decides.
    if len(found) > 1 and not _BOTH.search(turn.even):
        del found[1:], spans[1:]
    rest = pieces(without(turn.even, spans))
    names, others = _split(whole, rest) if named else ((), rest)
    return Meant(
        product,
        tuple(dict.fromkeys(idle(telling(others))))[:_MOST_WORDS],
        tuple(found[:_MOST_ASKED]),
        topics=topics.asked(_unnamed(turn.even, names)),
    )


def parts(turn: Turn, product: PublicProduct) -> list[Meant]:
    """What each clause of a turn asks of a product: of the first few that ask something."""
    said = (replace(turn, even=each) for each in asking(turn.even))
    found = (_asked(each, product, named=True) for each in said)
    return list(islice((each for each in found if each.aspects or each.topics or each.rest), _MOST_ASKED))


def _unnamed(text: str, names: Sequence[str]) -> str:
    """A folded text without the words of a name."""
    for name in names:
        if is_run(name):
            text = text.replace(name, " ") if len(name) > 1 else text
        else:
            text = re.sub(rf"(?<!\w){re.escape(name)}(?!\w)", " ", text)
    return text


async def called(shop: Bounded, turn: Turn) -> bool:
    """Whether a turn calls one product by more than its brand, and says more than its name."""
    found = await _searched(shop, pieces(turn.even), turn.even)
    if len({each.product.item_group_id or each.product.id for each in found}) != 1:
        return False
    first = found[0]
    if first.called <= len(first.product.brand or "") + 1:
        return False
    meant = _asked(turn, first.product, named=True)
    return bool(meant.aspects or meant.topics or meant.rest)


async def several(shop: Bounded, turn: Turn, state: Conversation) -> list[PublicProduct]:
    """The products that are to be compared."""
    shown = await shop.products(state.shown)
    by_id = {each.id: each for each in shown}
    at = [state.shown[place] for place in turn.places if -len(state.shown) <= place < len(state.shown)]
    named: list[PublicProduct] = [by_id[each] for each in dict.fromkeys(at) if each in by_id]
    if len(named) > 1:
        return named[:_MOST_COMPARED]
    spans = [match.span() for _, match in asked(turn.even)]
    spans = [(each.start, each.end) for each in turn.comparatives] or spans
    parts = _APART.split(without(turn.even, spans))
    chunks = [(chunk, said) for chunk in parts if telling(said := pieces(chunk))]
    for chunk, said in chunks:
        found = _best(shown, said, chunk)
        # What has but a part of the words, as its brand, may be another one.
        if len(found) != 1 or _split(_whole(found[0].product), telling(said))[1]:
            other = await _searched(shop, said, chunk)
            # *Those* are the ones that were shown, unless another one is named.
            other = [] if turn.all and shown and not any(each.own for each in other) else other
            better = other and (len(found) != 1 or _length(other[0]) > _length(found[0]))
            found = other if better or len(found) != 1 else found
        # All of a kind are compared where nothing tells them apart.
        ids = {each.product.id for each in found}
        kind = found if len(chunks) == 1 and not ids & by_id.keys() else found[:1]
        known = {own.id for own in named}
        named += [each.product for each in kind if each.product.id not in known]
    if len(named) > 1:
        return named[:_MOST_COMPARED]
    compared = [by_id[each] for each in state.compared if each in by_id]
    among = compared if len(compared) > 1 else shown
    if named and len(among) > 1 and named[0].id in {each.id for each in among}:
        return among[:_MOST_COMPARED]
    focus = by_id.get(state.focus or "") or (shown[0] if shown else None)
    if named and focus is not None and (turn.points or state.focus) and focus.id != named[0].id:
        return [focus, named[0]]
    return among[:_MOST_COMPARED]


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
    most, text = 0, _NO_SPACE.sub("", text)
    for title in (product.title, *(each.title for each in product.translations.values())):
        said = fold(title).split()
        while said and len(" ".join(said)) > most and _NO_SPACE.sub("", " ".join(said)) not in text:
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
    """What a product is called, folded; orders to machines in a title are no name."""
    titles = (product.title, *(each.title for each in product.translations.values()))
    named = [
        part for title in titles for part in evidence.split(title) if not evidence.speaks_to_machines(part)
    ]
    return fold(" \n".join([*named, product.brand or ""]))


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
