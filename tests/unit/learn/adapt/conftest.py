"""A small shop of drawn products, and a small untrained parent profile to adapt."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

from mmpipe.learn.adapt.export import export_towers, finish_folder  # noqa: E402
from mmpipe.learn.adapt.model import fresh, texts_of  # noqa: E402
from mmpipe.learn.catalogue_data import CatalogueData, load_catalogue, read_catalogue  # noqa: E402
from mmpipe.settings import Settings  # noqa: E402
from tests.unit.learn.adapt.shops import write_shop  # noqa: E402

PRODUCTS = 72


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """One order of summation, so that runs can be compared to the bit."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="session")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The feed file: 72 products with small pictures, a few recordings and a clip."""
    return write_shop(tmp_path_factory.mktemp("adapt-shop") / "shop", PRODUCTS)


@pytest.fixture(scope="session")
def data_folder(shop: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shop, read."""
    folder = tmp_path_factory.mktemp("adapt-data")
    read_catalogue(str(shop), folder, Settings())
    return folder


@pytest.fixture(scope="session")
def data(data_folder: Path) -> CatalogueData:
    return load_catalogue(data_folder)


@pytest.fixture(scope="session")
def parent(data: CatalogueData, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Weights of untrained towers with a small vocabulary."""
    folder = tmp_path_factory.mktemp("adapt-parent") / "weights"
    model = fresh(texts_of(data.items[:20]), seed=3).eval()
    export_towers(model, folder)
    finish_folder(folder, {"score": 0.0})
    return folder


@pytest.fixture
def run_folder(data_folder: Path, tmp_path: Path) -> Callable[[str], Path]:
    """A new run's folder with the shop's data in it."""

    def make(name: str) -> Path:
        shutil.copytree(data_folder, tmp_path / name / "data")
        return tmp_path / name

    return make
