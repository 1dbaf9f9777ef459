"""Changes one product of a table for every line that comes in, publishes, and says so: the other side of a
replica's swaps.

    PYTHONPATH=BUILD:benchmarks python -P -m probe.writer LAKE COLLECTION

A line names the column to change, ``price`` or ``title``. Maintenance runs as after an upload.
"""

from __future__ import annotations

import random
import sys
from datetime import UTC, datetime

import lance
import pyarrow as pa

from mmpipe.lake import open_lake
from mmpipe.schemas.order import SourceOrder
from mmpipe.settings import load_settings


def main() -> None:
    uri, name = sys.argv[1:3]
    settings = load_settings()
    settings = settings.model_copy(update={"lake": settings.lake.model_copy(update={"uri": uri})})
    home = open_lake(settings).collection(name)
    live = home.live()
    if live is None:
        raise SystemExit(f"nothing is live in {uri}")
    table = home.table(live.table)
    ids = lance.dataset(table.uri, version=live.version).to_table(columns=["id"]).column("id").to_pylist()
    draw = random.Random(5)
    print("ready", flush=True)
    for number, line in enumerate(sys.stdin):
        row = table.fetch([draw.choice(ids)])
        now = datetime.now(UTC)
        order = SourceOrder(now, "", number, "s3://synthetic/change.jsonl").encode()
        changes: dict[str, list[object]] = {"source_order": [order], "updated_at": [now]}
        if line.strip() == "price":
            changes["price"] = [draw.randint(500, 30_000) / 100]
        else:
            word = f"changed{number}"
            changes["title"] = [f"{row['title'][0].as_py()} {word}"]
            changes["search_text"] = [f"{row['search_text'][0].as_py()} {word}"]
        for column, values in changes.items():
            field = row.schema.field(column)
            row = row.set_column(row.schema.get_field_index(column), field, pa.array(values, field.type))
        table.upsert(row)
        table.maintain()
        home.publish(table, reason="one product changed")
        print("published", flush=True)


if __name__ == "__main__":
    main()
