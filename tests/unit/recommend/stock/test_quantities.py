"""What is left of a product, by its own columns and by a file."""

from __future__ import annotations

from pathlib import Path

import pytest

from mmpipe.errors import InvalidRequest
from mmpipe.recommend.stock import read_quantities
from mmpipe.recommend.stock.quantities import quantity_of
from tests.unit.search.catalogues import product


@pytest.mark.parametrize(
    ("private", "expected"),
    [
        ({"quantity": "12"}, 12),
        ({"sell_on_google_quantity": "3.0"}, 3),
        ({"Quantity to sell on Facebook": "0"}, 0),
        ({"inventory": "plenty", "stock_level": "7"}, 7),
        ({"quantity": "-4"}, 0),
        ({"quantity": "NaN"}, None),
        ({"quantity": "1e30"}, None),
        ({"minimal quantity": "2"}, None),
        ({}, None),
    ],
)
def test_columns_that_say_how_many(private: dict[str, str], expected: int | None) -> None:
    assert quantity_of(product("a", private=private)) == expected


def test_a_file_of_quantities(tmp_path: Path) -> None:
    path = tmp_path / "left"
    path.write_text("\ufeffid,name,quantity\nSKU-1,one,4\nSKU-2,two,0\nSKU-1,again,5\n", encoding="utf-8")
    assert read_quantities(path) == {"SKU-1": 5, "SKU-2": 0}
    path.write_text('{"id": "a", "quantity": 3}\n{"id": "b", "quantity": "9"}\n')
    assert read_quantities(path) == {"a": 3, "b": 9}


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("id,quantity\nSKU-1,4\nSKU-2,many\n", "line 3, quantity"),
        ("id,quantity\nSKU-1,NaN\n", "line 2, quantity"),
        ("id,quantity\nSKU-1,inf\n", "line 2, quantity"),
        ("sku,qty\nSKU-1,4\n", "line 2, id"),
        ('{"id": "a", "quantity": 1}\nnonsense\n', "line 2, id"),
        ('{"id": "../x", "quantity": 1}\n', "line 1, id"),
    ],
)
def test_a_bad_line_is_named(tmp_path: Path, text: str, complaint: str) -> None:
    (tmp_path / "left").write_text(text)
    with pytest.raises(InvalidRequest, match=complaint):
        read_quantities(tmp_path / "left")


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match="cannot be read"):
        read_quantities(tmp_path / "none")
