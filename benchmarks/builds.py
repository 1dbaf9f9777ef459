"""One build of the product, run as its own processes, and what such a run read and wrote.

A build is a folder that holds ``mmpipe`` and ``handlers``: this checkout, or a work tree of another commit.
Nothing of it is imported here, so that two builds can be measured in one run.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parents[1]
COLLECTION = "catalogue"
_ERROR_CHARACTERS = 2_000
# Python imports it by itself at the start of every process, worker processes included. One line per file that
# was opened for reading below the folder, written at once: a worker that is ended loses nothing.
_METER = """\
import os
import sys

_root, _log = os.environ.get("BENCH_MEDIA_ROOT", ""), os.environ.get("BENCH_MEDIA_LOG", "")
if _root and _log:
    _sink = os.open(_log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC)

    def _opened(event, args):
        if event != "open":
            return
        path = args[0]
        if isinstance(path, bytes):
            path = os.fsdecode(path)
        if isinstance(path, str) and path.startswith(_root):
            try:
                os.write(_sink, b"%d\\n" % os.stat(path).st_size)
            except OSError:
                pass

    sys.addaudithook(_opened)
"""


@dataclass(frozen=True, slots=True)
class Build:
    """A name for the report, and the folder."""

    name: str
    folder: Path

    def environment(self, **more: str) -> dict[str, str]:
        """Of a process that imports this build and no other; no setting of the caller's reaches it."""
        inherited = {k: v for k, v in os.environ.items() if not k.startswith(("RAY_", "MMPIPE_"))}
        return inherited | {"PYTHONPATH": str(self.folder)} | more

    def commit(self) -> str:
        """Its commit, with a plus where files differ from it; empty outside a repository."""
        command = ["git", "-C", str(self.folder), "describe", "--always", "--dirty=+", "--exclude", "*"]
        return subprocess.run(command, capture_output=True, text=True).stdout.strip()


def builds(baseline: Path | None, only_baseline: bool = False) -> list[Build]:
    """The baseline first, where one is given, then this checkout."""
    found = [] if baseline is None else [Build("baseline", baseline.resolve())]
    if not (only_baseline and found):
        found.append(Build("this", HERE))
    for build in found:
        if not (build.folder / "mmpipe" / "cli" / "__main__.py").is_file():
            raise SystemExit(f"{build.folder} holds no build: make one with git worktree add FOLDER COMMIT")
    return found


@dataclass(frozen=True, slots=True)
class Files:
    """Every file below a folder: path to (size, time of change, inode)."""

    found: dict[str, tuple[int, int, int]] = field(default_factory=dict)

    @classmethod
    def below(cls, folder: Path) -> Files:
        found: dict[str, tuple[int, int, int]] = {}
        for parent, _, names in os.walk(folder):
            for name in names:
                path = os.path.join(parent, name)
                stat = os.stat(path)
                found[path] = (stat.st_size, stat.st_mtime_ns, stat.st_ino)
        return cls(found)

    def bytes(self) -> int:
        return sum(size for size, _, _ in self.found.values())

    def bytes_new_since(self, before: Files) -> int:
        """Bytes of the files that are new or replaced."""
        return sum(entry[0] for path, entry in self.found.items() if before.found.get(path) != entry)


@dataclass(frozen=True, slots=True)
class Measured:
    """One call of ``mmpipe index``, workers included. ``read`` and ``written`` are the bytes of its system
    calls, page cache and pipes between its processes included, mapped memory not."""

    seconds: float
    record: dict[str, Any]
    read: int
    written: int
    new_files: int
    lake: int
    media_files: int
    media_bytes: int
    generation: tuple[int, int]

    def line(self) -> dict[str, Any]:
        """What the report keeps of it."""
        kept = ("read", "indexed", "unchanged", "skipped", "deleted", "rejected", "encoded", "error")
        return {
            "seconds": round(self.seconds, 2),
            "new_bytes": self.new_files,
            "lake_bytes": self.lake,
            "written_bytes": self.written,
            "media_files": self.media_files,
            "media_bytes": self.media_bytes,
            "published": self.generation[1] != self.generation[0],
            "run": {name: self.record[name] for name in kept if self.record.get(name)},
        }


def index(build: Build, feed: Path, lake: Path, media: Path | None = None) -> Measured:
    """``mmpipe index FEED --lake LAKE`` by a process of the build, in a working directory of its own."""
    with tempfile.TemporaryDirectory(prefix="bench-meter-") as name:
        home = Path(name)
        (home / "meter").mkdir()
        (home / "meter" / "sitecustomize.py").write_text(_METER)
        log = home / "media.log"
        log.touch()
        path = os.pathsep.join([str(home / "meter"), str(build.folder)])
        root = "" if media is None else str(media) + os.sep
        environment = build.environment(PYTHONPATH=path, BENCH_MEDIA_ROOT=root, BENCH_MEDIA_LOG=str(log))
        command = [sys.executable, "-m", "mmpipe.cli", "index", str(feed), "--lake", str(lake), "--json"]
        files, generation, io = Files.below(lake), _generation(lake), _io()
        begun = time.perf_counter()
        run = subprocess.run(command, env=environment, cwd=home, capture_output=True, text=True)
        seconds = time.perf_counter() - begun
        after = _io()
        if run.returncode:
            raise SystemExit(f"{build.name}: {feed.name}: {run.stderr[-_ERROR_CHARACTERS:]}")
        opened = [int(line) for line in log.read_text().split()]
        now = Files.below(lake)
        return Measured(
            seconds=seconds,
            record=json.loads(run.stdout.splitlines()[-1]),
            read=after[0] - io[0],
            written=after[1] - io[1],
            new_files=now.bytes_new_since(files),
            lake=now.bytes(),
            media_files=len(opened),
            media_bytes=sum(opened),
            generation=(generation, _generation(lake)),
        )


def fill(build: Build, lake: Path, rows: int, collection: str = COLLECTION) -> None:
    """A published table of ``rows`` products with made-up vectors, by a process of the build."""
    script = Path(__file__).with_name("synthetic_table.py")
    command = [sys.executable, "-P", str(script), str(lake), collection, str(rows)]
    subprocess.run(command, env=build.environment(), cwd=lake.parent, check=True, stdout=sys.stderr)


def start_up_bytes(build: Build, folder: Path) -> int:
    """What a process of the build reads until it could begin: its modules and the starter's weights."""
    script = (
        "import lance, mmpipe.cli.index, mmpipe.indexing, mmpipe.lake\n"
        "try:\n"
        "    import mmpipe.indexing.lanes.files\n"
        "except ImportError:\n"
        "    import mmpipe.indexing.files\n"
        "from mmpipe.lake.model_loading import load_profile\n"
        "from mmpipe.settings import load_settings\n"
        "load_profile('starter', load_settings())\n"
    )
    before = _io()
    subprocess.run([sys.executable, "-c", script], env=build.environment(), cwd=folder, check=True)
    return _io()[0] - before[0]


def _io() -> tuple[int, int]:
    # The kernel adds a child's counts to its parent's when the parent waits for it, so workers are in it too.
    counts = dict(line.split(": ") for line in Path("/proc/self/io").read_text().splitlines())
    return int(counts["rchar"]), int(counts["wchar"])


def _generation(lake: Path) -> int:
    """Of what is live; 0 before the first publication."""
    path = lake / COLLECTION / "live.json"
    if not path.is_file():
        return 0
    return int(json.loads(path.read_text())["live"]["generation"])


def ratio(part: float, whole: float) -> float | None:
    """Rounded to three digits that say something; None where there is nothing to compare with."""
    return float(f"{part / whole:.3g}") if whole else None


def target(value: float | None, at_most: float) -> dict[str, Any]:
    """A figure beside what it should be."""
    return {"value": value, "at_most": at_most, "ok": value is not None and value <= at_most}
