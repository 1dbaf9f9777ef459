"""The drawn pictures that a shop's training is measured with are what the generator draws."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import mmpipe.learn.adapt as package
from examples.catalogue.products import generate_products
from examples.catalogue.render import render_image
from mmpipe.encoders.starter.images import fit
from mmpipe.encoders.starter.loader import load
from mmpipe.encoders.starter.towers import TRUNK_CANVAS
from mmpipe.learn.adapt.measure import PICTURES, TITLES, general_figures
from training import general
from training.evaluate import embedders

FOLDER = Path(package.__file__).parent


def test_titles_and_pictures_belong_together() -> None:
    titles = json.loads((FOLDER / TITLES).read_text(encoding="utf-8"))
    products = generate_products(general.SEED, general.COUNT)
    assert titles == [{"en": p.title_en, "zh": p.title_zh} for p in products]
    with Image.open(FOLDER / PICTURES) as column:
        pictures = np.asarray(column).reshape(len(products), 80, 64, 3)
    for number in (0, 1, 77, 159):
        drawn = fit(render_image(products[number], view=number % 2, size=128), TRUNK_CANVAS)
        assert np.abs(pictures[number].astype(int) - drawn).mean() < 5.0
        assert np.abs(pictures[number - 1].astype(int) - drawn).mean() > 10.0


def test_the_starter_knows_them() -> None:
    figures = general_figures()(embedders(load()))
    assert figures["renders_en_mrr"] == pytest.approx(0.98, abs=0.01)
    assert figures["renders_zh_mrr"] == pytest.approx(0.97, abs=0.01)
    assert figures["glossary_zh_en"] == pytest.approx(0.98, abs=0.01)
