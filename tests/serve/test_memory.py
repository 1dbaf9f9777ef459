"""What large requests held goes back to the system once they are over, whichever threads took them."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from typing import Any

import pytest

from mmpipe.serve.http import limits

# Bodies of 24 MB on eight threads, twice; prints what the process holds more than before, in megabytes.
_BODIES = """
import threading
from mmpipe.serve.memory import give_back_memory, keep_little_memory

def held():
    _, resident, shared, *_ = open("/proc/self/statm").read().split()
    return (int(resident) - int(shared)) // 256

{first}
before, together = held(), threading.Barrier(9)

def take():
    for _ in range(2):
        body = b"x" * (24 << 20)
        together.wait()
        del body
        together.wait()
    together.wait()

threads = [threading.Thread(target=take) for _ in range(8)]
for thread in threads:
    thread.start()
for _ in range(4):
    together.wait()
give_back_memory()
print(held() - before)
together.wait()
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="elsewhere nothing tells what is held")
def test_large_bodies_leave_nothing_behind() -> None:
    assert _held_after("keep_little_memory()") < 24, "of 192"


def _held_after(first: str) -> int:
    code = _BODIES.format(first=first)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return int(done.stdout)


def test_memory_is_given_back_once_after_several_large_bodies(monkeypatch: pytest.MonkeyPatch) -> None:
    threads: list[threading.Thread] = []
    monkeypatch.setattr(limits, "_LATER_SECONDS", 0.05)
    monkeypatch.setattr(limits, "give_back_memory", lambda: threads.append(threading.current_thread()))

    async def read(_scope: Any, receive: Any, _send: Any) -> None:
        while (await receive())["more_body"]:
            pass

    async def ask(app: Any, parts: int) -> None:
        left = iter(range(parts - 1, -1, -1))

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": bytes(1 << 20), "more_body": next(left) > 0}

        scope = {"type": "http", "method": "POST", "path": "/", "query_string": b"", "headers": []}
        await app(scope, receive, None)

    async def run() -> None:
        app = limits.BodyLimit(read, 1 << 30)
        await ask(app, 1)
        await asyncio.sleep(0.1)
        assert not threads, "a small one leaves nothing"
        await asyncio.gather(*(ask(app, 4) for _ in range(5)))
        await asyncio.sleep(0.1)
        await asyncio.get_running_loop().shutdown_default_executor()

    asyncio.run(run())
    (thread,) = threads
    assert thread is not threading.main_thread()
