"""Interaction files: one shopper a line, ``user item item …``, oldest first."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mmpipe.errors import InvalidRequest

Items = NDArray[np.int32]

MAX_LINE = 64_000_000
MAX_TOKEN = 512
# A history's latest events count; what is older says nothing of what comes next, and one shopper who is a
# robot must not fill the memory.
MAX_HISTORY = 2_000


@dataclass(frozen=True, slots=True)
class Interactions:
    """Who did what: ``sequences[u]`` are the codes of a user's items, oldest first, ``names[code]`` the ids
    as the file has them. ``times[u]`` are seconds beside the items, or ``None`` where the file has none.
    ``cut`` counts users of whom only the latest :data:`MAX_HISTORY` events were kept."""

    sequences: list[Items]
    names: list[str]
    times: list[NDArray[np.float64]] | None
    cut: int = 0


def read(path: Path) -> Interactions:
    """Read a file: white space parts the words of a line; an item may carry its time as ``item@seconds``, if
    all items do. Empty lines are passed over.

    Raises :class:`InvalidRequest` naming the line that cannot be used, or for a file without events.
    """
    codes: dict[str, int] = {}
    sequences: list[Items] = []
    times: list[NDArray[np.float64]] = []
    users: set[str] = set()
    timed: bool | None = None
    cut = 0
    for number, words in _lines(path):
        user, items = words[0], words[1:]
        if user in users:
            raise _bad(path, number, f"user {_short(user)} has a line already; one line holds all of a user")
        users.add(user)
        if not items:
            raise _bad(path, number, f"user {_short(user)} has no item")
        cut += len(items) > MAX_HISTORY
        items = items[-MAX_HISTORY:]
        if timed is None:
            timed = _is_timed(items[0])
        if timed:
            items, when = _parted(path, number, items)
            times.append(when)
        sequences.append(np.array([codes.setdefault(item, len(codes)) for item in items], dtype=np.int32))
    if not sequences:
        raise InvalidRequest("interactions", f"{path.name} holds no line `user item item …`")
    return Interactions(sequences, list(codes), times if timed else None, cut)


def _lines(path: Path) -> Iterator[tuple[int, list[str]]]:
    try:
        with path.open("rb") as file:
            for number, raw in enumerate(iter(lambda: file.readline(MAX_LINE + 1), b""), start=1):
                if len(raw) > MAX_LINE:
                    raise _bad(path, number, f"longer than {MAX_LINE:,} bytes")
                try:
                    words = raw.decode("utf-8-sig" if number == 1 else "utf-8").split()
                except UnicodeDecodeError:
                    raise _bad(path, number, "not UTF-8 text: `user item item …` is expected") from None
                if any(len(word) > MAX_TOKEN or not word.isprintable() for word in words):
                    raise _bad(path, number, f"an id of control characters or over {MAX_TOKEN} characters")
                if words:
                    yield number, words
    except OSError as error:
        raise InvalidRequest("interactions", f"cannot read {path}: {error.strerror}") from error


def _is_timed(item: str) -> bool:
    _, at, seconds = item.rpartition("@")
    return bool(at) and _number(seconds) is not None


def _parted(path: Path, number: int, items: list[str]) -> tuple[list[str], NDArray[np.float64]]:
    names, when = [], np.empty(len(items))
    for index, item in enumerate(items):
        name, _, text = item.rpartition("@")
        seconds = _number(text)
        if not name or seconds is None:
            raise _bad(
                path, number, f"{_short(item)} has no time, as the file's first item has: item@seconds"
            )
        names.append(name)
        when[index] = seconds
    if np.any(np.diff(when) < 0):
        raise _bad(path, number, "its times run backwards; events are to be listed oldest first")
    return names, when


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if np.isfinite(value) else None


def read_items(path: Path, names: list[str]) -> tuple[list[str], list[str | None]]:
    """Texts of items, from JSON lines ``{"id", "title", "description"?, "brand"?, "categories"?, …}``.

    Returns all ids, ``names`` first and then those that only this file has, and each one's text, ``None``
    where it has none. Raises :class:`InvalidRequest` naming the line that cannot be used.
    """
    texts: dict[str, str] = {}
    try:
        with path.open(encoding="utf-8") as lines:
            for number, line in enumerate(lines, start=1):
                if not line.strip():
                    continue
                try:
                    row = json.loads(line)
                    item = str(row["id"])
                except (ValueError, KeyError, TypeError, RecursionError):
                    raise InvalidRequest(
                        "items", f"{path.name}, line {number}: not a JSON object with an id"
                    ) from None
                text = ". ".join(
                    str(row[name]).strip() for name in ("title", "brand", "categories", "description")
                    if row.get(name)
                )  # fmt: skip
                if text:
                    texts[item] = text
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidRequest("items", f"cannot read {path}: {error}") from error
    known = set(names)
    everything = names + [item for item in texts if item not in known]
    if not any(name in texts for name in names):
        raise InvalidRequest("items", f"{path.name} describes none of the items of the interactions")
    return everything, [texts.get(item) for item in everything]


def _bad(path: Path, number: int, reason: str) -> InvalidRequest:
    return InvalidRequest("interactions", f"{path.name}, line {number}: {reason}")


def _short(text: str) -> str:
    return repr(text if len(text) <= 40 else text[:37] + "…")
