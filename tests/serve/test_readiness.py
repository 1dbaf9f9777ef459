"""What `/readyz`, `/healthz` and Serve's health checks say, each while it is true and while it is not."""

from __future__ import annotations

import asyncio
import re
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from mmpipe.encoders.base import Profile
from mmpipe.errors import ModelUnavailable, NotReady, StorageUnavailable
from mmpipe.lake import Collection, Lake, open_lake
from mmpipe.lake.interactions import InteractionLog
from mmpipe.schemas.work import WorkOrder
from mmpipe.serve import group_commit
from mmpipe.serve.answer import service as service_module
from mmpipe.serve.answer import watch
from mmpipe.serve.answer.query_encoder import LocalQueryEncoder, Models
from mmpipe.serve.answer.service import QueryService
from mmpipe.serve.http.api import create_app
from mmpipe.serve.http.internal import create_internal_app
from mmpipe.serve.http.metrics import Metrics
from mmpipe.serve.ingest.uploads import Uploads
from mmpipe.serve.ray.deployments.encoders import Encoders
from mmpipe.settings import Settings
from tests.serve.conftest import InProcessWork, catalogue, make_service, order_for, settings_for, write_feed

SOON = 60.0


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """An empty lake, looked at often."""
    monkeypatch.setattr(watch, "LIST_SECONDS", 0.05)
    found = settings_for(tmp_path)
    return found.model_copy(update={"serve": found.serve.model_copy(update={"live_poll_seconds": 0.02})})


@pytest.fixture
def index(tmp_path: Path, settings: Settings) -> Callable[[str], None]:
    """Uploads five products to a collection."""
    work = InProcessWork(settings)

    def upload(collection: str) -> None:
        feed = write_feed(tmp_path, f"{collection}-{time.monotonic_ns()}.jsonl", catalogue()[:5])
        order = order_for(feed, settings)
        changed: WorkOrder = order.model_copy(
            update={
                "collection": collection,
                "run_id": f"{time.monotonic_ns():032x}",
            }
        )
        assert [outcome.status for outcome in work.indexer.execute([changed])] == ["done"]

    return upload


class Replica:
    """One service and what it says about itself."""

    def __init__(self, service: QueryService) -> None:
        self.service = service
        self.client = TestClient(create_app(service, Metrics("r")), raise_server_exceptions=False)

    def says(self, path: str) -> tuple[int, str]:
        answer = self.client.get(path)
        return answer.status_code, answer.json().get("detail", "")

    def until(self, path: str, status: int) -> str:
        """The detail with that status, once it comes; nobody searches meanwhile."""
        begun = time.monotonic()
        while (said := self.says(path))[0] != status:
            assert time.monotonic() - begun < SOON, said
            time.sleep(0.01)
        return said[1]

    def until_old(self) -> dict[str, Any]:
        """What `/readyz` says once `shop` is old."""
        begun = time.monotonic()
        while "stale_seconds" not in (said := self.client.get("/readyz").json()):
            assert time.monotonic() - begun < SOON, said
            time.sleep(0.01)
        return dict(said)

    def age(self) -> float:
        """What `/metrics` says of `shop`."""
        found = re.search(
            r'mmpipe_live_age_seconds\{collection="shop",replica="r"\} (\S+)',
            self.client.get("/metrics").text,
        )
        assert found is not None
        return float(found[1])

    def close(self) -> None:
        self.service.close()


@pytest.fixture
def replica(settings: Settings, index: Callable[[str], None]) -> Iterator[Replica]:
    """Over a lake in which ``shop`` is live."""
    index("shop")
    with closing(Replica(make_service(settings))) as found:
        yield found


def failing(error: BaseException) -> Callable[..., Any]:
    def fail(*_: object, **__: object) -> None:
        raise error

    return fail


def test_not_ready_before_anything_is_live_then_ready_without_being_asked(
    settings: Settings, index: Callable[[str], None]
) -> None:
    with closing(Replica(make_service(settings))) as replica:
        assert replica.says("/readyz") == (503, "no collection is live yet; index a feed first")
        assert replica.says("/healthz")[0] == 200
        index("shop")
        replica.until("/readyz", 200)
        index("second")
        begun = time.monotonic()
        while replica.client.get("/readyz").json()["collections"] != ["second", "shop"]:
            assert time.monotonic() - begun < SOON, "a collection that comes later is opened too"
            time.sleep(0.01)


def test_not_ready_while_the_lake_cannot_be_reached_at_the_start(
    settings: Settings, index: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    index("shop")
    index("second")
    with monkeypatch.context() as away:
        away.setattr(Lake, "collections", failing(StorageUnavailable("the store is away")))
        replica = Replica(make_service(settings))
        assert replica.says("/readyz") == (503, "the lake cannot be listed")
        assert replica.says("/healthz")[0] == 200, "a restart would not mend the store"
    with closing(replica):
        replica.until("/readyz", 200)
        assert [entry.collection for entry in replica.service.served()] == ["second", "shop"]


def test_not_ready_without_the_models_of_what_is_live(
    settings: Settings, index: Callable[[str], None], caplog: pytest.LogCaptureFixture
) -> None:
    index("shop")

    class Later(LocalQueryEncoder):
        here = False

        def prepare(self, profile: Profile) -> None:
            if not self.here:
                raise ModelUnavailable("profile 'fake' is not in this process")
            super().prepare(profile)

    encoder = Later(Models(1))
    with closing(Replica(QueryService(settings, encoder, listen=False))) as replica:
        status, detail = replica.says("/readyz")
        assert (status, replica.says("/readyz")) == (503, (503, detail))
        assert detail == "not every live collection can be searched here yet (shop)"
        assert [getattr(line, "reason", None) for line in caplog.records if line.message == "not ready"] == [
            "shop: profile 'fake' is not in this process"
        ], "what is wrong is for the log, and there once"
        encoder.here = True
        replica.until("/readyz", 200)


def test_not_ready_while_one_of_the_live_collections_cannot_be_searched(
    settings: Settings, index: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    index("shop")
    index("broken")
    original = Collection.live

    def live(self: Collection) -> Any:
        if self.name == "broken":
            raise StorageUnavailable("version 7 is live, but gone")
        return original(self)

    with monkeypatch.context() as damaged:
        damaged.setattr(Collection, "live", live)
        replica = Replica(make_service(settings))
        status, detail = replica.says("/readyz")
        assert status == 503
        assert detail.endswith("here yet (broken)")
        assert replica.client.get("/v1/search?q=red&collection=shop").status_code == 200
    with closing(replica):
        replica.until("/readyz", 200)


def test_one_shop_that_stays_damaged_keeps_no_other_waiting(
    settings: Settings, index: Callable[[str], None], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    index("shop")
    index("broken")
    (manifests,) = (tmp_path / "lake" / "broken").glob("products_*.lance/_versions")
    aside = manifests.rename(manifests.with_name("aside"))
    with closing(Replica(make_service(settings))) as replica:
        assert replica.says("/readyz") == (503, "not every live collection can be searched here yet (broken)")
        monkeypatch.setattr(watch, "BROKEN_SECONDS", 0.2)
        replica.until("/readyz", 200)
        ready = replica.client.get("/readyz").json()
        assert (ready["collections"], ready["unsearchable"]) == (["shop"], ["broken"])
        assert replica.client.get("/v1/search?q=red&collection=shop").status_code == 200
        assert replica.client.get("/v1/search?q=red&collection=broken").status_code == 503
        monkeypatch.setattr(watch, "OLD_SECONDS", 0.1)
        begun = time.monotonic()
        while "stale_seconds" not in replica.client.get("/readyz").json():
            assert time.monotonic() - begun < SOON, "the alarm for old answers hears of it"
            time.sleep(0.01)
        aside.rename(manifests)
        while "unsearchable" in (said := replica.client.get("/readyz").json()):
            assert time.monotonic() - begun < SOON, "it is looked at until it can be searched"
            time.sleep(0.01)
        assert said["collections"] == ["broken", "shop"]


def test_a_store_that_is_away_ends_no_search_and_answers_say_how_old_they_are(
    replica: Replica, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    assert replica.says("/readyz")[0] == 200
    assert "age" not in replica.client.get("/v1/search?q=red").headers
    with monkeypatch.context() as away:
        away.setattr(Collection, "live", failing(StorageUnavailable("the store is away")))
        away.setattr(Lake, "collections", failing(StorageUnavailable("the store is away")))
        away.setattr(watch, "OLD_SECONDS", 1.0)
        ready = replica.until_old()
        assert ready["collections"] == ["shop"]
        assert replica.says("/readyz")[0] == 200, "another replica would know no more"
        assert replica.says("/healthz")[0] == 200, "a restart would lose the version at hand"
        for path in ("/v1/search?q=red", "/v1/suggest?q=re", "/v1/products/red-shoe-1", "/docs"):
            answer = replica.client.get(path)
            assert answer.status_code == 200, path
            assert (int(answer.headers.get("age", 0)) >= 1) is (path != "/docs"), path
        assert replica.client.get("/v1/search?q=red").json()["total"] == 5
        found = replica.client.post("/v1/search", json={"text": "red"})
        assert int(found.headers["age"]) >= 1
        assert "age" not in replica.client.get("/v1/products/none").headers
        (listed,) = replica.client.get("/v1/collections").json()["collections"]
        assert listed["age_seconds"] > 1
        told = Counter(
            (each.thread, getattr(each, "reason", ""))
            for each in caplog.records
            if "what is held" in each.message
        )
        # Other services of this process lose their store as well.
        assert "shop: the store is away" in {reason for _, reason in told}
        assert set(told.values()) == {1}, "in the log, once"
        assert replica.age() > 1
    begun = time.monotonic()
    while replica.age() > 1:
        assert time.monotonic() - begun < SOON
    assert "age" not in replica.client.get("/v1/search?q=red").headers
    assert "stale_seconds" not in replica.client.get("/readyz").json()


def test_ages_do_not_follow_the_machines_clock(replica: Replica, monkeypatch: pytest.MonkeyPatch) -> None:
    original = time.time
    for jump in (-1e6, 1e6):
        monkeypatch.setattr(time, "time", lambda jump=jump: original() + jump)
        time.sleep(0.1)
        assert 0 <= replica.age() < SOON
        assert "age" not in replica.client.get("/v1/search?q=red").headers
        replica.service.check_alive()


def test_who_asks_what_is_served_does_not_wait_for_a_store_that_hangs(
    replica: Replica, monkeypatch: pytest.MonkeyPatch
) -> None:
    release, looks = threading.Event(), []

    def collections(_: Lake) -> list[str]:
        looks.append(threading.current_thread().name)
        assert release.wait(SOON)
        return ["shop"]

    async def ask() -> float:
        begun = time.monotonic()
        answers = await asyncio.gather(*(replica.service.collections() for _ in range(5)))
        took = time.monotonic() - begun
        release.set()
        assert [[each.collection for each in listed] for listed in answers] == [["shop"]] * 5
        return took

    monkeypatch.setattr(service_module, "LOOK_SECONDS", 0.2)
    monkeypatch.setattr(Lake, "collections", collections)
    assert asyncio.run(ask()) < SOON / 2
    assert len([name for name in looks if name.startswith("asyncio")]) == 1, "they share one look"


def test_a_lake_that_cannot_be_listed_keeps_it_ready(
    replica: Replica, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Looked at every few hundredths of a second, which a busy machine may make many of.
    monkeypatch.setattr(watch, "OLD_SECONDS", 3.0)
    monkeypatch.setattr(Lake, "collections", failing(StorageUnavailable("no listing")))
    time.sleep(3.5)
    assert replica.client.get("/readyz").json() == {"status": "ready", "collections": ["shop"]}


def test_a_new_collection_that_cannot_be_opened_takes_no_replica_out(
    replica: Replica, index: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    original = Collection.live

    def live(self: Collection) -> Any:
        if self.name == "broken":
            raise StorageUnavailable("version 7 is live, but gone")
        return original(self)

    index("broken")
    monkeypatch.setattr(Collection, "live", live)
    monkeypatch.setattr(watch, "OLD_SECONDS", 0.1)
    time.sleep(0.5)
    assert replica.says("/readyz")[0] == 200


def test_a_follower_that_hangs_is_told_then_unhealthy_until_it_goes_on(
    replica: Replica, monkeypatch: pytest.MonkeyPatch
) -> None:
    release = threading.Event()
    original = Collection.live

    def live(self: Collection) -> Any:
        assert release.wait(SOON)
        return original(self)

    with monkeypatch.context() as hanging:
        hanging.setattr(Collection, "live", live)
        hanging.setattr(watch, "OLD_SECONDS", 0.3)
        replica.until_old()
        replica.service.check_alive()
        assert replica.says("/healthz")[0] == 200
        hanging.setattr(watch, "STUCK_SECONDS", 0.3)
        assert "live versions were not looked at" in replica.until("/healthz", 503)
        with pytest.raises(NotReady):
            replica.service.check_alive()
        assert replica.says("/readyz")[0] == 200, "it answers, and another would be no newer at once"
        release.set()
        replica.until("/healthz", 200)


def test_a_follower_that_ended_is_no_health(replica: Replica, monkeypatch: pytest.MonkeyPatch) -> None:
    # The one thing it does not outlive; of this replica alone, others of the same process go on.
    monkeypatch.setattr(replica.service._source._versions, "_look", failing(SystemExit()))
    monkeypatch.setattr(threading, "excepthook", lambda _: None)
    monkeypatch.setattr(watch, "STUCK_SECONDS", 0.3)
    assert "live versions were not looked at" in replica.until("/healthz", 503)
    with pytest.raises(NotReady):
        replica.service.check_alive()


def test_a_watch_that_ended_is_no_health(replica: Replica, monkeypatch: pytest.MonkeyPatch) -> None:
    replica.service.check_alive()
    monkeypatch.setattr(replica.service._lake, "collections", failing(SystemExit()))
    monkeypatch.setattr(threading, "excepthook", lambda _: None)
    assert "the thread that watches the lake has ended" in replica.until("/healthz", 503)


def test_interactions_that_hang_are_no_health_until_they_go_on(
    settings: Settings, index: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    index("shop")
    entered, release = threading.Event(), threading.Event()
    original = InteractionLog.append

    def append(self: InteractionLog, *arguments: Any, **options: Any) -> Any:
        entered.set()
        assert release.wait(SOON)
        return original(self, *arguments, **options)

    monkeypatch.setattr(InteractionLog, "append", append)
    service = make_service(settings)
    body = {"interactions": [{"type": "view", "user_id": "u", "product_id": "red-shoe-1"}]}
    with TestClient(create_app(service, Metrics("r")), raise_server_exceptions=False) as client:
        answers: list[int] = []
        sender = threading.Thread(
            target=lambda: answers.append(client.post("/v1/interactions", json=body).status_code)
        )
        sender.start()
        assert entered.wait(SOON)
        assert client.get("/healthz").status_code == 200
        monkeypatch.setattr(group_commit, "STUCK_SECONDS", 0.0)
        assert client.get("/healthz").status_code == 503
        release.set()
        sender.join(SOON)
        assert answers == [202]
        assert client.get("/healthz").status_code == 200


def test_the_indexer_says_so_while_its_work_hangs(settings: Settings) -> None:
    class Hanging(InProcessWork):
        hangs = False

        def check_alive(self) -> None:
            if self.hangs:
                raise NotReady("indexer: a call has not ended for 900 s")

    work = Hanging(settings)
    app = create_internal_app(settings, work, Uploads(open_lake(settings)), Metrics("i"))
    with TestClient(app) as client:
        assert client.get("/healthz").json() == {"status": "ok"}
        work.hangs = True
        answer = client.get("/healthz")
        assert (answer.status_code, answer.json()["type"]) == (503, "urn:mmpipe:problem:not-ready")
        work.hangs = False
        assert client.get("/healthz").status_code == 200


def test_an_encoder_that_cannot_encode_is_no_health(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    encoders = Encoders(settings)
    asyncio.run(encoders.check_health())
    text = encoders._default.loaded.encoders["text"]
    with monkeypatch.context() as broken:
        broken.setattr(text, "embed_query", failing(RuntimeError("CUDA error: unspecified launch failure")))
        with pytest.raises(RuntimeError, match="CUDA"):
            asyncio.run(encoders.check_health())
    asyncio.run(encoders.check_health())
