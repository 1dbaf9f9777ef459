"""A small feed with pictures beside it, and a shop of the fake profile that holds it."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

import pytest

import mmpipe
from mmpipe.embedded import IndexReport, Shop
from mmpipe.settings import IndexingSettings, ServeSettings, Settings
from tests.serve.conftest import COLORS, png


def settings_of(folder: Path) -> Settings:
    """Of a shop whose whole state is below ``folder``."""
    return Settings(
        indexing=IndexingSettings(profile="fake"),
        serve=ServeSettings(live_poll_seconds=0.1, mirror_dir=str(folder / "mirror")),
    )


def write_feed(folder: Path) -> Path:
    """12 products with pictures as files, one whose picture is missing, and a row that is no product."""
    folder.mkdir(parents=True, exist_ok=True)
    feed = folder / "feed.csv"
    with feed.open("w", newline="") as opened:
        rows = csv.writer(opened)
        rows.writerow(["id", "title", "price", "brand", "color", "image_link"])
        for color, rgb in COLORS.items():
            (folder / f"{color}.png").write_bytes(png(rgb))
            for number, kind in enumerate(("dress", "shoe", "hat")):
                rows.writerow(
                    [
                        f"{color}-{kind}",
                        f"{color} {kind}",
                        f"{10 + number}.00 USD",
                        "Acme",
                        color,
                        f"{color}.png",
                    ]
                )
        rows.writerow(["scarf", "red scarf", "5.00 USD", "Acme", "red", "missing.png"])
        rows.writerow(["broken", "no price here", "not a price", "Acme", "red", ""])
    return feed


@pytest.fixture(scope="module")
def indexed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Shop, IndexReport]]:
    """The shop, and what came of its feed."""
    folder = tmp_path_factory.mktemp("embedded")
    with mmpipe.open(folder / "lake", settings=settings_of(folder)) as shop:
        yield shop, shop.index(write_feed(folder / "feed"))


@pytest.fixture(scope="module")
def shop(indexed: tuple[Shop, IndexReport]) -> Shop:
    """The shop alone."""
    return indexed[0]
