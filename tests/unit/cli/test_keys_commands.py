"""``mmpipe keys new`` and ``mmpipe audit``."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import Result

from mmpipe.errors import InvalidRequest
from mmpipe.lake import open_lake
from mmpipe.lake.audit import AuditRecord
from mmpipe.serve.http.key_entries import digest_of, parse_keys
from mmpipe.settings import LakeSettings, Settings

Run = Callable[..., Result]


def test_a_key_is_shown_once_and_its_entry_is_what_the_service_reads(run: Run) -> None:
    made = run(
        "keys", "new", "web", "-c", "shop", "-c", "other", "--scope", "search", "--rate", "5", "--days", "30"
    )
    key = made.stderr.strip().rpartition(" ")[2]
    assert key.startswith("mmp_")
    assert key not in made.stdout
    ((digest, held),) = parse_keys(made.stdout, "test").items()
    assert digest == digest_of(key)
    assert (held.name, held.rate, held.burst) == ("web", 5.0, 100)
    assert held.grant.collections == {"shop", "other"}
    assert held.expires is not None
    assert timedelta(days=29) < held.expires - datetime.now(UTC) <= timedelta(days=30)


@pytest.mark.parametrize(
    ("words", "field"),
    [
        (("a b", "-c", "shop", "--scope", "search"), "name"),
        (("web", "-c", "Shop!", "--scope", "search"), "collections"),
        (("web", "-c", "shop", "--scope", "root"), "scopes.0"),
        (("web", "-c", "shop", "--scope", "metrics"), "scopes"),
        (("web", "-c", "shop", "--scope", "search", "--rate", "0"), "rate"),
    ],
)
def test_what_cannot_be_names_the_option(run: Run, words: tuple[str, ...], field: str) -> None:
    with pytest.raises(InvalidRequest) as raised:
        run("keys", "new", *words)
    assert raised.value.field == field


def test_the_audit_log_is_read_by_time_caller_and_collection(run: Run, tmp_path: Path) -> None:
    log = open_lake(Settings(lake=LakeSettings(uri=str(tmp_path)))).audit
    now = datetime.now(UTC)
    for days, caller, collection in ((10, "office", "a"), (2, "office", "a"), (1, "ops", "b")):
        record = AuditRecord(
            at=now - timedelta(days=days),
            call=f"{days}",
            step="done",
            caller=caller,
            method="PUT",
            route="/v1/rules",
            collection=collection,
            status=200,
        )
        log.append(record)

    def calls(*words: str) -> list[str]:
        found = run("audit", "--lake", tmp_path, "--json", *words)
        return [each["call"] for each in json.loads(found.stdout)]

    assert calls() == ["2", "1"]
    assert calls("--days", "30") == ["10", "2", "1"]
    assert calls("--caller", "ops") == ["1"]
    assert calls("--collection", "a") == ["2"]
    shown = run("audit", "--lake", tmp_path).stdout
    assert "PUT /v1/rules" in shown
    assert "office" in shown
