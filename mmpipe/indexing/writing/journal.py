"""How far a large feed is, until its one commit: what its workers made lies staged in the table's folder, and
the journal says what that is.

A run that is killed is repeated and finds the journal of the same file: rows that it has are not read again,
let alone encoded. A journal is only of use under the settings and for the table that it was written for,
while the file is the one that was read, and for :data:`KEEP`: files in no version are removed by a clean-up
after seven days.
"""

from __future__ import annotations

import hashlib
import io
import json
import logging
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa
from lance.fragment import FragmentMetadata

from mmpipe.indexing.pipeline.hashes import reading_digest
from mmpipe.indexing.pipeline.result import ChunkResult, MediaRead, RunCounts, Write
from mmpipe.indexing.sources.rows import Upload, UploadRow
from mmpipe.lake.changes import Changes, Staged
from mmpipe.objects import open_store
from mmpipe.schemas.run import Reject

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from mmpipe.lake import Collection
    from mmpipe.schemas.work import WorkOrder

logger = logging.getLogger(__name__)
KEEP: Final = timedelta(days=6)
_FOLDER: Final = "staging"
# Of what is written here; a journal of another format is of no use.
_FORMAT: Final = "2"
_MAX_BYTES: Final = 256_000_000


class Journal:
    """The journal of one file's run."""

    def __init__(self, collection: Collection, order: WorkOrder) -> None:
        # By what is read, not by the run: indexing a file again by hand is another run of the same rows.
        what = order.object
        name = f"{what.uri}\x1f{what.version_id}\x1f{what.etag}\x1f{what.size}\x1f{order.kind}"
        self._folder = f"{collection.uri}/{_FOLDER}/{hashlib.sha256(name.encode()).hexdigest()[:32]}/"
        self._collection = collection
        self._store = open_store(self._folder, collection.settings.storage)
        self._run_id = order.run_id
        self._for = {"format": _FORMAT, "reading": reading_digest(collection.settings).hex()}
        self._next = 0

    def append(self, result: ChunkResult, table: str) -> None:
        """Note a result whose whole rows are staged in a table. Deletions alone are not worth an entry."""
        second = next((_second(write.order) for write in result.writes if write.kind == "indexed"), None)
        if second is None:
            return
        head = self._for | {"table": table, "second": second}
        self._store.write(f"{self._folder}{self._next:06d}.arrow", _packed(result, head))
        self._next += 1

    def read(self, source: Callable[[], Upload]) -> Iterator[tuple[str, ChunkResult]]:
        """What an earlier attempt has noted, as if this run had done it, each with the name of its table.

        ``source``, asked only where there is something, is the file as it is now: what was noted of the same
        bytes uploaded at another time has another place in the order of sources.
        """
        oldest = datetime.now(UTC) - KEEP
        head: dict[str, str] = {}
        files: dict[str, set[str]] = {}
        for found in sorted(self._store.list(self._folder), key=lambda stat: stat.uri):
            number = found.uri.rsplit("/", 1)[-1].partition(".")[0]
            self._next = max(self._next, int(number) + 1) if number.isdigit() else self._next
            if found.last_modified < oldest:
                continue
            head = head or self._for | {"second": _second(source().order(0))}
            data, _ = self._store.read(found.uri, max_bytes=_MAX_BYTES)
            noted = _unpacked(data, head, self._run_id)
            if noted is not None:
                table, result = noted
                if table not in files:
                    files[table] = self._files_of(table)
                if _files(result) <= files[table]:
                    yield noted
                    continue
            logger.info("a journal made for something else is left alone", extra={"uri": found.uri})

    def forget(self) -> None:
        """The run is over."""
        for found in list(self._store.list(self._folder)):
            self._store.delete(found.uri)

    def _files_of(self, table: str) -> set[str]:
        folder = f"{self._collection.table_uri(table)}/data/"
        store = open_store(folder, self._collection.settings.storage)
        return {found.uri.rsplit("/", 1)[-1] for found in store.list(folder)}


def sweep(collection: Collection) -> int:
    """Remove journals that are of no use any more; returns how many files went."""
    folder = f"{collection.uri}/{_FOLDER}/"
    store = open_store(folder, collection.settings.storage)
    oldest = datetime.now(UTC) - KEEP
    stale = [found.uri for found in store.list(folder) if found.last_modified < oldest]
    for uri in stale:
        store.delete(uri)
    return len(stale)


def _packed(result: ChunkResult, head: dict[str, str]) -> bytes:
    changes = result.changes
    source = _source_of(result)
    said: dict[str, Any] = {
        **head,
        "fragments": [staged.fragment.to_json() for staged in changes.staged],
        "rows": result.rows,
        "source": source,
        "writes": [[w.id, w.order, w.kind] for w in result.writes],
        "rejects": [reject.model_dump(mode="json") for reject in result.rejects],
        "media": [[m.product_id, m.field, m.uri, m.etag] for m in result.media],
        "counts": [counts.said() for counts in result.counts.values()],
        "stocks": [[r.row, r.raw, r.product_id, r.stock, r.group_id] for r in result.stocks],
        "named": [product_id for ids in result.named.values() for product_id in ids],
    }
    tables = {
        "claims": [staged.claims for staged in changes.staged],
        "edits": changes.edits,
        "seen": changes.seen,
    }
    columns = {name: [_stream(part) for part in parts] for name, parts in tables.items()}
    text = json.dumps(said, ensure_ascii=False).encode()
    row = {"said": [text], **{name: [parts] for name, parts in columns.items()}}
    kinds = {"said": pa.large_binary(), **dict.fromkeys(columns, pa.list_(pa.large_binary()))}
    table = pa.table({name: pa.array(values, kinds[name]) for name, values in row.items()})
    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, table.schema, options=pa.ipc.IpcWriteOptions(compression="zstd")) as writer:
        writer.write_table(table)
    return sink.getvalue()


def _unpacked(data: bytes, head: dict[str, str], run_id: str) -> tuple[str, ChunkResult] | None:
    row = pa.ipc.open_stream(data).read_all().to_pylist()[0]
    said = json.loads(row["said"])
    if {name: said.get(name) for name in head} != head:
        return None
    tables = {
        n: [pa.ipc.open_stream(part).read_all() for part in row[n]] for n in ("claims", "edits", "seen")
    }
    fragments = [FragmentMetadata.from_json(json.dumps(each)) for each in said["fragments"]]
    staged = [Staged(f, claims) for f, claims in zip(fragments, tables["claims"], strict=True)]
    source = None if said["source"] is None else replace(_source(said["source"]), run_id=run_id)
    result = ChunkResult(
        changes=Changes(staged=staged, edits=tables["edits"], seen=tables["seen"]),
        writes=[Write(product_id, order, run_id, kind) for product_id, order, kind in said["writes"]],
        rejects=[Reject.model_validate(each | {"run_id": run_id}) for each in said["rejects"]],
        media=[] if source is None else [MediaRead(i, source, f, u, e) for i, f, u, e in said["media"]],
        counts={run_id: _sum(said["counts"])},
        stocks=[]
        if source is None
        else [
            UploadRow(source, n, source.order(n), raw, stock=stock, product_id=i, group_id=group)
            for n, raw, i, stock, group in said["stocks"]
        ],
        named={run_id: set(said["named"])},
        rows=said["rows"],
    )
    return said["table"], result


def _second(order: str) -> str:
    return order.partition(".")[0]


def _files(result: ChunkResult) -> set[str]:
    return {file.path for staged in result.changes.staged for file in staged.fragment.data_files()}


def _sum(said: list[dict[str, Any]]) -> RunCounts:
    total = RunCounts()
    for counts in said:
        total.add(RunCounts.of(counts))
    return total


def _source_of(result: ChunkResult) -> list[str] | None:
    sources = [each.source for each in result.media[:1]] + [each.source for each in result.stocks[:1]]
    source = next(iter(sources), None)
    if source is None:
        return None
    return [source.run_id, source.uri, source.root, source.modified_at.isoformat(), source.sequencer]


def _source(said: list[str]) -> Upload:
    run_id, uri, root, modified_at, sequencer = said
    return Upload(run_id, uri, root, datetime.fromisoformat(modified_at), sequencer)


def _stream(table: pa.Table) -> bytes:
    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return sink.getvalue()
