"""The handlers' zips: small, complete, for the right processor, and the same bytes every time."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import socket
import struct
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.infra.lambda_process import (
    BUILD,
    BUILD_SECONDS,
    ROOT,
    LambdaFailed,
    LambdaProcess,
    built,
    host_architecture,
    unpack,
)

pytestmark = pytest.mark.timeout(600)

ELF_MACHINES = {"x86_64": 62, "arm64": 183}
ARCHITECTURES = sorted(ELF_MACHINES)
HANDLERS = sorted(f"handlers.{f.stem}.handler" for f in (ROOT / "handlers").glob("[!_]*.py"))
HEAVY = ("torch", "numpy", "pyarrow", "lancedb", "lance", "ray", "transformers", "boto3")
UPLOAD = (ROOT / "tests" / "events" / "s3_product_put.json").read_text()


def entries(architecture: str) -> list[zipfile.ZipInfo]:
    with zipfile.ZipFile(built(architecture)["path"]) as archive:
        assert archive.testzip() is None
        return archive.infolist()


@pytest.fixture(scope="module")
def task(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return unpack(host_architecture(), tmp_path_factory.mktemp("task"))


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_it_is_small_and_says_so(architecture: str) -> None:
    said = built(architecture)
    data = Path(said["path"]).read_bytes()
    assert (len(data), hashlib.sha256(data).hexdigest()) == (said["bytes"], said["sha256"])
    assert said["bytes"] < 6_000_000  # a third of what is allowed; growth should be somebody's decision
    assert said["unpacked_bytes"] < 20_000_000


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_entries_are_sorted_dated_alike_and_plain(architecture: str) -> None:
    found = entries(architecture)
    names = [entry.filename for entry in found]
    assert names == sorted(set(names))
    assert {entry.date_time for entry in found} == {(1980, 1, 1, 0, 0, 0)}
    assert {entry.external_attr >> 16 for entry in found} == {0o100644}
    assert not [name for name in names if name.endswith((".pyc", "/RECORD")) or "__pycache__" in name]
    assert not [name for name in names if name.startswith(("/", "bin/")) or ".." in name.split("/")]


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_binaries_are_for_the_processor(architecture: str) -> None:
    with zipfile.ZipFile(built(architecture)["path"]) as archive:
        binaries = {name: archive.read(name)[:20] for name in archive.namelist() if name.endswith(".so")}
    assert any("pydantic_core" in name for name in binaries)
    assert {struct.unpack_from("<H", head, 18)[0] for head in binaries.values()} == {
        ELF_MACHINES[architecture]
    }
    assert all("cpython-311" in name or "abi3" in name for name in binaries)


def test_only_light_rooms_and_what_they_need_are_inside() -> None:
    names = [entry.filename for entry in entries("arm64")]
    rooms = {name.split("/")[1].removesuffix(".py") for name in names if name.startswith("mmpipe/")}
    assert {"dispatch", "events", "schemas", "errors", "settings", "telemetry"} <= rooms
    assert not rooms & {"encoders", "lake", "serve", "indexing", "search", "learn", "cli", "media", "local"}
    tops = {name.split("/")[0] for name in names}
    assert not tops & set(HEAVY)
    assert "mmpipe/dispatch/dead_letters.py" not in names  # people's tool, not a handler's
    data = {name.split("/")[2] for name in names if name.startswith("botocore/data/") and name.count("/") > 2}
    assert data == {"secretsmanager", "sqs"}


def test_the_same_input_gives_the_same_bytes_wherever_it_is_built(tmp_path: Path) -> None:
    """From another folder, with other dates and modes of the files, another order of sets, another umask."""
    copy = tmp_path / "elsewhere"
    for name in ("infra/lambda", "handlers", "mmpipe"):
        for file in (ROOT / name).rglob("*.py"):
            place = copy / file.relative_to(ROOT)
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(file.read_bytes())
            place.chmod(0o755)
            os.utime(place, (86_400, 86_400))
    for name in ("constraints.txt", "requirements.lock"):
        shutil.copyfile(ROOT / name, copy / name)
    command = [sys.executable, str(copy / "infra/lambda/build.py"), "--architecture", "x86_64"]
    run = subprocess.run(
        command,
        cwd=tmp_path,
        env={**os.environ, "PYTHONHASHSEED": "5", "TZ": "Asia/Tokyo", "LC_ALL": "C"},
        umask=0o077,
        capture_output=True,
        text=True,
        timeout=BUILD_SECONDS,
    )
    assert run.returncode == 0, run.stderr
    again = json.loads(run.stdout)
    assert again["path"] == str(copy / "build/lambda/mmpipe-handlers-x86_64.zip")
    assert again["sha256"] == built("x86_64")["sha256"]


@pytest.mark.parametrize("handler", HANDLERS)
def test_a_handler_starts_with_the_zip_alone(handler: str, task: Path, tmp_path: Path) -> None:
    with LambdaProcess(task, handler, {}, tmp_path / "log") as process:
        assert process.foreign == []
        assert [entry for entry in process.path if "packages" in entry] == []
        assert process.sent_away() == ""


def test_what_would_leave_this_machine_is_refused_and_seen(tmp_path: Path) -> None:
    (tmp_path / "curious.py").write_text(
        "import socket\n"
        "def handler(event, context):\n"
        "    return socket.create_connection((event['host'], event['port']), 5).getpeername()\n"
    )
    with socket.create_server(("127.0.0.1", 0)) as here:
        port = here.getsockname()[1]
        with LambdaProcess(tmp_path, "curious.handler", {}, tmp_path / "log") as process:
            assert process.invoke({"host": "localhost", "port": port}) == ["127.0.0.1", port]
            assert process.sent_away() == ""
            for host, seen in (("192.0.2.77", "192.0.2.77:443"), ("example.com", "lookup of example.com")):
                with pytest.raises(LambdaFailed, match=f"{seen} is off this machine"):
                    process.invoke({"host": host, "port": 443})
                assert f"{seen} by " in process.sent_away()


def test_poison_and_work_from_the_zip_alone(task: Path, tmp_path: Path) -> None:
    environment = {"MMPIPE_DISPATCH__INDEXER_URL": "http://127.0.0.1:9"}
    event = {
        "Records": [
            {
                "messageId": name,
                "receiptHandle": name,
                "body": body,
                "attributes": {"ApproximateReceiveCount": "1"},
                "eventSource": "aws:sqs",
            }
            for name, body in (
                ("poison", "x"),
                ("upload", UPLOAD),
                ("test", json.dumps({"Event": "s3:TestEvent"})),
            )
        ]
    }
    with LambdaProcess(task, "handlers.catalogue_uploaded.handler", environment, tmp_path / "log") as process:
        failed = process.invoke(event)["batchItemFailures"]
        # Nobody listens at the indexer's address: the work must come back, like what cannot be read.
        assert failed == [{"itemIdentifier": "poison"}, {"itemIdentifier": "upload"}]
        assert "127.0.0.1:9" in process.log()


def test_secrets_are_read_with_what_the_zip_holds(task: Path, tmp_path: Path) -> None:
    environment = {
        "AWS_ENDPOINT_URL": "http://127.0.0.1:9",
        "AWS_DEFAULT_REGION": "eu-west-1",
        "AWS_ACCESS_KEY_ID": "x",
        "AWS_SECRET_ACCESS_KEY": "x",
        "MMPIPE_DISPATCH__RAY_TOKEN_SECRET": "mmpipe/ray",
    }
    event = {"task": "maintain", "time": "2026-03-01T03:00:00Z"}
    with (
        LambdaProcess(task, "handlers.maintenance_due.handler", environment, tmp_path / "log") as process,
        pytest.raises(
            LambdaFailed, match=r"DispatchUnavailable: secret mmpipe/ray cannot be read.*127\.0\.0\.1:9"
        ),
    ):
        process.invoke(event)


def test_a_module_that_is_missing_ends_the_build_with_a_reason(tmp_path: Path) -> None:
    (tmp_path / "ours").mkdir()
    (tmp_path / "ours" / "__init__.py").write_text("")
    (tmp_path / "ours" / "entry.py").write_text(
        "import json\nfrom typing import TYPE_CHECKING\n"
        "if TYPE_CHECKING:\n    import torch\n"
        "else:\n    import yaml\n"
        "def later():\n    from ours import inside\n    import botocore.session\n"
        "    botocore.session.get_session().create_client('sqs')\n"
    )
    (tmp_path / "ours" / "inside.py").write_text("from . import entry\nfrom .absent import x\n")
    program = (
        "import sys; from pathlib import Path; from import_graph import collect;"
        f"root = Path({str(tmp_path)!r}); graph = collect(root, ['ours'], ['ours.entry']);"
        "print(sorted(graph.third_party), sorted(graph.aws_services), sorted(f.name for f in graph.files))"
    )

    def run() -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-c", program]
        return subprocess.run(command, cwd=BUILD.parent, capture_output=True, text=True, timeout=60)

    assert "ours.absent is imported, and there is no such module" in run().stderr
    (tmp_path / "ours" / "absent.py").write_text("x = 1\n")
    found = "['botocore.session', 'yaml'] ['sqs'] ['__init__.py', 'absent.py', 'entry.py', 'inside.py']"
    assert run().stdout.strip() == found
