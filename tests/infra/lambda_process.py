"""The built zip, unpacked, in a process that sees nothing else: it stands in for Lambda's runtime."""

from __future__ import annotations

import functools
import json
import os
import select
import subprocess
import sys
import threading
import zipfile
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from tests.infra.offline.sitecustomize import LEAVING

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / "infra" / "lambda" / "build.py"
GUARD = ROOT / "tests" / "infra" / "offline" / "sitecustomize.py"
BUILD_SECONDS = 300
INVOKE_SECONDS = 120

# Lambda answers what the handler returned, or the error's type and message.
_RUNTIME = """
import json, sys
from types import SimpleNamespace
folder, name = sys.argv[1:]
sys.path.insert(0, folder)
answers, sys.stdout = sys.stdout, sys.stderr
module, function = name.rsplit(".", 1)
handler = getattr(__import__(module, fromlist=[function]), function)
foreign = sorted(
    name for name, module in sys.modules.items()
    if "packages" in (getattr(module, "__file__", None) or "")
)
print(json.dumps({"foreign": foreign, "path": sys.path}), file=answers, flush=True)
for number, line in enumerate(sys.stdin):
    context = SimpleNamespace(
        function_name=name, memory_limit_in_mb=256, invoked_function_arn=name, aws_request_id=str(number)
    )
    try:
        answer = {"result": handler(json.loads(line), context)}
    except Exception as error:
        answer = {"error": type(error).__name__, "message": str(error)}
    print(json.dumps(answer), file=answers, flush=True)
"""


class LambdaFailed(Exception):
    """The handler raised; ``error`` is the type's name."""

    def __init__(self, error: str, message: str) -> None:
        super().__init__(f"{error}: {message}")
        self.error = error


@functools.cache
def built(architecture: str) -> dict[str, Any]:
    """The zip of one architecture in ``build/lambda``, made anew: what the build says of it."""
    return build_zips(ROOT / "build" / "lambda", architecture)[architecture]


def build_zips(folder: Path, *architectures: str) -> dict[str, dict[str, Any]]:
    """Run the build as a user does."""
    options = [word for name in architectures for word in ("--architecture", name)]
    command = [sys.executable, str(BUILD), "--output", str(folder), *options]
    run = subprocess.run(command, capture_output=True, text=True, timeout=BUILD_SECONDS, cwd=ROOT)
    assert run.returncode == 0, run.stderr
    lines = [json.loads(line) for line in run.stdout.splitlines()]
    return {line["architecture"]: line for line in lines}


def unpack(architecture: str, folder: Path) -> Path:
    """Unpack the zip of one architecture, as Lambda does below ``/var/task``."""
    with zipfile.ZipFile(built(architecture)["path"]) as archive:
        archive.extractall(folder)
    return folder


def host_architecture() -> str:
    """The zip whose binaries run on this machine."""
    return {"x86_64": "x86_64", "AMD64": "x86_64", "aarch64": "arm64", "arm64": "arm64"}[os.uname().machine]


class LambdaProcess:
    """One execution environment: started once, invoked often. A context manager."""

    def __init__(self, folder: Path, handler: str, environment: Mapping[str, str], log: Path) -> None:
        """``environment`` is all the process gets, and it reaches no other machine."""
        self._log = log
        self._lock = threading.Lock()
        self._leaving = Path(environment.get(LEAVING) or log.with_suffix(".leaving"))
        # -I: no PYTHON* variables, no current folder; -S: no site-packages.
        program = GUARD.read_text(encoding="utf-8") + _RUNTIME
        command = [sys.executable, "-I", "-S", "-B", "-c", program, str(folder), handler]
        with log.open("wb") as sink:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=sink,
                env={**environment, LEAVING: str(self._leaving)},
                cwd=folder,
            )
        started = self._answer()
        self.foreign: list[str] = started["foreign"]
        self.path: list[str] = started["path"]

    def __enter__(self) -> LambdaProcess:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()

    def invoke(self, event: Any) -> Any:
        """The handler's answer. Raises :class:`LambdaFailed` where it raised."""
        assert self._process.stdin is not None
        with self._lock:
            self._process.stdin.write(json.dumps(event).encode() + b"\n")
            self._process.stdin.flush()
            answer = self._answer()
        if "error" in answer:
            raise LambdaFailed(answer["error"], answer["message"])
        return answer["result"]

    def sent_away(self) -> str:
        """What it tried to send to other machines, line by line."""
        return self._leaving.read_text() if self._leaving.exists() else ""

    def log(self) -> str:
        """What it wrote so far."""
        return self._log.read_text(errors="replace")

    def _answer(self) -> Any:
        assert self._process.stdout is not None
        ready, _, _ = select.select([self._process.stdout], [], [], INVOKE_SECONDS)
        line = self._process.stdout.readline() if ready else b""
        assert line, f"no answer from the handler's process; its log ends:\n{self.log()[-3000:]}"
        return json.loads(line)
