"""A clause by lists of words: which sides it names, what it says of them, and what turns that round.

A word of ``lexicon.tsv`` names an aspect (*fabric*), praises or blames one by itself (*comfortable*, 太贵),
or praises or blames whatever is named beside it (*great*). One that denies turns the next one round (*not
comfortable*, 一点也不便宜); what holds a denial and is none (*not only*, 不但) turns nothing. Of words that
overlap the longest at each place counts.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Final, get_args

from mmpipe.lexical import CJK
from mmpipe.schemas.review import AspectName

# How far a denial reaches, and how far a side may stand from what is said of it, in characters: of Latin
# letters, of Chinese.
_REACH: Final = (22, 4)
_NEAR: Final = (45, 14)
_CHINESE: Final = re.compile(f"[{CJK}]")
_START: Final = re.compile(f"[{CJK}]|[a-z0-9]+(?:'[a-z]+)?")
Says = dict[AspectName, int]


@dataclass(frozen=True, slots=True)
class _Hit:
    start: int
    end: int
    chinese: bool
    senses: tuple[tuple[str, str], ...]

    def sense(self, wanted: str) -> list[str]:
        return [aspect for aspect, sense in self.senses if sense == wanted]


@cache
def _words() -> dict[str, list[tuple[str, tuple[tuple[str, str], ...]]]]:
    """The words with their senses by what they begin with, a Latin word or a Chinese character; of those that
    begin alike the longest first."""
    senses: dict[str, list[tuple[str, str]]] = {}
    known = set(get_args(AspectName))
    for line in files("mmpipe.opinions").joinpath("lexicon.tsv").read_text("utf-8").splitlines():
        if not line or line.startswith("#"):
            continue
        _, aspect, sense, words = line.split("\t")
        if aspect != "*" and aspect not in known:
            raise ValueError(f"lexicon.tsv: {aspect!r} is no aspect")
        for word in words.split("|"):
            senses.setdefault(word, []).append((aspect, sense))
    by_start: dict[str, list[tuple[str, tuple[tuple[str, str], ...]]]] = {}
    for word in sorted(senses, key=len, reverse=True):
        start = _START.match(word)
        if start is None:
            raise ValueError(f"lexicon.tsv: {word!r} begins with no letter")
        by_start.setdefault(start[0], []).append((word, tuple(senses[word])))
    return by_start


def _hits(clause: str) -> list[_Hit]:
    words = _words()
    found: list[_Hit] = []
    reached = 0
    for start in _START.finditer(clause):
        if start.start() < reached:
            continue
        chinese = _CHINESE.match(start[0]) is not None
        for word, senses in words.get(start[0], ()):
            end = start.start() + len(word)
            ends = chinese or not (clause[end : end + 1].isalnum() or clause[end : end + 1] == "'")
            if ends and clause.startswith(word, start.start()):
                found.append(_Hit(start.start(), end, chinese, senses))
                reached = end
                break
    return found


def says(clause: str) -> Says:
    """By aspect that a folded clause speaks of: above zero well, below zero badly."""
    hits = _hits(clause)
    denials = [hit for hit in hits if hit.sense("!")]
    found: Says = {}
    general: list[tuple[_Hit, int]] = []
    for hit in hits:
        for sign, sense in ((1, "+"), (-1, "-")):
            for aspect in hit.sense(sense):
                turned = sign * _turned(hit, denials)
                if aspect == "*":
                    general.append((hit, turned))
                else:
                    _add(found, aspect, turned)
    for hit in hits:
        for aspect in hit.sense("0"):
            if aspect in found:
                continue
            near = [(_gap(hit, other), sign) for other, sign in general]
            near = [each for each in near if each[0] <= _NEAR[hit.chinese]]
            if near:
                _add(found, aspect, min(near, key=lambda each: each[0])[1])
    return {aspect: sign for aspect, sign in found.items() if sign}


def _turned(hit: _Hit, denials: list[_Hit]) -> int:
    before = [d for d in denials if d.end <= hit.start and hit.start - d.end <= _REACH[hit.chinese]]
    return -1 if len(before) % 2 else 1


def _gap(one: _Hit, other: _Hit) -> int:
    return max(other.start - one.end, one.start - other.end, 0)


def _add(found: Says, aspect: str, sign: int) -> None:
    for name in get_args(AspectName):
        if name == aspect:
            found[name] = found.get(name, 0) + sign
