#!/usr/bin/env bash
# pylance 14.0.2: a merge_insert that was begun before another process merged the same new key, and is committed
# after somebody cleaned up all old versions (cleanup_old_versions with an age of zero, as an erasure that must
# leave nothing behind does), inserts the key a second time. No conflict is raised, although the key is declared
# as the unenforced primary key and the merge uses no index. Without the clean-up the same merge is told of the
# conflict, tries again, and the key is there once: the manifests of the versions between are what conflicts are
# found by. Whoever has to remove old rows at once should remove data files and leave manifests for a while.
#
# Seen: "without a clean-up: 1 row, with one: 2 rows".
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check pylance==14.0.2 pyarrow==26.0.1
cat > merge.py <<'PYTHON'
import datetime
import threading

import lance
import pyarrow as pa

KEY = {b"lance-schema:unenforced-primary-key": b"true"}
SCHEMA = pa.schema([pa.field("id", pa.string(), nullable=False, metadata=KEY), pa.field("owner", pa.string())])


def table(*rows):
    return pa.Table.from_pylist([{"id": key, "owner": owner} for key, owner in rows], SCHEMA)


def merge(dataset, source):
    merge = dataset.merge_insert("id").when_matched_update_all().when_not_matched_insert_all()
    merge.use_index(False).conflict_retries(20).execute(source)


def rows_of_new(uri, clean_up):
    lance.write_dataset(table(("old", "a")), uri)
    began, go_on = threading.Event(), threading.Event()

    def slowly():
        began.set()
        go_on.wait()
        yield from table(("new", "mine")).to_batches()

    decided = lance.dataset(uri)
    late = threading.Thread(target=merge, args=(decided, pa.RecordBatchReader.from_batches(SCHEMA, slowly())))
    late.start()
    began.wait()
    merge(lance.dataset(uri), table(("new", "theirs")))
    merge(lance.dataset(uri), table(("old", "b")))
    if clean_up:
        lance.dataset(uri).cleanup_old_versions(older_than=datetime.timedelta(0), delete_unverified=False)
    go_on.set()
    late.join()
    return lance.dataset(uri).count_rows("id = 'new'")


without, with_one = rows_of_new("without.lance", False), rows_of_new("with.lance", True)
print(f"without a clean-up: {without} row, with one: {with_one} rows")
PYTHON
venv/bin/python merge.py | tee told
grep -qx "without a clean-up: 1 row, with one: 2 rows" told
