"""Somebody empties a collection's folder under a service and its indexer: searches go on from what is held,
what needs the files says that they are not there, and the next upload makes the collection anew."""

from __future__ import annotations

import shutil
from contextlib import closing
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from mmpipe.lake import open_lake
from mmpipe.serve.http.api import create_app
from mmpipe.serve.http.metrics import Metrics
from tests.serve.conftest import InProcessWork, catalogue, make_service, order_for, settings_for, write_feed


def test_it_is_made_anew_by_the_next_upload(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mmpipe.serve.answer.reviews.KEPT_SECONDS", 0.0)
    settings = settings_for(tmp_path)
    work, lake = InProcessWork(settings).indexer, open_lake(settings)
    rows = catalogue()
    before, after = (
        order_for(write_feed(tmp_path, f"{count}.jsonl", rows[:count]), settings) for count in (20, 5)
    )
    assert [outcome.status for outcome in work.execute([before])] == ["done"]
    collection = lake.collection("shop")
    live = collection.live()
    product = rows[0]["id"]
    with closing(make_service(settings)) as service:
        client = TestClient(create_app(service, Metrics("r")), raise_server_exceptions=False)

        def found() -> int:
            return int(client.get("/v1/search?limit=50").json()["total"])

        def status(path: str) -> int:
            return client.get(path).status_code

        paths = [f"/v1/products/{product}", f"/v1/products/{product}/reviews"]
        assert (found(), [status(path) for path in paths]) == (20, [200, 200])
        shutil.rmtree(collection.uri.removeprefix("file://"))
        assert (found(), [status(path) for path in paths]) == (20, [503, 503])
        tried = [work.execute([after])[0].status for _ in range(2)]
        assert tried == ["retry", "done"], "who tells the queue so gets it again"
        again = collection.live()
        assert live is not None
        assert again is not None
        assert (again.generation, again.version) == (live.generation, live.version), "but another"
        service.refresh()
        assert (found(), [status(path) for path in paths]) == (5, [200, 200])
        assert [run.status for run in collection.runs.list()] == ["done"]
