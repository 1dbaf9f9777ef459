"""Options fill the fields that their names mean."""

from __future__ import annotations

from typing import Any

import pytest

from mmpipe.catalogue.formats.options import add_options, option_field


@pytest.mark.parametrize(
    ("name", "field"),
    [
        ("Color", "color"), ("COLOUR", "color"), ("Colours", "color"), ("Farbe", "color"), ("颜色", "color"),
        ("Size (EU)", "size"), ("Größe", "size"), ("Taille", "size"), ("Shoe size", "size"), ("尺码", "size"),
        ("Material", "material"), ("matière", "material"), ("Muster", "pattern"), ("Fit", None), ("", None),
    ],
)  # fmt: skip
def test_names_in_several_languages(name: str, field: str | None) -> None:
    assert option_field(name) == field


def test_the_first_of_two_options_of_one_field_has_it() -> None:
    product: dict[str, Any] = {"attributes": {"tags": "new"}}
    add_options(product, [("Size", "M"), ("Shoe size", "41"), ("Fit", "Slim")])
    assert product == {"size": "M", "attributes": {"tags": "new", "Shoe size": "41", "Fit": "Slim"}}
