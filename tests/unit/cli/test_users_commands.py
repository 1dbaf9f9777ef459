"""``mmpipe users``: as a shop's data protection officer runs it."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from mmpipe.cli.app import app
from mmpipe.errors import InvalidRequest
from mmpipe.lake import Lake, open_lake
from mmpipe.lake.interactions import rows_of
from mmpipe.schemas.interaction import judge
from mmpipe.settings import LakeSettings, Settings

EVENTS = [
    {"type": "view", "user_id": "anna", "product_id": "p", "event_id": "a"},
    {"type": "view", "user_id": "bert", "product_id": "p", "event_id": "b"},
]


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    lake = open_lake(Settings(lake=LakeSettings(uri=str(tmp_path / "lake"))))
    judged = judge(enumerate(EVENTS), datetime.now(UTC), keep=timedelta(days=365))
    lake.collection("shop", create=True).interactions.append(rows_of([judged], "shop", lake.pseudonyms))
    return lake


def run(lake: Lake, *words: str, typed: str = "") -> tuple[int, str]:
    result = CliRunner().invoke(app, ["users", *words, "--lake", lake.settings.lake.uri], input=typed)
    return result.exit_code, result.stdout


def test_export_erase_and_the_proofs(lake: Lake) -> None:
    code, out = run(lake, "export", "anna")
    held = json.loads(out)
    assert code == 0
    assert [event["event_id"] for event in held["events"]] == ["a"]
    assert held["record"]["events"] == 1
    code, out = run(lake, "erase", "anna", "--yes")
    proof = json.loads(out.splitlines()[-1])
    assert (code, proof["events"], proof["users"]) == (0, 1, [held["user"]])
    assert json.loads(run(lake, "erasures", "--json")[1]) == [proof]
    assert "done" in run(lake, "erasures")[1]
    assert json.loads(run(lake, "export", "anna")[1])["events"] == []
    assert lake.collection("shop").interactions.count() == 1


def test_an_erasure_asks_first(lake: Lake) -> None:
    assert run(lake, "erase", "anna", typed="n\n")[0] == 1
    assert lake.collection("shop").interactions.count() == 2
    assert run(lake, "erase", "anna", typed="y\n")[0] == 0
    assert lake.collection("shop").interactions.count() == 1


def test_an_id_that_cannot_be_is_refused(lake: Lake) -> None:
    result = CliRunner().invoke(
        app, ["users", "erase", "x" * 129, "--yes", "--lake", lake.settings.lake.uri], catch_exceptions=True
    )
    assert isinstance(result.exception, InvalidRequest)
