"""``synonyms.tsv`` of a collection: which words stand for one another, and which are looked for in place of
others. Replaced as a whole, by a conditional write.

A line is one of these; empty lines and lines that begin with ``#`` say nothing:

- ``sofa|couch<TAB>沙发``: words for one thing, of one or of two languages, the usual one of each first;
- ``footwear => shoes|boots``: who asks for what is on the left is shown what is on the right too, and not the
  other way round;
- ``- couch|settee``: of the shipped words nothing stands for these.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mmpipe.errors import InvalidRequest
from mmpipe.lake.set_file import SetFile
from mmpipe.lexical import phrases

if TYPE_CHECKING:
    from mmpipe.objects import ObjectStore

MAX_BYTES = 4_000_000
MAX_LINES = 50_000
MAX_WORDS_A_LINE = 40
MAX_WORDS = 100_000
MAX_OTHERS = 200
"""Words that may stand for one: a search looks at them all, and the shipped ones come on top."""
_MAX_WORD = 200


@dataclass(frozen=True)
class Group:
    """Words for one thing, the usual one of each language first."""

    en: tuple[str, ...] = ()
    zh: tuple[str, ...] = ()


@dataclass(frozen=True)
class Replacement:
    """``asked`` is also looked for as ``found``."""

    asked: tuple[str, ...]
    found: tuple[str, ...]


@dataclass(frozen=True)
class SynonymLines:
    """What a file says. Nothing shipped stands for the words of ``alone``."""

    groups: tuple[Group, ...] = ()
    replacements: tuple[Replacement, ...] = ()
    alone: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.groups) + len(self.replacements) + len(self.alone)


NO_LINES = SynonymLines()


def parse_synonyms(data: bytes, *, bounded: bool = True) -> SynonymLines:
    """The lines of a file; where it is ``bounded``, of no more words than a collection may have. Raises
    :class:`InvalidRequest` naming the line that cannot be used."""
    if len(data) > MAX_BYTES:
        raise InvalidRequest("synonyms", f"the file has more than {MAX_BYTES:,} bytes")
    try:
        lines = data.decode("utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise InvalidRequest(
            "synonyms", f"the file is not UTF-8: {error.reason} at byte {error.start}"
        ) from error
    if len(lines) > MAX_LINES:
        raise InvalidRequest("synonyms", f"the file has more than {MAX_LINES:,} lines")
    groups: list[Group] = []
    replacements: list[Replacement] = []
    alone: list[str] = []
    room = _Room(bounded)
    for number, line in enumerate(lines, start=1):
        said = line.strip(" ")
        if not said.strip() or said.startswith("#"):
            continue
        if said.startswith("- "):
            alone += (words := _words(said[2:], number))
            room.take(words, 0, number)
        elif "=>" in said:
            asked, found = (_words(part, number) for part in said.split("=>", 1))
            if not asked or not found:
                raise _refused(number, "a replacement needs words on both sides of =>")
            replacements.append(Replacement(asked, found))
            room.take(asked, len(found), number)
            room.take(found, 0, number)
        else:
            columns = said.split("\t")
            if len(columns) > 2:
                raise _refused(number, "has more than two columns; write english|english, a tab, 中文|中文")
            group = Group(*(_words(column, number) for column in columns))
            if len(group.en) + len(group.zh) < 2:
                raise _refused(number, "a group needs two words or more, with | between them")
            room.take((*group.en, *group.zh), len(group.en) + len(group.zh) - 1, number)
            groups.append(group)
    return SynonymLines(tuple(groups), tuple(replacements), tuple(alone))


class SynonymFile(SetFile[SynonymLines]):
    """The file of one collection, followed."""

    def __init__(self, store: ObjectStore, collection_uri: str) -> None:
        super().__init__(
            store,
            collection_uri,
            "synonyms.tsv",
            what="synonyms",
            parse=parse_synonyms,
            nothing=NO_LINES,
            max_bytes=MAX_BYTES,
        )


class _Room:
    """How many words there are, and how many stand for each, however it is spelt."""

    def __init__(self, bounded: bool) -> None:
        self._bounded = bounded
        self._words = 0
        self._others: Counter[str | tuple[str, ...]] = Counter()

    def take(self, words: Iterable[str], others: int, number: int) -> None:
        """``others`` stand for each of ``words``. Raises :class:`InvalidRequest` for more than searches can
        look at."""
        for word in words if self._bounded else ():
            self._words += 1
            if self._words > MAX_WORDS:
                raise _refused(number, f"is one word more than the {MAX_WORDS:,} that a file may have")
            run, keys = phrases(word)
            for key in keys if run is None else (run,):
                self._others[key] += others
                if self._others[key] > MAX_OTHERS:
                    raise _refused(
                        number, f"more than {MAX_OTHERS} words stand for '{word[:40]}'; leave some out"
                    )


def _words(text: str, number: int) -> tuple[str, ...]:
    found = tuple(dict.fromkeys(filter(None, (part.strip() for part in text.split("|")))))
    if len(found) > MAX_WORDS_A_LINE or any(len(word) > _MAX_WORD for word in found):
        raise _refused(
            number, f"has more than {MAX_WORDS_A_LINE} words, or one of more than {_MAX_WORD} characters"
        )
    return found


def _refused(number: int, reason: str) -> InvalidRequest:
    return InvalidRequest("synonyms", f"line {number}: {reason}")
