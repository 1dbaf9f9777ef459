"""The calls behind the routes: each asks whose collection it is first, and reads the lake in a thread."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from mmpipe.dispatch.depths import queue_depths
from mmpipe.dispatch.queues import sqs_client
from mmpipe.dispatch.replays import IndexerReplays
from mmpipe.errors import MmpipeError, NotFound, Outdated, PublishRejected, UnknownCollection
from mmpipe.lake import open_lake
from mmpipe.schemas.status import Latency, Moved, Offered, Publication, QueueDepths, Replicas, Status
from mmpipe.schemas.uploads import RejectsPage, Upload
from mmpipe.schemas.work import ReplayOrder, ReplayOutcome
from mmpipe.serve.answer import tenancy
from mmpipe.serve.answer.budget import Budget
from mmpipe.serve.operations import collections, status
from mmpipe.serve.operations.cost import reckoned
from mmpipe.serve.operations.dead_letters import GivenUp
from mmpipe.serve.operations.progress import Progress, no_upload, read_id, upload_of
from mmpipe.serve.operations.rejects import page_of
from mmpipe.serve.operations.uploads import Receiver

if TYPE_CHECKING:
    from mmpipe.lake import Collection
    from mmpipe.lake.live import LiveFile, LiveVersion
    from mmpipe.schemas.work import Section
    from mmpipe.serve.answer.service import QueryService
    from mmpipe.settings import DispatchSettings

Replay = Callable[[ReplayOrder], Awaitable[ReplayOutcome]]
_REPLAYS = 2
_REPLAY_WAIT_SECONDS = 5.0


class Operations:
    """Over the lake of ``service``. ``replay`` tries a reject again, unless given by the indexer over HTTP;
    ``replicas`` counts the deployments, and may block; ``latency`` tells of the newest searches here."""

    def __init__(
        self,
        service: QueryService,
        latency: Callable[[], Latency],
        *,
        replay: Replay | None = None,
        replicas: Callable[[], Sequence[Replicas] | None] = lambda: None,
    ) -> None:
        self._service = service
        self._settings = settings = service.settings
        self._lake = open_lake(settings)
        self.audit = service.audit
        self._latency = latency
        self._replay = replay or _by_indexer(settings.dispatch)
        self._replicas = replicas
        self._receiver = Receiver(settings)
        root = settings.indexing.uploads_uri
        given_up = GivenUp(settings, _has_all)
        self._progress = None if root is None else Progress(root, settings.storage, given_up)
        self._queue = _queue(settings.dispatch)

    async def receive(
        self, collection: str | None, section: Section, name: str, body: AsyncIterator[bytes]
    ) -> Upload:
        """Store a file of a collection, which need not be there yet. Raises as
        :meth:`Receiver.place` and :meth:`Receiver.receive`, and ``UnknownCollection``."""
        named = await asyncio.to_thread(collections.name_of, self._lake, collection)
        place = self._receiver.place(named, section, name)
        found = await self._receiver.receive(place, body)
        return upload_of(named, place, found.etag, None, found)

    async def uploads(self, collection: str | None, limit: int) -> list[Upload]:
        """The newest uploads that were taken up or given up. Raises ``UnknownCollection``,
        ``InvalidRequest``."""
        return await asyncio.to_thread(self._uploads, collection, limit)

    async def upload(self, collection: str | None, upload_id: str) -> Upload:
        """One of them, also before. Raises likewise, and ``NotFound``."""
        return await asyncio.to_thread(self._upload, collection, upload_id)

    async def rejects(
        self, collection: str | None, upload_id: str | None, limit: int, offset: int
    ) -> RejectsPage:
        """Rejects of a collection, or of one file. Raises as :meth:`upload`."""
        return await asyncio.to_thread(self._rejects, collection, upload_id, limit, offset)

    async def replay(self, collection: str | None, reject_id: str, row: str | None) -> ReplayOutcome:
        """Try a reject again. Raises ``NotFound``, ``InvalidRequest``, ``DispatchUnavailable``."""
        held = await asyncio.to_thread(collections.opened, self._lake, collection)
        return await self._replay(ReplayOrder(collection=held.name, reject_id=reject_id, row=row))

    async def status(self, collection: str | None) -> Status:
        """See :class:`Status`. Raises ``UnknownCollection``, ``InvalidRequest``."""
        held = await asyncio.to_thread(collections.opened, self._lake, collection)
        all_served = self._service.served()
        served = next((each for each in all_served if each.collection == held.name), None)
        age, latency = self._service.ages().get(held.name), self._latency()
        told, replicas, queue = await asyncio.gather(
            asyncio.to_thread(status.Told.of, held),
            asyncio.to_thread(self._replicas),
            asyncio.to_thread(self._depths),
        )
        return Status(
            collection=held.name,
            live=told.live,
            history=told.history,
            back_to=told.back_to,
            models=told.models,
            rejects=told.rejects,
            freshness=status.freshness(told.runs, age, None if served is None else served.version),
            latency=latency,
            replicas=None if replicas is None else list(replicas),
            queue=queue,
            offered=Offered(
                uploads=self._receiver.offered,
                max_upload_bytes=self._settings.serve.max_upload_bytes,
                lake=self._settings.lake.uri if _has_all() else None,
            ),
            cost=reckoned(self._settings, all_served, latency.per_second, replicas) if _has_all() else None,
        )

    async def roll_back(self, collection: str | None, generation: int) -> Moved:
        """Make live what was live before, where ``generation`` is what is live now. Raises :class:`Outdated`
        where it is not, ``PublishRejected`` where there is nothing to go back to in the same table."""
        return await asyncio.to_thread(self._roll_back, collection, generation)

    async def promote(
        self, collection: str | None, generation: int, table: str, version: int | None
    ) -> Moved:
        """Make a version of a table live, the newest unless given. Raises likewise, and ``NotFound``."""
        return await asyncio.to_thread(self._promote, collection, generation, table, version)

    def _uploads(self, collection: str | None, limit: int) -> list[Upload]:
        held = collections.opened(self._lake, collection)
        return [] if self._progress is None else self._progress.listed(held, limit)

    def _upload(self, collection: str | None, upload_id: str) -> Upload:
        name = collections.name_of(self._lake, collection)
        if self._progress is None:
            raise no_upload()
        try:
            held: Collection | None = self._lake.collection(name)
        except UnknownCollection:
            held = None  # its first file waits
        return self._progress.of(name, held, upload_id)

    def _rejects(self, collection: str | None, upload_id: str | None, limit: int, offset: int) -> RejectsPage:
        held = collections.opened(self._lake, collection)
        source = None
        if upload_id is not None:
            if self._progress is None:
                raise no_upload()
            source = self._progress.source(held.name, read_id(upload_id, held.name)[0])
        return page_of(held, source, limit, offset)

    def _roll_back(self, collection: str | None, generation: int) -> Moved:
        held = collections.opened(self._lake, collection)
        content = _as_seen(held, generation)
        target = content.before()
        if target is not None and target.table != content.live.table:
            raise PublishRejected(
                f"what was live before is {target.table}, of other models: `mmpipe live rollback` goes back,"
                " and carries over what was written since"
            )
        return _moved(held, held.rollback(reason="rolled back over HTTP", generation=generation))

    def _promote(self, collection: str | None, generation: int, table: str, version: int | None) -> Moved:
        held = collections.opened(self._lake, collection)
        content = _as_seen(held, generation)
        if table != content.live.table:
            raise PublishRejected(
                f"{table} is not the live table: `mmpipe live switch` moves readers to other models"
            )
        return _moved(held, held.promote(table, version, reason="promoted over HTTP", generation=generation))

    def _depths(self) -> QueueDepths | None:
        if not _has_all():
            return None
        try:
            return self._receiver.depths() if self._queue is None else self._queue()
        except (MmpipeError, OSError):
            return None  # the page is about more than the queue


def _has_all() -> bool:
    """Whether the lake as a whole is the caller's affair."""
    caller = tenancy.current()
    return caller is None or caller.grant.collections is None


def _as_seen(held: Collection, generation: int) -> LiveFile:
    content = held.live_file()
    if content is None:
        raise PublishRejected(f"collection {held.name} has nothing live yet")
    if content.live.generation != generation:
        raise Outdated(
            "generation", f"{content.live.generation} is live by now; look at it, and say that one"
        )
    return content


def _moved(held: Collection, live: LiveVersion) -> Moved:
    content = held.live_file()
    now = Publication.model_validate(live.model_dump())
    before = None if content is None else status.publication(content.before())
    return Moved(collection=held.name, live=now, back_to=before)


def _by_indexer(dispatch: DispatchSettings) -> Replay:
    client = IndexerReplays(dispatch)
    # The indexer takes one at a time, for up to a minute; nobody else's reads are to wait behind them.
    threads = ThreadPoolExecutor(_REPLAYS, thread_name_prefix="replays")
    turns = Budget(_REPLAYS, _REPLAY_WAIT_SECONDS)

    async def replay(order: ReplayOrder) -> ReplayOutcome:
        if not dispatch.token.get_secret_value() and dispatch.token_secret is None:
            raise NotFound(
                "rejects are tried again by the indexer, and this service has no dispatch token for it"
                f" (MMPIPE_DISPATCH__TOKEN): `mmpipe rejects replay {order.reject_id[:12]}` does it"
            )
        async with turns.held(1):
            return await asyncio.get_running_loop().run_in_executor(threads, client.replay, order)

    return replay


def _queue(dispatch: DispatchSettings) -> Callable[[], QueueDepths] | None:
    if dispatch.queue_url is None or dispatch.dlq_url is None:
        return None
    queue, dead = dispatch.queue_url, dispatch.dlq_url
    client = sqs_client(queue, "dispatch.queue_url", connect_seconds=2, read_seconds=5, attempts=1)
    return lambda: queue_depths(client, queue, dead)
