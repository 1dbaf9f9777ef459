"""What a recogniser of spoken queries is told to expect."""

from __future__ import annotations

from pathlib import Path

from mmpipe.search.find.vocabulary import catalogue_texts, knows_any
from tests.unit.search import catalogues


def test_it_learns_words_and_no_flags_addresses_or_private_columns(tmp_path: Path) -> None:
    product = catalogues.product(
        "a",
        "Oak table",
        brand="Northbay",
        attributes={
            "finish": "waxed by hand",
            "taxable": "TRUE",
            "swatch": "https://cdn.example/oak.jpg",
            "star_rating": "4.7",
        },
        private={"supplier": "Timber Brothers"},
    )
    found = catalogues.version(catalogues.create(tmp_path / "t", catalogues.rows_of([product])))
    assert catalogue_texts(found, 100) == ["Northbay", "waxed by hand", "Oak table"]
    assert knows_any(found, "waxed please")
    for word in ("true", "cdn", "jpg", "timber", "brothers"):
        assert not knows_any(found, word), word
