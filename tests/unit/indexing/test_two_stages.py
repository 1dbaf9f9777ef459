"""Parts of a chunk travel apart where encoders have processes of their own."""

from __future__ import annotations

from collections.abc import Callable, Generator

import pytest

from mmpipe.errors import StorageUnavailable
from mmpipe.indexing.lanes import feed as lanes
from mmpipe.indexing.lanes.chunks import FeedJob, read_packed
from mmpipe.indexing.lanes.worker import ChunkEncoder, ChunkPreparer
from tests.unit.indexing.broken_off import live_rows
from tests.unit.indexing.bucket import order_of
from tests.unit.indexing.conftest import Shop


def encoders(places: list[int], stop: int | None) -> Callable[[FeedJob], Generator[bytes, None, None]]:
    """Two stages whose parts come back in another order, the first as ``places`` says, killed after
    ``stop``."""

    def go(job: FeedJob) -> Generator[bytes, None, None]:
        preparer, encoder = ChunkPreparer(job), ChunkEncoder(job)
        parts = [part for chunk in read_packed(job.pack()) for part in preparer(chunk)]
        first = [parts[place] for place in places if place < len(parts)]
        left = [part for place, part in enumerate(parts) if place not in places]
        for number, part in enumerate([*first, *left], start=1):
            yield encoder(part)
            if number == stop:
                raise StorageUnavailable("killed")

    return go


@pytest.mark.parametrize("places", [[1, 0, 3], [3, 1, 0], [0, 3, 1]])
def test_a_run_killed_between_the_parts_of_a_chunk_loses_none(batch: Shop, places: list[int]) -> None:
    indexing = batch.settings.indexing.model_copy(update={"chunk_rows": 4, "commit_rows": 4})
    settings = batch.settings.model_copy(update={"indexing": indexing})
    event = batch.bucket.put_feed("all", [{"id": f"p{n}", "title": f"Product {n}"} for n in range(12)])
    with pytest.raises(StorageUnavailable):
        lanes.execute(order_of(event), settings, encoders(places, 3), loaded=batch.loaded)
    record = lanes.execute(order_of(event), settings, encoders([], None), loaded=batch.loaded)
    assert len(live_rows(batch)) == 12
    assert (record.read, record.indexed) == (12, 12)
