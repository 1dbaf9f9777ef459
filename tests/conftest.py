"""What every test gets."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest
from hypothesis import settings

# How long an example takes is the machine's matter; pytest's own timeout catches what hangs.
settings.register_profile("mmpipe", deadline=None)
settings.load_profile("mmpipe")


@pytest.fixture(autouse=True)
def _logging_as_it_was() -> Iterator[None]:
    """Commands and handlers that a test runs set up logging for their process, which is that of all tests."""
    logger = logging.getLogger("mmpipe")
    before = (logger.handlers[:], logger.level, logger.propagate)
    yield
    logger.handlers[:], logger.level, logger.propagate = before
