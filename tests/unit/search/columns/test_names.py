"""What products are by their titles, however long these are."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np

from mmpipe.search.columns.words import Way
from mmpipe.search.find.things import things
from tests.unit.search import catalogues

LONG = "lamp " * 99 + "case"


def test_titles_of_one_word_a_thousand_times_cost_no_more_than_their_length(tmp_path: Path) -> None:
    """Where each occurrence was followed to the end, this took more than a second."""
    languages = {f"en-{chr(97 + n)}x": {"title": LONG} for n in range(20)}
    stuffed = [catalogues.product(f"s{n}", LONG, translations=languages) for n in range(60)]
    products = [*stuffed, catalogues.product("lamp", "Case with lamps"), catalogues.product("case", LONG)]
    version = catalogues.version(catalogues.create(tmp_path / "t", catalogues.rows_of(products)))
    rows = np.arange(len(products), dtype=np.int32)
    lamps = [Way(("lamp",), 1.0 / n) for n in range(1, 17)]
    roles = things().roles
    start = time.process_time()
    named = version.names.named(rows, lamps, roles)
    assert time.process_time() - start < 0.3
    assert not named.any()
    assert version.names.named(rows, [Way(("case",), 0.5)], roles).tolist() == [0.5] * len(products)
