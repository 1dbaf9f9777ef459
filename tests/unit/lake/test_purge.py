"""What was replaced or removed is in no file once a table was purged; who writes meanwhile is not misled."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import lance
import pyarrow as pa
import pytest
from pydantic import BaseModel

from mmpipe.lake.record_table import RecordTable
from mmpipe.settings import StorageSettings


class Note(BaseModel):
    id: str
    owner: str
    text: str = ""


def table(folder: Path) -> RecordTable[Note]:
    uri = (folder / "notes.lance").as_uri()
    return RecordTable(uri, Note, "id", {"owner": pa.string()}, StorageSettings(), lookups=["owner"])


def held(folder: Path, word: str) -> list[str]:
    """The files of the table that hold a word."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return sorted(str(path.relative_to(folder)) for path in files if word.encode() in path.read_bytes())


def test_no_file_holds_what_was_replaced_or_removed(tmp_path: Path) -> None:
    notes = table(tmp_path)
    notes.append([Note(id=f"n{n}", owner="somebody", text="other") for n in range(2_100)])
    notes.put([Note(id="1", owner="erased-owner", text="a-secret"), Note(id="2", owner="erased-owner")])
    notes.maintain(thorough=True)
    notes.append([Note(id=f"m{n}", owner="somebody") for n in range(2_100)])
    notes.maintain(thorough=True)
    notes.put([Note(id="1", owner="nobody")])
    notes.delete(["2"])
    assert held(tmp_path, "a-secret")
    assert any(name.startswith("notes.lance/_indices") for name in held(tmp_path, "erased-owner"))
    notes.purge()
    assert held(tmp_path, "a-secret") == []
    assert held(tmp_path, "erased-owner") == []
    assert notes.by_key(["1", "2"]) == [Note(id="1", owner="nobody")]
    assert len(notes.select("owner = 'somebody'")) == 4_200
    notes.purge()
    assert notes.count() == 4_201


def test_a_writer_that_was_decided_before_a_purge_inserts_nothing_twice(tmp_path: Path) -> None:
    one, other = table(tmp_path), table(tmp_path)
    one.put([Note(id="old", owner="a")])
    rows = one._rows([Note(id="new", owner="mine")])
    began, purged = threading.Event(), threading.Event()

    def source() -> Iterator[pa.RecordBatch]:
        began.set()
        assert purged.wait(200)
        yield from rows.to_batches()

    def write() -> None:
        decided = lance.dataset(one._uri.removeprefix("file://"))
        merge = decided.merge_insert("id").when_matched_update_all("true").when_not_matched_insert_all()
        batches = pa.RecordBatchReader.from_batches(rows.schema, source())
        merge.use_index(False).conflict_retries(20).execute(batches)

    writer = threading.Thread(target=write)
    writer.start()
    assert began.wait(200)
    other.put([Note(id="new", owner="theirs")])
    other.put([Note(id="old", owner="b")])
    other.purge()
    purged.set()
    writer.join()
    assert sorted(note.id for note in table(tmp_path).select()) == ["new", "old"]
    assert table(tmp_path).by_key(["new"]) == [Note(id="new", owner="mine")]


def test_a_reader_of_an_older_version_is_told(tmp_path: Path) -> None:
    notes = table(tmp_path)
    notes.put([Note(id="1", owner="a", text="a-secret")])
    before = lance.dataset(notes._uri.removeprefix("file://"))
    notes.put([Note(id="1", owner="b")])
    notes.purge()
    with pytest.raises((OSError, ValueError)):
        before.to_table()
