"""What was found at each address of a product's media, and asking whether that still holds.

The column ``media_seen`` has one word for each of ``media_uris``: a stamp; ``!`` and a stamp, of a medium
that cannot be used; ``-`` where nothing was stored; ``.`` where nobody looked, for the link's medium was
found before; ``?`` where it cannot be told.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from mmpipe.errors import RetryableError
from mmpipe.media import MediaStamp
from mmpipe.media.ask import Asker, Question

if TYPE_CHECKING:
    from mmpipe.encoders.base import Modality
    from mmpipe.indexing.pipeline.media import MediaPlan
    from mmpipe.media import MediaRef

ABSENT = "-"
NOT_LOOKED = "."
UNKNOWN = "?"
UNUSABLE = "!"


def words_in(uris: Sequence[str], seen: str | None) -> list[str]:
    """What was found at each of these addresses; nothing where the row does not say."""
    words = seen.split(" ") if seen else []
    return words if len(words) == len(uris) else []


def words_of(uris: Sequence[str], seen: str | None) -> dict[str, str]:
    """The same by address."""
    words = words_in(uris, seen)
    return dict(zip(uris, words, strict=True)) if words else {}


def seen_of(uris: Sequence[str], words: Mapping[str, str]) -> str | None:
    """The column's text for these addresses."""
    return " ".join(words.get(uri, UNKNOWN) for uri in uris) or None


def stamp_in(word: str) -> MediaStamp | None:
    """The stamp of a word that has one."""
    if word in (ABSENT, NOT_LOOKED, UNKNOWN):
        return None
    return MediaStamp.decode(word.removeprefix(UNUSABLE))


def is_settled(refs: Sequence[MediaRef], words: Mapping[str, str]) -> bool:
    """Whether every link led to a medium that could be used."""
    return all(
        any(word not in (ABSENT, NOT_LOOKED, UNKNOWN) and not word.startswith(UNUSABLE) for word in mine)
        for mine in ([words.get(uri, UNKNOWN) for uri in ref.addresses] for ref in refs)
    )


@dataclass(frozen=True, slots=True)
class Look:
    """A product whose media are asked about: what its links are, what was found there, and when hosts were
    asked last."""

    plan: MediaPlan
    words: Mapping[str, str]
    asked: datetime | None


@dataclass(frozen=True, slots=True)
class Asked:
    """Modalities whose media are as they were, and when hosts said so."""

    same: frozenset[Modality]
    at: datetime | None


def ask(looks: Sequence[Look], asker: Asker, trust_seconds: float) -> list[Asked]:
    """Ask about all of these media in one go.

    Hosts that were asked less than ``trust_seconds`` ago are not asked again; those that were by a clock that
    was further ahead are. A host that fails now leaves its media out of ``same``: reading them tells what is
    the matter. Raises ``RetryableError`` where an object store fails.
    """
    now = datetime.now(UTC)
    questions: list[Question] = []
    owners: list[tuple[int, Modality]] = []
    unknown: set[tuple[int, Modality]] = set()
    hosts: set[int] = set()
    for number, look in enumerate(looks):
        trusted = _is_trusted(look.asked, now, trust_seconds)
        for modality, refs in look.plan.refs.items():
            for ref in refs:
                question = _question(ref, look.words)
                if question is None:
                    unknown.add((number, modality))
                    continue
                remote = ref.uri.startswith("https://")
                if remote and trusted:
                    continue
                if remote:
                    hosts.add(number)
                questions.append(question)
                owners.append((number, modality))
    changed = unknown
    for owner, answer in zip(owners, asker.unchanged(questions) if questions else [], strict=True):
        if isinstance(answer, RetryableError) or not answer:
            changed.add(owner)
    return [
        Asked(
            frozenset(m for m in look.plan.refs if (number, m) not in changed),
            now if number in hosts else look.asked,
        )
        for number, look in enumerate(looks)
    ]


@dataclass(frozen=True, slots=True)
class Remembered:
    """A product that is uploaded as it was: what was found at each of its addresses, and when hosts were
    asked last."""

    uris: Sequence[str]
    words: Sequence[str]
    asked: datetime | None


def still(claims: Sequence[Remembered], asker: Asker, trust_seconds: float) -> list[Asked | None]:
    """For each product whose links are what they were, whether its media are, too: None where they may not
    be.

    The links need not be resolved for it: they lead where they led. Raises as :func:`ask` does.
    """
    now = datetime.now(UTC)
    seen: list[tuple[str, MediaStamp | None]] = []
    owners: list[int] = []
    changed: set[int] = set()
    hosts: set[int] = set()
    for number, claim in enumerate(claims):
        if not claim.words or UNKNOWN in claim.words:
            changed.add(number)
            continue
        trusted = _is_trusted(claim.asked, now, trust_seconds)
        for uri, word in zip(claim.uris, claim.words, strict=True):
            if word == NOT_LOOKED:
                continue
            if uri.startswith("https://"):
                if trusted:
                    continue
                hosts.add(number)
            seen.append((uri, stamp_in(word)))
            owners.append(number)
    for owner, answer in zip(owners, asker.changed(seen) if seen else [], strict=True):
        if isinstance(answer, RetryableError) or answer:
            changed.add(owner)
    return [
        None if number in changed else Asked(frozenset(), now if number in hosts else claim.asked)
        for number, claim in enumerate(claims)
    ]


def _question(ref: MediaRef, words: Mapping[str, str]) -> Question | None:
    if ref.uri.startswith("data:"):
        return Question(ref, {})
    seen: dict[str, MediaStamp | None] = {}
    for uri in ref.addresses:
        word = words.get(uri, UNKNOWN)
        if word == UNKNOWN:
            return None
        if word != NOT_LOOKED:
            seen[uri] = stamp_in(word)
    return Question(ref, seen)


def _is_trusted(asked: datetime | None, now: datetime, seconds: float) -> bool:
    """Not where it was asked by a clock that was further ahead: nobody knows how long that would be."""
    return asked is not None and abs(now - asked) < timedelta(seconds=seconds)
