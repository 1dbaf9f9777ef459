from __future__ import annotations

import colorsys
import dataclasses
from itertools import pairwise

import numpy as np
import pytest

from examples.catalogue.drawing.geometry import Pose, curve, ellipse, paint, rrect
from examples.catalogue.palette import COLOURS
from examples.catalogue.products import SampleProduct, generate_products
from examples.catalogue.render import render_image
from examples.catalogue.words import CATEGORIES
from mmpipe.errors import InvalidRequest


@pytest.fixture(scope="module")
def by_category() -> dict[str, SampleProduct]:
    return {p.category: p for p in generate_products()}


@pytest.mark.parametrize("category", sorted(CATEGORIES))
def test_every_style_of_a_category_is_drawn(category: str, by_category: dict[str, SampleProduct]) -> None:
    product = by_category[category]
    pictures = []
    for style in CATEGORIES[category].styles:
        picture = render_image(dataclasses.replace(product, style=style.key), size=64)
        assert picture.shape == (64, 64, 3)
        assert picture.dtype == np.uint8
        assert picture.std() > 10, "nothing but backdrop"
        pictures.append(picture)
    for one, other in pairwise(pictures):
        changed = (np.abs(one.astype(int) - other) > 20).any(axis=2).mean()
        assert changed > 0.004, "two styles look alike"


def test_the_same_arguments_give_the_same_pixels(by_category: dict[str, SampleProduct]) -> None:
    for category in ("dress", "sofa", "kettle"):
        one = render_image(by_category[category], size=96)
        assert np.array_equal(one, render_image(by_category[category], size=96))


def test_views_differ(by_category: dict[str, SampleProduct]) -> None:
    front, other = (render_image(by_category["mug"], view=view, size=96).astype(int) for view in (0, 1))
    assert np.abs(front - other).mean() > 2


@pytest.mark.parametrize("colour", ["red", "yellow", "green", "blue", "purple"])
@pytest.mark.parametrize("category", ["t-shirt", "backpack", "sofa", "plate"])
def test_a_solid_product_has_its_colour(
    category: str, colour: str, by_category: dict[str, SampleProduct]
) -> None:
    product = dataclasses.replace(
        by_category[category], colour=colour, pattern="solid", style=CATEGORIES[category].styles[0].key
    )
    picture = render_image(product, size=96)
    # The part of the picture that is strongly coloured is the product: backdrops are pale.
    spread = picture.max(axis=2).astype(int) - picture.min(axis=2)
    strong = picture[spread > 60]
    assert len(strong) > 0.1 * 96 * 96
    seen = colorsys.rgb_to_hsv(*(strong.mean(axis=0) / 255))[0]
    wanted = colorsys.rgb_to_hsv(*COLOURS[colour].rgb)[0]
    away = abs(seen - wanted)
    assert min(away, 1 - away) < 0.06


def test_a_pattern_changes_the_picture(by_category: dict[str, SampleProduct]) -> None:
    plain = dataclasses.replace(by_category["dress"], pattern="solid", colour="red", accent="white")
    base = render_image(plain, size=96).astype(int)
    for pattern in (
        "striped",
        "checked",
        "polka dot",
        "floral",
        "chevron",
        "star",
        "camouflage",
        "marble",
        "ombre",
    ):
        other = render_image(dataclasses.replace(plain, pattern=pattern), size=96)
        assert np.abs(base - other).mean() > 2, pattern


@pytest.mark.parametrize("size", [0, 16, 4096])
def test_impossible_sizes_are_refused(size: int, by_category: dict[str, SampleProduct]) -> None:
    with pytest.raises(InvalidRequest, match="size"):
        render_image(by_category["mug"], size=size)


def test_masks_cover_the_area_of_their_shape() -> None:
    mask = paint(ellipse(0.5, 0.5, 0.25), Pose(), 200)
    assert mask is not None
    assert mask.values.sum() / 200**2 == pytest.approx(np.pi * 0.25**2, rel=0.02)
    ring = paint(rrect(0.2, 0.2, 0.8, 0.8, 0.0) - rrect(0.3, 0.3, 0.7, 0.7, 0.0), Pose(), 200)
    assert ring is not None
    assert ring.values.sum() / 200**2 == pytest.approx(0.36 - 0.16, rel=0.05)
    assert paint(ellipse(3.0, 3.0, 0.1), Pose(), 200) is None


def test_curves_pass_through_their_points_and_do_not_overshoot() -> None:
    corners = [(0.1, 0.1), (0.9, 0.1), (0.9, 0.12), (0.9, 0.9), (0.1, 0.9)]
    path = curve(corners, steps=12)
    for corner in corners:
        assert np.hypot(*(path - corner).T).min() < 1e-9
    # Directions as long as the neighbours' distance would swing out to 0.959 between the two close points.
    between = path[(path[:, 1] > 0.1) & (path[:, 1] < 0.13)]
    assert len(between) > 5
    assert between[:, 0].max() < 0.91
