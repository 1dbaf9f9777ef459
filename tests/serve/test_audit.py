"""The audit log: what is on record, before what, and what becomes of a call that cannot be."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from mmpipe.errors import StorageUnavailable
from mmpipe.events.layout import Place
from mmpipe.lake import open_lake
from mmpipe.lake.audit import FOLDER, AuditLog, AuditRecord
from mmpipe.objects import FolderStore
from mmpipe.serve.operations.progress import id_of
from mmpipe.settings import Settings, StorageSettings
from tests.serve.conftest import (
    InProcessWork,
    catalogue,
    make_app,
    make_service,
    order_for,
    settings_for,
    write_feed,
)
from tests.serve.held_keys import bearer, entry, held
from tests.serve.test_api_keys import every_route, scope_of

OFFICE, FRONT = "office-key-0123456789", "front-key-0123456789"
PERSON = "anna.of.the.shop@example.com"
FILE = b"id,title\nnew-1,a text of the file\n"
RULES = {"rules": [{"name": "sale", "banner": "a text of the shop"}]}
Own = tuple[TestClient, AuditLog, Path]


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Own]:
    """A service with keys over a lake of its own."""
    folder = tmp_path_factory.mktemp("audited")
    keys = held(office=entry(OFFICE, ["admin"], ["shop"]), front=entry(FRONT, ["search"]))
    settings = settings_for(folder, api_keys=keys, uploads=True)
    indexer = InProcessWork(settings).indexer
    for name, rows in (("all", catalogue()[:8]), ("more", [*catalogue()[8:9], {"id": "poor"}])):
        order = order_for(write_feed(folder, f"{name}.jsonl", rows), settings)
        assert [each.status for each in indexer.execute([order])] == ["done"]
    service = make_service(settings)
    with TestClient(make_app(service), raise_server_exceptions=False) as client:
        yield client, open_lake(settings).audit, folder / "lake" / FOLDER
    service.close()


def call(client: TestClient, method: str, path: str, key: str = OFFICE) -> Any:
    body: dict[str, Any] = {"json": RULES} if path == "/v1/rules" and method == "PUT" else {}
    if path == "/v1/rules/preview":
        body = {"json": RULES | {"search": {"text": "red"}}}
    if path == "/v1/synonyms" and method == "PUT":
        body = {"content": b"cap => hat", "headers": {"content-type": "text/plain"}}
    if "/uploads" in path and method == "PUT":
        body = {"content": FILE}
    if path.startswith(("/v1/live", "/v1/rejects/")):
        body = {"json": {}}
    app: Any = client.app
    held = open_lake(app.state.service.settings).collection("shop")
    live = held.live()
    assert live is not None
    if path.startswith("/v1/live"):
        body["json"] = {"generation": live.generation}
        body["json"] |= {"table": live.table} if path.endswith("promote") else {}
    upload = ""
    if "{upload_id}" in path:
        file = Path(str(app.state.service.settings.indexing.uploads_uri)) / "shop" / "feeds" / "new.csv"
        upload = id_of(Place("shop", "feeds", "new.csv"), FolderStore().stat(file.as_uri()).etag)
    places = {"user_id": PERSON, "section": "feeds", "name": "new.csv", "upload_id": upload}
    places["reject_id"] = next(iter(held.rejects.list(limit=1))).reject_id
    for place, value in places.items():
        path = path.replace("{" + place + "}", value)
    headers = bearer(key) | body.pop("headers", {})
    return client.request(method, path, headers=headers, **body)


def added(log: AuditLog, before: set[tuple[str, str]]) -> list[AuditRecord]:
    return [record for record in log.read() if (record.call, record.step) not in before]


def known(log: AuditLog) -> set[tuple[str, str]]:
    return {(record.call, record.step) for record in log.read()}


def test_every_admin_route_is_on_record(own: Own) -> None:
    client, log, folder = own
    routes = [each for each in every_route(client) if scope_of(*each) == "admin"]
    assert len(routes) >= 18
    for method, path in routes:
        before = known(log)
        answer = call(client, method, path)
        good = 202 if (method, path[:11]) == ("PUT", "/v1/uploads") else 200
        assert answer.status_code == good, (method, path, answer.text)
        records = added(log, before)
        steps = ["done"] if method == "GET" else ["begun", "done"]
        assert sorted(record.step for record in records) == steps, (method, path)
        (done,) = (record for record in records if record.step == "done")
        assert (done.caller, done.method, done.route, done.collection, done.status) == (
            "office",
            method,
            path,
            "shop",
            good,
        )
        assert len({record.call for record in records}) == 1
        assert (done.subject is not None) == ("{" in path)
    for file in folder.rglob("*.json"):
        text = file.read_text()
        assert not [held for held in (PERSON, OFFICE, "a text of the", "cap") if held in text]


def test_what_is_refused_by_its_key_is_not(own: Own) -> None:
    client, log, _ = own
    before = known(log)
    assert call(client, "PUT", "/v1/rules", FRONT).status_code == 403
    assert call(client, "PUT", "/v1/rules", "no-such-key-0123456789").status_code == 401
    assert client.get("/v1/search?q=red", headers=bearer(FRONT)).status_code == 200
    assert added(log, before) == []


def test_what_fails_is_on_record_as_failed(own: Own) -> None:
    client, log, _ = own
    for path, body, status in (
        ("/v1/rules", b"no JSON", 400),
        ("/v1/rules?collection=nowhere", json.dumps(RULES).encode(), 404),
        ("/v1/rules", b'{"rules": [], "more": 1}', 422),
    ):
        before = known(log)
        headers = bearer(OFFICE) | {"content-type": "application/json"}
        assert client.put(path, content=body, headers=headers).status_code == status
        assert [record.status for record in added(log, before) if record.step == "done"] == [status]
    before = known(log)
    assert client.get("/v1/stock?limit=none", headers=bearer(OFFICE)).status_code == 422
    assert [record.status for record in added(log, before)] in ([], [422]), "nothing was asked of anybody"


def test_what_cannot_be_on_record_is_not_done(own: Own, monkeypatch: pytest.MonkeyPatch) -> None:
    client, log, _ = own
    call(client, "PUT", "/v1/rules")
    app: Any = client.app
    kept: AuditLog = app.state.service.audit
    append = kept.append

    def full(record: AuditRecord) -> None:
        raise StorageUnavailable("no place")

    monkeypatch.setattr(kept, "append", full)
    changed = client.put("/v1/rules", json={"rules": []}, headers=bearer(OFFICE))
    assert changed.status_code == 503
    assert client.get("/v1/rules", headers=bearer(OFFICE)).status_code == 503
    monkeypatch.setattr(kept, "append", append)
    assert call(client, "GET", "/v1/rules").json()["rules"] != [], "nothing was changed"

    def late(record: AuditRecord) -> None:
        if record.step == "done":
            raise StorageUnavailable("no place")
        append(record)

    before = known(log)
    monkeypatch.setattr(kept, "append", late)
    assert client.put("/v1/rules", json={"rules": []}, headers=bearer(OFFICE)).status_code == 200, "made"
    assert [record.step for record in added(log, before)] == ["begun"]


def test_days_go_when_their_time_is_over(tmp_path: Path) -> None:
    log = AuditLog(f"file://{tmp_path}", StorageSettings(), 30.0, lambda text: text[::-1])
    now = datetime(2026, 6, 30, 12, tzinfo=UTC)
    for days in (0, 1, 29, 31, 32, 400):
        log.append(_record(now - timedelta(days=days), f"{days}"))
    (tmp_path / FOLDER / "day=2026-06-30" / "1782777600000-0123456789abcdef.json").write_text("no record")
    assert [record.call for record in log.read()] == ["400", "32", "31", "29", "1", "0"]
    assert [record.call for record in log.read(now - timedelta(days=1))] == ["1", "0"]
    assert log.maintain(now) == 2
    assert [record.call for record in log.read()] == ["31", "29", "1", "0"]
    assert log.about("") is None
    assert log.about("ab") == "ba"


def test_an_audited_lake_has_no_collection_more(own: Own) -> None:
    client, _, folder = own
    assert folder.exists()
    listed = client.get("/v1/collections", headers=bearer(FRONT)).json()["collections"]
    assert [each["collection"] for each in listed] == ["shop"]


def test_without_keys_nothing_is_on_record(client: TestClient, shop: tuple[Path, Settings]) -> None:
    # Others serve the same lake with keys.
    before = sorted((shop[0] / "lake" / FOLDER).rglob("*"))
    assert client.get("/v1/rules").status_code == 200
    assert sorted((shop[0] / "lake" / FOLDER).rglob("*")) == before


def _record(at: datetime, call: str) -> AuditRecord:
    return AuditRecord(at=at, call=call, step="done", caller="office", method="GET", route="/v1/rules")
