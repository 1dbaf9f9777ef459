"""Two shards on a real local Ray: the answers of one process, one shard killed, its replacement."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mmpipe.encoders import registry
from mmpipe.errors import MmpipeError
from mmpipe.lake import open_lake
from mmpipe.schemas.search import SearchRequest
from mmpipe.search import LiveVersions, Searcher, encode
from mmpipe.serve.answer.sharded import ShardedCollections
from mmpipe.serve.ray.run import ray_cluster
from mmpipe.serve.ray.shards import RayTransport, deployments
from mmpipe.settings import Settings
from tests.serve.conftest import InProcessWork, catalogue, order_for, settings_for, write_feed

pytestmark = pytest.mark.timeout(180)
SEARCH = SearchRequest(text="red shoe", facets=["brand"], limit=9)


class Front:
    """An ingress without HTTP. ``ask`` gives an answer, or the error's name and text."""

    def __init__(self, settings: Settings, *handles: Any) -> None:
        self._settings = settings
        self._transport = RayTransport(handles)
        self._found: dict[bool, ShardedCollections] = {}

    async def start(self) -> int:
        """Follow what is live; gives how many products there are."""
        for partial in (False, True):
            serve = self._settings.serve.model_copy(update={"partial_answers": partial})
            settings = self._settings.model_copy(update={"serve": serve})
            self._found[partial] = ShardedCollections(settings, open_lake(settings), self._transport)
            await self._found[partial].start()
        return self._found[False].get("shop").products

    async def ask(self, body: str, partial: bool) -> tuple[str, str]:
        """One search."""
        request = SearchRequest.model_validate_json(body)
        query = encode(request, registry.load("fake"), {})
        found = self._found[partial]
        try:
            version = found.get("shop", page_cursor=request.cursor)
            return "", (await found.search(version, request, query)).decode()
        except MmpipeError as error:
            return type(error).__name__, str(error)


class Asked:
    """The ingress from outside Ray; a handle belongs to one event loop."""

    def __init__(self, handle: Any, runner: asyncio.Runner) -> None:
        self._handle = handle
        self._runner = runner

    def call(self, method: str, *args: Any) -> Any:
        """A method of :class:`Front`."""

        async def answered() -> Any:
            return await getattr(self._handle, method).remote(*args)

        return self._runner.run(answered())

    def __call__(self, request: SearchRequest, *, partial: bool = False) -> tuple[str, Any]:
        """The error's name and text, or an empty name and the page."""
        name, said = self.call("ask", request.model_dump_json(exclude_defaults=True), partial)
        if name:
            return name, said
        page = json.loads(said)
        del page["took_ms"]
        return "", page


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Settings, Asked]]:
    """120 products in four fragments, behind two shards."""
    folder = tmp_path_factory.mktemp("shards")
    settings = settings_for(folder, shards=2)
    work, rows = InProcessWork(settings), catalogue()
    for part in range(4):
        feed = write_feed(folder, f"part-{part}.jsonl", rows[part::4])
        work.indexer.execute([order_for(feed, settings)])
    with ray_cluster(settings), asyncio.Runner() as runner:
        from ray import serve

        front = serve.deployment(Front, name="Front").bind(settings, *deployments(settings))
        ask = Asked(serve.run(front, name="shards", route_prefix=None), runner)
        assert ask.call("start") == 120
        yield settings, ask
        serve.shutdown()


def test_two_shards_answer_as_one_process_does(shop: tuple[Settings, Asked]) -> None:
    settings, ask = shop
    loaded = registry.load("fake")
    with LiveVersions(settings, open_lake(settings)) as versions:
        searcher = Searcher(loaded.profile, settings.serve)
        request = SEARCH
        for _ in range(3):
            whole = json.loads(
                searcher.search_json(versions.get("shop"), request, encode(request, loaded, {}))
            )
            del whole["took_ms"]
            assert ask(request) == ("", whole)
            request = SEARCH.model_copy(update={"cursor": whole["next_cursor"]})


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="finds the process by /proc")
def test_a_killed_shard_is_named_then_replaced(shop: tuple[Settings, Asked]) -> None:
    _, ask = shop
    name, before = ask(SEARCH)
    assert name == ""
    os.kill(_process("Shard-1"), signal.SIGKILL)
    killed = time.monotonic()
    seen: list[tuple[str, Any]] = []
    partial: list[tuple[str, Any]] = []
    while time.monotonic() - killed < 90:
        seen.append(ask(SEARCH))
        partial.append(ask(SEARCH, partial=True))
        if seen[-1][0] == "" and "partial" not in partial[-1][1]:
            break
        time.sleep(0.05)
    assert seen[-1] == ("", before), "Serve has replaced it, and it has loaded what is live"
    errors = [said for name, said in seen if name]
    assert errors
    assert all("shard 1" in said for said in errors)
    assert {name for name, _ in seen} == {"", "ShardMissing"}
    assert {name for name, _ in partial} == {""}, "the others answer all the while"
    fewer = [page for _, page in partial if page.get("partial")]
    assert fewer
    assert all(0 < page["total"] < before["total"] for page in fewer)


def _process(deployment: str) -> int:
    """The process of this cluster's only replica of a deployment."""
    ours = f"TMPDIR={os.environ['TMPDIR']}".encode()
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            title = (process / "cmdline").read_bytes().decode()
            if f"ServeReplica:shards:{deployment}" in title and ours in (process / "environ").read_bytes():
                found.append(int(process.name))
        except OSError:
            continue  # it has just ended, or is somebody else's
    (pid,) = found
    return pid
