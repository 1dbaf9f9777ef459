"""A log that keeps the newest of what was written to it."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from mmpipe.local import bounded_log
from mmpipe.local.bounded_log import BoundedLog
from mmpipe.local.processes import Child


def lines(first: int, last: int) -> bytes:
    return b"".join(b"line %06d\n" % number for number in range(first, last))


def test_it_never_holds_more_and_keeps_the_newest_whole_lines(tmp_path: Path) -> None:
    path = tmp_path / "log"
    log = BoundedLog(path, 1_200)
    for number in range(500):
        log.write(lines(number, number + 1))
        data = path.read_bytes()
        assert len(data) <= 1_200
        first = number + 1 - len(data) // 12
        assert data == lines(first, number + 1)
        assert first == 0 or len(data) >= 500, "and no less than nearly half of it"
    log.write(b"x" * 5_000)
    assert path.read_bytes().endswith(b"\n" + b"x" * 600), "of one that is too long its end"
    assert path.stat().st_size <= 1_200


def test_a_log_that_was_longer_before_is_made_shorter(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(lines(0, 10_000))
    BoundedLog(path, 1_200).write(b"the newest\n")
    assert path.read_bytes() == lines(9_951, 10_000) + b"the newest\n"


def test_whoever_is_killed_while_it_is_made_shorter_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "log"
    log = BoundedLog(path, 1_200)
    log.write(lines(0, 50))
    log.write(lines(50, 100))

    class Killed(BaseException):
        pass

    def killed(*_: object) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(bounded_log.os, "replace", killed)
        with pytest.raises(Killed):
            log.write(lines(100, 101))
    assert path.read_bytes() == lines(0, 100)
    BoundedLog(path, 1_200).write(lines(100, 101))
    assert path.read_bytes() == lines(51, 101)
    assert sorted(each.name for each in tmp_path.iterdir()) == ["log"]


def test_whoever_writes_is_not_held_up_by_a_disk_that_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reading, writing = os.pipe()
    log = BoundedLog(tmp_path / "no such folder" / "log", 1_200)
    drain = threading.Thread(target=log.drain, args=(os.fdopen(reading, "rb"),))
    drain.start()
    with os.fdopen(writing, "wb") as file:
        file.write(b"x" * 1_000_000)
    drain.join(60)
    assert not drain.is_alive()


def test_a_childs_log_is_bounded_and_quoted(tmp_path: Path) -> None:
    (tmp_path / "talker.py").write_text(
        "import sys\nfor n in range(5000):\n    print(f'line {n:06d}', file=sys.stderr)\n"
    )
    log = tmp_path / "log"
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    child = Child("talker", [], environment, log, 10_000)
    with pytest.raises(Exception, match="line 004999"):
        child.wait_ready(60)
    child.stop(10)
    assert log.stat().st_size <= 10_000
    assert log.read_bytes().endswith(b"line 004999\n")
