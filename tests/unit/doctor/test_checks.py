"""Each check tells what is wrong, and what to do about it."""

from __future__ import annotations

import resource
import shutil
import socket
import sys
from collections import namedtuple
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError, NoCredentialsError
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route

from mmpipe import doctor
from mmpipe.doctor import Finding, cloud, installation, machine, models, ray_start
from mmpipe.settings import (
    DispatchSettings,
    IndexingSettings,
    LakeSettings,
    ServeSettings,
    Settings,
    SpeechSettings,
)
from tests.serve.listening import listening

_Usage = namedtuple("_Usage", "total used free")


def states(findings: Iterator[Finding]) -> dict[str, str]:
    """What each finding is about, and its state; whatever has to be mended says how."""
    found = list(findings)
    assert all(each.remedy for each in found if each.state in ("warning", "broken"))
    return {each.about: each.state for each in found}


def of_lake(uri: str, **dispatch: Any) -> Settings:
    return Settings(lake=LakeSettings(uri=uri), dispatch=DispatchSettings(**dispatch))


def test_this_installation_is_as_it_should_be() -> None:
    assert states(installation.python(Settings())) == {"python": "fine"}
    found = states(installation.packages(Settings()))
    assert {found["packages"], found["packages of mmpipe[lake]"], found["packages of mmpipe[ml]"]} == {"fine"}
    assert "versions" not in found
    assert states(models.codecs(Settings())) == {"codecs": "fine"}


def test_packages_that_are_missing_or_old_are_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    asked = ["pydantic>=99", 'nowhere-to-be-found ; extra == "lake"', 'not-here-either ; extra == "plots"']
    monkeypatch.setattr(metadata, "requires", lambda _name: asked)
    found = {each.about: each for each in installation.packages(Settings())}
    assert found["packages of mmpipe[lake]"].state == "broken"
    assert "nowhere-to-be-found" in found["packages of mmpipe[lake]"].told
    assert found["packages of mmpipe[plots]"].state == "note"
    assert found["versions"].state == "broken"
    assert "pydantic is " in found["versions"].told


def test_other_versions_than_the_pinned_ones_are_a_warning(tmp_path: Path) -> None:
    pins = tmp_path / "constraints.txt"
    version = metadata.version("pydantic")
    pins.write_text(f"# a comment\npydantic=={version}\nnot-installed==1\n")
    assert states(installation._pins(pins)) == {"pins": "fine"}
    pins.write_text("pydantic==0.1\n")
    (told,) = installation._pins(pins)
    assert (told.state, told.told) == ("warning", f"pydantic is {version}, not 0.1")


def test_folders_are_written_to_and_have_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    assert states(machine.disks(of_lake(str(tmp_path / "file" / "lake"))))["lake"] == "broken"
    settings = of_lake(str(tmp_path / "not" / "yet"))
    for free, state in ((10**8, "broken"), (10**9, "warning"), (10**10, "fine")):
        usage = _Usage(10**11, 0, free)
        monkeypatch.setattr(shutil, "disk_usage", lambda _path, usage=usage: usage)
        assert states(machine.disks(settings)) == {"lake": state, "temporary folder": state}
        shared = states(machine.shared_memory(settings)).get("shared memory")
        assert shared in ("note", "fine" if free >= 10**9 else "warning")
    assert "lake" not in states(machine.disks(of_lake("s3://bucket/lake")))
    assert list(tmp_path.iterdir()) == [tmp_path / "file"]


@pytest.mark.parametrize(("limit", "state"), [(256, "broken"), (2_000, "warning"), (65_536, "fine")])
def test_the_number_of_open_files(limit: int, state: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _which: (limit, resource.RLIM_INFINITY))
    assert states(machine.open_files(Settings())) == {"open files": state}


def test_ports_are_free_ours_or_anothers() -> None:
    async def healthz(_request: Any) -> JSONResponse:
        return JSONResponse({"status": "ok"})

    def of_port(port: int) -> Settings:
        jobs = DispatchSettings(jobs_url="https://ray.shop.example")
        return Settings(serve=ServeSettings(port=port), dispatch=jobs)

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        taken.listen()
        taken.settimeout(0.1)
        assert states(machine.ports(of_port(port))) == {"port of the service": "warning"}
    assert states(machine.ports(of_port(port))) == {"port of the service": "fine"}
    with listening(Starlette(routes=[Route("/healthz", healthz)])) as address:
        (found,) = machine.ports(of_port(int(address.rpartition(":")[2])))
        assert found.state == "fine"
        assert "mmpipe answers" in found.told


def test_models_load_by_their_digests() -> None:
    fake = Settings(indexing=IndexingSettings(profile="fake"), speech=SpeechSettings(recognizer="none"))
    assert states(models.encoders(fake)) == {"models": "fine"}
    assert states(models.speech(fake)) == {"speech": "note"}
    nobody = Settings(indexing=IndexingSettings(profile="nobody-has-it"))
    assert states(models.encoders(nobody)) == {"models": "broken"}


class Store:
    """An object store's client that answers with a clock, or refuses."""

    def __init__(self, ahead: timedelta, error: Exception | None = None) -> None:
        self._ahead, self._error = ahead, error

    def list_objects_v2(self, **_asked: Any) -> dict[str, Any]:
        if self._error is not None:
            raise self._error
        date = format_datetime(datetime.now(UTC) + self._ahead, usegmt=True)
        return {"ResponseMetadata": {"HTTPHeaders": {"date": date}}}


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> Callable[[Store], None]:
    return lambda made: monkeypatch.setattr(cloud, "store_client", lambda _settings: made)


def test_nothing_of_aws_is_asked_where_no_setting_names_it() -> None:
    settings = of_lake("./lake")
    assert states(cloud.credentials(settings)) == {"AWS": "note"}
    assert states(cloud.buckets(settings)) == states(cloud.queues(settings)) == {}


@pytest.mark.parametrize(("ahead", "state"), [(0, "fine"), (200, "warning"), (3_000, "broken")])
def test_a_bucket_is_listed_and_its_clock_compared(
    ahead: int, state: str, store: Callable[[Store], None]
) -> None:
    store(Store(timedelta(seconds=ahead)))
    assert states(cloud.buckets(of_lake("s3://shop/lake"))) == {"bucket shop": "fine", "clock": state}


def test_a_bucket_that_refuses_is_broken(store: Callable[[Store], None]) -> None:
    store(
        Store(timedelta(), ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, "ListObjectsV2"))
    )
    (found,) = cloud.buckets(of_lake("s3://shop/lake"))
    assert found.state == "broken"
    assert "AccessDenied" in found.told
    store(Store(timedelta(), NoCredentialsError()))
    assert states(cloud.buckets(of_lake("s3://shop/lake"))) == {"bucket shop": "broken"}


def test_a_queue_that_does_not_answer_is_broken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "x")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "y")
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{closed.getsockname()[1]}/1/uploads"
    settings = of_lake("./lake", queue_url=url)
    assert states(cloud.queues(settings)) == {"queue uploads": "broken"}
    assert states(cloud.credentials(settings)) == {"AWS credentials": "fine"}


def test_ray_that_does_not_start_is_told_by_its_last_word(monkeypatch: pytest.MonkeyPatch) -> None:
    def script(code: str, seconds: float = 60) -> Finding:
        monkeypatch.setattr(ray_start, "_SCRIPT", code)
        monkeypatch.setattr(ray_start, "_SECONDS", seconds)
        (found,) = ray_start.ray_starts(Settings())
        return found

    assert script("print('2.60.0')") == Finding("Ray", "fine", "2.60.0 starts and runs a task")
    died = script("import nowhere_to_be_found")
    assert (died.state, died.told) == ("broken", "ModuleNotFoundError: No module named 'nowhere_to_be_found'")
    late = script("import subprocess, time; subprocess.Popen(['sleep', '600']); time.sleep(600)", 1)
    assert (late.state, late.told) == ("broken", "it did not start within 1 s")


def test_a_check_that_fails_hides_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(_settings: Settings) -> Iterator[Finding]:
        raise OSError("of all things")

    monkeypatch.setattr(doctor, "CHECKS", (fails, installation.python))
    found = list(doctor.examine(Settings()))
    assert [(each.about, each.state) for each in found] == [("fails", "broken"), ("python", "fine")]
    assert "of all things" in found[0].told
    assert sys.executable in found[1].told
