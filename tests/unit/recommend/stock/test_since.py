"""Since when something is sold out, by the publications that are kept."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from typing import Any

import pyarrow as pa

from mmpipe.errors import NotFound
from mmpipe.lake.live import LiveVersion
from mmpipe.recommend.stock import FormerStock
from tests.unit.recommend.stock.logs import NOW


class History:
    """A collection of which only the publications are there: what was sold out in each, oldest first; None
    where it was cleaned up."""

    def __init__(self, *sold_out: set[str] | None) -> None:
        self.sold_out = sold_out
        self.reads: Counter[int] = Counter()

    def history(self) -> list[LiveVersion]:
        return [
            LiveVersion(
                generation=n + 1,
                table="products_a",
                version=n + 1,
                profile_fingerprint="f",
                published_at=NOW + timedelta(hours=n),
                rows=1,
            )
            for n in reversed(range(len(self.sold_out)))
        ]

    def table(self, name: str) -> History:
        return self

    def at(self, version: int) -> Any:
        self.reads[version] += 1
        found = self.sold_out[version - 1]
        if found is None:
            raise NotFound("cleaned up")
        return Read(found)


class Read:
    def __init__(self, ids: set[str]) -> None:
        self.ids = ids

    def to_table(self, columns: list[str], filter: str) -> pa.Table:
        return pa.table({"id": pa.array(sorted(self.ids), pa.string())})


def hours(history: History, *ids: str, **more: int) -> dict[str, tuple[int | None, int]]:
    found = FormerStock(history).since(ids, **more)  # type: ignore[arg-type]
    return {
        name: (
            None if each.not_before is None else (each.not_before - NOW) // timedelta(hours=1),
            (each.at_latest - NOW) // timedelta(hours=1),
        )
        for name, each in found.items()
    }


def test_the_last_publication_in_which_it_was_there() -> None:
    history = History(set(), {"a"}, {"b"}, {"a", "b"}, {"a", "b", "c"})
    assert hours(history, "a", "b", "c") == {"a": (2, 3), "b": (1, 2), "c": (3, 4)}
    # The live version is not read, nor what is older than is needed.
    assert sorted(history.reads) == [2, 3, 4]


def test_as_far_as_publications_are_kept() -> None:
    assert hours(History({"a"}, {"a"}, {"a"}), "a") == {"a": (None, 0)}
    assert hours(History(set(), None, {"a"}, {"a"}), "a") == {"a": (None, 2)}
    assert hours(History({"a"}, {"a"}, {"a"}, {"a"}), "a", most=2) == {"a": (None, 2)}
    assert hours(History({"a"}), "a") == {"a": (None, 0)}
    assert hours(History(), "a") == {}


def test_a_former_version_is_read_once() -> None:
    history = History(set(), {"a"}, {"a"})
    former = FormerStock(history)  # type: ignore[arg-type]
    assert former.since(["a"]) == former.since(["a"])
    assert set(history.reads.values()) == {1}
