"""The service without Ray: it searches, it indexes what handlers send, and Ray need not be installed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from starlette.testclient import TestClient

from mmpipe.serve.standalone import standalone_app
from mmpipe.settings import Settings, SpeechSettings
from tests.serve.conftest import TOKEN, order_for, settings_for, write_feed


def test_it_searches_a_lake(shop: tuple[Path, Settings]) -> None:
    with TestClient(standalone_app(shop[1])) as client:
        page = client.get("/v1/search", params={"q": "green hat", "facets": "color"}).json()
        assert page["hits"][0]["id"].startswith("green-hat")
        assert client.get("/readyz").status_code == 200


def test_it_indexes_what_handlers_send_and_serves_it(tmp_path: Path) -> None:
    settings = settings_for(tmp_path).model_copy(update={"speech": SpeechSettings(recognizer="none")})
    rows = [{"id": f"new-{n}", "title": f"Violet umbrella {n}", "price": "5.00 USD"} for n in range(3)]
    order = order_for(write_feed(tmp_path, "new.jsonl", rows), settings)
    with TestClient(standalone_app(settings)) as client:
        body = {"orders": [order.model_dump(mode="json")]}
        assert client.post("/internal/v1/work", json=body).status_code == 401
        answer = client.post("/internal/v1/work", json=body, headers={"Authorization": f"Bearer {TOKEN}"})
        assert [outcome["status"] for outcome in answer.json()["outcomes"]] == ["done"]
        client.app.state.service.refresh()  # type: ignore[attr-defined]
        page = client.get("/v1/search", params={"q": "violet umbrella"}).json()
        assert len(page["hits"]) == 3


def test_ray_need_not_be_installed(shop: tuple[Path, Settings]) -> None:
    lake = shop[1].lake.uri
    code = (
        "import sys\n"
        "sys.modules['ray'] = None\n"  # any import of it fails
        "from mmpipe.serve.standalone import standalone_app\n"
        "from mmpipe.settings import load_settings\n"
        "app = standalone_app(load_settings())\n"
        "print(len(app.state.service.served()))\n"
        "app.state.service.close()\n"
    )
    environment = {
        "PATH": "",
        "OMP_NUM_THREADS": "1",
        "MMPIPE_LAKE__URI": lake,
        "MMPIPE_INDEXING__PROFILE": "fake",
        "MMPIPE_SPEECH__RECOGNIZER": "none",
    }
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=environment,
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.strip() == "1", done.stderr[-2000:]
