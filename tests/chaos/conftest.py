"""An S3 and SQS whose answers fail, for the tests that need one."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.chaos.running import SEED
from tests.chaos.store import CREDENTIALS, FailingStore, failing_store


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> Iterator[FailingStore]:
    """With the credentials for it in the environment; at first nothing of it fails."""
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    with failing_store(SEED) as failing:
        yield failing
