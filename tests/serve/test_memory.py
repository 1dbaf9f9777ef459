"""What large requests held goes back to the system once they are over, whichever threads took them."""

from __future__ import annotations

import subprocess
import sys

import pytest

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
