"""What the shop's people do over HTTP: files are uploaded and followed, rejects replayed, live goes back."""

from __future__ import annotations

import asyncio
import json
import logging
import shlex
import time
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient
from typer.testing import CliRunner

from mmpipe.cli import app as cli
from mmpipe.costs import Workload, estimate, load_prices
from mmpipe.dispatch import InProcessDispatcher
from mmpipe.dispatch.folder_letters import FolderLetters
from mmpipe.dispatch.folder_queue import FolderQueue
from mmpipe.errors import StorageUnavailable
from mmpipe.events import plan
from mmpipe.events.layout import Place
from mmpipe.lake import open_lake
from mmpipe.local.folder_pump import FolderPump
from mmpipe.objects import FolderStore, open_store
from mmpipe.schemas.collections import ServedCollection
from mmpipe.schemas.run import RunRecord
from mmpipe.schemas.status import Replicas
from mmpipe.schemas.work import CatalogueEvent, ObjectRef
from mmpipe.serve.operations.cost import reckoned
from mmpipe.serve.operations.progress import id_of, read_id
from mmpipe.serve.operations.uploads import Receiver
from mmpipe.settings import Settings
from tests.serve.conftest import InProcessWork, catalogue, make_app, make_service, settings_for
from tests.serve.messages import statuses

MAX_UPLOAD = 3_000_000
ROWS = catalogue()[:3]
GOOD = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in ROWS).encode()
POOR = (
    GOOD
    + b'{"id": "poor-1", "title": "A poor hat", "price": "a fortune", "cost": "7 USD"}\n{"id": "poor-2"}\n'
)


class Desk:
    """A service that takes files into a folder, and what makes events of them when it is told to."""

    def __init__(self, settings: Settings, client: TestClient, work: InProcessWork) -> None:
        self.settings = settings
        self.client = client
        self.work = work

    def put(self, path: str, data: bytes, **params: str) -> Any:
        return self.client.put(f"/v1/uploads/{path}", content=data, params={"collection": "shop"} | params)

    def take_up(self, told: dict[str, Any], kind: str = "feed_uploaded") -> None:
        uri = f"file://{self.settings.indexing.uploads_uri}/{told['collection']}/{told['section']}/{told['name']}"
        stat = FolderStore().stat(uri)
        ref = ObjectRef(uri=uri, etag=stat.etag, size=stat.size, event_time=stat.last_modified)
        order = plan(
            CatalogueEvent.model_validate({"kind": kind, "collection": told["collection"], "object": ref}),
            self.settings.indexing,
        )
        assert order is not None
        assert self.work.indexer.execute([order])[0].status in ("done", "failed")

    def follow(self, told: dict[str, Any]) -> Any:
        answer = self.client.get(f"/v1/uploads/{told['id']}", params={"collection": told["collection"]})
        assert answer.status_code == 200, answer.text
        return answer.json()

    def refresh(self) -> None:
        live = open_lake(self.settings).collection("shop").live()
        assert live is not None
        deadline = time.monotonic() + 60
        while self.get("/v1/status")["freshness"]["served_version"] != live.version:
            assert time.monotonic() < deadline, "the replica follows"
            time.sleep(0.05)

    def get(self, path: str, **params: Any) -> Any:
        answer = self.client.get(path, params={"collection": "shop"} | params)
        assert answer.status_code == 200, answer.text
        return answer.json()


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    settings = settings_for(
        tmp_path_factory.mktemp("desk"), uploads=True, max_upload_bytes=MAX_UPLOAD, uploads_at_once=2
    )
    service = make_service(settings)
    with TestClient(make_app(service), raise_server_exceptions=False) as client:
        yield Desk(settings, client, InProcessWork(settings))
    service.close()


@pytest.fixture(scope="module")
def poor(desk: Desk) -> dict[str, Any]:
    """A feed with three good rows and two that are no products, uploaded and indexed."""
    answer = desk.put("feeds/2026/%E7%9B%AE%E5%BD%95 a%2Bb.jsonl", POOR)
    assert answer.status_code == 202, answer.text
    told: dict[str, Any] = answer.json()
    assert (told["collection"], told["section"], told["name"]) == ("shop", "feeds", "2026/目录 a+b.jsonl")
    assert (told["state"], told["size"]) == ("queued", len(POOR))
    assert desk.follow(told) == told, "as it was answered, until it is taken up"
    located = desk.client.get(answer.headers["location"])
    assert located.json() == told
    desk.take_up(told)
    desk.refresh()
    return told


def test_an_upload_is_followed_until_it_is_found(desk: Desk, poor: dict[str, Any]) -> None:
    told = desk.follow(poor)
    assert (told["state"], told["read"], told["indexed"], told["rejected"]) == ("live", 5, 3, 2)
    assert told["feed"]["format"]
    assert told["started_at"] <= told["finished_at"]
    hits = desk.get("/v1/search", q=ROWS[0]["title"])["hits"]
    assert ROWS[0]["id"] in [hit["id"] for hit in hits]
    assert desk.get("/v1/uploads")["uploads"][0] == told
    again = desk.put("feeds/2026/%E7%9B%AE%E5%BD%95 a%2Bb.jsonl", POOR).json()
    assert again["state"] == "queued", "it was put anew"
    desk.take_up(again)
    assert desk.follow(again)["state"] == "unchanged"
    listed = desk.get("/v1/uploads")["uploads"]
    assert [each["id"] for each in listed] == [again["id"]], "of a place the newest"


def test_a_first_upload_makes_a_collection(desk: Desk) -> None:
    told = desk.put("feeds/first.jsonl", b"no feed at all", collection="brand-new").json()
    assert desk.follow(told)["state"] == "queued"
    assert desk.client.get("/v1/uploads?collection=brand-new").status_code == 404, "nothing was taken up yet"
    desk.take_up(told)
    failed = desk.follow(told)
    assert (failed["state"], failed["indexed"]) == ("failed", 0)
    assert failed["reason"]
    page = desk.client.get("/v1/rejects", params={"collection": "brand-new", "upload": told["id"]}).json()
    assert [reject["reason"] for reject in page["rejects"]] == [failed["reason"]]


def test_what_was_replaced_before_it_was_taken_up_says_so(desk: Desk, poor: dict[str, Any]) -> None:
    first = desk.put("media/a.png", b"one").json()
    second = desk.put("media/a.png", b"two").json()
    assert (desk.follow(first)["state"], desk.follow(second)["state"]) == ("replaced", "queued")
    FolderStore().delete(f"file://{desk.settings.indexing.uploads_uri}/shop/media/a.png")
    gone = desk.client.get(f"/v1/uploads/{second['id']}?collection=shop")
    assert (gone.status_code, gone.json()["type"]) == (404, "urn:mmpipe:problem:not-found")


def test_a_run_that_is_under_way_tells_its_counts(desk: Desk, poor: dict[str, Any]) -> None:
    told = desk.put("feeds/large.jsonl", GOOD).json()
    held = open_lake(desk.settings).collection("shop")
    stat = FolderStore().stat(f"file://{desk.settings.indexing.uploads_uri}/shop/feeds/large.jsonl")
    record = RunRecord(
        run_id="e" * 32, kind="feed_uploaded", lane="batch", source_uri=stat.uri, etag=stat.etag,
        profile="fake", status="running", read=8_192, indexed=8_000, started_at=stat.last_modified,
    )  # fmt: skip
    held.runs.put(record)
    now = desk.follow(told)
    assert (now["state"], now["read"], now["indexed"], now["total"]) == ("running", 8_192, 8_000, None)
    held.runs.put(record.model_copy(update={"status": "done", "refused": "too many products would go"}))
    now = desk.follow(told)
    assert (now["state"], now["reason"]) == ("refused", "too many products would go")


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("elsewhere/a.csv", "section"),
        ("feeds/../../etc/passwd", "name"),
        ("feeds/%2e%2e/other/feeds/a.csv", "name"),
        ("feeds/a.csv.part", "name"),
        ("feeds/.hidden", "name"),
        ("feeds/_SUCCESS", "name"),
        ("feeds/a%00b.csv", "name"),
        ("feeds/a%0Ab.csv", "name"),
        ("feeds/a%5Cb.csv", "name"),
        ("feeds/a//b.csv", "name"),
        ("feeds/folder/", "name"),
        ("feeds/%FF.csv", "name"),
        ("feeds/" + "x" * 1_030, "name"),
        ("feeds/" + "%E7%9B%AE" * 340, "name"),
        ("products/7", "name"),
        ("products/a/7.json", "name"),
        ("events/e.csv", "name"),
        ("reviews/r.xml", "name"),
        ("media/" + "n" * 300 + ".jpg", "name"),
    ],
)
def test_hostile_names_are_refused(desk: Desk, path: str, field: str) -> None:
    before = _uploaded(desk)
    answer = desk.client.put(f"/v1/uploads/{path}?collection=shop", content=b"x")
    assert answer.status_code in (404, 422), answer.text
    assert answer.status_code == 404 or answer.json()["field"] == field, answer.text
    assert _uploaded(desk) == before


def _uploaded(desk: Desk) -> list[str]:
    """What is in the upload folder; the lake and a replica's copies of it are there too, and change."""
    root = Path(str(desk.settings.indexing.uploads_uri))
    found = (path for path in root.rglob("*") if path.is_file() and path.name != ".mmpipe-lock")
    names = [str(path.relative_to(root)) for path in found]
    return sorted(name for name in names if not name.startswith(("lake/", "mirror/")))


def test_a_file_does_not_take_the_place_of_a_folder(desk: Desk) -> None:
    assert desk.put("media/taken/b.png", b"x").status_code == 202
    for path in ("media/taken", "media/taken/b.png/c.png", "media/taken/b.png/c/d.png"):
        answer = desk.put(path, b"x")
        assert (answer.status_code, answer.json()["field"]) == (422, "name"), path


def test_a_folder_hands_its_files_to_a_pump(tmp_path: Path) -> None:
    settings = settings_for(tmp_path, uploads=True)
    service = make_service(settings)
    work = InProcessWork(settings)
    with TestClient(make_app(service), raise_server_exceptions=False) as client:
        desk = Desk(settings, client, work)
        other = json.dumps(catalogue()[5]).encode()
        told = [desk.put("feeds/a.jsonl", GOOD).json(), desk.put("feeds/b.jsonl", other).json()]
        assert [desk.follow(each)["state"] for each in told] == ["queued", "queued"]
        # Whoever took them in may be gone by now: they wait for the next.
        with FolderPump(settings, InProcessDispatcher(work.indexer.execute)):
            deadline = time.monotonic() + 60
            while [desk.follow(each)["state"] for each in told] != ["live", "live"]:
                assert time.monotonic() < deadline, "what was accepted is indexed"
                time.sleep(0.05)
        desk.refresh()
        assert desk.get("/v1/status")["queue"]["waiting"] == 0
        assert desk.get("/v1/search", q=ROWS[0]["title"])["hits"]
    service.close()


def test_an_upload_that_nobody_takes_is_a_dead_letter_until_it_is_replayed(tmp_path: Path) -> None:
    settings = settings_for(tmp_path, uploads=True)
    service = make_service(settings)
    root = Path(str(settings.indexing.uploads_uri))
    queue, letters = FolderQueue(root), FolderLetters(root)
    with TestClient(make_app(service), raise_server_exceptions=False) as client:
        desk = Desk(settings, client, InProcessWork(settings))
        first = desk.put("feeds/a.jsonl", GOOD).json()
        desk.take_up(first)
        queue.done(queue.waiting(1)[0].name)
        desk.refresh()

        late = json.dumps(catalogue()[5]).encode()
        told = desk.put("feeds/b.jsonl", late).json()
        (waiting,) = queue.waiting(2)
        queue.give_up(waiting.name, "not taken for 12.0 hours, the last time: away")
        dead = desk.follow(told)
        assert (dead["state"], dead["reason"]) == (
            "dead_letter",
            "not taken for 12.0 hours, the last time: away",
        )
        setting, *command = shlex.split(dead["remedy"])
        assert command[:3] == ["mmpipe", "dlq", "replay"]
        assert [each["state"] for each in desk.get("/v1/uploads")["uploads"]] == ["dead_letter", "live"]
        assert desk.get("/v1/uploads")["uploads"][0]["id"] == told["id"]
        assert desk.get("/v1/status")["queue"]["dead_letters"] == 1
        assert desk.follow(first)["state"] == "live"

        # A large feed that was begun, and died again and again.
        held = open_lake(settings).collection("shop")
        uri = waiting.event.object.uri
        held.runs.put(
            RunRecord(
                run_id="d" * 32, kind="feed_uploaded", lane="batch", source_uri=uri, etag=told_etag(told),
                profile="fake", status="running", read=7, started_at=waiting.event.object.event_time,
            )
        )  # fmt: skip
        begun = desk.follow(told)
        assert (begun["state"], begun["read"]) == ("dead_letter", 7)
        listed = desk.get("/v1/uploads")["uploads"]
        assert [(each["state"], each["read"]) for each in listed] == [("dead_letter", 7), ("live", 3)]

        # The command as it is told, which is all that whoever runs the service has to do.
        environment = dict([setting.split("=", 1)])
        result = CliRunner(env=environment).invoke(cli, command[1:], catch_exceptions=False)
        assert result.exit_code == 0
        assert letters.count() == 0
        assert desk.follow(told)["state"] == "running"
        with FolderPump(settings, InProcessDispatcher(desk.work.indexer.execute)):
            deadline = time.monotonic() + 60
            while desk.follow(told)["state"] != "live":
                assert time.monotonic() < deadline
                time.sleep(0.05)

        # The same bytes again: what became of those before says nothing.
        again = desk.put("feeds/b.jsonl", late + b"\n").json()
        assert desk.follow(again)["state"] == "queued"
    service.close()


def told_etag(told: dict[str, Any]) -> str:
    return read_id(told["id"], told["collection"])[1]


def test_what_is_stored_is_what_is_on_record(desk: Desk) -> None:
    answer = desk.client.put(
        "/v1/%75ploads/feeds/x/v1/uploads/feeds/real.csv?collection=shop", content=b"id,title\n1,x\n"
    )
    assert (answer.status_code, answer.json()["field"]) == (422, "name")


def test_equal_bytes_that_were_taken_up_before_say_nothing_of_those_put_now(desk: Desk) -> None:
    told = desk.put("feeds/twice.jsonl", GOOD).json()
    held = open_lake(desk.settings).collection("shop")
    stat = FolderStore().stat(f"file://{desk.settings.indexing.uploads_uri}/shop/feeds/twice.jsonl")
    # On S3 the ETag of equal bytes is equal, whenever they were put.
    before = stat.last_modified - timedelta(days=7)
    record = RunRecord(
        run_id="f" * 32, kind="feed_uploaded", lane="warm", source_uri=stat.uri, etag=stat.etag,
        profile="fake", status="done", indexed=3, started_at=before,
        event_order=f"{int(before.timestamp()):012d}.0",
    )  # fmt: skip
    held.runs.put(record)
    assert desk.follow(told)["state"] == "queued"
    now = f"{int(stat.last_modified.timestamp()):012d}.0"
    held.runs.put(record.model_copy(update={"event_order": now}))
    assert desk.follow(told)["state"] == "live"


@pytest.mark.parametrize("name", ["models", "../shop", "Shop", "-a", "a" * 64, "a/b"])
def test_names_of_collections_are_checked(desk: Desk, name: str) -> None:
    answer = desk.put("feeds/a.csv", b"x", collection=name)
    assert (answer.status_code, answer.json()["field"]) == (422, "collection")


def test_a_file_is_bounded_while_it_comes(desk: Desk, poor: dict[str, Any]) -> None:
    folder = Path(str(desk.settings.indexing.uploads_uri)) / "shop"

    def parts() -> Iterator[bytes]:
        for _ in range(40):
            yield b"x" * 100_000

    for body in (b"x" * (MAX_UPLOAD + 1), parts()):
        answer = desk.client.put("/v1/uploads/media/huge.bin?collection=shop", content=body)
        assert (answer.status_code, answer.json()["type"]) == (413, "urn:mmpipe:problem:request-too-large")
    empty = desk.put("media/huge.bin", b"")
    assert (empty.status_code, empty.json()["field"]) == (422, "body")
    assert not (folder / "media" / "huge.bin").exists()
    assert not list(folder.rglob(".mmpipe-*.tmp")), "nothing is left of what broke off"
    large = b"0123456789" * 200_000
    assert desk.put("media/large.bin", large).status_code == 202
    assert (folder / "media" / "large.bin").read_bytes() == large
    limit = desk.client.put("/v1/rules?collection=shop", content=b"[" * 4_000_001)
    assert limit.status_code == 413, "others are bounded as ever"


def test_who_goes_away_with_half_a_file_is_one_line(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, logger="mmpipe.serve")
    messages: list[dict[str, Any]] = [
        {"type": "http.request", "body": b"x" * 1_100_000, "more_body": True},
        {"type": "http.disconnect"},
    ]
    path = "/v1/uploads/feeds/half.csv"
    assert statuses(desk.client, path, [], messages, "PUT", b"collection=shop") == [499]
    (line,) = [record for record in caplog.records if record.name == "mmpipe.serve"]
    assert (line.levelno, line.exc_info) == (logging.INFO, None)
    folder = Path(str(desk.settings.indexing.uploads_uri)) / "shop" / "feeds"
    assert not [*folder.rglob("half.csv"), *folder.rglob("*.tmp")]


def test_so_many_files_at_a_time(tmp_path: Path) -> None:
    receiver = Receiver(settings_for(tmp_path, uploads=True, uploads_at_once=2))
    places = [receiver.place("shop", "media", f"{n}.bin") for n in range(3)]

    async def scenario() -> None:
        going = asyncio.Event()

        async def slow() -> AsyncIterator[bytes]:
            yield b"x" * 1_100_000
            await going.wait()

        async def breaking() -> AsyncIterator[bytes]:
            yield b"x" * 1_100_000
            raise ConnectionError

        two = [asyncio.create_task(receiver.receive(place, slow())) for place in places[:2]]
        await asyncio.sleep(0)
        with pytest.raises(Exception, match="2 files are on their way"):
            await receiver.receive(places[2], slow())
        two[1].cancel()
        with pytest.raises(asyncio.CancelledError):
            await two[1]
        with pytest.raises(ConnectionError):
            await receiver.receive(places[2], breaking())
        going.set()
        assert (await two[0]).size == 1_100_000

    asyncio.run(scenario())
    stored = [found.uri for found in open_store(tmp_path).list(f"file://{tmp_path}/shop/")]
    assert stored == [f"file://{tmp_path}/shop/media/0.bin"]
    assert not list(tmp_path.rglob("*.tmp"))


def test_where_no_files_are_taken_it_says_what_to_run(client: TestClient) -> None:
    answer = client.put("/v1/uploads/feeds/a.csv", content=b"x")
    assert answer.status_code == 404
    assert "mmpipe index FILE --lake" in answer.json()["detail"]
    assert client.get("/v1/uploads").json() == {"uploads": []} or client.get("/v1/uploads").status_code == 200
    assert client.get("/v1/status").json()["offered"]["uploads"] is False


@pytest.mark.parametrize("upload_id", ["x", "%C3%BC", "AAAA", "e" * 1_900])
def test_ids_of_nothing(desk: Desk, poor: dict[str, Any], upload_id: str) -> None:
    for path in (f"/v1/uploads/{upload_id}?", f"/v1/rejects?upload={upload_id}&"):
        answer = desk.client.get(f"{path}collection=shop")
        assert (answer.status_code, answer.json()["type"]) == (404, "urn:mmpipe:problem:not-found")
    stray = id_of(Place("shop", "feeds", "never.csv"), "0" * 32)
    assert desk.client.get(f"/v1/uploads/{stray}?collection=shop").status_code == 404


def test_rejects_are_paged_mended_and_replayed(desk: Desk, poor: dict[str, Any]) -> None:
    first = desk.get("/v1/rejects", upload=poor["id"], limit=1)
    assert (first["total"], len(first["rejects"]), first["next_offset"]) == (2, 1, 1)
    second = desk.get("/v1/rejects", upload=poor["id"], limit=1, offset=1)
    assert second["next_offset"] is None
    rejects = {each["product_id"]: each for each in first["rejects"] + second["rejects"]}
    assert set(rejects) == {"poor-1", "poor-2"}
    assert "price" in rejects["poor-1"]["field"]
    replay = f"/v1/rejects/{rejects['poor-1']['reject_id']}/replay?collection=shop"
    asis = desk.client.post(replay, json={}).json()
    assert (asis["mended"], asis["reason"]) == (False, rejects["poor-1"]["reason"])
    wrong = desk.client.post(replay, json={"row": {"id": "other", "title": "A hat"}})
    assert (wrong.status_code, wrong.json()["field"]) == (422, "id")
    row = {"id": "poor-1", "title": "A violet hat", "price": "7.00 USD"}
    mended = desk.client.post(replay, json={"row": row}).json()
    assert (mended["mended"], mended["refused"]) == (True, "")
    desk.refresh()
    assert desk.get("/v1/search", q="violet hat")["hits"][0]["id"] == "poor-1"
    assert desk.get("/v1/rejects", upload=poor["id"])["total"] == 1
    assert desk.client.post(replay, json={}).status_code == 404, "it is none any more"
    assert desk.client.post(replay, content=b"{}").status_code == 415, "no form of another site's page"
    huge = desk.client.post(replay, json={"row": {"id": "poor-1", "title": "x" * 100_001}})
    assert huge.status_code in (413, 422)


def test_live_goes_back_and_forth(desk: Desk, poor: dict[str, Any]) -> None:
    told = desk.put("feeds/more.jsonl", json.dumps(catalogue()[5]).encode()).json()
    desk.take_up(told)
    before = desk.get("/v1/status")
    live, back_to = before["live"], before["back_to"]
    assert before["models"]["profile"] == "fake"
    assert before["history"][0] == back_to
    assert before["freshness"]["upload_to_live_seconds"] >= 0
    assert before["latency"]["searches"] >= 1
    assert before["latency"]["p50_ms"] <= before["latency"]["p95_ms"]
    assert (before["queue"]["waiting"] > 0, before["replicas"]) == (True, None), "nobody takes them here"
    stale = desk.client.post("/v1/live/rollback?collection=shop", json={"generation": live["generation"] - 1})
    assert (stale.status_code, stale.json()["field"]) == (409, "generation")
    rollback = {"generation": live["generation"]}
    moved = desk.client.post("/v1/live/rollback?collection=shop", json=rollback).json()
    assert (moved["live"]["version"], moved["live"]["restores"]) == (
        back_to["version"],
        back_to["generation"],
    )
    twice = desk.client.post("/v1/live/rollback?collection=shop", json=rollback)
    assert twice.status_code == 409, "said once, done once"
    desk.refresh()
    assert desk.client.get(f"/v1/products/{catalogue()[5]['id']}?collection=shop").status_code == 404
    promote: dict[str, Any] = {"generation": moved["live"]["generation"], "table": live["table"]}
    for table, status in (("products_none", 409), ("x" * 129, 422)):
        answer = desk.client.post("/v1/live/promote?collection=shop", json=promote | {"table": table})
        assert answer.status_code == status
    for version, status in ((99_999, 404), (2**64, 422)):
        gone = desk.client.post("/v1/live/promote?collection=shop", json=promote | {"version": version})
        assert gone.status_code == status
    forth = desk.client.post("/v1/live/promote?collection=shop", json=promote).json()
    assert forth["live"]["version"] >= live["version"]
    desk.refresh()
    assert desk.get("/v1/products/" + catalogue()[5]["id"])["product"]["title"]


def test_what_it_costs_is_told_with_what_is_assumed(desk: Desk, poor: dict[str, Any]) -> None:
    told = desk.get("/v1/status")
    cost = told["cost"]
    assert cost["here"] is True, "the lake is a folder of this machine"
    assert cost["products"] == told["live"]["rows"]
    assert cost["searches_per_second"] == round(told["latency"]["per_second"], 3) > 0
    assert (cost["profile"], cost["replicas"]) == ("starter", 1), "of models without figures the starter's"
    load = Workload(products=cost["products"], qps=cost["searches_per_second"])
    assert cost["usd"] == round(estimate(load, load_prices("us-east-1")).usd, 2)
    assert cost["usd"] == pytest.approx(sum(line["usd"] for line in cost["lines"]), abs=0.1)
    assert cost["prices_as_of"] == load_prices("us-east-1").as_of
    away = desk.settings.model_copy(
        update={"lake": desk.settings.lake.model_copy(update={"uri": "s3://b/l"})}
    )
    served = ServedCollection(
        collection="shop", table="t", version=1, rows=2_000_000, profile="siglip2", profile_fingerprint="f"
    )
    three = [Replicas(name="Api", running=3, wanted=3), Replicas(name="Indexer", running=9, wanted=9)]
    found = reckoned(away, [served], 2.0, three)
    assert found is not None
    assert (found.here, found.profile, found.searches_per_second) == (False, "siglip2", 6.0)
    assert found.replicas >= 3
    assert reckoned(away, [], 2.0, three) is None


def test_a_store_that_is_away_is_told_as_that(
    desk: Desk, poor: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: Any) -> Any:
        raise StorageUnavailable("the bucket does not answer")

    monkeypatch.setattr(FolderStore, "writer", away)
    assert desk.put("feeds/a.csv", b"x").status_code == 503
