"""GPU encoders on a real Ray go to zero when nobody asks, and a query brings one back.

Ray is told of a GPU that is not there; the encoders of the fake profile do not miss it.
"""

from __future__ import annotations

import json
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mmpipe.indexing import execute_file
from mmpipe.serve.ray.names import APP_NAME
from mmpipe.serve.ray.run import application, free_port, ray_cluster
from mmpipe.settings import IndexingSettings, LakeSettings, ServeSettings, Settings, SpeechSettings

pytestmark = pytest.mark.timeout(300)
_PATIENCE = 120.0


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The service over a few products, its encoders allowed to go after a second."""
    folder = tmp_path_factory.mktemp("zero")
    settings = Settings(
        lake=LakeSettings(uri=str(folder / "lake")),
        indexing=IndexingSettings(profile="fake"),
        speech=SpeechSettings(recognizer="none"),
        serve=ServeSettings(
            port=free_port(),
            max_replicas=1,
            gpu="on",
            encoder_idle_seconds=1,
            encoder_wait_seconds=_PATIENCE,
            mirror_dir=str(folder / "mirror"),
        ),
    )
    _index(settings, folder)
    with ray_cluster(settings, num_gpus=1), application(settings) as address:
        yield address


def _index(settings: Settings, folder: Path) -> None:
    feed = folder / "feed.jsonl"
    rows = [{"id": f"p{n}", "title": f"red shoe {n}", "price": "1.00 USD"} for n in range(5)]
    feed.write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert execute_file(settings, feed, "shop", Path(settings.lake.uri)).status == "done"


def _until(holds: Callable[[], bool]) -> None:
    begun = time.monotonic()
    while not holds():
        assert time.monotonic() - begun < _PATIENCE, "it did not come true"
        time.sleep(0.1)


def _encoders() -> int:
    from ray import serve

    return sum(serve.status().applications[APP_NAME].deployments["Encoders"].replica_states.values())


def _free_gpus() -> float:
    import ray

    return float(ray.available_resources().get("GPU", 0))


def _hits(url: str, text: str) -> int:
    with urllib.request.urlopen(f"{url}/v1/search?q={text}", timeout=_PATIENCE) as answer:
        return len(json.loads(answer.read())["hits"])


def test_encoders_come_with_a_query_and_go_when_nobody_asks(url: str) -> None:
    assert _encoders() == 0, "nothing is started ahead of the first query"
    assert _free_gpus() == 1
    with urllib.request.urlopen(f"{url}/v1/products/p1", timeout=10) as answer:
        assert answer.status == 200, "what needs no encoder waits for none"
    assert _encoders() == 0
    assert _hits(url, "shoe") == 5
    assert _encoders() == 1
    _until(lambda: _encoders() == 0 and _free_gpus() == 1)
    assert _hits(url, "red") == 5
