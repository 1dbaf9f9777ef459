"""A disk without room, or one that cannot be written: what was held is answered and says how old it is,
uploads are refused, none is lost.

The limit on the size of files stands for the disk's end: writing fails in this process as it does there, in
our own code and in Lance's.
"""

from __future__ import annotations

import errno
import os
import resource
import signal
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from mmpipe.errors import StorageUnavailable
from mmpipe.lake import open_lake
from mmpipe.serve.http.api import create_app
from mmpipe.serve.http.metrics import Metrics
from tests.serve.conftest import InProcessWork, catalogue, make_service, order_for, settings_for, write_feed


@contextmanager
def read_only(folder: Path) -> Iterator[None]:
    """Nothing below ``folder`` can be opened to be written, as after a disk had a fault."""
    open_file = os.open

    def opened(path: Any, flags: int, *more: Any, **named: Any) -> int:
        if flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT) and str(path).startswith(str(folder)):
            raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(path))
        return open_file(path, flags, *more, **named)

    with pytest.MonkeyPatch.context() as disk:
        disk.setattr(os, "open", opened)
        yield


@contextmanager
def no_room(size: int) -> Iterator[None]:
    """No file of this process grows beyond ``size`` bytes."""
    assert signal.getsignal(signal.SIGXFSZ) == signal.SIG_IGN, "as Python starts: it is an error, not the end"
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def files(folder: Path) -> set[Path]:
    """All files below, but empty ones: locks are."""
    found = {path for path in folder.rglob("*") if path.is_file() and path.stat().st_size}
    assert found
    return found


def test_uploads_are_refused_and_searches_go_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given = settings_for(tmp_path)
    # Looked at when the test says so.
    serve = given.serve.model_copy(update={"live_poll_seconds": 3_600.0})
    settings = given.model_copy(update={"serve": serve})
    work, lake = InProcessWork(settings), open_lake(settings)
    feeds = [write_feed(tmp_path, f"{count}.jsonl", catalogue()[:count]) for count in (5, 20)]
    orders = [order_for(feed, settings) for feed in feeds]
    assert [outcome.status for outcome in work.indexer.execute(orders[:1])] == ["done"]
    before = lake.collection("shop").live()
    with closing(make_service(settings)) as service:
        client = TestClient(create_app(service, Metrics("r")))

        def found() -> tuple[int, bool]:
            answer = client.get("/v1/search?limit=50")
            assert answer.status_code == 200
            return answer.json()["total"], "age" in answer.headers

        assert found() == (5, False)
        with no_room(1_000):
            (refused,) = work.indexer.execute(orders[1:])
            assert refused.status == "retry"
        assert lake.collection("shop").live() == before, "half of an upload is nobody's"
        # The queue brings it again; this node's disk is the one that is full now.
        assert [outcome.status for outcome in work.indexer.execute(orders[1:])] == ["done"]
        kept = files(tmp_path / "mirror")
        for broken in (no_room(1_000), read_only(tmp_path / "mirror")):
            with broken, pytest.raises((StorageUnavailable, OSError)):
                service.refresh()
            assert files(tmp_path / "mirror") <= kept, "nothing half-written stays"
        with monkeypatch.context() as later:
            later.setattr("mmpipe.serve.answer.watch.is_old", lambda age, poll_seconds: True)
            assert found() == (5, True)
        service.refresh()
        assert found() == (20, False)
