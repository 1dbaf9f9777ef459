"""A large feed that a lake in a folder was given is indexed by a process of its own."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from pathlib import Path

from mmpipe.dispatch.folder_queue import FolderQueue
from mmpipe.lake import open_lake
from mmpipe.local.folder_pump import FolderPump, LargeFeeds, with_uploads
from mmpipe.objects import FolderStore
from mmpipe.schemas.work import CatalogueEvent, ObjectRef, WorkOrder, WorkOutcome
from mmpipe.settings import IndexingSettings, LakeSettings, Settings


class Nobody:
    """An indexer that must not be asked."""

    def submit(self, orders: Sequence[WorkOrder]) -> list[WorkOutcome]:
        raise AssertionError("a large feed is none of its work")


def test_a_large_feed_has_a_process_of_its_own(tmp_path: Path) -> None:
    settings = with_uploads(
        Settings(
            lake=LakeSettings(uri=str(tmp_path / "lake")),
            indexing=IndexingSettings(profile="fake", warm_max_bytes=1_000, workers=1),
        )
    )
    root = Path(str(settings.indexing.uploads_uri))
    rows = "".join(json.dumps({"id": f"p{n}", "title": f"Hat {n}"}) + "\n" for n in range(40))
    stat = FolderStore(root).write(f"file://{root}/shop/feeds/all.jsonl", rows.encode())
    ref = ObjectRef(uri=stat.uri, etag=stat.etag, size=stat.size, event_time=stat.last_modified)
    FolderQueue(root).put(CatalogueEvent(kind="feed_uploaded", collection="shop", object=ref))
    with FolderPump(settings, Nobody()):
        deadline = time.monotonic() + 120
        while FolderQueue(root).depths().waiting:
            assert time.monotonic() < deadline
            time.sleep(0.1)
    (run,) = open_lake(settings).collection("shop").runs.list()
    assert (run.status, run.indexed, run.lane) == ("done", 40, "batch")
    stopped = LargeFeeds(settings)
    stopped.stop()
    order = WorkOrder(run_id="0" * 32, kind="feed_uploaded", collection="shop", object=ref, lane="batch")
    assert stopped.execute(order).status == "retry"
