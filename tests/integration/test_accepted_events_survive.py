"""Contract 1 for interactions: what was answered with 202 is in the lake, though the replica is killed."""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

from mmpipe.lake import open_lake
from mmpipe.settings import Settings
from tests.ports import free_port
from tests.serve.conftest import InProcessWork, catalogue, order_for, settings_for, write_feed

ROOT = Path(__file__).parents[2]
CALLERS = 6
BATCH = 10
# Of events, before the replica is killed amid the next ones.
ENOUGH = 1_000


def replica(settings: Settings, port: int) -> subprocess.Popen[bytes]:
    """A replica in a process of its own."""
    environment = {
        "PATH": os.environ.get("PATH", ""),
        "OMP_NUM_THREADS": "1",
        "MMPIPE_LAKE__URI": settings.lake.uri,
        "MMPIPE_INDEXING__PROFILE": "fake",
        "MMPIPE_SPEECH__RECOGNIZER": "none",
        "MMPIPE_SERVE__PORT": str(port),
        "MMPIPE_SERVE__MIRROR_DIR": str(settings.serve.mirror_dir),
    }
    command = [sys.executable, "-m", "mmpipe.serve.standalone"]
    return subprocess.Popen(command, cwd=ROOT, env=environment, stderr=subprocess.DEVNULL)


def wait_until_ready(port: int) -> None:
    for _ in range(600):
        try:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
            connection.request("GET", "/readyz")
            if connection.getresponse().status == 200:
                return
        except OSError:
            pass
        time.sleep(0.1)
    raise AssertionError("the replica did not get ready")


def send(port: int, caller: int, accepted: set[str]) -> None:
    """Batches one after the other, until nobody answers."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    for number in range(100_000):
        names = [f"{caller}-{number}-{n}" for n in range(BATCH)]
        events = [
            {"type": "view", "event_id": name, "session_id": f"s{caller}", "product_id": "red-shoe-0"}
            for name in names
        ]
        try:
            body = json.dumps({"interactions": events})
            connection.request("POST", "/v1/interactions", body, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            if answer.status == 202 and json.loads(answer.read())["accepted"] == BATCH:
                accepted.update(names)
        except (OSError, http.client.HTTPException, ValueError):
            return


def test_no_accepted_event_is_lost_with_its_replica(tmp_path: Path) -> None:
    settings = settings_for(tmp_path)
    feed = write_feed(tmp_path, "some.jsonl", catalogue()[:3])
    InProcessWork(settings).indexer.execute([order_for(feed, settings)])
    port = free_port()
    process = replica(settings, port)
    try:
        wait_until_ready(port)
        accepted: list[set[str]] = [set() for _ in range(CALLERS)]
        threads = [
            threading.Thread(target=send, args=(port, caller, held)) for caller, held in enumerate(accepted)
        ]
        for thread in threads:
            thread.start()
        until = time.monotonic() + 60
        while sum(map(len, accepted)) < ENOUGH and time.monotonic() < until:
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
        for thread in threads:
            thread.join()
    finally:
        process.kill()
        process.wait()
    promised = set().union(*accepted)
    table = open_lake(settings).collection("shop").interactions.to_table(["event_id"])
    held = table["event_id"].to_pylist()
    assert len(promised) >= ENOUGH
    assert promised <= set(held)
    assert len(held) == len(set(held))
