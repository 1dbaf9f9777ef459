from __future__ import annotations

import multiprocessing
import os
import pickle
from pathlib import Path

import pytest

from mmpipe.errors import CommitConflict, ObjectNotFound
from mmpipe.objects import FolderStore, InvalidAddress, join, open_store


def test_links_do_not_lead_out(tmp_path: Path) -> None:
    root = tmp_path / "shop"
    root.mkdir()
    (tmp_path / "secret").write_text("secret")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "x").write_text("x")
    (root / "leak").symlink_to(tmp_path / "secret")
    (root / "folder").symlink_to(tmp_path / "elsewhere")
    (root / "inside").write_text("inside")
    (root / "alias").symlink_to(root / "inside")
    store = open_store(root)
    for key in ("leak", "folder/x"):
        with pytest.raises(ObjectNotFound, match="leads out"):
            store.read(join(root, key), max_bytes=100)
    with pytest.raises(ObjectNotFound):
        store.write(join(root, "folder/y"), b"")
    with pytest.raises(ObjectNotFound):
        store.delete(join(root, "folder/x"))
    assert store.read(join(root, "alias"), max_bytes=100)[0] == b"inside"
    assert [Path(found.uri).name for found in store.list(f"file://{root}/")] == ["alias", "inside"]
    assert [Path(found.uri).name for found in store.list(f"file://{tmp_path}/")] == ["alias", "inside"]
    assert list(store.list(f"file://{root}/folder/")) == []


@pytest.mark.parametrize(
    "uri", ["file:///shop/../secret", "file://host/x", "file:///a//b", "/plain", "s3://b/k"]
)
def test_odd_addresses_are_refused(tmp_path: Path, uri: str) -> None:
    with pytest.raises(InvalidAddress):
        FolderStore("/").read(uri, max_bytes=1)


def test_outside_the_root_there_is_nothing(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "ab").write_text("x")
    with pytest.raises(ObjectNotFound):
        open_store(tmp_path / "a").stat(f"file://{tmp_path}/ab")


def test_a_store_may_be_one_file(tmp_path: Path) -> None:
    feed = tmp_path / "feed.csv"
    feed.write_text("id,title\n")
    store = open_store(feed)
    assert store.read(f"file://{feed}", max_bytes=100)[0] == b"id,title\n"
    assert [found.uri for found in store.list(f"file://{feed}")] == [f"file://{feed}"]


def test_folders_and_pipes_are_no_objects(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    store = open_store(tmp_path)
    for key in ("pipe", "."):
        with pytest.raises((ObjectNotFound, InvalidAddress)):
            store.open(f"file://{tmp_path}/{key}")
    with pytest.raises(ObjectNotFound):
        FolderStore("/").stat(f"file://{tmp_path}")
    with pytest.raises(ObjectNotFound, match="version"):
        store.stat(f"file://{tmp_path}/pipe", version_id="1")


def test_a_name_too_long_is_no_address(tmp_path: Path) -> None:
    with pytest.raises(InvalidAddress):
        open_store(tmp_path).write(join(tmp_path, "x" * 300), b"")


def test_nothing_temporary_is_left_or_listed(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    uri = join(tmp_path, "d/k")
    store.write(uri, b"1")
    with pytest.raises(CommitConflict):
        store.write(uri, b"2", if_none_match=True)
    assert [found.uri for found in store.list(f"file://{tmp_path}/")] == [uri]
    assert not [name for name in os.listdir(tmp_path / "d") if name.endswith(".tmp")]
    with pytest.raises(InvalidAddress):
        store.write(join(tmp_path, "d/.mmpipe-lock"), b"")


def test_quick_writes_of_one_size_have_different_etags(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    uri = join(tmp_path, "k")
    etags = [store.write(uri, b"same").etag for _ in range(30)]
    assert len(set(etags)) == 30


def _increment(folder: str, times: int) -> None:
    store = pickle.loads(pickle.dumps(open_store(folder)))
    uri = join(folder, "count")
    done = 0
    while done < times:
        data, found = store.read(uri, max_bytes=100)
        try:
            store.write(uri, str(int(data) + 1).encode(), if_match=found.etag)
        except CommitConflict:
            continue
        done += 1


def test_no_update_is_lost_between_processes(tmp_path: Path) -> None:
    open_store(tmp_path).write(join(tmp_path, "count"), b"0")
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=_increment, args=(str(tmp_path), 25)) for _ in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(100)
        assert worker.exitcode == 0
    assert open_store(tmp_path).read(join(tmp_path, "count"), max_bytes=100)[0] == b"75"
