"""Which object-store requests an upload caused, from a proxy's log, and which of them it waited for."""

from __future__ import annotations

import json
import re
import urllib.request
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

_READS = frozenset(("GET", "HEAD"))
_TABLE = re.compile(r"/(products|[a-z]+)(?:_[^/]*)?\.lance(?:/([^/]+))?")
_PARTS = {
    "_versions": "versions",
    "_refs": "tags",
    "_indices": "indices",
    "_transactions": "transactions",
    "_deletions": "deletions",
}


@dataclass(frozen=True, slots=True)
class Request:
    """Times in seconds of this machine's monotonic clock; ``holder`` is the command of who asked."""

    begun: float
    ended: float
    method: str
    status: int
    kind: str
    holder: str

    @property
    def reads(self) -> bool:
        return self.method in _READS


def kind_of(target: str) -> str:
    """``live.json``, ``products data``, ``runs``, ``uploads``, ``list`` …: what a request is about."""
    parts = urlsplit(target)
    bucket, _, key = unquote(parts.path).lstrip("/").partition("/")
    asked = parse_qs(parts.query)
    listing = "prefix" in asked and not key
    key = asked["prefix"][0] if listing else key
    if "uploads" in bucket:
        return "media" if "/media/" in key else "uploads"
    table = _TABLE.search("/" + key)
    if table is None:
        # A table may have a tag called live.
        return "live.json" if key.endswith("/live.json") else "list" if listing else "other"
    if table[1] != "products":
        return table[1]
    part = table[2] or "list"
    return f"products {'list' if listing else _PARTS.get(part, part)}"


class Traffic:
    """The requests through one proxy."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._next = 0
        self._holders: dict[int, str] = {}

    def forget(self) -> None:
        """Leave out what has ended by now."""
        self._read()

    def _read(self) -> list[Request]:
        with urllib.request.urlopen(f"{self._url}/_proxy/log?since={self._next}", timeout=30) as answer:
            found = json.load(answer)
        self._next = found["next"]
        self._holders |= {int(port): name for port, name in found["holders"].items()}
        return [
            Request(begun, ended, method, status, kind_of(target), self._holders.get(port, ""))
            for begun, ended, method, target, status, _sent, _got, port in found["entries"]
        ]

    def of_upload(self, since: float, searchable: float) -> dict[str, Any]:
        """Counts of one upload that was put at ``since``. ``critical`` are the indexer's requests from its
        first until live.json was written, ``serial`` the longest chain of them in which each began when the
        one before had ended."""
        found = self._read()
        mine = [r for r in found if r.begun >= since and _is_writer(r)]
        written = [r.ended for r in mine if r.kind == "live.json" and r.method == "PUT" and r.status < 300]
        report: dict[str, Any] = {"all": _counts(found), "indexer": _counts(mine)}
        if mine and written:
            first, live = min(r.begun for r in mine), written[0]
            critical = [r for r in mine if r.ended <= live]
            report["critical"] = _counts(critical) | {"serial": _chain(critical)}
            report["kinds"] = dict(Counter(f"{r.method} {r.kind}" for r in critical))
            report["seconds"] = {
                "until_first_request": first - since,
                "until_live": live - first,
                "until_searchable": searchable - live,
            }
        return report


def _is_writer(request: Request) -> bool:
    """Whether the indexer asked. Who nobody knows any more was not the replica that polls live.json."""
    if request.holder:
        return "Indexer" in request.holder
    return not (request.reads and request.kind == "live.json")


def _counts(requests: Sequence[Request]) -> dict[str, int]:
    reads = sum(r.reads for r in requests)
    puts = sum(r.method == "PUT" for r in requests)
    return {"reads": reads, "puts": puts, "others": len(requests) - reads - puts}


def _chain(requests: Sequence[Request]) -> int:
    count, free = 0, 0.0
    for request in sorted(requests, key=lambda r: r.ended):
        if request.begun >= free:
            count, free = count + 1, request.ended
    return count


def mean_of(reports: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The mean of each figure; a count that a report lacks is none."""
    names = dict.fromkeys(name for report in reports for name in report)
    merged: dict[str, Any] = {}
    for name in names:
        values = [report[name] for report in reports if name in report]
        if isinstance(values[0], dict):
            merged[name] = mean_of([report.get(name, {}) for report in reports])
        else:
            merged[name] = round(sum(values) / len(reports), 3)
    return merged
