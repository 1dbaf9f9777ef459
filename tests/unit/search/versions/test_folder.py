"""Processes of one node and what they share: one builds, all find it, the dead are in nobody's way."""

from __future__ import annotations

import gc
import os
import signal
import tempfile
import threading
import time
from collections.abc import Callable
from multiprocessing.process import BaseProcess
from multiprocessing.synchronize import Event
from pathlib import Path

import numpy as np
import pytest

from mmpipe.errors import StorageUnavailable
from mmpipe.lake.shared_folder import KEEP_SECONDS, SharedFolder
from mmpipe.search.versions.folder import NodeFolder
from tests.children import CHILDREN

ARRAYS = {"price/price": np.arange(5, dtype=np.float64)}


def aged(folder: Path, seconds: float = KEEP_SECONDS + 1) -> None:
    moment = time.time() - seconds
    for path in folder.rglob("*"):
        if path.is_file():
            os.utime(path, (moment, moment))


def packs(root: Path) -> set[str]:
    return {path.name for path in (root / "packs").iterdir()}


def hold_a_pack(root: str, name: str, ready: Event) -> None:
    folder = NodeFolder(root)
    pack = folder.open(name) or folder.write(name, ARRAYS)
    ready.set()
    time.sleep(600)
    del pack


def build_for_ever(root: str, name: str, ready: Event) -> None:
    folder = NodeFolder(root)
    with folder.building([name]):
        (folder.shared.path("packs") / ".part-half").write_bytes(b"mmpack")
        ready.set()
        time.sleep(600)


def build_once(root: str, name: str, start: Event, builds: str) -> None:
    folder = NodeFolder(root)
    assert start.wait(200)
    with folder.building([name]):
        if folder.open(name) is None:
            time.sleep(0.2)
            (Path(builds) / str(os.getpid())).touch()
            folder.write(name, ARRAYS)


def started(target: Callable[..., None], *arguments: object) -> BaseProcess:
    process = CHILDREN.Process(target=target, args=arguments, daemon=True)
    process.start()
    return process


def killed(process: BaseProcess) -> None:
    assert process.pid is not None
    os.kill(process.pid, signal.SIGKILL)
    process.join()


def test_a_pack_is_there_for_every_process(tmp_path: Path) -> None:
    one, other = NodeFolder(tmp_path / "node"), NodeFolder(tmp_path / "node")
    assert one.open("a") is None
    written = one.write("a", ARRAYS)
    found = other.open("a")
    assert found is not None
    assert (
        found.parts["price"]["price"].tolist() == written.parts["price"]["price"].tolist() == [0, 1, 2, 3, 4]
    )
    assert not found.parts["price"]["price"].flags.writeable


def test_a_damaged_pack_is_none(tmp_path: Path) -> None:
    folder = NodeFolder(tmp_path)
    folder.write("a", ARRAYS)
    path = tmp_path / "packs" / "a.pack"
    whole = path.read_bytes()
    for damaged in (b"", whole[:40], whole[:-1], b"x" + whole[1:]):
        path.write_bytes(damaged)
        assert folder.open("a") is None
    folder.write("a", ARRAYS)
    assert folder.open("a") is not None


def test_what_is_used_is_kept_and_the_rest_goes(tmp_path: Path) -> None:
    one, other = NodeFolder(tmp_path), NodeFolder(tmp_path)
    held, let_go = one.write("held", ARRAYS), one.write("let-go", ARRAYS)
    both = other.open("let-go")
    del let_go
    one.write("unused", ARRAYS)
    gc.collect()
    other.prune()
    assert packs(tmp_path) == {"held.pack", "let-go.pack", "unused.pack"}, "nobody may have said so yet"
    aged(tmp_path / "packs")
    one.prune()
    assert packs(tmp_path) == {"held.pack", "let-go.pack"}
    del both
    gc.collect()
    other.prune()
    assert packs(tmp_path) == {"held.pack"}
    assert held.parts["price"]["price"][4] == 4
    one.close()
    other.prune()
    assert packs(tmp_path) == set()
    assert held.parts["price"]["price"][4] == 4, "mapped while somebody reads it"


def test_half_written_files_are_left_to_who_may_be_writing_them(tmp_path: Path) -> None:
    folder = NodeFolder(tmp_path)
    half = tmp_path / "packs" / ".part-0"
    half.touch()
    aged(tmp_path / "packs", 600)
    folder.prune()
    assert half.exists()
    aged(tmp_path / "packs", 4000)
    folder.prune()
    assert not half.exists()


def test_a_killed_process_holds_nothing(tmp_path: Path) -> None:
    ready = CHILDREN.Event()
    process = started(hold_a_pack, str(tmp_path), "a", ready)
    assert ready.wait(200)
    folder = NodeFolder(tmp_path)
    aged(tmp_path / "packs")
    folder.prune()
    assert packs(tmp_path) == {"a.pack"}
    killed(process)
    folder.prune()
    assert packs(tmp_path) == set()
    assert len(list((tmp_path / "leases").iterdir())) == 2, "this process's, and the lock of all"


def test_a_killed_builder_does_not_block_the_next(tmp_path: Path) -> None:
    ready = CHILDREN.Event()
    process = started(build_for_ever, str(tmp_path), "a", ready)
    assert ready.wait(200)
    folder, waits, done = NodeFolder(tmp_path), threading.Event(), threading.Event()

    def build() -> None:
        with folder.building(["a", "b"], waits.set):
            folder.write("a", ARRAYS)
        done.set()

    waiter = threading.Thread(target=build, daemon=True)
    waiter.start()
    assert waits.wait(200)
    assert not done.wait(0.2)
    killed(process)
    assert done.wait(200)
    assert folder.open("a") is not None


def test_a_wait_can_be_given_up(tmp_path: Path) -> None:
    one, other = NodeFolder(tmp_path), NodeFolder(tmp_path)

    def enough() -> None:
        raise TimeoutError

    with one.building(["a", "b"]):
        with pytest.raises(TimeoutError), other.building(["b", "c"], enough):
            raise AssertionError("two at once")
        with other.building(["c"]):
            pass
    with other.building(["a", "b", "c"], enough):
        pass


def test_of_many_processes_one_builds(tmp_path: Path) -> None:
    start, builds = CHILDREN.Event(), tmp_path / "builds"
    builds.mkdir()
    processes = [started(build_once, str(tmp_path / "node"), "a", start, str(builds)) for _ in range(2)]
    start.set()
    for process in processes:
        process.join(200)
        assert process.exitcode == 0
    assert len(list(builds.iterdir())) == 1
    assert packs(tmp_path / "node") == {"a.pack"}


def test_locks_that_are_pruned_still_exclude(tmp_path: Path) -> None:
    shared = SharedFolder(tmp_path, keep_seconds=0.0)
    stop, inside, most = threading.Event(), [0], [0]
    guard = threading.Lock()

    def enter() -> None:
        for _ in range(50):
            with shared.locked(["x"]):
                with guard:
                    inside[0] += 1
                    most[0] = max(most[0], inside[0])
                time.sleep(0.0005)
                with guard:
                    inside[0] -= 1

    def prune() -> None:
        other = SharedFolder(tmp_path, keep_seconds=0.0)
        while not stop.is_set():
            other.prune(["packs"])

    threads = [threading.Thread(target=enter) for _ in range(4)]
    pruner = threading.Thread(target=prune)
    for thread in (pruner, *threads):
        thread.start()
    for thread in threads:
        thread.join(200)
    stop.set()
    pruner.join(200)
    assert most[0] == 1
    shared.prune([])
    assert list((tmp_path / "locks").iterdir()) == []


def test_the_folder_of_a_user_is_private_and_always_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    one, other = NodeFolder(), NodeFolder()
    root = tmp_path / f"mmpipe-{os.geteuid()}"
    assert one.shared.root == other.shared.root == root
    assert root.stat().st_mode & 0o777 == 0o700


def test_a_folder_that_others_could_change_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    root = tmp_path / f"mmpipe-{os.geteuid()}"
    (tmp_path / "elsewhere").mkdir()
    root.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(StorageUnavailable, match=root.name):
        NodeFolder()
    assert list((tmp_path / "elsewhere").iterdir()) == []
    root.unlink()
    root.touch()
    with pytest.raises(StorageUnavailable, match=root.name):
        NodeFolder()
    root.unlink()
    root.mkdir()
    owner = os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: owner + 1)
    (tmp_path / f"mmpipe-{owner + 1}").symlink_to(root)
    with pytest.raises(StorageUnavailable):
        NodeFolder()
    (tmp_path / f"mmpipe-{owner + 1}").unlink()
    root.rename(tmp_path / f"mmpipe-{owner + 1}")
    with pytest.raises(StorageUnavailable, match=f"belongs to user {owner}"):
        NodeFolder()


def test_who_names_a_folder_vouches_for_it(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "named").symlink_to(tmp_path / "disk")
    folder = NodeFolder(tmp_path / "named")
    folder.write("a", ARRAYS)
    assert packs(tmp_path / "disk") == {"a.pack"}


def test_a_folder_that_cannot_be_made_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StorageUnavailable, match="file"):
        NodeFolder(tmp_path / "file" / "node")


def test_a_pack_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    folder = NodeFolder(tmp_path)
    (tmp_path / "packs" / "a.pack").mkdir()
    with pytest.raises(StorageUnavailable, match=r"a\.pack"):
        folder.write("a", ARRAYS)
