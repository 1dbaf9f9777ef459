"""What every test gets."""

from __future__ import annotations

import gc
import logging
import os
from collections.abc import Iterator

import pytest
from hypothesis import settings

# Workers are told how wide the terminal is that they do not write to.
os.environ.pop("COLUMNS", None)

# How long an example takes is the machine's matter; pytest's own timeout catches what hangs.
settings.register_profile("mmpipe", deadline=None)
settings.load_profile("mmpipe")

_LOGGER = logging.getLogger("mmpipe")
_AS_IT_WAS = (_LOGGER.handlers[:], _LOGGER.level, _LOGGER.propagate)


def pytest_collection() -> None:
    """Modules and tests stay, a million objects: collections of garbage would look at them in vain."""
    gc.disable()


def pytest_collection_finish() -> None:
    gc.freeze()
    gc.enable()


def pytest_sessionfinish() -> None:
    gc.unfreeze()


@pytest.fixture(autouse=True)
def _logging_as_it_was() -> Iterator[None]:
    """Commands and handlers that a test runs, or a fixture of its module, set up logging for their process,
    which is that of all tests."""
    _restore()
    yield
    _restore()


def _restore() -> None:
    _LOGGER.handlers[:], _LOGGER.level, _LOGGER.propagate = _AS_IT_WAS
