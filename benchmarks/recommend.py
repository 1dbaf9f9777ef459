"""Recommendations and interactions over HTTP, on a shop with two million events.

    python benchmarks/recommend.py --lake KAGL_LAKE [--events 2000000] [--users 100000] [--seconds 5]
    python benchmarks/recommend.py --lake KAGL_LAKE --only-lists [--replicas 1]

A copy of the lake gets the made-up events of benchmarks/synthetic_events.py in its log. Then, through Ray
Serve: every kind at 8 clients, each request of another shopper or product drawn as shoppers come; events in
batches of ten at 8 clients; and with two replicas the same while one of them is killed with SIGKILL: every
event that was accepted is looked for in the log afterwards. ``factors`` compares, in this process and on the
same ALS factors, what a model's part takes for one shopper with ``implicit``'s own ``recommend``; both fold
the shopper's history in and pass over all items. Prints one JSON line. With ``--only-lists`` it ends after
the kinds.

Beside latencies, of each kind what one answer takes of a processor, in milliseconds, by who takes it
(``cpu_ms``): ``replicas``, ``proxy``, ``clients`` (the load generator) and ``others``, the rest of the
service. On two cores the four together bound what can be answered; latencies grow with whatever else the
machine does, these hardly.
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import json
import os
import shutil
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlsplit

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks import synthetic_events
from benchmarks.builds import HERE, Build
from benchmarks.engine import Table
from benchmarks.http_search import drive, serving
from benchmarks.load import raw_request
from benchmarks.processor import spent
from benchmarks.questions import live_table, only_collection
from benchmarks.synthetic_events import Events
from benchmarks.workload import post
from mmpipe.lake import open_lake
from mmpipe.lake.interactions.pseudonyms import open_pseudonyms
from mmpipe.schemas.recommend import KINDS
from mmpipe.settings import LakeSettings, Settings

_ABOUT_PRODUCTS = ("similar", "bought_together", "also_viewed", "substitutes", "complements")
_SEGMENTS, _CLIENTS, _BATCH = 40, 8, 10
_REQUESTS, _LIMIT = 3_000, 10
_KILLED_SECONDS = 20.0
# Before a client connects again.
_PAUSE_SECONDS = 0.05
_FACTORS, _FOLDED = 64, 300


def main() -> None:
    """Parse, measure, print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--lake", type=Path, required=True, help="a folder with one indexed collection")
    parser.add_argument("--events", type=int, default=2_000_000)
    parser.add_argument("--users", type=int, default=100_000)
    parser.add_argument("--replicas", type=int, default=2, help="query replicas, fixed")
    parser.add_argument("--seconds", type=float, default=5.0, help="of each run")
    parser.add_argument("--warmup", type=float, default=1.0)
    parser.add_argument("--rest", type=float, default=10.0, help="seconds before the first run")
    parser.add_argument("--only-lists", action="store_true", help="end after the kinds")
    parser.add_argument("--work", type=Path, help="where the copy is made; default: the system's")
    options = parser.parse_args()
    report: dict[str, Any] = {"benchmark": "recommend", "cpus": os.cpu_count(), "events": options.events}
    with tempfile.TemporaryDirectory(prefix="mmpipe-bench-", dir=options.work) as folder:
        shop = Shop(options.lake, Path(folder), options.events, options.users)
        report["products"] = len(shop.products)
        report["log_bytes"] = shop.log_bytes
        report |= _over_http(shop, options)
        if not options.only_lists:
            report["killed"] = _killed(shop)
            report["factors"] = _factors(shop.events, len(shop.products))
    print(json.dumps(report))


class Shop:
    """A copy of a lake, with events of shoppers that exist only here."""

    def __init__(self, lake: Path, folder: Path, events: int, users: int) -> None:
        self.folder = folder
        self.table = Table("shop", folder / "lake", folder)
        shutil.copytree(lake, self.table.lake)
        self.collection = self.table.collection = only_collection(self.table.lake)
        held = live_table(self.table.lake, self.collection)
        alive = "deleted = false" if "deleted" in held.schema.names else None
        self.products: list[str] = held.to_table(columns=["id"], filter=alive)["id"].to_pylist()
        self.settings = Settings(lake=LakeSettings(uri=str(self.table.lake)))
        opened = open_lake(self.settings)
        self.log = opened.collection(self.collection).interactions
        pseudonyms = open_pseudonyms(self.settings, opened)

        def named(kind: str, number: int) -> str:
            of = pseudonyms.user if kind == "user" else pseudonyms.session
            return of(self.collection, f"{kind}-{number}")

        self.events = synthetic_events.draw(events, items=len(self.products), users=users, now=time.time())
        rows = synthetic_events.table(self.events, self.products, named)
        size = -(-events // _SEGMENTS)
        for at in range(0, events, size):
            part = rows.slice(at, size)
            self.log.append(part, now=datetime.fromtimestamp(self.events.time[at] / 1e6, UTC))
        self.log_bytes = sum(segment.size for segment in self.log.segments())

    def requests(self, kind: str, host: str) -> list[bytes]:
        """Of shoppers and products as often as they are in the events."""
        rng = np.random.default_rng(5)
        made = []
        for event in rng.integers(0, len(self.events), _REQUESTS).tolist():
            body: dict[str, Any] = {"collection": self.collection, "kind": kind, "limit": _LIMIT}
            body["session_id"] = f"session-{self.events.session[event]}"
            if self.events.user[event] >= 0:
                body["user_id"] = f"user-{self.events.user[event]}"
            if kind in _ABOUT_PRODUCTS:
                body["product_ids"] = [self.products[self.events.item[event]]]
            made.append(raw_request("POST", "/v1/recommendations", json.dumps(body).encode(), host=host))
        return made

    def batches(self, first: int, count: int) -> list[bytes]:
        """Bodies with ten new events each."""
        coming = synthetic_events.draw(
            count * _BATCH, items=len(self.products), users=50_000, now=time.time(), days=1.0, seed=first
        )
        events = list(synthetic_events.requests(coming, self.products, first=first))
        return [
            json.dumps({"collection": self.collection, "interactions": events[at : at + _BATCH]}).encode()
            for at in range(0, len(events), _BATCH)
        ]


def _over_http(shop: Shop, options: argparse.Namespace) -> dict[str, Any]:
    report: dict[str, Any] = {}
    with serving(Build("this", HERE), shop.table, options.replicas) as url:
        host = urlsplit(url).netloc
        _until_known(shop, url)
        # Replicas that have just started prepare suggestions and listening.
        time.sleep(options.rest)
        report["kinds"] = {}
        for kind in KINDS:
            figures = report["kinds"][kind] = _of_kind(url, shop.requests(kind, host), options)
            print(f"{kind}: {json.dumps(figures)}", file=sys.stderr, flush=True)
        if options.only_lists:
            return report
        # More than are sent: an event that comes twice would be a duplicate, and cheap.
        bodies = shop.batches(10**9, int(options.seconds + options.warmup) * 1_500)
        raw = [raw_request("POST", "/v1/interactions", body, host=host) for body in bodies]
        before = shop.log.count()
        ingest = drive(url, raw, _CLIENTS, options)
        ingest["events_per_second"] = round(ingest["qps"] * _BATCH)
        ingest["stored"] = shop.log.count() - before
        report["ingest"] = ingest
    return report


def _of_kind(url: str, raw: Sequence[bytes], options: argparse.Namespace) -> dict[str, Any]:
    before = spent()
    figures = drive(url, raw, _CLIENTS, options)
    used = {part: seconds - before[part] for part, seconds in spent().items()}
    used["clients"] = figures.pop("cpu_seconds")
    answered = figures.pop("answered")
    figures["cpu_ms"] = {part: round(1e3 * seconds / answered, 3) for part, seconds in used.items()}
    return figures


def _until_known(shop: Shop, url: str) -> None:
    """Until the replica has read the log."""
    deadline = time.monotonic() + 120
    body = {"collection": shop.collection, "kind": "popular"}
    while post(f"{url}/v1/recommendations", body)["lists"][0]["fallback"] is not None:
        if time.monotonic() > deadline:
            raise SystemExit("the replica did not read its log")
        time.sleep(0.2)


def _killed(shop: Shop) -> dict[str, Any]:
    """What two replicas accepted while one was killed, and what of it is in the log."""
    bodies = shop.batches(2 * 10**9, 60_000)
    accepted: list[set[str]] = [set() for _ in range(_CLIENTS)]
    failed = [0] * _CLIENTS
    ended = threading.Event()
    before = set(_query_replicas())
    with serving(Build("this", HERE), shop.table, 2) as url:
        netloc = urlsplit(url).netloc
        _until_known(shop, url)
        replicas = [process for process in _query_replicas() if process not in before]
        if not replicas:
            raise SystemExit("no replica was found")

        def send(client: int) -> None:
            mine = iter(bodies[client::_CLIENTS])
            while not ended.wait(_PAUSE_SECONDS):
                connection = http.client.HTTPConnection(netloc, timeout=30)
                with contextlib.closing(connection), contextlib.suppress(OSError, http.client.HTTPException):
                    while not ended.is_set():
                        body = next(mine)
                        failed[client] += 1
                        connection.request(
                            "POST", "/v1/interactions", body, {"Content-Type": "application/json"}
                        )
                        answer = connection.getresponse()
                        told = answer.read()
                        if answer.status != 202:
                            continue
                        counted = json.loads(told)
                        if counted["accepted"] + counted["duplicates"] == _BATCH:
                            failed[client] -= 1
                            events = json.loads(body)["interactions"]
                            accepted[client].update(event["event_id"] for event in events)

        clients = [threading.Thread(target=send, args=(n,)) for n in range(_CLIENTS)]
        for thread in clients:
            thread.start()
        time.sleep(_KILLED_SECONDS / 2)
        os.kill(replicas[0], signal.SIGKILL)
        time.sleep(_KILLED_SECONDS / 2)
        ended.set()
        for thread in clients:
            thread.join()
    stored = {event for part in shop.log.scan(columns=["event_id"]) for event in part["event_id"].to_pylist()}
    promised = set().union(*accepted)
    return {
        "accepted": len(promised),
        "batches_not_accepted": sum(failed),
        "lost": len(promised - stored),
    }


def _query_replicas() -> list[int]:
    """Processes of query replicas on this machine."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # it has just ended
            title = (process / "cmdline").read_bytes().decode(errors="replace")
            if "ServeReplica:mmpipe:Api" in title or ":mmpipe#Api#" in title:
                found.append(int(process.name))
    return found


def _factors(events: Events, items: int) -> dict[str, Any]:
    from implicit.als import AlternatingLeastSquares
    from scipy.sparse import csr_matrix

    from mmpipe.recommend.model.parts import FactorPart, Past, Place

    known = events.user >= 0
    user, item = events.user[known], events.item[known]
    seen = csr_matrix((np.ones(len(user), np.float32), (user, item)), shape=(int(user.max()) + 1, items))
    seen.sum_duplicates()
    seen.data[:] = 1
    model = AlternatingLeastSquares(factors=_FACTORS, iterations=3, random_state=3, num_threads=1)
    model.fit(seen, show_progress=False)
    part = FactorPart(np.ascontiguousarray(model.item_factors), model.regularization, 1.0)
    rows = np.arange(items, dtype=np.int32)
    place = Place(cast(Any, None), rows, rows[:0], readable=False)
    asked = np.random.default_rng(3).choice(np.flatnonzero(np.diff(seen.indptr)), _FOLDED, replace=False)

    def ours(row: int) -> Sequence[int]:
        mine = seen.indices[seen.indptr[row] : seen.indptr[row + 1]]
        scores = part.scores(Past(mine, mine), place)
        assert scores is not None
        scores[mine] = -np.inf
        first = np.argpartition(-scores, _LIMIT)[:_LIMIT]
        ranked: list[int] = first[np.argsort(-scores[first])].tolist()
        return ranked

    def theirs(row: int) -> Sequence[int]:
        ids, _ = model.recommend(row, seen[row], N=_LIMIT, recalculate_user=True)
        found: list[int] = ids.tolist()
        return found

    same = [len(set(ours(row)) & set(theirs(row))) for row in asked[:50].tolist()]
    return {
        "mmpipe_ms": _timed(ours, asked.tolist()),
        "implicit_ms": _timed(theirs, asked.tolist()),
        "same_of_ten": round(float(np.mean(same)), 2),
    }


def _timed(ask: Any, questions: Sequence[int]) -> dict[str, float]:
    took = []
    for question in questions:
        started = time.perf_counter()
        ask(question)
        took.append((time.perf_counter() - started) * 1e3)
    return {f"p{at}": round(float(np.percentile(took, at)), 3) for at in (50, 95)}


if __name__ == "__main__":
    main()
