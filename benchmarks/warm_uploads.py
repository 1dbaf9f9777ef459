"""What ``warm_lane.py`` runs once per build: one stack of that build, filled, and products uploaded into it.

    PYTHONPATH=BUILD python benchmarks/warm_uploads.py '{"uploads": 20, …}'

Prints one JSON line. Uploads go to the object store directly; with a latency everything that the stack asks
of it (the indexer, the query replicas) goes through ``latency_proxy.py``.
"""

from __future__ import annotations

import base64
import http.client
import io
import json
import os
import queue
import random
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

# After the build's own folder, which PYTHONPATH names: only what is measured with comes from here.
sys.path.append(str(Path(__file__).resolve().parents[1]))

from PIL import Image

from benchmarks.critical_path import Traffic, mean_of
from benchmarks.workload import get, post
from mmpipe.local.cloud import UPLOADS_BUCKET
from mmpipe.local.stack import Stack
from mmpipe.settings import Settings, load_settings

COLLECTION = "bench"
_KINDS = ("shoe", "bag", "hat", "lamp", "chair", "phone", "watch", "mug")
_COLORS = {"red": (220, 30, 30), "green": (30, 180, 60), "blue": (40, 60, 220), "black": (20, 20, 20)}
_POLL_SECONDS = 0.01
# At a constant rate: one look at the oldest that are not there yet, not one per upload.
_LOOK_SECONDS = 0.05
_MISSES = 10
_UPLOADERS = 8
# What one upload leaves to be done afterwards shall not be counted as the next one's.
_PAUSE_SECONDS = 0.5
_FILL_SECONDS = 1_200.0
_SEARCH_SECONDS = 60.0
# As long as a message that nobody finished stays hidden, twice.
_DRAIN_SECONDS = 240.0


class DistantStack(Stack):
    """A stack whose object store is some milliseconds away from everything but the uploads."""

    def __init__(self, *args: Any, latency: float, **more: Any) -> None:
        super().__init__(*args, **more)
        self._latency = latency
        self._proxy: subprocess.Popen[str] | None = None
        self.proxy_url = ""

    def _resolve(self, cloud: Any, *args: Any, **more: Any) -> Settings:
        settings = super()._resolve(cloud, *args, **more)
        script = str(Path(__file__).with_name("latency_proxy.py"))
        command = [sys.executable, script, "--upstream", cloud.url, "--latency", str(self._latency)]
        self._proxy = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self._proxy.stdout is not None
        self.proxy_url = json.loads(self._proxy.stdout.readline())["url"]
        storage = settings.storage.model_copy(update={"endpoint_url": self.proxy_url})
        return settings.model_copy(update={"storage": storage})

    def stop(self) -> None:
        super().stop()
        if self._proxy is not None and self._proxy.stdin is not None:
            self._proxy.stdin.close()
            self._proxy.wait(10)
            self._proxy = None


def product(number: int, rng: random.Random, *, photo: bool) -> dict[str, Any]:
    """One product whose title holds a word that no other has."""
    color = rng.choice(sorted(_COLORS))
    row = {
        "id": f"p{number}",
        "title": f"{color.title()} {rng.choice(_KINDS)} item{number:06d}x",
        "description": " ".join(rng.choices(_KINDS, k=12)),
        "price": f"{rng.randint(5, 300)}.00 USD",
        "brand": f"Brand{rng.randint(1, 40)}",
        "color": color,
    }
    if photo:
        noise = Image.effect_noise((224, 224), 60).convert("RGB")
        picture = Image.blend(noise, Image.new("RGB", (224, 224), _COLORS[color]), 0.7)
        buffer = io.BytesIO()
        picture.save(buffer, "JPEG", quality=85)
        row["image_link"] = "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode()
    return row


def wait(url: str, text: str, product_id: str | None, total: int, seconds: float) -> None:
    """Until a search for ``text`` shows ``product_id``, or without one, there are ``total`` products."""
    deadline = time.perf_counter() + seconds
    body = {"collection": COLLECTION, "limit": 10} | ({"text": text} if text else {})
    last: Any = None
    while time.perf_counter() < deadline:
        try:
            page = last = post(f"{url}/v1/search", body)
            if product_id is None and page["total"] >= total:
                return
            if product_id is not None and product_id in [hit["id"] for hit in page["hits"]]:
                return
        except OSError as error:
            last = error
        time.sleep(_POLL_SECONDS)
    raise SystemExit(f"not searchable within {seconds:.0f} s: {last}")


def quantiles(values: list[float]) -> dict[str, float]:
    """Half, nineteen in twenty, and all of them take no longer."""
    ordered = sorted(values)
    places = {"p50_seconds": 0.5, "p95_seconds": 0.95, "max_seconds": 1.0}
    return {k: round(ordered[min(len(ordered) - 1, int(q * len(ordered)))], 3) for k, q in places.items()}


class Uploads:
    """Single products into the uploads bucket, each at its own key."""

    def __init__(self, stack: Stack) -> None:
        self._s3 = stack.cloud.s3()

    def put(self, row: dict[str, Any]) -> None:
        key = f"{COLLECTION}/products/{row['id']}.json"
        self._s3.put_object(Bucket=UPLOADS_BUCKET, Key=key, Body=json.dumps(row).encode())


def one_by_one(stack: Stack, rows: list[dict[str, Any]], traffic: Traffic | None) -> dict[str, Any]:
    """Each uploaded when the one before is searchable."""
    uploads, url = Uploads(stack), stack.state.url
    seconds: list[float] = []
    requests: list[dict[str, Any]] = []
    for row in rows:
        if traffic is not None:
            time.sleep(_PAUSE_SECONDS)
            traffic.forget()
        since = time.monotonic()
        begun = time.perf_counter()
        uploads.put(row)
        wait(url, row["title"].split()[-1], row["id"], 0, _SEARCH_SECONDS)
        seconds.append(time.perf_counter() - begun)
        if traffic is not None:
            time.sleep(_PAUSE_SECONDS)
            requests.append(traffic.of_upload(since, since + seconds[-1]))
    return quantiles(seconds) | ({"requests": mean_of(requests)} if requests else {})


def at_a_rate(stack: Stack, rows: list[dict[str, Any]], rate: float) -> dict[str, Any]:
    """So many a second, whatever becomes of them; each is waited for until it is served."""
    uploads = Uploads(stack)
    pending: queue.SimpleQueue[tuple[str, float]] = queue.SimpleQueue()
    seconds: list[float] = []
    late: list[float] = []
    sent = threading.Event()

    def send(row: dict[str, Any], due: float) -> None:
        begun = time.perf_counter()
        late.append(begun - due)
        uploads.put(row)
        pending.put((row["id"], begun))

    def look() -> None:
        connection = http.client.HTTPConnection(stack.state.url.removeprefix("http://"), timeout=60)
        open_: list[tuple[str, float]] = []
        deadline = float("inf")
        while time.perf_counter() < deadline:
            while not pending.empty():
                open_.append(pending.get())
            if sent.is_set():
                if not open_ and pending.empty():
                    return
                deadline = min(deadline, time.perf_counter() + _DRAIN_SECONDS)
            misses, left = 0, []
            for product_id, begun in open_:
                if misses < _MISSES and _served(connection, product_id):
                    seconds.append(time.perf_counter() - begun)
                    continue
                misses += 1
                left.append((product_id, begun))
            open_ = left
            time.sleep(_LOOK_SECONDS)

    looker = threading.Thread(target=look)
    looker.start()
    start = time.perf_counter()
    with ThreadPoolExecutor(_UPLOADERS) as pool:
        for number, row in enumerate(rows):
            due = start + number / rate
            time.sleep(max(0.0, due - time.perf_counter()))
            pool.submit(send, row, due)
    sent.set()
    spent = time.perf_counter() - start
    looker.join()
    return quantiles(seconds) | {
        "uploads": len(rows),
        "lost": len(rows) - len(seconds),
        "rate": round(len(rows) / spent, 2),
        # The sender's own waiting, which is no part of the seconds.
        "sent_late": quantiles(late)["p95_seconds"],
    }


def _served(connection: http.client.HTTPConnection, product_id: str) -> bool:
    connection.request("GET", f"/v1/products/{product_id}?collection={COLLECTION}")
    answer = connection.getresponse()
    answer.read()
    return answer.status == 200


def main() -> None:
    """One build, one report."""
    asked = json.loads(sys.argv[1])
    rng = random.Random(11)
    base = load_settings()
    indexing = base.indexing.model_copy(update={"profile": asked["profile"], "warm_max_bytes": 50_000_000})
    settings = base.model_copy(update={"indexing": indexing})
    report: dict[str, Any] = {}
    with tempfile.TemporaryDirectory(prefix="mmpipe-bench-") as folder:
        if asked["latency"] is None:
            stack: Stack = Stack(settings, Path(folder), lake_uri=asked["lake"])
        else:
            stack = DistantStack(settings, Path(folder), lake_uri=asked["lake"], latency=asked["latency"])
        with stack:
            url, present = stack.state.url, asked["products"]
            begun = time.perf_counter()
            if asked["background"]:
                rows = [product(n, rng, photo=False) for n in range(asked["background"])]
                feed = "".join(json.dumps(row) + "\n" for row in rows).encode()
                stack.cloud.s3().put_object(
                    Bucket=UPLOADS_BUCKET, Key=f"{COLLECTION}/feeds/all.jsonl", Body=feed
                )
            wait(url, "", None, present + asked["background"], _FILL_SECONDS)
            report["background_seconds"] = round(time.perf_counter() - begun, 2)
            numbers = iter(range(asked["background"], 10_000_000))
            traffic = Traffic(stack.proxy_url) if isinstance(stack, DistantStack) else None
            # The first upload loads what the later ones find loaded.
            one_by_one(stack, [product(next(numbers), rng, photo=True)], None)
            if asked["uploads"]:
                each = [product(next(numbers), rng, photo=True) for _ in range(asked["uploads"])]
                report["one_by_one"] = one_by_one(stack, each, traffic)
            if asked["rate"]:
                count = int(asked["rate"] * asked["seconds"])
                each = [product(next(numbers), rng, photo=True) for _ in range(count)]
                report["at_a_rate"] = at_a_rate(stack, each, asked["rate"])
            served = {c["collection"]: c["rows"] for c in get(f"{url}/v1/collections")["collections"]}
            report["served_rows"] = served[COLLECTION]
            report["service"] = _package()
    print(json.dumps(report))


def _package() -> str:
    import mmpipe

    return os.path.dirname(os.path.dirname(os.path.abspath(mmpipe.__file__)))


if __name__ == "__main__":
    main()
