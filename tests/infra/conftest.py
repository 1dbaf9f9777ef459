"""Fixtures of the infrastructure tests; they run by ``make test-infra``, not by ``make test``."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.infra import terraform


@pytest.fixture(scope="session", autouse=True)
def _cli_home() -> Iterator[None]:
    yield
    terraform.remove_cli_home()
