"""What a shop has nothing of finds nothing, and what it has by another word is found.

    python benchmarks/nothing_found.py --sample SHOP/feeds/catalogue.jsonl

Asks the sample catalogue (``python -m examples.catalogue SHOP``) and the wide shop of ``benchmarks/words`` by
``benchmarks/words/nothing.jsonl``: 40 queries of other worlds and of no meaning, and for each shop 40 by
words that its titles do not have for what it sells, half of each to choose by and half to report, in English
and Chinese. Prints one JSON line: of each shop and half how many of the former found nothing, and of the
latter how many had what was meant among the first ten, and first.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from pydantic_core import from_json

from mmpipe.indexing import execute_file
from mmpipe.lake import open_lake
from mmpipe.lake.model_loading import carry, load_profile
from mmpipe.lexical import tokens
from mmpipe.schemas.search import SearchRequest
from mmpipe.search import LiveVersions, Searcher, encode
from mmpipe.settings import Settings, load_settings

WORDS = Path(__file__).resolve().parent / "words"
COLLECTION = "shop"


def measured(settings: Settings, feed: Path, shop: str, queries: list[dict[str, Any]]) -> Iterator[Any]:
    """The figures of one shop, by half."""
    carry(settings.indexing.profile, load_settings(), settings)
    record = execute_file(settings, feed, COLLECTION)
    if record.status != "done":
        raise SystemExit(f"{feed}: {record.error or record.status}")
    loaded = load_profile(settings.indexing.profile, settings, threads=1)
    store = LiveVersions(settings, open_lake(settings))
    searcher = Searcher(loaded.profile, settings.serve)
    try:
        version = store.get(COLLECTION)

        def titles(text: str) -> list[str]:
            request = SearchRequest(text=text, limit=10, explain=False)
            body = searcher.ask(version, request, partial(encode, loaded=loaded, media={})).body
            return [hit["title"] for hit in from_json(body)["hits"]]

        for half in ("choosing", "reporting"):
            own = [query for query in queries if query["half"] == half]
            foreign = [titles(query["query"]) for query in own if "shop" not in query]
            meant = [
                [any(set(tokens(name)) <= set(tokens(title)) for name in query["titles"]) for title in found]
                for query in own
                if query.get("shop") == shop
                for found in (titles(query["query"]),)
            ]
            yield {
                "shop": shop,
                "half": half,
                "foreign": len(foreign),
                "nothing_found": sum(not found for found in foreign),
                "by_another_word": len(meant),
                "found": sum(map(any, meant)),
                "first": sum(found[:1] == [True] for found in meant),
            }
    finally:
        store.close()


def main() -> int:
    """Index both shops and ask them."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sample", type=Path, required=True)
    chosen = parser.parse_args()
    lines = (WORDS / "nothing.jsonl").read_text(encoding="utf-8").splitlines()
    queries = [json.loads(line) for line in lines]
    figures: list[Any] = []
    for shop, feed in (("sample", chosen.sample), ("wide", WORDS / "wide-products.jsonl")):
        with tempfile.TemporaryDirectory(prefix="mmpipe-nothing-") as folder:
            base = load_settings()
            lake = base.lake.model_copy(update={"uri": folder})
            indexing = base.indexing.model_copy(update={"modalities": ("image", "text")})
            here = base.model_copy(update={"lake": lake, "indexing": indexing})
            figures += measured(here, feed, shop, queries)
    print(json.dumps(figures))
    return 0


if __name__ == "__main__":
    sys.exit(main())
