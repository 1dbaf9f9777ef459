"""What a query's text is looked for by: its words, each in the ways that a product may say it.

A word of the query is looked for as it stands, as one word where it was written as two (and the other way
round), by what stands for it (:mod:`mmpipe.search.find.synonyms`), and, only where the catalogue knows none
of that, by the words of the catalogue that a slip of the hand makes it of. Whatever is not the word itself
earns less. A query that is an identifier asks for the product that has it.

What the catalogue knows is asked of all shards that hold a part of it, so :func:`understand` says what it
needs to be told and goes on with the answer. One that is given for the first page goes with the cursor.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING

from mmpipe.lexical import MAX_TOKEN_CHARACTERS, Item, bigrams, first_token, fold, identifier, items, tokens
from mmpipe.search.columns.words import Way, Word
from mmpipe.search.find.stated import Stated, state
from mmpipe.search.find.synonyms import Other, Synonyms

if TYPE_CHECKING:
    from mmpipe.search.columns.text import TextColumn

MAX_WORDS = 64
# What occurrences of a word count for that is one in the catalogue and two in the query, or the other way
# round; that is one or two slips away; by how much less where the first letter is another one.
JOINED, ONE_SLIP, TWO_SLIPS, FIRST_LETTER = 0.95, 0.85, 0.7, 0.75
# How much of their factor is left to words that stand for one that the catalogue knows itself.
BESIDE = 0.6
# An identifier counts as so many occurrences, so that its product is first.
IDENTIFIED = 8.0
_ONE_FROM, _TWO_FROM = 4, 8
_SHORTEST_PART = 2
_MOST_CORRECTIONS = 3
# Each costs a look at the whole vocabulary.
_MOST_SLIPS = 8
# A correction that so many times fewer products hold than the commonest is none.
_RARE = 20
MOST_WAYS = 16
_MOST_WAYS_BYTES, _WAY_BYTES = 3_000, 16
_DIGIT = re.compile(r"\d")
_WRITTEN = re.compile(r"[^\W_]+(?:[-'’&.+/][^\W_]+)*")
_STOP = frozenset(
    tokens("a an and are as at by for from in is it of on or that the this to with your my me some any")
) | {"的", "了", "和", "与", "及", "或"}


@dataclass(frozen=True)
class Need:
    """What must be known of the catalogue: how many products hold each of ``tokens``, and which of its words
    are like each of ``unknown``, with how many slips at most."""

    tokens: tuple[str, ...]
    unknown: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True)
class Told:
    """The answer to a :class:`Need`: products by token, without those that none holds, and of each unknown
    word the words that are like it, with their distances; how many products hold these is in ``holding``
    too."""

    holding: Mapping[str, int]
    similar: Mapping[str, Mapping[str, int]] = field(default_factory=dict)

    @classmethod
    def total(cls, parts: Sequence[Told]) -> Told:
        """Of several shards, told the same need."""
        holding: Counter[str] = Counter()
        similar: dict[str, dict[str, int]] = {}
        for part in parts:
            holding.update(part.holding)
            for word, found in part.similar.items():
                similar.setdefault(word, {}).update(found)
        return cls(holding, similar)


@dataclass(frozen=True)
class Change:
    """``asked`` was looked for as ``found``."""

    asked: str
    found: str


@dataclass(frozen=True)
class Understood:
    """The distinct ``words`` in order and how often each is asked; what was ``corrected`` of them, and what
    was ``replaced`` because no product says it so. ``known`` is whether a product holds any of them."""

    words: tuple[Word, ...] = ()
    times: tuple[int, ...] = ()
    corrected: tuple[Change, ...] = ()
    replaced: tuple[Change, ...] = ()
    known: bool = True


Understanding = Generator[Need, Told, Understood]


@dataclass
class _Piece:
    """A word of the query in the making: ``ways`` as it stands, ``others`` that stand for it; ``single`` is
    its one item's text where that is a single word; ``parts`` are letters and digits apart."""

    text: str
    ways: tuple[tuple[str, ...], ...]
    others: tuple[Other, ...] = ()
    single: str | None = None
    parts: tuple[str, ...] = ()
    id: str | None = None
    size: int = 1
    found: list[tuple[Way, str]] = field(default_factory=list)

    def tokens(self) -> Iterable[str]:
        for way in self.ways:
            yield from way
        for other in self.others:
            for way in other.tokens:
                yield from way
        yield from self.parts
        if self.id is not None:
            yield self.id


def understand(text: str, synonyms: Synonyms | None, *, typos: bool = True) -> Understanding:
    """Of a query's text; without ``synonyms`` nothing stands for anything else."""
    stated = state(text)
    pieces = _pieces(_kept(list(items(stated.asked)), stated), synonyms)
    whole = _as_identifier(stated.asked)
    joints = [_joint(one, other) for one, other in pairwise(pieces)]
    asked = dict.fromkeys(token for piece in pieces for token in piece.tokens())
    asked.update(dict.fromkeys(joint for joint in joints if joint))
    if whole is not None:
        asked[whole] = None
    told = yield Need(tuple(asked))
    holding = dict(told.holding)
    if whole in holding:
        every = tuple(dict.fromkeys(token for piece in pieces for token in (piece.ways or ((),))[-1]))
        ways = (Way((whole,), IDENTIFIED), *((Way(every),) if every else ()))
        return Understood((Word(stated.asked, ways),), (1,))
    corrected: list[Change] = []
    pieces = _joined(pieces, joints, holding, corrected)
    for piece in pieces:
        _known(piece, holding)
    # A word that stands for something is no slip, though the catalogue has nothing of it.
    lost = [
        piece
        for piece in pieces
        if not piece.found and not piece.others and piece.single and _may_be_slip(piece.single)
    ][:_MOST_SLIPS]
    if lost and typos:
        slips = {piece.single: _edits(piece.single) for piece in lost if piece.single}
        near = {word: synonyms.similar(word, edits) for word, edits in slips.items()} if synonyms else {}
        stood = {
            known: others
            for found in near.values()
            for known in found
            if synonyms and (others := _standing_for(known, synonyms))
        }
        more = dict.fromkeys(part for piece in lost for split in _splits(piece.single) for part in split)
        more.update(
            dict.fromkeys(
                token for others in stood.values() for o in others for way in o.tokens for token in way
            )
        )
        told = yield Need(tuple(more), tuple(slips.items()))
        holding.update(told.holding)
        for piece in lost:
            _corrected(piece, told.similar.get(piece.single or "", {}), near, stood, holding)
            if piece.found:
                corrected.append(Change(piece.text, piece.found[0][1]))
    replaced = [
        Change(piece.text, piece.found[0][1])
        for piece in pieces
        if piece.found and piece not in lost and not any(way.factor >= JOINED for way, _ in piece.found)
    ]
    return _words(pieces, corrected, replaced)


def tell(text: TextColumn, need: Need) -> Told:
    """What a version, or the part of one that a shard has, says to a need."""
    similar = {word: text.similar(word, edits) for word, edits in need.unknown}
    asked = dict.fromkeys(need.tokens) | dict.fromkeys(word for found in similar.values() for word in found)
    return Told(text.holding(list(asked)), similar)


def understand_by(text: TextColumn, said: str, synonyms: Synonyms | None, *, typos: bool) -> Understood:
    """:func:`understand` by one version, that remembers what it was asked lately."""
    key = (said, None if synonyms is None else synonyms.number, typos)
    found: Understood | None = text.understood.get(key)
    if found is None:
        going = understand(said, synonyms, typos=typos)
        try:
            need = next(going)
            while True:
                need = going.send(tell(text, need))
        except StopIteration as done:
            found = done.value
        text.understood.put(key, found)
    return found


def told(understood: Understood, required: int) -> dict[str, object]:
    """The :class:`~mmpipe.schemas.search.WordMatch` of an answer, as JSON has it."""
    return {
        "asked": len(understood.words),
        "required": required,
        "corrected": [{"asked": each.asked, "found": each.found} for each in understood.corrected],
        "replaced": [{"asked": each.asked, "found": each.found} for each in understood.replaced],
    }


def corrected(text: str, changes: Sequence[Change]) -> str | None:
    """A query's text with the words that were taken for others replaced by these, the rest as it was written;
    None where none of them stands in it by itself."""
    written = [(found.span(), _spelled(found.group())) for found in _WRITTEN.finditer(text)]
    said: dict[tuple[int, int], str] = {}
    for change in changes:
        asked = change.asked.split(" ")
        for at in range(len(written) - len(asked) + 1):
            some = written[at : at + len(asked)]
            if [word for _, word in some] == asked:
                said[some[0][0][0], some[-1][0][1]] = _inflected(asked[-1], change.found)
    at = 0
    left: list[str] = []
    for (start, end), found in sorted(said.items()):
        if start >= at:
            left += text[at:start], found
            at = end
    return "".join((*left, text[at:])) if said else None


def _spelled(word: str) -> str:
    return fold(word).removesuffix("'s")


def _inflected(asked: str, found: str) -> str:
    """What was found in the number of what was asked: tokens have lost their endings."""
    if not asked.endswith("s") or found.endswith("s") or not found.isalpha():
        return found
    several = (f"{found[:-1]}ies" if found.endswith("y") else "", f"{found}s", f"{found}es")
    return next((each for each in several if each and first_token(each) == found), found)


def without(text: str) -> tuple[Word, ...]:
    """The words that no match may hold."""
    found: dict[Word, None] = {}
    for said in state(text).without:
        for piece in [_of_phrase(said)] if " " in said else _pieces(list(items(said)), None):
            found[Word(piece.text, tuple(map(Way, piece.ways)))] = None
    return tuple(found)


def phrases(text: str) -> tuple[tuple[str, ...], ...]:
    """The tokens of the exact phrases, each as it stands in a product."""
    return tuple(filter(None, (tuple(tokens(phrase)) for phrase in state(text).phrases)))


def _kept(found: list[Item], stated: Stated) -> list[Item]:
    """Without words that say nothing, where others are left; of a phrase all."""
    if stated.phrases:
        return found
    left = [item for item in found if item.text not in _STOP]
    return left or found


def _pieces(found: Sequence[Item], synonyms: Synonyms | None) -> list[_Piece]:
    pieces: list[_Piece] = []
    heads = [item.whole or " ".join(item.tokens) for item in found]
    at = 0
    while at < len(found):
        item = found[at]
        if item.run:
            pieces += _of_run(item.text, synonyms)
            at += 1
            continue
        match = synonyms.of_words(heads, at) if synonyms else None
        stop, others = match or (at + 1, ())
        pieces.append(_of_items(found[at:stop], others))
        at = stop
    return pieces


def _of_items(some: Sequence[Item], others: tuple[Other, ...]) -> _Piece:
    text, ways, alone, apart, named = _said(tuple(some))
    return _Piece(text, ways, others, alone, apart, named, len(some))


@lru_cache(maxsize=16_384)
def _said(
    some: tuple[Item, ...],
) -> tuple[str, tuple[tuple[str, ...], ...], str | None, tuple[str, ...], str | None]:
    """What a piece of these items is made of, apart from what stands for it."""
    text = " ".join(item.text for item in some)
    heads = tuple(head for item in some for head in ((item.whole,) if item.whole else item.tokens))
    parts = tuple(token for item in some for token in item.tokens)
    amount = len(some) == 1 and some[0].whole is not None and len(some[0].tokens) == 1
    ways = [heads] if amount else [heads, parts]
    joined = "".join(item.text for item in some)
    if len(some) > 1 and joined.isalnum():
        ways.append((first_token(joined),))
    alone = some[0].text if len(some) == 1 and some[0].whole is None and len(parts) == 1 else None
    apart = () if alone is None else _letters_and_digits(alone)
    named = _as_identifier(text, alone=False) if len(some) == 1 else None
    return text, tuple(dict.fromkeys(ways)), alone, apart, named


def _of_phrase(text: str) -> _Piece:
    return _Piece(text, (tuple(dict.fromkeys(tokens(text))),))


def _of_run(run: str, synonyms: Synonyms | None) -> list[_Piece]:
    pieces: list[_Piece] = []
    for part in filter(None, run.split("的")):
        if synonyms is None:
            pieces += [_Piece(pair, ((pair,),)) for pair in bigrams(part)]
            continue
        before = 0
        for start, stop, others in synonyms.in_run(part):
            pieces += _between(part, before, start)
            own = bigrams(part[start:stop])
            # A lone character is a token only where it stands alone.
            pieces.append(_Piece(part[start:stop], (own,), others, size=len(own)))
            before = stop
        pieces += _between(part, before, len(part))
    return pieces or [_Piece(run, (bigrams(run),))]


def _between(run: str, start: int, stop: int) -> list[_Piece]:
    """What is between two known words of a run: a lone character with its neighbour."""
    if start == stop:
        return []
    if stop - start == 1:
        start = max(start - 1, 0)
        stop = stop if stop - start > 1 else min(stop + 1, len(run))
    return [_Piece(pair, ((pair,),)) for pair in bigrams(run[start:stop])]


def _joint(one: _Piece, other: _Piece) -> str | None:
    if one.single is None or other.single is None or len(one.single) + len(other.single) < _ONE_FROM:
        return None
    return first_token(one.single + other.single)


def _joined(
    pieces: list[_Piece], joints: list[str | None], holding: Mapping[str, int], corrected: list[Change]
) -> list[_Piece]:
    """Neighbours that are one word in the catalogue made one."""
    made: list[_Piece] = []
    at = 0
    while at < len(pieces):
        joint = joints[at] if at < len(joints) else None
        if joint is None or joint not in holding:
            made.append(pieces[at])
            at += 1
            continue
        one, other = pieces[at : at + 2]
        both = _Piece(
            f"{one.text} {other.text}", (tuple(dict.fromkeys((*one.ways[0], *other.ways[0]))),), size=2
        )
        both.found.append((Way((joint,), JOINED), joint))
        if not all(token in holding for token in both.ways[0]):
            corrected.append(Change(both.text, joint))
        made.append(both)
        at += 2
    return made


def _known(piece: _Piece, holding: Mapping[str, int]) -> None:
    """The ways of a piece that the catalogue knows, the best first."""
    before = piece.found
    piece.found = [
        (Way(way), piece.text) for way in piece.ways if way and all(token in holding for token in way)
    ]
    piece.found += before
    if piece.parts and all(part in holding for part in piece.parts):
        piece.found.append((Way(piece.parts, JOINED), " ".join(piece.parts)))
    if piece.id is not None and piece.id in holding:
        piece.found.insert(0, (Way((piece.id,), IDENTIFIED), piece.text))
    piece.found += _alive(piece.others, holding, BESIDE if piece.found else 1.0)


def _alive(others: Iterable[Other], holding: Mapping[str, int], share: float) -> list[tuple[Way, str]]:
    found = [
        (Way(way, other.factor * share), other.text)
        for other in others
        for way in other.tokens
        if all(token in holding for token in way)
    ]
    return sorted(found, key=lambda each: -each[0].factor)


def _corrected(
    piece: _Piece,
    like: Mapping[str, int],
    near: Mapping[str, Mapping[str, int]],
    stood: Mapping[str, tuple[Other, ...]],
    holding: Mapping[str, int],
) -> None:
    word = piece.single or ""
    split = max(
        (each for each in _splits(word) if all(part in holding for part in each)),
        key=lambda each: (min(map(len, each)) > _SHORTEST_PART, min(holding[part] for part in each)),
        default=None,
    )
    ranked: dict[float, list[tuple[int, str]]] = {}
    known = near.get(word, {})
    for other, distance in {**known, **like}.items():
        if other in like:
            held = holding.get(other, 0)
        else:
            held = max(
                (holding.get(t, 0) for o in stood.get(other, ()) for way in o.tokens for t in way), default=0
            )
        if held:
            factor = (ONE_SLIP, TWO_SLIPS)[distance - 1] * (1.0 if other[0] == word[0] else FIRST_LETTER)
            ranked.setdefault(factor, []).append((held, other))
    if split is not None and min(map(len, split)) > _SHORTEST_PART:
        piece.found.append((Way(split, JOINED), " ".join(split)))
        ranked = {factor: found for factor, found in ranked.items() if factor >= ONE_SLIP}
    if ranked:
        best = max(ranked)
        chosen = sorted(ranked[best], key=lambda each: (-each[0], each[1]))
        chosen = [each for each in chosen if each[0] * _RARE >= chosen[0][0]][:_MOST_CORRECTIONS]
        for _, other in chosen:
            if other in holding:
                piece.found.append((Way((other,), best), other))
        for _, other in chosen:
            piece.found += [(way, other) for way, _ in _alive(stood.get(other, ()), holding, best)]
    elif not piece.found and split is not None:
        piece.found.append((Way(split, JOINED), " ".join(split)))


def _standing_for(token: str, synonyms: Synonyms) -> tuple[Other, ...]:
    found = synonyms.of_words((token,), 0)
    return found[1] if found else ()


def _words(pieces: Sequence[_Piece], corrected: Sequence[Change], replaced: Sequence[Change]) -> Understood:
    times: Counter[str] = Counter()
    room = _MOST_WAYS_BYTES
    words: dict[str, Word] = {}
    for piece in pieces:
        ways = _ranked(piece.found)
        if len(ways) > 1 and piece.text not in words:
            # A cursor carries all of it.
            room -= sum(_WAY_BYTES + len(token.encode()) for way in ways[1:] for token in way.tokens)
            ways = ways if room >= 0 else ways[:1]
        text = (piece.single and piece.ways[0][0]) or piece.text
        # Who names a thing by two words says as much as by two words of one thing each.
        times[text] += piece.size
        words.setdefault(text, Word(text, ways or (Way(piece.ways[0]),)))
    if len(words) > MAX_WORDS:
        # Long words are rare ones.
        kept = set(sorted(words, key=len, reverse=True)[:MAX_WORDS])
        words = {text: word for text, word in words.items() if text in kept}
    return Understood(
        tuple(words.values()),
        tuple(times[text] for text in words),
        tuple(corrected),
        tuple(replaced),
        any(piece.found for piece in pieces),
    )


def _ranked(found: Sequence[tuple[Way, str]]) -> tuple[Way, ...]:
    """The different ways, the best first, :data:`MOST_WAYS` of them at most."""
    if len(found) == 1 and len(found[0][0].tokens) == 1:
        return (found[0][0],)
    best: dict[tuple[str, ...], float] = {}
    for way, _ in found:
        key = tuple(sorted(set(way.tokens)))
        best[key] = max(best.get(key, 0.0), way.factor)
    ranked = sorted(best.items(), key=lambda each: (-each[1], len(each[0]), each[0]))[:MOST_WAYS]
    return tuple(Way(way, factor) for way, factor in ranked)


def _as_identifier(text: str, *, alone: bool = True) -> str | None:
    """The token of what may be an identifier: it has a digit, and in a longer query also a letter or as many
    digits as no amount has."""
    if len(text) > MAX_WORDS or not _DIGIT.search(text):
        return None
    found = identifier(text)
    if found is None or alone:
        return found
    digits = sum(char.isdecimal() for char in text)
    letters = sum(char.isalpha() for char in text)
    return found if (letters and len(found) > _ONE_FROM) or digits >= _TWO_FROM else None


def _letters_and_digits(word: str) -> tuple[str, ...]:
    """``iphone14`` is ``iphone`` and ``14``; nothing where there is but one of the two."""
    parts: list[str] = []
    for char in word:
        if parts and parts[-1][-1].isdecimal() == char.isdecimal():
            parts[-1] += char
        else:
            parts.append(char)
    return tuple(first_token(part) for part in parts) if 1 < len(parts) <= 3 else ()


@lru_cache(maxsize=4_096)
def _splits(word: str | None) -> tuple[tuple[str, str], ...]:
    if not word or len(word) < 2 * _SHORTEST_PART:
        return ()
    return tuple(
        (first_token(word[:at]), first_token(word[at:]))
        for at in range(_SHORTEST_PART, len(word) - _SHORTEST_PART + 1)
    )


def _may_be_slip(word: str) -> bool:
    return _ONE_FROM <= len(word) <= MAX_TOKEN_CHARACTERS and word.isalpha()


def _edits(word: str) -> int:
    return 1 if len(word) < _TWO_FROM else 2
