"""A language model's words for claims that are there already, taken only where they say nothing else.

A model gets claims as data and gives back sentences, each with the claims that it stands on. A sentence has
every one of their values as it is written; what it has besides may join them, but has no number, no name, no
negation, no praise and no address. Whatever a product's text talked a model into, that is all that passes.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

from mmpipe.assistant.evidence import speaks_to_machines
from mmpipe.schemas.assistant import Claim

if TYPE_CHECKING:
    from mmpipe.assistant.language import Language
    from mmpipe.assistant.outcome import Outcome

MAX_SENTENCES: Final = 24
_MAX_SENTENCE: Final = 800
_MAX_OWN: Final = 120
_WORDED: Final = ("find", "attribute", "reviews")
_NUMBER: Final = re.compile(
    r"\d|[零一二三四五六七八九十百千万亿两半]|\b(?:zero|one|two|three|four|five|six|seven|eight|nine|ten|eleven"
    r"|twelve|twenty|thirty|forty|fifty|hundred|thousand|million|half|double|twice|dozen|percent)\b",
    re.IGNORECASE,
)
_NEGATION: Final = re.compile(
    r"\b(?:no|not|never|none|nothing|without|neither|nor|cannot|except|unless|only)\b|n['’]t\b|[不没无非未别]|除了|只",
    re.IGNORECASE,
)
_PRAISE: Final = re.compile(
    r"\b(?:free|best|better|worst|worse|more|most|less|least|than|cheap\w*|discount\w*|guarantee\w*|always|safe\w*|perfect\w*"
    r"|must|buy|order|now|sale|every\w*|all|recommend\w*|great|excellent|\w+(?:er|est) than)\b"
    r"|免费|最|更|便宜|优惠|保证|必须|立即|购买|推荐|完美|安全|所有|折",
    re.IGNORECASE,
)  # fmt: skip
_ADDRESS: Final = re.compile(r"[<>@{}\[\]\\`|*#]|\w\.\w{2,}|://|\bwww\b|\bhttp", re.IGNORECASE)
_CONTROL: Final = re.compile("[\x00-\x1f\x7f\u0080-\u009f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff]")
_LATIN: Final = re.compile(r"[A-Za-z]{2,}")
_NAME: Final = re.compile(r"(?<!^)(?<![.!?] )\b[A-Z]\w+")
_GONE: Final = "\uffff"


class WordingRefused(Exception):
    """Why a model's wording is not taken."""


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence of a model, and the ids of the claims that it stands on."""

    text: str
    claims: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Worded:
    """A text that was accepted, and the claims where they stand in it."""

    text: str
    claims: list[Claim]


class LanguageModel(Protocol):
    """Words claims."""

    async def sentences(self, asked: str, language: Language, claims: Sequence[Claim]) -> Sequence[Sentence]:
        """Sentences for claims, in a language. Raises :class:`WordingRefused` where there are none."""


def may_be_worded(found: Outcome) -> bool:
    """Whether an answer is claims alone: what was declined, left out or decided stays in our own words."""
    return found.kind in _WORDED and found.declined is None and not found.relaxed and bool(found.draft.claims)


def accepted(sentences: Sequence[Sentence], claims: Sequence[Claim], language: Language, tail: str) -> Worded:
    """The sentences as a text with ``tail`` behind it, with every one of the claims in it. Raises
    :class:`WordingRefused` for the first thing that is wrong."""
    if not sentences or len(sentences) > MAX_SENTENCES:
        raise WordingRefused(f"gives no sentences, or more than {MAX_SENTENCES}")
    known = {claim.id: claim for claim in claims}
    text = ""
    placed: dict[str, Claim] = {}
    for sentence in sentences:
        said = sentence.text.strip()
        cited = [known[name] for name in dict.fromkeys(sentence.claims) if name in known]
        if not cited or len(cited) < len(set(sentence.claims)):
            raise WordingRefused("has a sentence without claims, or with a claim that is none")
        at = _places(said, cited)
        _check(said, at, language)
        begin = len(text) + (1 if text else 0)
        text = f"{text} {said}" if text else said
        for claim in cited:
            start, end = at[claim.id]
            placed.setdefault(claim.id, claim.model_copy(update={"start": begin + start, "end": begin + end}))
    if len(placed) < len(known):
        raise WordingRefused("leaves out a claim")
    return Worded(text + tail, [placed[claim.id] for claim in claims])


def _places(said: str, cited: Sequence[Claim]) -> dict[str, tuple[int, int]]:
    """Where the claims' values stand in a sentence, none over another."""
    if len(said) > _MAX_SENTENCE or _CONTROL.search(said):
        raise WordingRefused("has a sentence that is too long, or has control characters")
    found: dict[str, tuple[int, int]] = {}
    left = said
    for claim in sorted(cited, key=lambda each: -len(each.value)):
        start = left.find(claim.value)
        if start < 0:
            raise WordingRefused("has a sentence without the value of a claim that it stands on")
        end = start + len(claim.value)
        found[claim.id] = start, end
        left = left[:start] + _GONE * len(claim.value) + left[end:]
    return found


def _check(said: str, at: dict[str, tuple[int, int]], language: Language) -> None:
    own = said
    for start, end in at.values():
        own = own[:start] + _GONE * (end - start) + own[end:]
    words = own.replace(_GONE, "")
    for pattern, what in (
        (_NUMBER, "a number"),
        (_NEGATION, "a negation"),
        (_PRAISE, "a judgement"),
        (_ADDRESS, "an address or markup"),
        (_LATIN if language == "zh" else _NAME, "a name"),
    ):
        if pattern.search(own):
            raise WordingRefused(f"has {what} that the catalogue does not say")
    if len(words) > _MAX_OWN or speaks_to_machines(words):
        raise WordingRefused("has more words of its own than join what the catalogue says")
