"""Copies on local disk that were changed behind our back: noticed, made anew, never answered from."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import boto3
import lance
import numpy as np
import pytest
from moto.server import ThreadedMotoServer

from mmpipe.errors import StorageUnavailable
from mmpipe.lake import ProductTable, open_lake
from mmpipe.lake.mirror import TABLES, Mirror
from mmpipe.lake.shared_folder import SharedFolder
from mmpipe.search import LiveVersions
from mmpipe.search.versions import store
from mmpipe.search.versions.folder import NodeFolder
from mmpipe.settings import LakeSettings, Settings, StorageSettings
from tests.serve.conftest import InProcessWork, catalogue, order_for, settings_for, write_feed
from tests.unit.lake.rows import PROFILE, products

BUCKET = "damaged"


def flipped(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0xFF
    path.write_bytes(bytes(data))


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-9])


def gone(path: Path) -> None:
    path.unlink()


DAMAGES = pytest.mark.parametrize("damage", [flipped, cut, gone])


@pytest.fixture(scope="module")
def made() -> Iterator[Settings]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    with pytest.MonkeyPatch.context() as patch:
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            patch.setenv(name, "test")
        patch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        url = f"http://{host}:{port}"
        boto3.client("s3", endpoint_url=url, region_name="us-east-1").create_bucket(Bucket=BUCKET)
        yield Settings(
            storage=StorageSettings(endpoint_url=url), lake=LakeSettings(uri=f"s3://{BUCKET}/lake")
        )
    server.stop()


@pytest.fixture(scope="module")
def table(made: Settings) -> tuple[str, int]:
    held = open_lake(made).collection("shop", create=True).products(PROFILE, create=True)
    held.upsert(products([f"p{n}" for n in range(50)], 1))
    return held.uri, held.version


def _data(root: Path) -> Path:
    (file,) = sorted((root / "data").iterdir())
    return file


@DAMAGES
@pytest.mark.parametrize("by_the_next_process", [False, True])
def test_a_damaged_copy_is_fetched_anew(
    made: Settings,
    table: tuple[str, int],
    tmp_path: Path,
    damage: Callable[[Path], None],
    by_the_next_process: bool,
) -> None:
    uri, version = table
    mirror = Mirror(uri, SharedFolder(tmp_path), made.storage)
    root = mirror.sync(version)
    whole = _data(root).read_bytes()
    assert not mirror.damaged()
    damage(_data(root))
    if by_the_next_process:
        mirror.close()
        mirror = Mirror(uri, SharedFolder(tmp_path), made.storage)
    else:
        assert mirror.damaged()
    assert mirror.sync(version) == root
    assert _data(root).read_bytes() == whole
    assert not mirror.damaged()
    assert lance.dataset(str(root), version=version).count_rows() == 50


def test_a_change_that_keeps_size_and_time_is_found_by_the_next_process(
    made: Settings, table: tuple[str, int], tmp_path: Path
) -> None:
    uri, version = table
    root = Mirror(uri, SharedFolder(tmp_path), made.storage).sync(version)
    path = _data(root)
    whole, times = path.read_bytes(), path.stat()
    flipped(path)
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    Mirror(uri, SharedFolder(tmp_path), made.storage).sync(version)
    assert path.read_bytes() == whole


@pytest.mark.parametrize("by_the_next_process", [False, True])
def test_a_table_that_was_made_anew_is_told_from_the_one_before(
    made: Settings, tmp_path: Path, by_the_next_process: bool
) -> None:
    name = f"anew-{by_the_next_process}".lower()

    def filled(*ids: str) -> ProductTable:
        table = open_lake(made).collection(name, create=True).products(PROFILE, create=True)
        table.upsert(products(list(ids), 1))
        return table

    def followed(version: int) -> list[str]:
        found: list[str] = (
            lance.dataset(str(mirror.sync(version)), version=version).to_table()["id"].to_pylist()
        )
        return sorted(found)

    first = filled("a", "b")
    mirror = Mirror(first.uri, SharedFolder(tmp_path), made.storage)
    mirror.sync(first.version)
    first.upsert(products(["e"], 2))
    assert followed(first.version) == ["a", "b", "e"]
    s3 = boto3.client("s3", endpoint_url=made.storage.endpoint_url, region_name="us-east-1")
    for held in s3.list_objects_v2(Bucket=BUCKET, Prefix=f"lake/{name}/")["Contents"]:
        s3.delete_object(Bucket=BUCKET, Key=held["Key"])
    second = filled("c")
    assert (second.uri, second.version) == (first.uri, first.version - 1)
    if by_the_next_process:
        mirror.close()
        mirror = Mirror(first.uri, SharedFolder(tmp_path), made.storage)
    else:
        mirror.begin_anew()
    assert followed(second.version) == ["c"]
    second.upsert(products(["d"], 2))
    assert second.version == first.version
    assert followed(second.version) == ["c", "d"], "nor is a later version that had been followed, too"


def test_a_full_disk_is_no_answer_and_leaves_nothing_half_written(
    made: Settings, table: tuple[str, int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    mirror = Mirror(table[0], SharedFolder(tmp_path), made.storage)
    with monkeypatch.context() as disk:
        disk.setattr(Path, "rename", full)
        with pytest.raises(StorageUnavailable, match="No space left"):
            mirror.sync(table[1])
    assert not [path for path in (tmp_path / TABLES).rglob("*") if path.is_file()]
    assert mirror.sync(table[1]).is_dir()


@DAMAGES
def test_a_damaged_pack_is_not_opened_and_one_that_is_mapped_is_reported(
    tmp_path: Path, damage: Callable[[Path], None]
) -> None:
    folder = NodeFolder(tmp_path)
    arrays = {"price/price": np.arange(50, dtype=np.float64)}
    held = folder.write("one", arrays)
    assert not folder.damaged()
    damage(tmp_path / held.name)
    assert folder.damaged()
    assert folder.open("one") is None
    again = folder.write("one", arrays)
    del held
    assert not folder.damaged()
    assert again.parts["price"]["price"][7] == 7


@DAMAGES
def test_a_collection_whose_files_are_damaged_is_loaded_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, damage: Callable[[Path], None]
) -> None:
    monkeypatch.setattr(store, "CHECK_SECONDS", 0.05)
    settings = settings_for(tmp_path)
    order = order_for(write_feed(tmp_path, "all.jsonl", catalogue()), settings)
    assert [each.status for each in InProcessWork(settings).indexer.execute([order])] == ["done"]
    with LiveVersions(settings, open_lake(settings)) as versions:
        first = versions.get("shop")
        (pack,) = (tmp_path / "mirror" / "packs").glob("*.pack")
        whole = pack.read_bytes()
        # As another process sees it that maps the file later: what is mapped here keeps its inode.
        copy = pack.with_name(".copy")
        copy.write_bytes(whole)
        copy.replace(pack)
        damage(pack)
        deadline = time.monotonic() + 60
        while versions.get("shop") is first:
            assert time.monotonic() < deadline, "it was not loaded anew"
            time.sleep(0.02)
        assert pack.read_bytes() == whole
        assert len(versions.get("shop")) == len(first)
        assert versions.status()["shop"].error == ""
