from pathlib import Path

import numpy as np
import pytest

from mmpipe.search.columns.pack import DamagedPack, Pack, open_pack, write_pack

ARRAYS = {
    "text/rows": np.arange(5, dtype=np.int32),
    "text/none": np.zeros(0, np.uint8),
    "vector/values": np.ones((3, 4), np.float16),
}


def test_what_is_written_is_read_back_aligned_and_cannot_be_changed(tmp_path: Path) -> None:
    write_pack(tmp_path / "pack", ARRAYS)
    assert [entry.name for entry in tmp_path.iterdir()] == ["pack"]
    assert (tmp_path / "pack").stat().st_mode & 0o777 == 0o600
    pack = open_pack(tmp_path / "pack")
    assert list(pack.arrays) == list(ARRAYS)
    assert pack.nbytes == (tmp_path / "pack").stat().st_size
    for name, array in ARRAYS.items():
        read = pack.arrays[name]
        assert read.dtype == array.dtype
        np.testing.assert_array_equal(read, array)
        assert not array.size or read.__array_interface__["data"][0] % 64 == 0
    with pytest.raises(ValueError):
        pack.arrays["text/rows"][0] = 1
    assert list(pack.part("text")) == ["rows", "none"]


@pytest.mark.parametrize("cut", [0, 4, 20, 100, -1])
def test_a_file_that_is_not_whole_is_refused(tmp_path: Path, cut: int) -> None:
    write_pack(tmp_path / "pack", ARRAYS)
    whole = (tmp_path / "pack").read_bytes()
    (tmp_path / "part").write_bytes(whole[:cut])
    with pytest.raises(DamagedPack):
        open_pack(tmp_path / "part")


def test_a_foreign_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "other").write_bytes(b"x" * 4096)
    with pytest.raises(DamagedPack):
        open_pack(tmp_path / "other")


def test_a_pack_in_memory_is_read_only() -> None:
    pack = Pack.of({"a/b": np.arange(3)})
    with pytest.raises(ValueError):
        pack.part("a")["b"][0] = 1
