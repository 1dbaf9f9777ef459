"""Products per second through the whole batch lane, beside the bare encoders on the same cores, and peak
memory.

python benchmarks/batch_lane.py --catalogue ../shared/data/kagl/catalogue.parquet [--limit 4000] [--growth 4]

Prints one JSON line. ``lane`` runs from the call to the commit: worker start, reading, decoding, encoding,
fusion, writing, the commit; building the indexes and publishing is given apart. ``bare`` is as many processes
with one thread each, which encode the same products' texts and decoded photos in batches of the same size; it
is measured before and after the lane and averaged. They are given what the lane's workers have: one BLAS
thread, and the collector of cycles called as seldom. ``ratio`` is products per second, lane / bare.

``cpu_ratio`` is the same by CPU seconds per product: of the bare processes while they encode, of the lane in
all processes below this one. It hardly depends on what else the machine does, and leaves out waiting.
``--parallel processes`` takes the worker processes of ``mmpipe index`` instead of Ray.

With ``--growth N`` the lane runs again on an N times larger catalogue, and ``memory`` compares the peaks:
private memory of driver and workers, and shared memory (Ray's object store).
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import tempfile
import threading
import time
from datetime import UTC, datetime
from functools import partial
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from mmpipe.objects import to_uri
from mmpipe.schemas.work import CatalogueEvent, ObjectRef, WorkOrder, run_id_of
from mmpipe.settings import IndexingSettings, LakeSettings, Settings

_ROWS_PER_GROUP = 2_048


def write_catalogue(source: Path, target: Path, limit: int, copies: int) -> int:
    """The first ``limit`` rows (0: all), ``copies`` times with ids of their own. Returns how many rows."""
    table = pq.read_table(source)
    if limit:
        table = table.slice(0, limit)
    ids = table.column("id").cast(pa.string()).to_pylist()
    position = table.schema.get_field_index("id")
    with pq.ParquetWriter(target, table.set_column(position, "id", pa.array(ids)).schema) as writer:
        for copy in range(copies):
            named = ids if copy == 0 else [f"{i}-{copy}" for i in ids]
            writer.write_table(
                table.set_column(position, "id", pa.array(named)), row_group_size=_ROWS_PER_GROUP
            )
    return int(table.num_rows) * copies


class Meter:
    """Samples this process and all below it, from /proc: peaks in megabytes, and the CPU seconds since, its
    own left out."""

    def __init__(self) -> None:
        self.private = 0.0
        self.shared = 0.0
        self._before = {pid: _cpu(pid) for pid in _family(os.getpid())}
        self._spent: dict[int, float] = {}
        self._own = 0.0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    @property
    def cpu(self) -> float:
        """CPU seconds so far; of a process that has ended, until it was last seen."""
        for pid in _family(os.getpid()):
            self._spent[pid] = _cpu(pid) - self._before.get(pid, 0.0)
        return sum(self._spent.values()) - self._own

    def __enter__(self) -> Meter:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._stop.wait(0.5):
            private = shared = 0.0
            for pid in _family(os.getpid()):
                self._spent[pid] = _cpu(pid) - self._before.get(pid, 0.0)
                kilobytes = _rollup(pid)
                private += kilobytes.get("Pss_Anon", 0.0)
                shared += kilobytes.get("Pss_Shmem", 0.0)
            self.private = max(self.private, private / 1024)
            self.shared = max(self.shared, shared / 1024)
            self._own = time.thread_time()


def _family(root: int) -> list[int]:
    children: dict[int, list[int]] = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                stat = Path(f"/proc/{entry}/stat").read_text()
            except OSError:
                continue  # ended meanwhile
            children.setdefault(int(stat.rpartition(")")[2].split()[1]), []).append(int(entry))
    found, waiting = [], [root]
    while waiting:
        pid = waiting.pop()
        found.append(pid)
        waiting += children.get(pid, [])
    return found


def _cpu(pid: int) -> float:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _rollup(pid: int) -> dict[str, float]:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]
    except OSError:
        return {}
    return {line.split(":")[0]: float(line.split()[1]) for line in lines}


def run_lane(feed: Path, lake: Path, profile: str, workers: int, parallel: str) -> dict[str, Any]:
    """One feed through Ray or worker processes, into a lake of its own."""
    from mmpipe.indexing import batch
    from mmpipe.indexing.lanes import feed as lanes
    from mmpipe.indexing.lanes.processes import pool_chunks

    settings = Settings(
        lake=LakeSettings(uri=str(lake)), indexing=IndexingSettings(profile=profile, workers=workers)
    )
    ref = ObjectRef(uri=to_uri(feed), size=feed.stat().st_size, event_time=datetime.now(UTC))
    event = CatalogueEvent(kind="feed_uploaded", collection="bench", object=ref)
    order = WorkOrder(
        run_id=run_id_of(event, profile),
        kind=event.kind,
        collection="bench",
        object=ref,
        lane="batch",
        **({"profile": profile} if "profile" in WorkOrder.model_fields else {}),  # a build of before
    )
    marks: dict[str, float] = {}

    def progress(read: int, _indexed: int, _rejected: int, total: int | None) -> None:
        now = time.perf_counter()
        if read:
            marks.setdefault("first", now)
        if total is not None:
            marks["committed"], marks["cpu"] = now, meter.cpu  # the last call is the one behind the commit

    started = time.perf_counter()
    with Meter() as meter:
        if parallel == "ray":
            record = batch.run(order, settings, progress=progress)
        else:
            record = lanes.execute(order, settings, lambda job: pool_chunks(job, workers), progress=progress)
        ended = time.perf_counter()
    if record.status != "done":
        raise SystemExit(f"the run ended as {record.status}: {record.error}")
    seconds = marks["committed"] - started
    first = marks["first"] - started
    return {
        "products": record.indexed,
        "rejected": record.rejected,
        "encoded": record.encoded,
        "seconds": round(seconds, 2),
        "products_per_second": round(record.indexed / seconds, 1),
        "cpu_seconds": round(marks["cpu"], 2),
        "seconds_to_first_chunk": round(first, 2),
        "index_and_publish_seconds": round(ended - marks["committed"], 2),
        "peak_private_mb": round(meter.private, 1),
        "peak_shared_mb": round(meter.shared, 1),
    }


def _bare_worker(
    feed: str, part: int, parts: int, profile: str, chunk: int, ready: Barrier, times: Any
) -> None:
    from mmpipe import catalogue, media
    from mmpipe.encoders import registry
    from mmpipe.indexing.lanes.collector import collect_seldom
    from mmpipe.settings import FeedSettings, MediaSettings

    collect_seldom()
    loaded = registry.load(profile, threads=1)
    texts: list[str] = []
    photos: list[Any] = []
    with open(feed, "rb") as stream:
        for row in catalogue.read_feed(stream, feed, FeedSettings()):
            if row.product is not None and row.row % parts == part and "image_link" in row.inline_media:
                texts.append(row.product.text_for_encoder())
                data = row.inline_media["image_link"]
                photos.append(media.decode("image", data, MediaSettings(), "image_link"))
    text, image = loaded.encoders["text"], loaded.encoders["image"]
    text.embed_documents(texts[:8])
    image.embed_documents(photos[:8])
    ready.wait()
    started, cpu = time.perf_counter(), time.process_time()
    for start in range(0, len(texts), chunk):
        text.embed_documents(texts[start : start + chunk])
        image.embed_documents(photos[start : start + chunk])
    times.put((len(texts), time.perf_counter() - started, time.process_time() - cpu))


def run_bare(feed: Path, profile: str, workers: int, chunk: int) -> tuple[float, float]:
    """Products per second of the encoders alone, ``workers`` processes at the same time, and the CPU seconds
    of one product."""
    context = multiprocessing.get_context("spawn")
    ready, times = context.Barrier(workers), context.Queue()
    processes = [
        context.Process(target=_bare_worker, args=(str(feed), part, workers, profile, chunk, ready, times))
        for part in range(workers)
    ]
    os.environ["OMP_NUM_THREADS"] = "1"  # of the processes that are started now; libraries read it at once
    for process in processes:
        process.start()
    del os.environ["OMP_NUM_THREADS"]
    measured = [times.get(timeout=3_600) for _ in processes]
    for process in processes:
        process.join()
    products = sum(count for count, _, _ in measured)
    cpu = sum(seconds for _, _, seconds in measured)
    return products / max(seconds for _, seconds, _ in measured), cpu / products


def _start_ray() -> float:
    import ray

    started = time.perf_counter()
    ray.init(include_dashboard=False, log_to_driver=False, num_cpus=len(os.sched_getaffinity(0)))
    return round(time.perf_counter() - started, 2)


def _end_ray() -> None:
    import ray

    ray.shutdown()


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--catalogue", type=Path, default=Path("../shared/data/kagl/catalogue.parquet"))
    parser.add_argument("--limit", type=int, default=0, help="rows of the catalogue; 0 means all")
    parser.add_argument("--bare-limit", type=int, default=8_192, help="rows for the bare encoders")
    parser.add_argument("--workers", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--profile", default="starter")
    parser.add_argument("--parallel", choices=("ray", "processes"), default="ray")
    parser.add_argument(
        "--growth", type=int, default=1, help="run again on a catalogue this many times larger"
    )
    options = parser.parse_args()

    chunk = IndexingSettings().chunk_rows
    with tempfile.TemporaryDirectory(prefix="mmpipe-bench-") as folder:
        home = Path(folder)
        write_catalogue(options.catalogue, home / "x1.parquet", options.limit, 1)
        bare_rows = min(options.bare_limit, options.limit or options.bare_limit)
        write_catalogue(options.catalogue, home / "bare.parquet", bare_rows, 1)
        bare = [run_bare(home / "bare.parquet", options.profile, options.workers, chunk)]
        ray_seconds = _start_ray() if options.parallel == "ray" else None
        run = partial(run_lane, profile=options.profile, workers=options.workers, parallel=options.parallel)
        try:
            lane = run(home / "x1.parquet", home / "lake1")
            grown: dict[str, Any] | None = None
            if options.growth > 1:
                rows = write_catalogue(options.catalogue, home / "xn.parquet", options.limit, options.growth)
                grown = run(home / "xn.parquet", home / "lakeN")
                grown["rows"] = rows
        finally:
            if ray_seconds is not None:
                _end_ray()
        bare.append(run_bare(home / "bare.parquet", options.profile, options.workers, chunk))
    speed, cpu = (sum(values) / len(bare) for values in zip(*bare, strict=True))
    report: dict[str, Any] = {
        "benchmark": "batch_lane",
        "profile": options.profile,
        "parallel": options.parallel,
        "workers": options.workers,
        "ray_init_seconds": ray_seconds,
        "lane": lane,
        "bare_products_per_second": [round(value, 1) for value, _ in bare],
        "bare_cpu_ms_per_product": [round(value * 1e3, 3) for _, value in bare],
        "lane_cpu_ms_per_product": round(lane["cpu_seconds"] / lane["products"] * 1e3, 3),
        "ratio": round(lane["products_per_second"] / speed, 3),
        "cpu_ratio": round(cpu * lane["products"] / lane["cpu_seconds"], 3),
    }
    if grown is not None:
        report["grown"] = grown
        report["memory"] = {
            "growth": options.growth,
            "private_ratio": round(grown["peak_private_mb"] / lane["peak_private_mb"], 3),
            "shared_ratio": round(grown["peak_shared_mb"] / max(lane["peak_shared_mb"], 1.0), 3),
        }
    print(json.dumps(report))


if __name__ == "__main__":
    main()
