"""Words of a query's text that are values of the catalogue: its colours, brands, sizes, categories.

:func:`read` cuts a text into what may be values, as keys of the fields' dictionaries: its words and up to
four of them in a row, singular and plural, and what stands for them in the other language; of a Chinese run
its parts. :func:`tell` says which of the keys a version's products have. Nothing is looked through, only
looked up. Shards are told the same keys, and :meth:`Told.total` is the sum of what they say.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import islice, pairwise
from typing import TYPE_CHECKING, Final

from mmpipe.encoders.starter.glossary import load_glossary
from mmpipe.lexical import CJK, first_token, heads
from mmpipe.search.columns.dictionaries import CATEGORY, Dictionary, fold
from mmpipe.search.find.synonyms import SAME

if TYPE_CHECKING:
    from mmpipe.search.find.synonyms import Other, Synonyms
    from mmpipe.search.versions.version import Version

# Of several fields with a word the one of most products has it; of equals the first of these.
FIELDS: Final = ("brand", "color", "size", "gender", "age_group", "material", "pattern", CATEGORY)
SIZE: Final = "size"
_NAMED: Final = tuple(name for name in FIELDS if name != SIZE)
# What another word for it may be a value of: brands are names, and sizes are as they are.
_TRANSLATED: Final = tuple(name for name in _NAMED if name != "brand")
# A category is not the same as one that is nearly called so: a laptop is no notebook of paper.
_ALIKE: Final = tuple(name for name in _TRANSLATED if name != CATEGORY)
_KINDS: Final = {
    "colour": ("color",),
    "gender": ("gender", "age_group"),
    "material": ("material",),
    "pattern": ("pattern",),
}

_LETTER: Final = rf"(?:[^\W_{CJK}]|[\u0300-\u036f])"
_HAN: Final = re.compile(f"[{CJK}]")
_PIECE: Final = re.compile(rf"(?P<run>[{CJK}]+)|{_LETTER}+(?:[-'&.+/]{_LETTER}+)*'?")
_LETTER_SIZE: Final = re.compile(r"x{0,4}[sl]|m|[2-9]xl|x{1,4}s")
# One size by its names; a row each.
_SAME_SIZES: Final = (
    ("xxs", "2xs", "xx-small"), ("xs", "x-small", "x small", "extra small", "extra-small"), ("s", "small"),
    ("m", "medium"), ("l", "large"), ("xl", "x-large", "x large", "extra large", "extra-large"),
    ("xxl", "2xl", "xx-large", "xx large"), ("xxxl", "3xl", "xxx-large"), ("xxxxl", "4xl"),
    ("one size", "one-size", "onesize", "free size", "os", "one size fits all", "均码"),
)  # fmt: skip
_SIZES: Final = {name: names for names in _SAME_SIZES for name in names}
# Sizes that are so whatever stands beside them; small and large are said of other things too.
_SIZES_ALONE: Final = frozenset(
    name
    for name in _SIZES
    if (len(name) > 2 or not name.isascii()) and name not in ("small", "medium", "large")
)
# The number of a size in a system, or with a fraction: us size 10, 42.5 eu, size 42 1/2.
_NUMBER: Final = r"\d{1,3}(?:[.,]\d{1,2}| ?[½¼¾]| [13]/[248])?"
_SIZED: Final = re.compile(
    rf"(?<![\w.,$€£¥])(?:(?P<noun>(?:sizes?|sz)[: ]+)?(?P<system>us|uk|eur?)(?P<inner>[ -](?:size|sz))? ?)?"
    rf"(?:(?P<only>(?:sizes?|sz)[: ]+))?(?P<number>{_NUMBER})(?: ?(?P<behind>us|uk|eur?))?"
    r"(?![\w%½¼¾]|[-.,/]\d)"
)
_HER: Final = {"her": ("women", "woman", "female", "女"), "him": ("men", "man", "male", "男")}
_SIZE_WORDS: Final = frozenset({"size", "sizes", "sz"})
_ZH_SIZE_BEHIND: Final = ("码", "号")
_ZH_SIZE_BEFORE: Final = ("尺码", "码数", "尺寸", "码")
_STOP: Final = frozenset(
    word
    for words in (
        "a an and are as at by for from in is it of on or that the this to with your my me some any be do go",
        "no not so up so we us all under over below above",
    )
    for word in words.split()
)
# Read is no more than this, however long the text.
MOST_WORDS, MOST_RUN, LONGEST = 24, 48, 100
_WORDS_IN_ROW, _CHARACTERS_IN_ROW = 4, 8
# A character by itself is part of other words too, but for these, where they are not.
_ALONE: Final = frozenset("男女")
_NOT_BEHIND, _NOT_BEFORE = frozenset("美子儿仙妇才孙侄"), frozenset("孩儿童生友婿王神")


@dataclass(frozen=True, slots=True)
class Candidate:
    """What stands from ``start`` to ``end`` of a text may be a value of one of ``fields`` that has one of
    ``keys``; ``own`` is whether these are what is written. ``noun`` is where a word begins and ends that only
    says which field is meant, as in size 42."""

    start: int
    end: int
    keys: tuple[str, ...]
    fields: tuple[str, ...] = _NAMED
    own: bool = True
    noun: tuple[int, int] | None = None


@dataclass(frozen=True)
class Reading:
    """What of a text may be values. ``pieces`` are where its words and Chinese runs begin and end, ``joints``
    the tokens that two words in a row may be as one, each with their begin and end."""

    candidates: tuple[Candidate, ...]
    pieces: tuple[tuple[int, int], ...]
    joints: Mapping[str, tuple[int, int]] = field(default_factory=dict)

    @property
    def keys(self) -> frozenset[str]:
        """All that must be known to tell."""
        return frozenset(key for candidate in self.candidates for key in candidate.keys)


# By field and key the products that have it, by how it is spelled.
Spellings = Mapping[str, int]


@dataclass(frozen=True)
class Told:
    """Which keys are values of which fields: by field and key the products, by the value as it is spelled;
    and which joints are ``words`` of the catalogue."""

    held: Mapping[str, Mapping[str, Spellings]] = field(default_factory=dict)
    words: frozenset[str] = frozenset()

    @classmethod
    def total(cls, parts: Sequence[Told]) -> Told:
        """Of several shards, told the same keys."""
        found: dict[str, dict[str, Counter[str]]] = {}
        for part in parts:
            for name, keys in part.held.items():
                for key, spelled in keys.items():
                    found.setdefault(name, {}).setdefault(key, Counter()).update(spelled)
        return cls(found, frozenset().union(*(part.words for part in parts)))

    def value(self, name: str, key: str) -> tuple[int, str] | None:
        """How many products of a field have a key, and how most of them spell it, the first of equals; None
        where none has it, and where it is too long to be shown."""
        spelled = self.held.get(name, {}).get(key)
        if not spelled:
            return None
        shown = min(spelled, key=lambda value: (-spelled[value], value))
        return None if len(shown) > LONGEST else (sum(spelled.values()), shown)


def tell(version: Version, keys: frozenset[str], joints: Sequence[str] = ()) -> Told:
    """What a version, or the part of one that a shard has, says to some keys and joints."""
    held: dict[str, dict[str, Spellings]] = {}
    for name in FIELDS:
        dictionary = version.columns.dictionaries.fields[name]
        if not isinstance(dictionary, Dictionary):
            continue
        for key in dictionary.known(keys):
            spelled = _spelled(version, name, key)
            if spelled:
                held.setdefault(name, {})[key] = spelled
    return Told(held, frozenset(version.text.holding(list(joints))) if joints else frozenset())


def _spelled(version: Version, name: str, key: str) -> Spellings:
    """The living products of a key, by its spelling; kept with the version."""
    asked = "value", name, key
    found: Spellings | None = version.text.understood.get(asked)
    if found is None:
        column = version.coded[name]
        whole = column.spellings(column.mask([key]) & version.alive)
        found = _labels(whole, key) if name == CATEGORY else {value.strip(): n for value, n in whole.items()}
        version.text.understood.put(asked, found)
    return found


def _labels(paths: Spellings, key: str) -> Spellings:
    """The products of a label by its spelling in their paths."""
    found: Counter[str] = Counter()
    for path, count in paths.items():
        label = next((label.strip() for label in path.split(">") if fold(label) == key), None)
        if label is not None:
            found[label] += count
    return found


def read(text: str, written: str, synonyms: Synonyms | None, spared: Sequence[tuple[int, int]]) -> Reading:
    """What of ``text``, which is ``written`` folded character by character, may be values; nothing of what is
    ``spared``. Without ``synonyms`` only what is written."""
    pieces = [
        match
        for match in _PIECE.finditer(text)
        if not any(start < match.end() and match.start() < end for start, end in spared)
    ]
    found: list[Candidate] = []
    found += _sized(text, spared)
    runs = 0
    for at, piece in enumerate(pieces[:MOST_WORDS]):
        if piece["run"]:
            found += _of_run(piece.start(), piece["run"][: MOST_RUN - runs], synonyms)
            runs = min(runs + piece.end() - piece.start(), MOST_RUN)
        else:
            found += _of_words(text, pieces, at, synonyms)
        found += _sizes(text, written, pieces, at)
    return Reading(tuple(found), tuple(piece.span() for piece in pieces), _joints(text, pieces[:MOST_WORDS]))


def _joints(text: str, pieces: Sequence[re.Match[str]]) -> Mapping[str, tuple[int, int]]:
    """Of two words in a row that are letters alone."""
    return {
        first_token(one.group() + other.group()): (one.start(), other.end())
        for one, other in pairwise(pieces)
        if one.group().isalpha()
        and other.group().isalpha()
        and not (one["run"] or other["run"])
        and text[one.end() : other.start()].isspace()
    }


def _of_words(
    text: str, pieces: Sequence[re.Match[str]], at: int, synonyms: Synonyms | None
) -> Iterator[Candidate]:
    """What the word at a place, and those behind it, may be."""
    first = pieces[at]
    before, end = "", first.start()
    words: list[str] = []
    for piece in pieces[at : at + _WORDS_IN_ROW]:
        if piece["run"] or (words and not _side_by_side(text[end : piece.start()])):
            break
        end = piece.end()
        if end - first.start() > LONGEST:
            break
        word = _folded(piece.group())
        words.append(word)
        alone = len(words) == 1
        if not (alone and (len(word) < 2 or word.isdecimal() or word in _STOP)):
            forms = _forms(word)
            yield Candidate(first.start(), end, tuple(before + form for form in forms) if before else forms)
            if len(words) == 2:
                joined = f"{before[:-1]}-"
                yield Candidate(first.start(), end, tuple(joined + form for form in forms))
            yield from _standing(first.start(), end, words, synonyms)
            said = f"{before}{word}"
            if said in _SIZES_ALONE or (not said.isalpha() and any(map(str.isdecimal, said))):
                yield Candidate(first.start(), end, _size_keys(said), (SIZE,))
            if len(words) == 2 and words[0] == "for" and word in _HER:
                yield Candidate(first.start(), end, _HER[word], ("gender",), own=False)
        before = f"{_folded(text[first.start() : end])} "
        if text[end : end + 3].strip() == "&":
            before += "& "


def _side_by_side(between: str) -> bool:
    return between.isspace() or between.strip() == "&"


def _standing(start: int, end: int, words: Sequence[str], synonyms: Synonyms | None) -> Iterator[Candidate]:
    """What stands for some words."""
    if synonyms is None:
        return
    said = _heads(" ".join(words))
    found = synonyms.of_words(said, 0) if said else None
    if found is not None and found[0] == len(said):
        yield from _others(start, end, found[1], zh=False)
    yield from _glossary(start, end, " ".join(words))


def _of_run(start: int, run: str, synonyms: Synonyms | None) -> Iterator[Candidate]:
    """What the parts of a Chinese run may be."""
    for first in range(len(run)):
        for stop in range(first + 1, min(first + _CHARACTERS_IN_ROW, len(run)) + 1):
            part = run[first:stop]
            if len(part) == 1 and (
                part not in _ALONE
                or run[first - 1 : first] in _NOT_BEHIND
                or run[stop : stop + 1] in _NOT_BEFORE
            ):
                continue
            yield Candidate(start + first, start + stop, (part,))
            if part in _SIZES_ALONE:
                yield Candidate(start + first, start + stop, _size_keys(part), (SIZE,))
            if synonyms is not None:
                yield from _glossary(start + first, start + stop, part)
    if synonyms is not None:
        for first, stop, others in synonyms.in_run(run):
            if stop - first > 1:
                yield from _others(start + first, start + stop, others, zh=True)


def _others(start: int, end: int, others: tuple[Other, ...], zh: bool) -> Iterator[Candidate]:
    for foreign, fields in ((False, _ALIKE), (True, _TRANSLATED)):
        keys = _keys_of(others, zh != foreign)
        if keys:
            yield Candidate(start, end, keys, fields, own=False)


def _glossary(start: int, end: int, said: str) -> Iterator[Candidate]:
    for fields, keys in _translations().get(said, ()):
        yield Candidate(start, end, keys, fields, own=False)


def _sizes(text: str, written: str, pieces: Sequence[re.Match[str]], at: int) -> Iterator[Candidate]:
    """What the piece at a place says of a size: beside a word that says so, or a letter that is one."""
    piece = pieces[at]
    start, end, said = piece.start(), piece.end(), _folded(piece.group())
    if piece["run"]:
        return
    only = (SIZE,)
    before, behind = text[:start].rstrip(" :"), text[end:].lstrip(" ")
    at_behind = len(text) - len(behind)
    noun = next((each for each in _ZH_SIZE_BEHIND if behind.startswith(each)), None)
    if noun is not None:
        yield Candidate(start, at_behind + 1, _size_keys(said), only, noun=(at_behind, at_behind + 1))
        yield Candidate(start, at_behind + 1, (said + noun,), only)
        return
    noun = next((each for each in _ZH_SIZE_BEFORE if before.endswith(each)), None)
    if noun is not None:
        yield Candidate(
            len(before) - len(noun), end, _size_keys(said), only, noun=(len(before) - len(noun), start)
        )
        return
    if at and pieces[at - 1].group() in _SIZE_WORDS and not text[pieces[at - 1].end() : start].strip(" :"):
        noun_at = pieces[at - 1].start()
        yield Candidate(noun_at, end, _size_keys(said), only, noun=(noun_at, start))
        if (
            at + 1 < len(pieces)
            and not pieces[at + 1]["run"]
            and text[end : pieces[at + 1].start()].isspace()
        ):
            both = f"{said} {_folded(pieces[at + 1].group())}"
            yield Candidate(noun_at, pieces[at + 1].end(), _size_keys(both), only, noun=(noun_at, start))
        return
    if _LETTER_SIZE.fullmatch(said) and (len(said) > 1 or written[start:end].isupper()):
        following = pieces[at + 1] if at + 1 < len(pieces) else None
        if following is not None and following.group() in _SIZE_WORDS:
            yield Candidate(start, following.end(), _size_keys(said), only, noun=following.span())
        else:
            yield Candidate(start, end, _size_keys(said), only)


def _sized(text: str, spared: Sequence[tuple[int, int]]) -> Iterator[Candidate]:
    """Sizes of a system, ``us 10``, which values may have without it, and sizes with fractions."""
    for match in islice(_SIZED.finditer(text), MOST_WORDS):
        system = (match["system"] or match["behind"] or "")[:2]
        noun = next((match.span(name) for name in ("noun", "inner", "only") if match[name]), None)
        if not system and (noun is None or match["number"].isdecimal()):
            continue
        if (match["system"] and match["behind"]) or any(
            start < match.end() and match.start() < end for start, end in spared
        ):
            continue
        number = fold(match["number"])
        keys: tuple[str, ...] = (f"{system} {number}",) if system else ()
        # Behind a number by itself us says little: 15 us.
        keys += (number,) if noun or match["system"] else ()
        yield Candidate(match.start(), match.end(), keys, (SIZE,), noun=noun)


def _size_keys(said: str) -> tuple[str, ...]:
    """What values have that are this size, by any of its names."""
    return tuple(dict.fromkeys((fold(said), *_SIZES.get(said, ()))))


@lru_cache(maxsize=16_384)
def _folded(text: str) -> str:
    return fold(text)


@lru_cache(maxsize=16_384)
def _heads(text: str) -> tuple[str, ...]:
    return heads(text)


@lru_cache(maxsize=16_384)
def _forms(word: str) -> tuple[str, ...]:
    """A word as catalogues may have it: one, several, or somebody's."""
    bare = word.removesuffix("'").removesuffix("'s")
    one = first_token(bare) if bare.isalpha() else bare
    forms = [word, bare, one]
    if bare.isalpha() and bare.isascii():
        forms += [f"{one}s", f"{one}es", f"{one}'s", f"{one}s'"]
        if one.endswith("y"):
            forms.append(f"{one[:-1]}ies")
    if "-" in bare:
        forms += [bare.replace("-", " "), bare.replace("-", "")]
    return tuple(dict.fromkeys(forms))


def spells(written: str, value: str) -> bool:
    """Whether a text says a value as it is, in whichever form."""
    return fold(value) in _all_forms(written)


def is_han(value: str) -> bool:
    """Whether a value is Chinese."""
    return _HAN.search(value) is not None


@lru_cache(maxsize=4_096)
def _all_forms(text: str) -> tuple[str, ...]:
    """:func:`_forms` of a phrase: of its last word."""
    first, blank, last = fold(text).rpartition(" ")
    return tuple(first + blank + form for form in _forms(last))


@lru_cache(maxsize=4_096)
def _keys_of(others: tuple[Other, ...], zh: bool) -> tuple[str, ...]:
    """What values have that any of these words says that is Chinese, or is not."""
    texts = (other.text for other in others if other.factor >= SAME and bool(_HAN.search(other.text)) == zh)
    return tuple(dict.fromkeys(form for text in texts for form in _all_forms(text)))


@lru_cache(maxsize=1)
def _translations() -> Mapping[str, tuple[tuple[tuple[str, ...], tuple[str, ...]], ...]]:
    """What the glossary's colours, genders, materials and patterns are called in the other language: by what
    is said the fields that it may be a value of, and the keys."""
    found: dict[str, list[tuple[tuple[str, ...], tuple[str, ...]]]] = {}
    for term in load_glossary().terms:
        fields = _KINDS.get(term.kind)
        if fields is None:
            continue
        for said, others in ((term.en, term.zh), (term.zh, term.en)):
            keys = tuple(dict.fromkeys(form for other in others for form in _all_forms(other)))
            for text in said:
                found.setdefault(fold(text), []).append((fields, keys))
    return {text: tuple(each) for text, each in found.items()}
