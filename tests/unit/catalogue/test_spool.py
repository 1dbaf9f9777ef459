"""Rows put aside: in memory and on disk they are the same."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmpipe.catalogue.spool import Spool

MEMORY, DISK = 1 << 20, 0
KEYS = ["a", "A", "", "é", "e\u0301", "\x00", "\x00a", "\ud800", "\\ud800", "\udc80", "中", "a b", "'; --"]


@pytest.fixture(autouse=True)
def _folders_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))


def filled(memory_bytes: int, items: list[tuple[str, int]]) -> Spool[int]:
    spool: Spool[int] = Spool(memory_bytes)
    for key, value in items:
        spool.put(key, value, 10)
    return spool


@pytest.mark.parametrize("memory_bytes", [MEMORY, DISK, 45])
def test_values_come_back_in_the_order_they_came(memory_bytes: int) -> None:
    items = [("b", 1), ("a", 2), ("b", 3), ("c", 4), ("a", 5), ("b", 6), ("d", 7)]
    with filled(memory_bytes, items) as spool:
        assert [spool.get(key) for key in "abcd"] == [[2, 5], [1, 3, 6], [4], [7]]
        assert spool.get("e") == []
        assert list(spool.groups()) == [("b", [1, 3, 6]), ("a", [2, 5]), ("c", [4]), ("d", [7])]


@pytest.mark.parametrize("memory_bytes", [MEMORY, DISK])
def test_any_text_is_a_key_and_no_two_are_one(memory_bytes: int) -> None:
    with filled(memory_bytes, [(key, place) for place, key in enumerate(KEYS)]) as spool:
        assert [spool.get(key) for key in KEYS] == [[place] for place in range(len(KEYS))]
        assert [key for key, _ in spool.groups()] == KEYS


@pytest.mark.parametrize("memory_bytes", [MEMORY, DISK])
def test_what_was_asked_for_may_still_grow(memory_bytes: int) -> None:
    with filled(memory_bytes, [("a", 1)]) as spool:
        found = spool.get("a")
        found.append(99)
        spool.put("a", 2, 10)
        assert spool.get("a") == [1, 2]


@given(st.lists(st.tuples(st.sampled_from(KEYS[:6]), st.integers()), max_size=40), st.integers(0, 400))
def test_disk_and_memory_are_the_same(items: list[tuple[str, int]], memory_bytes: int) -> None:
    with filled(MEMORY, items) as held, filled(memory_bytes, items) as spooled:
        assert list(held.groups()) == list(spooled.groups())
        assert [held.get(key) for key in KEYS] == [spooled.get(key) for key in KEYS]


def test_values_may_be_read_while_groups_come(tmp_path: Path) -> None:
    with filled(DISK, [(str(n % 700), n) for n in range(2_100)]) as spool:
        for key, values in spool.groups():
            assert values == [int(key), int(key) + 700, int(key) + 1_400]
            assert len(spool.get("0")) == 3


def test_the_folder_is_nobody_elses_and_goes(tmp_path: Path) -> None:
    spool = filled(DISK, [("a", 1)])
    (folder,) = tmp_path.iterdir()
    assert folder.stat().st_mode & 0o077 == 0
    spool.close()
    assert list(tmp_path.iterdir()) == []
    spool.close()
    assert spool.get("a") == []


def test_nothing_is_written_while_there_is_little(tmp_path: Path) -> None:
    with filled(MEMORY, [("a", 1)]):
        assert list(tmp_path.iterdir()) == []


def test_the_folder_goes_after_an_error(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), filled(DISK, [("a", 1)]):
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []


def test_long_values_do_not_pile_up_in_memory(tmp_path: Path) -> None:
    with Spool[bytes](DISK) as spool:
        for n in range(20):
            spool.put(str(n), bytes(1 << 20), 1 << 20)
        (folder,) = tmp_path.iterdir()
        # All but the last few are on disk, long before there are thousands of rows.
        assert sum(path.stat().st_size for path in folder.iterdir()) > 12 << 20
        assert spool.get("7") == [bytes(1 << 20)]
