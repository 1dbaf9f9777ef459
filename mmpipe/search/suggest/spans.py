"""Which parts of a suggestion were typed."""

from __future__ import annotations

from collections.abc import Sequence

from mmpipe.search.find.pinyin import read
from mmpipe.search.suggest.index import ONE_FROM, Sought
from mmpipe.search.suggest.words import Word, words


def spans(text: str, wanted: Sequence[Sought]) -> list[tuple[int, int]]:
    """Begin and end, in code points of ``text``, of what was typed of it, ascending and apart. A word that is
    there but for slips of the hand is marked whole."""
    said = words(text)
    marks = [False] * len(text)
    for each in wanted:
        found = _literal(said, each) or _read(said, each) or _joined(said, each) or _like(said, each)
        for begin, end in found:
            marks[begin:end] = [True] * (end - begin)
    return _ranges(marks)


def _literal(said: Sequence[Word], each: Sought) -> list[tuple[int, int]]:
    found = []
    for word in said:
        if word.run:
            at = word.text.find(each.text)
            if at >= 0:
                # Folding keeps the number of characters of a run.
                found.append((word.start + at, word.start + at + len(each.text)))
        elif word.text == each.text or (each.begins and word.text.startswith(each.text)):
            same = len(word.text) == word.end - word.start
            found.append((word.start, word.start + len(each.text) if same else word.end))
    return found


def _read(said: Sequence[Word], each: Sought) -> list[tuple[int, int]]:
    """The characters whose pinyin, in full or by initials, was typed."""
    if not each.letters:
        return []
    found = []
    for word in said:
        readings = read(word.text) if word.run else None
        for at in range(len(readings or ())):
            taken = _syllables(readings[at:], each.text)  # type: ignore[index]
            if taken:
                found.append((word.start + at, word.start + at + taken))
                break
    return found


def _syllables(readings: Sequence[str], typed: str) -> int:
    """How many characters are read as what was typed; 0 where they are not."""
    if len(readings) < 2:
        return 0
    if "".join(syllable[0] for syllable in readings).startswith(typed):
        return len(typed)
    if not "".join(readings).startswith(typed):
        return 0
    read_so_far, taken = 0, 0
    while read_so_far < len(typed):
        read_so_far += len(readings[taken])
        taken += 1
    return taken


def _joined(said: Sequence[Word], each: Sought) -> list[tuple[int, int]]:
    """Words that punctuation joins, typed as one."""
    if not each.letters:
        return []
    for at, word in enumerate(said):
        joined = word.text
        for other in said[at + 1 :]:
            if word.run or not other.letters or not each.text.startswith(joined):
                break
            joined += other.text
            if joined == each.text or (each.begins and joined.startswith(each.text)):
                return [(word.start, other.end)]
    return []


def _like(said: Sequence[Word], each: Sought) -> list[tuple[int, int]]:
    """The word with the most letters in common, in place, of those that can be meant."""
    if not each.letters or len(each.text) < ONE_FROM:
        return []
    best = max(
        (word for word in said if word.letters), key=lambda word: _alike(word.text, each.text), default=None
    )
    return [(best.start, best.end)] if best is not None else []


def _alike(one: str, other: str) -> int:
    grams = {other[at : at + 2] for at in range(len(other) - 1)}
    return sum(one[at : at + 2] in grams for at in range(len(one) - 1)) + (one[:1] == other[:1])


def _ranges(marks: Sequence[bool]) -> list[tuple[int, int]]:
    found: list[tuple[int, int]] = []
    for at, marked in enumerate(marks):
        if marked and found and found[-1][1] == at:
            found[-1] = (found[-1][0], at + 1)
        elif marked:
            found.append((at, at + 1))
    return found
