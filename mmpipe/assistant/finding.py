"""Looking for products: candidates of the wishes, what of the wishes they say, and which are better."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from mmpipe.assistant import evidence, wishes
from mmpipe.assistant.evidence import Evidence
from mmpipe.assistant.language import Language, is_run
from mmpipe.assistant.state import Wishes
from mmpipe.lexical import CJK
from mmpipe.schemas.conditions import And, Comparison
from mmpipe.schemas.search import SearchRequest
from mmpipe.search.find import synonyms

if TYPE_CHECKING:
    from mmpipe.assistant.aspects import Aspect
    from mmpipe.assistant.comparatives import Comparative
    from mmpipe.assistant.shop import Bounded, Found
    from mmpipe.assistant.state import Name
    from mmpipe.schemas.product import PublicProduct

# Products whose texts are read for one turn; of a superlative more.
CANDIDATES: Final = 24
MEASURED: Final = 48
_PRICED: Final = 100
_LEAST_SAID: Final = 0.5
_STORY: Final = 3


@dataclass(frozen=True)
class Looked:
    """``products`` are what was found, best first, for ``asked``; ``relaxed`` names what was left out of the
    wishes for it."""

    asked: Wishes
    products: tuple[PublicProduct, ...] = ()
    relaxed: tuple[wishes.LeftOut, ...] = ()


def request(asked: Wishes, limit: int, *, cheapest: bool = False, listed: bool = False) -> SearchRequest:
    """The search for some wishes. Where it is ``listed`` what is found is shown as it was found, and the
    shop's rules take part; else products are looked up by it."""
    text = asked.text
    if text:
        text = " ".join([text, *(f'-"{each}"' for each in asked.without if '"' not in each)])[:1_000]
    return SearchRequest(
        text=text or None,
        like=list(asked.like),
        filter=wishes.condition(asked),
        limit=limit,
        sort="price_asc" if cheapest else "relevance",
        understand="off" if cheapest else None,
        explain="scores",
        rules=listed,
        rerank=False,
        personalise=False,
    )


async def look(
    shop: Bounded, asked: Wishes, *, picture: bool = False, best: Comparative | None = None,
    skip: Sequence[str] = (), strict: bool = False, keep: Collection[Name] = (),
) -> Looked:  # fmt: skip
    """Products for some wishes; where there are none, for less of them, unless ``strict``, those that are to
    be kept given up last. ``best`` is what is to come first of all, ``skip`` what was seen already."""
    found = await _look(shop, asked, picture, best, skip)
    if found.products or skip or strict:
        return found
    for name, less in wishes.looser(asked, keep)[:2]:
        found = await _look(shop, less, picture, best, skip)
        if found.products:
            return Looked(less, found.products, (name, *found.relaxed))
    # Where no single wish was in the way, what was said last is looked for without those before it.
    former = {name: values for name, values in asked.fields.items() if name not in keep}
    if not keep or len(former) < 2:
        return Looked(asked)
    less = asked.model_copy(
        update={"fields": {name: asked.fields[name] for name in keep if name in asked.fields}}
    )
    found = await _look(shop, less, picture, best, skip)
    left = tuple(wishes.LeftOut(values[0], name) for name, values in former.items())
    return Looked(less, found.products, (*left, *found.relaxed)) if found.products else Looked(asked)


async def siblings(
    shop: Bounded, product: PublicProduct, fields: Mapping[Name, tuple[str, ...]]
) -> list[PublicProduct]:
    """Variants of a product that have one of the values in each field."""
    if not product.item_group_id:
        return []
    parts = [Comparison.of("item_group_id", (product.item_group_id,))]
    parts += [Comparison.of(name, values) for name, values in fields.items()]
    found = await shop.search(
        request(Wishes(), 3).model_copy(update={"filter": And.model_construct(parts=tuple(parts))})
    )
    return await shop.products([hit.id for hit in found.hits])


async def _look(
    shop: Bounded, asked: Wishes, picture: bool, best: Comparative | None, skip: Sequence[str]
) -> Looked:
    cheapest = best is not None and best.key == "price" and best.direction == "least"
    most = CANDIDATES + len(skip) if best is None else _PRICED if cheapest else MEASURED
    found = await shop.search(request(asked, min(most, 100), cheapest=cheapest, listed=True))
    ids = [each for each in _fitting(found, asked, picture) if each not in set(skip)]
    products = await shop.products(ids[: CANDIDATES if best is None else MEASURED])
    products = [each for each in products if not any(evidence.says(each, (word,)) for word in asked.without)]
    if not products:
        return Looked(asked)
    if asked.text and not picture and not asked.like:
        products = _saying(_pieces(asked.text), products, own=best is not None)
    unsaid = () if picture or asked.like else _unsaid(asked.text, products[:3])
    if unsaid and found.required < found.asked:
        said = _pieces(asked.text)
        share = len(unsaid) / max(len(said), 1)
        # Of a long story the word that the products are called by is enough.
        named = len(said) > _STORY and any(
            evidence.says(products[0], (each,), names=True) for each in said if each not in unsaid
        )
        if not named and (share > 1 - _LEAST_SAID or (share == 1 - _LEAST_SAID and len(unsaid) > 1)):
            return Looked(asked)
    elif not unsaid or found.required == found.asked:
        unsaid = ()
    if best is not None and not cheapest:
        products = ordered(products, best)
    return Looked(asked, tuple(products), tuple(map(wishes.LeftOut, unsaid)))


def _fitting(found: Found, asked: Wishes, picture: bool) -> list[str]:
    """The hits that say something of the words; without words all of them."""
    if not asked.text or picture or asked.like:
        return [hit.id for hit in found.hits]
    return [hit.id for hit in found.hits if hit.lexical > 0] if found.required else []


def _saying(said: Sequence[str], products: Sequence[PublicProduct], *, own: bool) -> list[PublicProduct]:
    """The products that say most of some words, those first that are called so by the words themselves; with
    ``own`` these alone, where there are any."""
    if not said:
        return list(products)

    def share(each: PublicProduct) -> tuple[int, bool]:
        ways = [piece for piece in said if evidence.says(each, (piece,))]
        return len(ways), any(evidence.says(each, (piece,), names=True) for piece in ways)

    shares = [share(each) for each in products]
    said_by = [each for each, held in zip(products, shares, strict=True) if held == max(shares)]
    called = [each for each in said_by if evidence.says(each, said, others=False, names=True)]
    called = called or [each for each in said_by if evidence.says(each, said, names=True)]
    return called if own and called else [*called, *(each for each in said_by if each not in called)]


def _pieces(text: str) -> list[str]:
    """The words of a text; of a Chinese run those that are known, and what is between them."""
    found: list[str] = []
    for piece in re.findall(rf"[{CJK}]+|[^\s{CJK}]+", text):
        if not is_run(piece):
            found.append(piece)
            continue
        at = 0
        for start, end, _ in synonyms.base().in_run(piece):
            found += [part for part in (piece[at:start], piece[start:end]) if part]
            at = end
        found += [piece[at:]] if piece[at:] else []
    # A character by itself is in too many words.
    return [piece for piece in found if len(piece) > 1 or not is_run(piece)] or [text]


def _unsaid(text: str, products: Sequence[PublicProduct]) -> tuple[str, ...]:
    """The words that none of some products says."""
    return tuple(
        piece for piece in _pieces(text) if not any(evidence.says(each, (piece,)) for each in products)
    )


def amount(product: PublicProduct, aspects: Sequence[Aspect], language: Language) -> Evidence | None:
    """The first aspect that a product has an amount of."""
    for aspect in aspects:
        found = evidence.of_aspect(product, aspect, language)
        if found is not None and found.amount is not None:
            return found
    return None


def ahead(products: Sequence[PublicProduct], best: Comparative) -> PublicProduct | None:
    """The product that has the most, or the least, of what decides; None where fewer than two say it."""
    return next(iter(ordered(products, best)), None)


def ordered(products: Sequence[PublicProduct], best: Comparative) -> list[PublicProduct]:
    """The products that have an amount of what decides, the best of all first; equals as they were."""
    for aspect in best.aspects:
        held = [(each, amount(each, (aspect,), "en")) for each in products]
        told = [(each, found) for each, found in held if found is not None and found.amount is not None]
        kinds = {found.kind for _, found in told}
        if len(told) > 1 and len(kinds) == 1:
            sign = 1 if best.direction == "least" else -1
            return [each for each, found in sorted(told, key=lambda pair: sign * (pair[1].amount or 0))]
    return []


def surpassing(products: Sequence[PublicProduct], best: Comparative, held: Evidence) -> list[PublicProduct]:
    """The products that have more, or less, of what decides than an amount that is ``held``, as they were."""
    found = []
    for each in products:
        own = amount(each, best.aspects, "en")
        if own is None or own.amount is None or held.amount is None or own.kind != held.kind:
            continue
        if (own.amount < held.amount) if best.direction == "least" else (own.amount > held.amount):
            found.append(each)
    return found
