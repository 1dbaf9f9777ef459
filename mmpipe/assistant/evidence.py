"""Where a product's own texts say something: a part of one field as it stands there, and what of it tells.

Texts of products are data. A sentence that speaks to whoever reads it as a machine is no evidence of
anything, and is not repeated to shoppers.
"""

# ruff: noqa: E501  (a row of a table is read as one line)

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from mmpipe import lexical
from mmpipe.assistant import topics as spoken
from mmpipe.assistant.aspects import Aspect, plain_name
from mmpipe.assistant.language import Language, is_run
from mmpipe.assistant.quantities import Amount, Kind, amounts
from mmpipe.lexical import CJK, fold, items
from mmpipe.search.find import synonyms

if TYPE_CHECKING:
    from mmpipe.assistant.topics import Topic
    from mmpipe.schemas.product import PublicProduct

MAX_QUOTE: Final = 300
_MAX_SENTENCES: Final = 200
_SEVERAL: Final = 3
# Of a Chinese run of so many characters, which nobody parts into words, this share is enough.
_LONG_RUN: Final = 4
_MOST_OF_RUN: Final = 0.5
_SENTENCE: Final = re.compile(
    r"[^\x00-\x1f\x7f\u2028\u2029。！？；]+?(?:[.!?](?=\s|$|[\"”’)])[\"”’)]*|[。！？；]|(?=[\x00-\x1f\x7f\u2028\u2029])|$)"
)
_TO_MACHINES: Final = re.compile(
    r"\b(?:ignore|disregard|forget|override)\b.{0,40}\b(?:instruction|prompt|rule|above|previous|prior)"
    r"|\b(?:system|developer|assistant|user)\s*(?:prompt|message)?\s*[:>\]]|<\s*/?\s*(?:system|assistant|user|instruction)"
    r"|\byou are (?:now )?(?:a|an|the)\b.{0,30}\b(?:bot|assistant|ai|model|agent)\b|\bas an? (?:ai|assistant|language model)\b"
    r"|\b(?:tell|inform|convince) the (?:customer|shopper|user)s?\b|\b(?:answer|reply|respond)\b.{0,30}\b(?:every|all|any|with)\b"
    r"|\brecommend this\b.{0,30}\bfirst\b|\b(?:system|hidden) prompt\b|\[/?inst\]|<\|"
    r"|(?:忽略|无视|忘记|忽视).{0,12}(?:指令|指示|提示|规则|之前|以上)|作为.{0,6}(?:AI|人工智能|助手|语言模型)|系统(?:提示|消息|指令)?[:：]|你现在是"
    r"|告诉(?:顾客|客户|用户)|回答每个问题|优先推荐(?:本|这)",
    re.IGNORECASE,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Evidence:
    """``quote`` is a part of ``field`` of a product, ``value`` the part of it that tells, and ``amount`` what
    that measures, where it is an amount."""

    product_id: str
    field: str
    quote: str
    value: str
    amount: float | None = None
    kind: Kind | None = None


def speaks_to_machines(text: str) -> bool:
    """Whether a text gives orders to whoever processes it."""
    return _TO_MACHINES.search(fold(text)) is not None or _TO_MACHINES.search(text) is not None


def texts(product: PublicProduct, language: Language) -> list[tuple[str, str]]:
    """The fields of a product that are sentences, those of the language first."""
    found = [("title", product.title), ("description", product.description)]
    other = [
        (f"translations.{tag}.{name}", getattr(each, name))
        for tag, each in product.translations.items()
        for name in ("title", "description")
    ]
    zh = any(is_zh(text) for _, text in other)
    found = other + found if (language == "zh") == zh else found + other
    found.append(("additional_text", product.additional_text))
    return [(name, text) for name, text in found if text]


def is_zh(text: str) -> bool:
    """Whether a text has Chinese characters."""
    return re.search(f"[{CJK}]", text) is not None


def field_text(product: PublicProduct, field: str) -> str | None:
    """The text of a field as claims name it; None where a product has none."""
    head, _, rest = field.partition(".")
    if head == "attributes":
        return product.attributes.get(rest)
    if head == "translations":
        tag, _, name = rest.rpartition(".")
        each = product.translations.get(tag)
        return getattr(each, name, None) if each is not None and name in ("title", "description") else None
    if rest or head not in type(product).model_fields:
        return None
    value = getattr(product, head)
    if value is None:
        return None
    return f"{value:g}" if isinstance(value, float) else str(value)


def title(product: PublicProduct, language: Language) -> Evidence:
    """A product's name, in a language where it has one."""
    if language == "zh":
        for tag, each in product.translations.items():
            if each.title and tag.lower().startswith("zh"):
                return _whole(product, f"translations.{tag}.title", each.title)
    return _whole(product, "title", product.title)


def price(product: PublicProduct) -> Evidence | None:
    """What a shopper pays now."""
    paid = product.effective_price(datetime.now(UTC))
    if paid is None:
        return None
    field = "price" if paid == product.price else "sale_price"
    return Evidence(product.id, field, str(paid), str(paid), float(paid.amount))


def of_field(product: PublicProduct, field: str) -> Evidence | None:
    """A whole field, None where the product has none of it."""
    if field == "price":
        return price(product)
    text = field_text(product, field)
    if not text or speaks_to_machines(text):
        return None
    amount = float(text) if field == "rating" else None
    return Evidence(product.id, field, text, text, amount)


def of_aspect(product: PublicProduct, aspect: Aspect, language: Language) -> Evidence | None:
    """What a product says of an aspect: its field, an attribute, a sentence with an amount; None where none
    does."""
    for field in aspect.fields:
        found = of_field(product, field)
        if found is not None:
            return found if found.amount is not None else _measured(found, aspect.kinds)
    for name in aspect.attributes:
        for own, value in product.attributes.items():
            if plain_name(own) == name and not speaks_to_machines(value):
                return _measured(_whole(product, f"attributes.{own}", value), aspect.kinds)
    if not aspect.near:
        return None
    for field, sentence in sentences(product, language):
        near = re.search(aspect.near, sentence, re.IGNORECASE)
        if near is None:
            continue
        told = [each for each in amounts(sentence) if each.kind in aspect.kinds]
        if told:
            best = min(told, key=lambda each: _distance(each, near.start(), near.end()))
            return Evidence(product.id, field, sentence, best.written, best.value, best.kind)
    return None


def of_words(product: PublicProduct, words: Sequence[str], language: Language) -> list[Evidence]:
    """What says all of some words, or what stands for them: a field, an attribute, a sentence; of three words
    and more also what says two of them and half of all. The most first, and those of the language; two at
    most."""
    wanted = [_ways(word) for word in words]
    least = len(wanted) if len(wanted) < _SEVERAL else max(2, -(-len(wanted) // 2))
    found: list[tuple[int, bool, int, Evidence]] = []
    fields: dict[str, int] = {}

    def take(text: str, held: Evidence) -> None:
        said = sum(_says(text, ways) for ways in wanted)
        if said >= least and said > fields.get(held.field, 0):
            fields[held.field] = said
            other = is_zh(held.quote) != (language == "zh")
            found.append((-said, other, len(found), held))

    for name in SAYING:
        value = field_text(product, name)
        if value and not speaks_to_machines(value):
            take(value, _whole(product, name, value))
    for name, value in product.attributes.items():
        if not speaks_to_machines(value):
            take(f"{plain_name(name)} {value}", _whole(product, f"attributes.{name}", value))
    for field, sentence in sentences(product, language):
        if not field.endswith("title") or not found:
            take(sentence, Evidence(product.id, field, sentence, sentence))
    found.sort(key=lambda each: each[:3])
    best = [each for each in found if each[:2] == found[0][:2]]
    return [held for *_, held in best[:2]]


def of_topics(
    product: PublicProduct, topics: tuple[Topic, ...], words: Sequence[str], language: Language
) -> list[Evidence]:
    """What speaks of some topics, an attribute or a sentence: what speaks of the most of them, then what is in
    the language, then what says the most of some words; two at most, of the same rank."""
    wanted = [_ways(word) for word in words]
    found: list[tuple[int, bool, int, Evidence]] = []

    def take(about: int, text: str, held: Evidence) -> None:
        if about:
            other = is_zh(held.quote) != (language == "zh")
            found.append((-about, other, -sum(_says(text, ways) for ways in wanted), held))

    for name, value in product.attributes.items():
        if not speaks_to_machines(value):
            own = plain_name(name)
            about = max(spoken.named(topics, own), spoken.told(topics, fold(value)))
            take(about, f"{own} {value}", _whole(product, f"attributes.{name}", value))
    for field, sentence in sentences(product, language):
        # What something is called is no promise: an insulated bottle is called so in its name.
        if not field.endswith("title"):
            held = Evidence(product.id, field, sentence, sentence)
            take(spoken.told(topics, fold(sentence)), sentence, held)
    found.sort(key=lambda each: each[:3])
    return [held for *rank, held in found if tuple(rank) == found[0][:3]][:2]


SAYING: Final = ("color", "material", "pattern", "brand", "gender", "size", "condition", "age_group")


def says(product: PublicProduct, words: Sequence[str], *, others: bool = True, names: bool = False) -> bool:
    """Whether a product says all of some words anywhere, or in its ``names``, title and category; with
    ``others`` also what stands for them."""
    fields = product.lexical_fields()
    whole = "\n".join(text for name, text in fields.items() if not names or name in ("title", "category"))
    return all(_says(whole, _ways(word) if others else (word,)) for word in words)


def mentions(text: str, words: Sequence[str]) -> bool:
    """Whether a text says all of some words, or what stands for them."""
    return all(_says(text, _ways(word)) for word in words)


def sentences(product: PublicProduct, language: Language) -> Iterator[tuple[str, str]]:
    """The sentences of a product's texts with their fields, none of which speaks to machines."""
    left = _MAX_SENTENCES
    for field, text in texts(product, language):
        for sentence in split(text):
            if left and not speaks_to_machines(sentence):
                left -= 1
                yield field, sentence


@lru_cache(maxsize=4_096)
def split(text: str) -> tuple[str, ...]:
    """The sentences of a text as they stand in it, each at most :data:`MAX_QUOTE` characters."""
    found = (match.group().strip() for match in _SENTENCE.finditer(text))
    return tuple(sentence[:MAX_QUOTE] for sentence in found if sentence)


def _whole(product: PublicProduct, field: str, text: str) -> Evidence:
    shown = text[:MAX_QUOTE]
    return Evidence(product.id, field, shown, shown)


def _measured(found: Evidence, kinds: tuple[Kind, ...]) -> Evidence:
    told = next((each for each in amounts(found.quote) if each.kind in kinds), None)
    if told is None:
        return found
    return Evidence(found.product_id, found.field, found.quote, found.value, told.value, told.kind)


def _distance(amount: Amount, start: int, end: int) -> int:
    return max(start - amount.end, amount.start - end, 0)


# 杯子 is 杯, as in 杯体; 盖子 is 盖, as in 杯盖; 三人位 is 三人.
_SUFFIXED: Final = re.compile(f"([{CJK}])[子体身]|([{CJK}]人)[位座份]")


@lru_cache(maxsize=4_096)
def _ways(word: str) -> tuple[str, ...]:
    """A word and what stands for it in either language."""
    bare = _SUFFIXED.fullmatch(word)
    found = [word] if bare is None else [word, bare[1] or bare[2]]
    known = synonyms.base()
    if is_run(word):
        for start, stop, others in known.in_run(word):
            if (start, stop) == (0, len(word)):
                found += [other.text for other in others]
    else:
        said = lexical.heads(word)
        named = known.of_words(said, 0) if said else None
        if named is not None and named[0] == len(said):
            found += [other.text for other in named[1]]
    return tuple(dict.fromkeys(found))


def _says(text: str, ways: Sequence[str]) -> bool:
    folded = fold(text)
    stems = _stems(folded)
    for number, way in enumerate(ways):
        if is_run(way):
            # Of what only stands for the word a part says something else: 户外 is no 户外帐篷.
            if fold(way) in folded or (number == 0 and _says_run(fold(way), folded)):
                return True
        elif (own := set(_stems(fold(way)))) and own <= set(stems):
            return True
    return False


def _says_run(run: str, folded: str) -> bool:
    """Whether a text has a Chinese run, or of a long one most in parts of two characters and more."""
    if run in folded:
        return True
    if len(run) < _LONG_RUN:
        return False
    at = had = 0
    while at < len(run):
        end = at + 1
        while end < len(run) and run[at : end + 1] in folded:
            end += 1
        had += end - at if end > at + 1 else 0
        at = end
    return had >= _MOST_OF_RUN * len(run)


@lru_cache(maxsize=8_192)
def _stems(folded: str) -> tuple[str, ...]:
    return tuple(
        stem(token) for item in items(folded) if not item.run for token in (*item.tokens, item.whole) if token
    )


_ENDINGS: Final = ("ability", "able", "ible", "ing", "ed", "er", "es", "s", "e")


def stem(token: str) -> str:
    """A word's beginning that others of its family share: ``washed`` and ``washable`` are ``wash``."""
    for ending in _ENDINGS:
        if token.endswith(ending) and len(token) - len(ending) >= 4:
            token = token[: -len(ending)]
            break
    return token
