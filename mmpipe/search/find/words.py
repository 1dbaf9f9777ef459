"""What a query's text is looked for by: its words, each in the ways that a product may say it.

A word of the query is looked for as it stands, as one word where it was written as two (and the other way
round), by what stands for it (:mod:`mmpipe.search.find.synonyms`), and, only where the catalogue knows none
of that, by the Chinese that it says as pinyin, else by what a dictionary says of it
(:mod:`mmpipe.search.find.unlisted`), else by the words of the catalogue that a slip of the hand makes it of.
Whatever is not the word itself earns less. A query that is an identifier asks for the product that has it.

What is understood for the first page goes with the cursor.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING

from mmpipe.lexical import MAX_TOKEN_CHARACTERS, SHORTEST_PART, first_token, fold, identifier, items, tokens
from mmpipe.search.columns.words import Way, Word
from mmpipe.search.find import things, typed, unlisted
from mmpipe.search.find.joined import parted, parts_of
from mmpipe.search.find.need import Need, Telling, Told
from mmpipe.search.find.pieces import (
    IDENTIFIED,
    MAX_WORDS,
    OF_SHOPS,
    ONE_FROM,
    TWO_FROM,
    Piece,
    alive,
    as_identifier,
    kept,
    mark_known,
    of_phrase,
    pieces_of,
)
from mmpipe.search.find.stated import state
from mmpipe.search.find.synonyms import JOINED, Other, Synonyms

if TYPE_CHECKING:
    from mmpipe.search.columns.text import TextColumn
    from mmpipe.search.find.stated import Stated

# What occurrences of a word count for that is one or two slips away; by how much less where the first letter
# is another one.
ONE_SLIP, TWO_SLIPS, FIRST_LETTER = 0.85, 0.7, 0.75
_MOST_CORRECTIONS = 3
# Each costs a look at the whole vocabulary.
_MOST_SLIPS = 8
# A correction that so many times fewer products hold than the commonest is none.
_RARE = 20
MOST_WAYS = 16
_MOST_WAYS_BYTES, _WAY_BYTES = 3_000, 16
_THOUSANDS = re.compile(r"[1-9]\d? \d{3}[a-z]+")
_WRITTEN = re.compile(r"[^\W_]+(?:[-'’&.+/][^\W_]+)*")


@dataclass(frozen=True)
class Change:
    """``asked`` was looked for as ``found``."""

    asked: str
    found: str


@dataclass(frozen=True)
class Understood:
    """The distinct ``words`` in order and how often each is asked; what was ``corrected`` of them, and what
    was ``replaced`` because no product says it so. ``known`` is whether a product holds any of them.
    ``heads`` are the places of the words that say what the thing is, the likeliest to name it first."""

    words: tuple[Word, ...] = ()
    times: tuple[int, ...] = ()
    corrected: tuple[Change, ...] = ()
    replaced: tuple[Change, ...] = ()
    known: bool = True
    heads: tuple[int, ...] = ()


Understanding = Telling[Understood]


def understand(text: str, synonyms: Synonyms | None, *, typos: bool = True) -> Understanding:
    """Of a query's text; without ``synonyms`` nothing stands for anything else."""
    stated = state(text)
    pieces = _pieces(stated, synonyms)
    whole = identifier(stated.asked) if len(stated.asked) <= MAX_WORDS else None
    joints = [_joint(one, other) for one, other in pairwise(pieces)]
    asked = dict.fromkeys(token for piece in pieces for token in piece.tokens())
    asked.update(dict.fromkeys(joint for joint in joints if joint))
    if whole is not None:
        asked[whole] = None
    told = yield Need(tuple(asked))
    holding = dict(told.holding)
    if whole in holding and as_identifier(stated.asked):
        return _identified(stated.asked, whole, pieces)
    corrected: list[Change] = []
    pieces = _joined(pieces, joints, holding, corrected)
    for piece in pieces:
        mark_known(piece, holding)
    if whole in holding and not any(piece.found for piece in pieces):
        # Letters alone are a product's only where they are no words.
        return _identified(stated.asked, whole, pieces)
    # Told as a correction, as where the catalogue itself shows how a word is written.
    corrected += [
        Change(piece.text, piece.found[0][1])
        for piece in pieces
        if piece.found and any(o.factor == JOINED and o.text == piece.found[0][1] for o in piece.others[:1])
    ]
    if synonyms is not None:
        pieces = yield from _apart(pieces, synonyms, holding)
        pieces = yield from typed.read(pieces, synonyms, holding)
    sure = any(piece.found and not things.is_part(piece) for piece in pieces)
    if synonyms is not None:
        pieces = yield from unlisted.read(pieces, synonyms, holding)
    # A word that a list has is no slip, though the catalogue has nothing of it.
    lost = [
        piece
        for piece in pieces
        if not piece.found
        and piece.single
        and _may_be_parted(piece.single)
        and not (piece.others or (synonyms is not None and synonyms.has(piece.ways[0][0])))
    ][:_MOST_SLIPS]
    if lost and typos:
        slips = {
            piece.single: _edits(piece.single)
            for piece in lost
            if piece.single and not piece.listed and _may_be_slip(piece.single)
        }
        near = {word: synonyms.similar(word, edits) for word, edits in slips.items()} if synonyms else {}
        stood = {
            known: others
            for found in near.values()
            for known in found
            if synonyms and (others := _standing_for(known, synonyms))
        }
        more = dict.fromkeys(part for piece in lost for part in parts_of(piece.single))
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
    if not sure and not things.known(pieces):
        # What was guessed says more of a thing that nobody knows.
        for piece in pieces:
            piece.found = []
        corrected = []
    replaced = [
        Change(piece.text, piece.found[0][1])
        for piece in pieces
        if piece.found and piece not in lost and not any(way.factor >= JOINED for way, _ in piece.found)
    ]
    return _words(pieces, corrected, replaced)


def _identified(asked: str, token: str, pieces: Sequence[Piece]) -> Understood:
    every = tuple(dict.fromkeys(token for piece in pieces for token in (piece.ways or ((),))[-1]))
    ways = (Way((token,), IDENTIFIED), *((Way(every),) if every else ()))
    return Understood((Word(asked, ways),), (1,))


def _pieces(stated: Stated, synonyms: Synonyms | None) -> list[Piece]:
    """The pieces of a text, none across a word behind which it says what the thing is for."""
    found = list(items(stated.asked))
    border = things.behind(found)
    if border == len(found):
        return pieces_of(kept(found, stated), synonyms)
    aside = pieces_of(kept(found[border:], stated), synonyms)
    for piece in aside:
        piece.aside = True
    return pieces_of(kept(found[:border], stated), synonyms) + aside


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
        for piece in [of_phrase(said)] if " " in said else pieces_of(list(items(said)), None):
            found[Word(piece.text, tuple(map(Way, piece.ways)))] = None
    return tuple(found)


def phrases(text: str) -> tuple[tuple[str, ...], ...]:
    """The tokens of the exact phrases, each as it stands in a product."""
    return tuple(filter(None, (tuple(tokens(phrase)) for phrase in state(text).phrases)))


def _joint(one: Piece, other: Piece) -> str | None:
    """The word that two in a row may be: of letters not too short, and one token: c++ book is none. Of an
    amount its thousands may stand apart: 1 500 W. None across a word behind which it says what the thing is
    for."""
    if one.single is None or one.aside != other.aside:
        return None
    if other.single is None:
        (joined,) = other.ways[0][:1] or ("",)
        return one.single + joined if _THOUSANDS.fullmatch(f"{one.single} {joined}") else None
    joined = one.single + other.single
    if len(joined) < ONE_FROM and not any(map(str.isdecimal, joined)):
        return None
    return _only_token(joined)


@lru_cache(maxsize=16_384)
def _only_token(word: str) -> str | None:
    """The token of what is one word; None where it is several, or none."""
    found = tokens(word)
    return found[0] if len(found) == 1 else None


def _joined(
    pieces: list[Piece], joints: list[str | None], holding: Mapping[str, int], corrected: list[Change]
) -> list[Piece]:
    """Neighbours that are one word in the catalogue made one."""
    made: list[Piece] = []
    at = 0
    while at < len(pieces):
        joint = joints[at] if at < len(joints) else None
        if joint is None or joint not in holding:
            made.append(pieces[at])
            at += 1
            continue
        one, other = pieces[at : at + 2]
        both = Piece(
            f"{one.text} {other.text}",
            (tuple(dict.fromkeys((*one.ways[0], *other.ways[0]))),),
            size=2,
            aside=one.aside,
        )
        both.found.append((Way((joint,), JOINED), joint))
        if not all(token in holding for token in both.ways[0]):
            corrected.append(Change(both.text, joint))
        made.append(both)
        at += 2
    return made


def _apart(pieces: list[Piece], synonyms: Synonyms, holding: dict[str, int]) -> Telling[list[Piece]]:
    """With the phrases that nothing is known of as the words, and shorter phrases, that they are of."""
    while lost := [piece for piece in pieces if not piece.found and len(piece.items) > 1]:
        parts = {id(piece): pieces_of(piece.items, synonyms, len(piece.items) - 1) for piece in lost}
        holding.update(
            (
                yield Need(tuple({token for some in parts.values() for p in some for token in p.tokens()}))
            ).holding
        )
        for whole in lost:
            for piece in parts[id(whole)]:
                piece.listed, piece.aside = True, whole.aside
                mark_known(piece, holding)
        pieces = [part for piece in pieces for part in parts.get(id(piece), [piece])]
    return pieces


def _corrected(
    piece: Piece,
    like: Mapping[str, int],
    near: Mapping[str, Mapping[str, int]],
    stood: Mapping[str, tuple[Other, ...]],
    holding: Mapping[str, int],
) -> None:
    word = piece.single or ""
    split = parted(word, holding)
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
    if split is not None and min(map(len, split)) > SHORTEST_PART:
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
            piece.found += [(way, other) for way, _ in alive(stood.get(other, ()), holding, best)]
    elif not piece.found and split is not None:
        piece.found.append((Way(split, JOINED), " ".join(split)))


def _standing_for(token: str, synonyms: Synonyms) -> tuple[Other, ...]:
    found = synonyms.of_words((token,), 0)
    return found[1] if found else ()


def _words(pieces: Sequence[Piece], corrected: Sequence[Change], replaced: Sequence[Change]) -> Understood:
    times: Counter[str] = Counter()
    room = _MOST_WAYS_BYTES
    words: dict[str, Word] = {}
    named: dict[int, str] = {}
    for piece in pieces:
        ways = _ranked(piece.found)
        if len(ways) > 1 and piece.text not in words:
            # A cursor carries all of it.
            room -= sum(_WAY_BYTES + len(token.encode()) for way in ways[1:] for token in way.tokens)
            ways = ways if room >= 0 else ways[:1]
        text = (piece.single and piece.ways[0][0]) or piece.text
        named[id(piece)] = text
        # Who names a thing by two words says as much as by two words of one thing each.
        times[text] += piece.size
        words.setdefault(text, Word(text, ways or (Way(piece.ways[0]),)))
    if len(words) > MAX_WORDS:
        # Long words are rare ones.
        kept = set(sorted(words, key=len, reverse=True)[:MAX_WORDS])
        words = {text: word for text, word in words.items() if text in kept}
    places = {text: place for place, text in enumerate(words)}
    heads = dict.fromkeys(named[id(piece)] for piece in things.heads(pieces))
    return Understood(
        tuple(words.values()),
        tuple(times[text] for text in words),
        tuple(corrected),
        tuple(replaced),
        any(piece.found for piece in pieces),
        tuple(places[text] for text in heads if text in places),
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


def _may_be_slip(word: str) -> bool:
    return word.isalpha()


def _may_be_parted(word: str) -> bool:
    return ONE_FROM <= len(word) <= MAX_TOKEN_CHARACTERS and not word.isdecimal() and word not in OF_SHOPS


def _edits(word: str) -> int:
    return 1 if len(word) < TWO_FROM else 2
