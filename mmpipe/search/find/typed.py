"""Chinese that was typed in letters: ``lianyiqun`` as well as ``lian yi qun`` is 连衣裙."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import takewhile

from mmpipe.search.find.need import Need, Telling
from mmpipe.search.find.pieces import Piece, mark_known
from mmpipe.search.find.synonyms import Synonyms

# Words in a row that are read together, and of a query those that are looked at.
_MOST_TOGETHER, _MOST_LOOKED_AT = 8, 32


def read(pieces: list[Piece], synonyms: Synonyms, holding: dict[str, int]) -> Telling[list[Piece]]:
    """With the words that nothing is known of read as pinyin, where products hold all that they then say. A
    word that the catalogue knows is read so with its neighbours: ``pan`` in ``zang qing se pan zi``."""
    readings = dict(_readings(pieces, synonyms))
    asked = dict.fromkeys(token for found in readings.values() for piece in found for token in piece.tokens())
    if not asked:
        return pieces
    holding.update((yield Need(tuple(asked))).holding)
    return list(_with(pieces, readings, holding))


def _readings(pieces: Sequence[Piece], synonyms: Synonyms) -> Iterator[tuple[tuple[int, int], list[Piece]]]:
    """What neighbours say as pinyin, by their begin and end; those of them that are strange alone, or with
    others."""
    strange = [_is_latin(piece) and not piece.found for piece in pieces]
    if not any(strange):
        return
    for start in range(min(len(pieces), _MOST_LOOKED_AT)):
        aside = pieces[start].aside
        near = [piece for piece in pieces[start : start + _MOST_TOGETHER] if piece.aside == aside]
        some = list(takewhile(_is_latin, near))
        letters = "".join(piece.single or "" for piece in some)
        ends = synonyms.typed_ends(letters)
        stop = 0
        for place, piece in enumerate(some, start + 1):
            stop += len(piece.single or "")
            if stop in ends and any(strange[start:place]):
                read = synonyms.typed(letters[:stop])
                yield (start, place), [Piece(part, ((part,),), others, aside=aside) for part, others in read]


def _with(
    pieces: Sequence[Piece], readings: Mapping[tuple[int, int], list[Piece]], holding: Mapping[str, int]
) -> Iterator[Piece]:
    """The most neighbours of each place as they read, the other pieces as they stand."""
    at = 0
    while at < len(pieces):
        for stop in range(min(at + _MOST_TOGETHER, len(pieces)), at, -1):
            found = readings.get((at, stop), [])
            for piece in found:
                if not piece.found:
                    mark_known(piece, holding)
            if found and all(piece.found for piece in found):
                yield from found
                at = stop
                break
        else:
            yield pieces[at]
            at += 1


def _is_latin(piece: Piece) -> bool:
    return piece.single is not None and piece.single.isascii() and piece.single.isalpha()
