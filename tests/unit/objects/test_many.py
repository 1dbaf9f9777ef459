"""Looking many objects up: what is answered, and with how many requests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from mmpipe.errors import PermanentError, StorageUnavailable
from mmpipe.objects import MemoryStore, ObjectStat, stat_many

PAGE = 1_000


class Counted(MemoryStore):
    """Counts pages as S3 would have to be asked for them."""

    def __init__(self) -> None:
        super().__init__()
        self.pages = 0

    def list(self, prefix_uri: str, *, start_after: str | None = None) -> Iterator[ObjectStat]:
        for number, stat in enumerate(super().list(prefix_uri, start_after=start_after)):
            if number % PAGE == 0:
                self.pages += 1
            yield stat

    @property
    def requests(self) -> int:
        return self.pages + self.calls["stat"]


def filled(names: list[str]) -> Counted:
    store = Counted()
    for name in names:
        store.write(f"s3://b/shop/{name}", name.encode())
    store.calls.clear()
    return store


def look(store: MemoryStore, names: list[str]) -> dict[str, ObjectStat | PermanentError | None]:
    found = stat_many([f"s3://b/shop/{name}" for name in names], lambda _uri: store, threads=4)
    assert set(found) == {f"s3://b/shop/{name}" for name in names}
    return {uri.removeprefix("s3://b/shop/"): stat for uri, stat in found.items()}


def test_few_are_looked_up_by_themselves() -> None:
    store = filled([f"{n:05}.jpg" for n in range(3_000)])
    found = look(store, ["00007.jpg", "no.jpg", "02999.jpg"])
    assert found["no.jpg"] is None
    assert found["02999.jpg"] == store.stat("s3://b/shop/02999.jpg")
    assert store.pages == 0


def test_a_whole_folder_is_listed() -> None:
    names = [f"media/{n:05}.jpg" for n in range(2_500)] + [f"media/{n}/front.jpg" for n in range(500)]
    store = filled(names)
    found = look(store, [*names, "media/没有.jpg", "media/no.jpg"])
    assert {name for name, stat in found.items() if stat is None} == {"media/没有.jpg", "media/no.jpg"}
    assert all(
        isinstance(stat, ObjectStat) and stat.uri == f"s3://b/shop/{name}"
        for name, stat in found.items()
        if stat
    )
    assert store.requests <= 10  # the rest of a part is at most 15 names; here the last has two


def test_single_names_in_a_huge_folder_cost_no_more_than_themselves() -> None:
    store = filled([f"{n:05}.jpg" for n in range(20_000)])
    wanted = [f"{n:05}.jpg" for n in range(3, 20_000, 500)]
    found = look(store, wanted)
    assert len(wanted) == 40
    assert None not in found.values()
    assert store.pages == 1
    assert store.requests <= 40


@pytest.mark.parametrize("step", [1, 2, 7, 40, 90, 130])
def test_listing_never_costs_more(step: int) -> None:
    store = filled([f"p/{n}" for n in range(4_000)])
    wanted = [f"p/{n}" for n in range(0, 4_200, step)]
    found = look(store, wanted)
    assert {name for name, stat in found.items() if stat is None} == {
        n for n in wanted if int(n[2:]) >= 4_000
    }
    assert store.requests <= len(wanted)


def test_who_may_not_list_may_still_look() -> None:
    names = [f"{n:05}.jpg" for n in range(20)]
    store = filled(names)
    store.fail_next("list", StorageUnavailable("AccessDenied"))
    assert None not in look(store, names).values()
    assert store.calls["stat"] == 20


def test_a_store_that_fails_is_an_error() -> None:
    store = filled(["a"])
    store.fail_next("stat", StorageUnavailable("down"))
    with pytest.raises(StorageUnavailable, match="down"):
        look(store, ["a", "b"])


def test_what_a_store_refuses_alone_is_its_own_answer() -> None:
    store = filled(["a"])
    refused = PermanentError("the object store refused the request (400)")
    store.fail_next("stat", refused)
    assert list(look(store, ["a"]).values()) == [refused]
    assert stat_many(["s3://b//x", "s3://b/shop/../a"], lambda _uri: store) == {
        "s3://b//x": None,
        "s3://b/shop/../a": None,
    }
