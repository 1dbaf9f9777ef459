"""A hub, a models folder, and the hub's files in a folder."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from fake_hub import FILES, FakeHub

from mmpipe.encoders.published.hub import HuggingFaceHub
from mmpipe.settings import ModelSettings


@pytest.fixture
def server() -> Iterator[FakeHub]:
    fake = FakeHub()
    thread = threading.Thread(target=fake.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield fake
    fake.shutdown()
    thread.join()
    fake.server_close()


@pytest.fixture
def hub(server: FakeHub) -> HuggingFaceHub:
    return HuggingFaceHub(server.url)


@pytest.fixture
def settings(tmp_path: Path) -> ModelSettings:
    return ModelSettings(dir=str(tmp_path / "models"))


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """The repository's files in a folder, as somebody would carry them over."""
    folder = tmp_path / "carried"
    folder.mkdir()
    for name, body in FILES.items():
        (folder / name).write_bytes(body)
    return folder
