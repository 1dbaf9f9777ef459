"""Rejects that a query replica has the indexer try again, over HTTP with the dispatch token."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import pytest
import uvicorn

from mmpipe.dispatch.replays import IndexerReplays
from mmpipe.errors import DispatchUnavailable, InvalidRequest, NotFound
from mmpipe.lake import open_lake
from mmpipe.schemas.work import ReplayOrder
from mmpipe.serve.ray.run import free_port
from mmpipe.settings import DispatchSettings
from tests.serve.conftest import (
    TOKEN,
    InProcessWork,
    catalogue,
    make_app,
    make_service,
    order_for,
    settings_for,
    write_feed,
)


def test_outcomes_and_refusals_are_those_of_the_indexer(tmp_path: Path) -> None:
    settings = settings_for(tmp_path)
    feed = write_feed(
        tmp_path, "poor.jsonl", [*catalogue()[:1], {"id": "poor", "title": "x", "price": "much"}]
    )
    assert InProcessWork(settings).indexer.execute([order_for(feed, settings)])[0].status == "done"
    (reject,) = open_lake(settings).collection("shop").rejects.list()
    port = free_port()
    app = make_app(make_service(settings))
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=port, log_level="warning"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        assert thread.is_alive(), "the server did not start"

    def replays(token: str = TOKEN) -> IndexerReplays:
        url = f"http://127.0.0.1:{port}"
        return IndexerReplays(DispatchSettings(indexer_url=url, token=token))  # type: ignore[arg-type]

    def order(row: dict[str, str] | None = None, reject_id: str = reject.reject_id) -> ReplayOrder:
        text = None if row is None else json.dumps(row)
        return ReplayOrder(collection="shop", reject_id=reject_id, row=text)

    try:
        asis = replays().replay(order())
        assert (asis.mended, asis.reason) == (False, reject.reason)
        with pytest.raises(InvalidRequest) as wrong:
            replays().replay(order({"id": "other", "title": "x"}))
        assert wrong.value.field == "id"
        with pytest.raises(NotFound, match="has no reject"):
            replays().replay(order(reject_id="0" * 64))
        with pytest.raises(DispatchUnavailable):
            replays("not-the-token").replay(order())
        assert replays().replay(order({"id": "poor", "title": "x", "price": "9.00 USD"})).mended
    finally:
        server.should_exit = True
        thread.join()
