"""What the parts of a service that runs below this process take of the processors.

Latencies measured while others use the machine say little; the processor time of a request hardly depends on
them. Linux alone.
"""

from __future__ import annotations

import os
from pathlib import Path

PARTS = ("replicas", "proxy", "others")
"""Query replicas; HAProxy; Ray, the indexer and whatever else was started."""


def spent() -> dict[str, float]:
    """Seconds of processor time by part so far. Processes that ended count no more."""
    ticks = os.sysconf("SC_CLK_TCK")
    found = dict.fromkeys(PARTS, 0.0)
    for process, (title, used) in _descendants().items():
        if process != os.getpid():
            found[_part(title)] += used / ticks
    return found


def _part(title: str) -> str:
    if "ServeReplica:mmpipe:Api" in title or ":mmpipe#Api#" in title:
        return "replicas"
    # The processes of Python that keep it have the name among their arguments, too.
    return "proxy" if Path(title.split(" ", 1)[0]).name == "haproxy" else "others"


def _descendants() -> dict[int, tuple[str, int]]:
    """This process and all below it: the command line of each, and its ticks."""
    known: dict[int, tuple[int, str, int]] = {}
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            # What stands before the last parenthesis is a name, which may hold anything.
            stat = (entry / "stat").read_text().rpartition(")")[2].split()
            title = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:  # it has just ended
            continue
        known[int(entry.name)] = int(stat[1]), title, int(stat[11]) + int(stat[12])
    below = {os.getpid()}
    while more := {process for process, (parent, *_) in known.items() if parent in below} - below:
        below |= more
    return {process: known[process][1:] for process in below & known.keys()}
