"""Questions about one product: what its fields, its texts and its reviews say, or that they do not."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from mmpipe.assistant import evidence
from mmpipe.assistant import topics as spoken
from mmpipe.assistant.aspects import ASPECTS, Aspect, plain_name
from mmpipe.assistant.evidence import Evidence
from mmpipe.assistant.language import is_run
from mmpipe.assistant.quantities import amounts
from mmpipe.assistant.wording import field_name, words
from mmpipe.lexical import fold

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mmpipe.assistant.draft import Draft
    from mmpipe.assistant.language import Language
    from mmpipe.assistant.references import Meant
    from mmpipe.assistant.shop import Bounded, Reviews, ReviewSentence
    from mmpipe.assistant.topics import Topic
    from mmpipe.schemas.product import PublicProduct

# Sentences of reviews that an answer quotes, and those that are looked through.
_QUOTED: Final = 2
_READ: Final = 60
_DESCRIBED: Final = 2


async def tell(draft: Draft, shop: Bounded, product: PublicProduct, meant: Meant, language: Language) -> bool:
    """Adds what the catalogue says of what is asked; False where it does not say it, which is added then."""
    named = evidence.title(product, language)
    aspects, rest = meant.aspects, meant.rest
    if aspects and not rest:
        said = [_told(draft, product, named, each, language) for each in aspects]
        return any(said)
    if not rest and not meant.topics:
        return _describe(draft, product, language)
    told = evidence.of_topics(product, meant.topics, rest, language) if meant.topics else []
    aspect = next(iter(aspects), None)
    if not told and rest:
        told = evidence.of_words(product, rest, language)
        if aspect is not None and aspect.kinds:
            measured = [each for each in told if any(a.kind in aspect.kinds for a in amounts(each.quote))]
            # An amount in a unit that nobody knows is one, too: of square metres, say.
            told = measured or [each for each in told if any(map(str.isdigit, each.quote))]
    if told:
        _quoted(draft, named, told, language)
        return True
    other = None if aspect is not None or not rest else await _other_value(shop, product, rest)
    if other is not None:
        draft.say(
            words("says_field", language), title=named, name=field_name(other.field, language), value=other
        )
        return True
    draft.say(words("not_said", language), title=named)
    return False


def _quoted(draft: Draft, named: Evidence, told: Sequence[Evidence], language: Language) -> None:
    """Adds sentences as they are, and of what is only a value what it is the value of."""
    first = told[0]
    head, _, name = first.field.partition(".")
    if head == "attributes" or first.field in evidence.SAYING:
        own = plain_name(name) if name else field_name(first.field, language)
        draft.say(words("says_field", language), title=named, name=own, value=first)
    else:
        draft.say(words("says_words", language), title=named, value=first)
    for more in told[1:]:
        draft.say(words("also_says", language), value=more)


def _told(draft: Draft, product: PublicProduct, named: Evidence, aspect: Aspect, language: Language) -> bool:
    """Adds what a product says of an aspect, else of its parts, or that it does not."""
    if draft.text:
        draft.add("" if language == "zh" else " ")
    found = evidence.of_aspect(product, aspect, language)
    if found is not None:
        _aspect(draft, named, aspect.name(language), found)
        return True
    held = [(part, own) for part in _parts(aspect) if (own := evidence.of_aspect(product, part, language))]
    # What has sides is as big as these; else one part tells it.
    sides = [(part, own) for part, own in held if part.kinds == aspect.kinds and part.key != "screen"]
    for number, (part, own) in enumerate(sides or held[:1]):
        if number:
            draft.add("" if language == "zh" else " ")
        _aspect(draft, named, part.name(language), own)
    if not held:
        draft.say(words("not_said_name", language), title=named, name=aspect.name(language))
    return bool(held)


def _parts(aspect: Aspect) -> list[Aspect]:
    return [ASPECTS[key] for key in aspect.parts]


def _aspect(draft: Draft, named: Evidence, name: str, found: Evidence) -> None:
    language: Language = "zh" if evidence.is_zh(name) else "en"
    if found.quote == found.value:
        draft.say(words("says_field", language), title=named, name=name, value=found)
    else:
        draft.say(words("says_sentence", language), title=named, name=name, value=found, quote=found.quote)


async def _other_value(shop: Bounded, product: PublicProduct, rest: Sequence[str]) -> Evidence | None:
    """What a product says of the field that words are a value of, where it says another."""
    meaning = await shop.meaning("".join(rest) if is_run(rest[0]) else " ".join(rest))
    for part in () if meaning is None else meaning.parts:
        if part.value is not None and part.field != "category":
            return evidence.of_field(product, part.field)
    return None


def _describe(draft: Draft, product: PublicProduct, language: Language) -> bool:
    named = evidence.title(product, language)
    told = [
        Evidence(product.id, field, sentence, sentence)
        for field, sentence in evidence.sentences(product, language)
        if field.endswith("description") and evidence.is_zh(sentence) == (language == "zh")
    ] or [
        Evidence(product.id, field, sentence, sentence)
        for field, sentence in evidence.sentences(product, language)
        if field.endswith("description")
    ]
    if not told:
        draft.say(words("not_said", language), title=named)
        return False
    draft.say(words("says_words", language), title=named, value=told[0])
    for more in told[1:_DESCRIBED]:
        draft.say(words("also_says", language), value=more)
    return True


# What asks for an aspect of reviews, by its name there, over folded text.
_SPOKEN_OF: Final = {
    name: re.compile(said)
    for name, said in {
        "quality": r"\bquality\b|质量|做工|品质",
        "fit": r"\bfit(?:s|ting)?\b|\btrue to size\b|合身|版型|尺码准|偏大|偏小",
        "look": r"\blooks?\b|\bstyle\b|好看|外观|颜值",
        "comfort": r"\bcomfort(?:able)?\b|舒服|舒适",
        "price": r"\bworth\b|\bvalue\b|性价比|值得|值不值",
        "delivery": r"\bpackag(?:ed|ing)\b|包装",
        "durability": r"\bdurab(?:le|ility)\b|\blasts?\b|耐用|结实",
        "sound": r"\bsound\b|音质|声音",
        "ease_of_use": r"\beasy to\b|\bease of use\b|好用|操作|容易",
    }.items()
}


# What asks for what buyers did not like.
_SOUR: Final = re.compile(
    r"\btroubles?\b|\bproblems?\b|\bissues?\b|\bunhappy\b|\bdisappoint|\bcomplain|\bnegative\b|\bdislike"
    r"|差评|吐槽|不满|毛病|缺点|抱怨"
)


async def of_reviews(
    draft: Draft,
    reviews: Reviews,
    product: PublicProduct,
    asked: str,
    meant: Meant,
    language: Language,
    *,
    sure: bool = False,
) -> bool:
    """Adds what reviews say of a product, of what is ``asked`` or ``meant``; False where none does. To be
    ``sure`` they must speak of all of it, and nothing is added where they do not."""
    named = evidence.title(product, language)
    said = [
        each
        for each in await reviews.sentences(product.id, _READ)
        if not evidence.speaks_to_machines(each.text)
    ]
    named_aspects = {name for name, pattern in _SPOKEN_OF.items() if pattern.search(asked)}
    about = _about(said, named_aspects, meant.topics, meant.rest, sure=sure)
    if sure and not about:
        return False
    sour = [each for each in about if False in each.opinions.values()]
    about = sour if sour and _SOUR.search(asked) else about
    if not about:
        key = "no_reviews_about" if said else "no_reviews"
        draft.say(words(key, language), title=named)
        _rated(draft, product, language)
        return False
    about.sort(key=lambda each: evidence.is_zh(each.text) != (language == "zh"))
    draft.say(words("reviews_head", language), title=named)
    for each in about[:_QUOTED]:
        shown = each.text[: evidence.MAX_QUOTE]
        draft.say(
            words("review", language),
            value=Evidence(product.id, f"reviews.{each.review_id}", shown, shown),
        )
    return True


def _about(
    said: Sequence[ReviewSentence], aspects: set[str], topics: tuple[Topic, ...], rest: Sequence[str], *,
    sure: bool,
) -> list[ReviewSentence]:  # fmt: skip
    """The sentences that speak of some aspects or topics or have all of some words, else, unless it must be
    ``sure``, those with half of them; all where nothing is asked for."""
    if not (rest or aspects or topics):
        return [] if sure else list(said)
    whole = [
        each
        for each in said
        if aspects & each.opinions.keys()
        or spoken.told(topics, fold(each.text))
        or (rest and evidence.mentions(each.text, rest))
    ]
    if whole or sure or len(rest) < 2:
        return whole
    held = [(sum(evidence.mentions(each.text, (word,)) for word in rest), each) for each in said]
    most = max((count for count, _ in held), default=0)
    return [each for count, each in held if count == most and 2 * count >= len(rest)]


def _rated(draft: Draft, product: PublicProduct, language: Language) -> None:
    rated = evidence.of_aspect(product, ASPECTS["rating"], language)
    if rated is None:
        return
    draft.say(words("rated", language), value=rated)
    count = evidence.of_field(product, "rating_count")
    if count is not None:
        draft.say(words("rated_by", language), value=count)
    draft.add(words("stop", language))
