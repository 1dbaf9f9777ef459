"""Rejects that a query replica has the indexer try again, over HTTP with the dispatch token."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mmpipe.dispatch.replays import IndexerReplays
from mmpipe.errors import DispatchUnavailable, InvalidRequest, NotFound
from mmpipe.lake import open_lake
from mmpipe.schemas.work import ReplayOrder
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
from tests.serve.listening import listening


def test_outcomes_and_refusals_are_those_of_the_indexer(tmp_path: Path) -> None:
    settings = settings_for(tmp_path)
    feed = write_feed(
        tmp_path, "poor.jsonl", [*catalogue()[:1], {"id": "poor", "title": "x", "price": "much"}]
    )
    assert InProcessWork(settings).indexer.execute([order_for(feed, settings)])[0].status == "done"
    (reject,) = open_lake(settings).collection("shop").rejects.list()

    def replays(token: str = TOKEN) -> IndexerReplays:
        return IndexerReplays(DispatchSettings(indexer_url=url, token=token))  # type: ignore[arg-type]

    def order(row: dict[str, str] | None = None, reject_id: str = reject.reject_id) -> ReplayOrder:
        text = None if row is None else json.dumps(row)
        return ReplayOrder(collection="shop", reject_id=reject_id, row=text)

    with listening(make_app(make_service(settings))) as url:
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
