"""Words that no product holds and that stand for nothing known, read by a dictionary and by what they are
made of.

A run of Chinese is cut anew, by the lists, the dictionary and single characters (``parts.tsv``); what its
words mean in English, and what stands for that, is looked for. An English word is looked for as what the
dictionary's Chinese for it is called besides, and as that. Only where products hold what is found so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from importlib.resources import files
from itertools import groupby

from mmpipe.lexical import bigrams, first_token, heads
from mmpipe.search.find.dictionary import LONGEST
from mmpipe.search.find.need import Need, Telling
from mmpipe.search.find.pieces import Piece, alive, mark_known
from mmpipe.search.find.synonyms import Other, Synonyms, ways

# What occurrences count for of the first thing that a dictionary says, of what else it says, of a character
# that a longer word is made of; and how much of it is left to the last words alone of what it says.
MEANT, ALSO_MEANT, PART, LAST_WORDS = 0.7, 0.6, 0.5, 0.5
# Longer runs are sentences.
_LONGEST_RUN = 24
# Each costs hundreds of looks into the dictionary: the first of a text are read.
_MOST_RUNS, _MOST_UNKNOWN = 3, 8
_SHORTEST_WORD = 3
_MOST_OTHERS = 24
_LONGEST_PHRASE = 3
_FILE = "parts.tsv"

Known = Callable[[str], bool]


def read(pieces: list[Piece], synonyms: Synonyms, holding: dict[str, int]) -> Telling[list[Piece]]:
    """The pieces of a query, those that nothing is known of read so where that finds something."""
    if all(piece.found for piece in pieces):
        return pieces
    runs = _runs(pieces, synonyms)
    phrases = _phrases(pieces, synonyms)
    asked = dict.fromkeys(token for run in runs for piece in run.candidates() for token in piece.tokens())
    asked.update(dict.fromkeys(token for phrase in phrases for token in phrase.made.tokens()))
    if not asked:
        return pieces
    holding.update((yield Need(tuple(asked))).holding)
    made = [piece for run in runs for piece in run.settled(holding)]
    return _with_phrases(made, phrases, holding)


def _runs(pieces: Sequence[Piece], synonyms: Synonyms) -> list[_Run]:
    """The runs of a query, the first of those that are Chinese and not all found cut anew."""
    runs: list[_Run] = []
    left = _MOST_RUNS
    for stand in _neighbours(pieces):
        run = _Run.of(stand, synonyms) if left else _Run(stand)
        left -= bool(run.words)
        runs.append(run)
    return runs


def _neighbours(pieces: Sequence[Piece]) -> Iterator[list[Piece]]:
    """The pieces of a run together, of another word each by itself."""
    for run, some in groupby(pieces, lambda piece: piece.run):
        if run is None:
            yield from ([piece] for piece in some)
        else:
            yield list(some)


@dataclass
class _Run:
    """Neighbours as they ``stand``, and where they are Chinese that is not all found, the ``words`` that they
    are cut into, with shorter words ``within`` those of three characters or more."""

    stand: list[Piece]
    words: list[Piece] = field(default_factory=list)
    within: dict[str, Piece] = field(default_factory=dict)

    @classmethod
    def of(cls, stand: list[Piece], synonyms: Synonyms) -> _Run:
        run = stand[0].run
        if run is None or len(run) > _LONGEST_RUN or all(piece.found for piece in stand):
            return cls(stand)
        meanings: dict[str, tuple[Other, ...]] = {}

        def known(word: str) -> bool:
            if word not in meanings:
                meanings[word] = _meanings(word, synonyms)
            return bool(meanings[word])

        words: list[Piece] = []
        within: dict[str, Piece] = {}
        for start, stop in _cut(run, known):
            word = run[start:stop]
            words.append(_piece(word, run, start, meanings.get(word, ())))
            for part in _parts_of(word):
                if known(part):
                    within[part] = _piece(part, run, start + word.index(part), meanings[part])
        return cls(stand, words, within)

    def candidates(self) -> Iterable[Piece]:
        """All that must be known of the catalogue."""
        return (*self.words, *self.within.values())

    def settled(self, holding: Mapping[str, int]) -> list[Piece]:
        """As it was cut anew, where products hold more of that than of what stands."""
        for piece in self.candidates():
            mark_known(piece, holding)
        made: list[Piece] = []
        for piece in self.words:
            inner = [] if piece.found else self._inside(piece)
            made += inner or [piece]
        if made and not made[-1].found:
            _by_last_words(made[-1], holding)
        for piece in made:
            piece.aside = self.stand[0].aside
        return made if _found(made) > _found(self.stand) else self.stand

    def _inside(self, piece: Piece) -> list[Piece]:
        """The shorter words in one that no product holds."""

        def held(word: str) -> bool:
            return word in self.within and bool(self.within[word].found)

        words = [(piece.text[start:stop], start) for start, stop in _cut(piece.text, held)]
        if not any(held(word) for word, _ in words):
            return []
        return [
            self.within[word] if held(word) else _piece(word, piece.run, piece.at + start, ())
            for word, start in words
        ]


def _found(pieces: Sequence[Piece]) -> int:
    """Characters of a run that products hold, or what stands for them."""
    places: set[int] = set()
    for piece in pieces:
        if piece.found:
            places.update(range(piece.at, piece.at + len(piece.text)))
    return len(places)


def _cut(run: str, known: Known) -> list[tuple[int, int]]:
    """Begin and end of the words of a run, and of what lies between: the fewest characters that are none, of
    several ways the fewest words, then the longest last ones."""
    best: list[tuple[int, int, int]] = [(0, 0, 0)]
    for stop in range(1, len(run) + 1):
        lost, words, _ = best[stop - 1]
        choices = [(lost + 1, words, -1, stop - 1)]
        choices += [
            (best[start][0], best[start][1] + 1, start - stop, start)
            for start in range(max(0, stop - LONGEST), stop)
            if known(run[start:stop])
        ]
        lost, words, _, start = min(choices)
        best.append((lost, words, start))
    cuts: list[tuple[int, int]] = []
    stop, free = len(run), len(run)
    while stop:
        start = best[stop][2]
        if known(run[start:stop]):
            if free > stop:
                cuts.append((stop, free))
            cuts.append((start, stop))
            free = start
        stop = start
    if free:
        cuts.append((0, free))
    return cuts[::-1]


def _parts_of(word: str) -> Iterator[str]:
    for start in range(len(word)):
        for stop in range(start + 2, len(word) + 1):
            if stop - start < len(word):
                yield word[start:stop]


def _piece(word: str, run: str | None, at: int, others: tuple[Other, ...]) -> Piece:
    own = bigrams(word)
    return Piece(word, (own,), others, size=len(own), run=run, at=at)


def _meanings(word: str, synonyms: Synonyms) -> tuple[Other, ...]:
    """What stands for a Chinese word, by the lists, the dictionary, or, of a character, by itself."""
    found = {other.text: other for other in synonyms.of_run(word)}
    if len(word) == 1:
        for text in _parts().get(word, ()):
            found.setdefault(text, Other(text, ways(text), PART))
        return tuple(found.values())
    glosses = synonyms.dictionary.glosses(word) if synonyms.dictionary else ()
    for other in _called(glosses, synonyms):
        found.setdefault(other.text, other)
    return tuple(found.values())[:_MOST_OTHERS]


def _called(glosses: Sequence[str], synonyms: Synonyms) -> Iterator[Other]:
    """What a dictionary says, and what stands for that."""
    for number, gloss in enumerate(glosses):
        factor = ALSO_MEANT if number else MEANT
        said = heads(gloss)
        joined = ((first_token("".join(gloss.split())),),) if len(said) > 1 and "-" not in gloss else ()
        yield Other(gloss, (*ways(gloss), *joined), factor)
        match = synonyms.of_words(said, 0)
        if match and match[0] == len(said):
            yield from (Other(other.text, other.tokens, factor * other.factor) for other in match[1])


def _by_last_words(piece: Piece, holding: Mapping[str, int]) -> None:
    """A word whose meaning no product holds, found by the last words of that."""
    for other in piece.others:
        said = heads(other.text)
        for at in range(1, len(said)):
            if all(token in holding for token in said[at:]):
                found = Other(" ".join(said[at:]), (said[at:],), other.factor * LAST_WORDS)
                piece.found += alive((found,), holding, 1.0)
                break


@dataclass
class _Phrase:
    """Neighbouring pieces as one that is ``made`` of them."""

    pieces: list[Piece]
    made: Piece


def _phrases(pieces: Sequence[Piece], synonyms: Synonyms) -> list[_Phrase]:
    """English phrases with a word that nothing is known of, and such words, that the dictionary has; the
    longest of each place first."""
    known = synonyms.dictionary
    made: list[_Phrase] = []
    if known is None:
        return made
    unknown = [at for at, piece in enumerate(pieces) if not piece.found and _is_word(piece)]
    for at in unknown[:_MOST_UNKNOWN]:
        for length in range(_LONGEST_PHRASE, 0, -1):
            for start in range(max(0, at - length + 1), min(at, len(pieces) - length) + 1):
                some = list(pieces[start : start + length])
                if all(_is_word(each) and each.aside == some[0].aside for each in some):
                    others = _others_of(" ".join(each.single or "" for each in some), synonyms)
                    if others:
                        text = " ".join(each.text for each in some)
                        own = tuple(dict.fromkeys(token for each in some for token in each.ways[0]))
                        whole = Piece(text, (own,), others, size=length, aside=some[0].aside)
                        made.append(_Phrase(some, whole))
    return made


def _others_of(phrase: str, synonyms: Synonyms) -> tuple[Other, ...]:
    found: dict[str, Other] = {}
    for word, besides in synonyms.dictionary.said_as(phrase) if synonyms.dictionary else ():
        others = (Other(word, ways(word), MEANT), *_called(besides, synonyms), *synonyms.of_run(word))
        for other in others:
            if other.text != phrase and other.tokens:
                found.setdefault(other.text, Other(other.text, other.tokens, min(other.factor, MEANT)))
    return tuple(found.values())[:_MOST_OTHERS]


def _is_word(piece: Piece) -> bool:
    word = piece.single
    return word is not None and word.isascii() and word.isalpha() and len(word) >= _SHORTEST_WORD


def _with_phrases(pieces: list[Piece], phrases: Sequence[_Phrase], holding: Mapping[str, int]) -> list[Piece]:
    for phrase in phrases:
        if not all(any(each is piece for piece in pieces) for each in phrase.pieces):
            continue
        found = alive(phrase.made.others, holding, 1.0)
        if found:
            phrase.made.found = found
            at = next(at for at, piece in enumerate(pieces) if piece is phrase.pieces[0])
            pieces = [*pieces[:at], phrase.made, *pieces[at + len(phrase.pieces) :]]
    return pieces


@lru_cache(maxsize=1)
def _parts() -> Mapping[str, tuple[str, ...]]:
    lines = (files(__package__) / _FILE).read_text(encoding="utf-8").splitlines()
    pairs = (line.split("\t") for line in lines if not line.startswith("#"))
    return {character: tuple(called.split("|")) for character, called in pairs}
