"""What every test gets."""

from __future__ import annotations

import gc
import logging
import os
from collections.abc import Iterator
from functools import cache

import pytest
from hypothesis import settings

from mmpipe.encoders import registry

# Workers are told how wide the terminal is that they do not write to.
os.environ.pop("COLUMNS", None)

# How long an example takes is the machine's matter; pytest's own timeout catches what hangs. Every run has
# the same examples, so that none fails that others passed; --hypothesis-profile=explore draws new ones.
settings.register_profile("mmpipe", deadline=None, derandomize=True)
settings.register_profile("explore", deadline=None, derandomize=False)
settings.load_profile("mmpipe")

_LOGGER = logging.getLogger("mmpipe")
_AS_IT_WAS = (_LOGGER.handlers[:], _LOGGER.level, _LOGGER.propagate)


def pytest_collection() -> None:
    """Modules and tests stay, a million objects: collections of garbage would look at them in vain."""
    gc.disable()


def pytest_collection_finish() -> None:
    gc.freeze()
    # At every 700 new objects they took a sixth of the time of tests that compute little else.
    gc.set_threshold(50_000, 5, 5)
    gc.enable()


def pytest_sessionfinish() -> None:
    gc.unfreeze()


@pytest.fixture(scope="session", autouse=True)
def _shared() -> Iterator[None]:
    """What costs every test anew and tells none of them anything."""
    with pytest.MonkeyPatch.context() as patch:
        # Nobody pulls the plug, and a disk that others use as well is waited for; what is no open file is
        # refused as ever.
        patch.setattr(os, "fsync", os.fstat)
        # The shipped models are never changed: the commands, shops and services of all tests have the same.
        patch.setitem(registry._PROFILES, "starter", cache(registry._PROFILES["starter"]))
        yield


@pytest.fixture(autouse=True)
def _logging_as_it_was() -> Iterator[None]:
    """Commands and handlers that a test runs, or a fixture of its module, set up logging for their process,
    which is that of all tests."""
    _restore()
    yield
    _restore()


def _restore() -> None:
    _LOGGER.handlers[:], _LOGGER.level, _LOGGER.propagate = _AS_IT_WAS
