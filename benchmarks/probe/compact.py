"""Makes one fragment of a table and publishes it: the same products in as few files as can be.

PYTHONPATH=BUILD:benchmarks python -P -m probe.compact LAKE COLLECTION
"""

from __future__ import annotations

import sys

import lance

from mmpipe.lake import open_lake
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
    dataset = lance.dataset(table.uri)
    dataset.optimize.compact_files(target_rows_per_fragment=dataset.count_rows())
    table.maintain()
    home.publish(table, reason="one fragment")
    print(len(lance.dataset(table.uri).get_fragments()))


if __name__ == "__main__":
    main()
