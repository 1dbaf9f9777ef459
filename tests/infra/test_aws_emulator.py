"""The emulator's own door: one call at a time, and each once."""

from __future__ import annotations

import io
import threading
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.infra.aws_emulator import OneAtATime

OK = "200 OK"
Headers = Mapping[str, str]
NONE: Headers = {}


class Recorder:
    """An application that answers how many calls it has had, and what ``meet`` says."""

    def __init__(self, status: str = OK, meet: Callable[[], bool] = lambda: False) -> None:
        self._status = status
        self._meet = meet
        self.bodies: list[bytes] = []

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        self.bodies.append(environ["wsgi.input"].read())
        start_response(self._status, [("X-Met", str(self._meet()))])
        return [str(len(self.bodies)).encode()]


def call(
    app: OneAtATime, service: str = "iam", body: bytes = b"", method: str = "POST", headers: Headers = NONE
) -> Any:
    """(status, headers, body)"""
    scope = f"AWS4-HMAC-SHA256 Credential=test/20260301/us-east-1/{service}/aws4_request, Signature=0"
    environ = {
        "REQUEST_METHOD": method,
        "PATH_INFO": "/",
        "HTTP_AUTHORIZATION": scope,
        "wsgi.input": io.BytesIO(body + b"next"),
        **headers,
    }
    if body:
        environ["CONTENT_LENGTH"] = str(len(body))
    started: list[Any] = []
    chunks = app(environ, lambda status, headers: started.extend((status, dict(headers))))
    return (*started, b"".join(chunks))


def attempt(number: int, invocation: str = "a") -> dict[str, str]:
    return {
        "HTTP_AMZ_SDK_INVOCATION_ID": invocation,
        "HTTP_AMZ_SDK_REQUEST": f"attempt={number}; max=25",
    }


@pytest.mark.parametrize(
    ("services", "seconds", "met"),
    [(("iam", "s3"), 0.2, "False"), (("sqs", "s3"), 30.0, "True"), (("sqs", "sqs"), 30.0, "True")],
)
def test_calls_run_one_at_a_time_but_those_of_sqs(
    services: tuple[str, str], seconds: float, met: str
) -> None:
    door = threading.Barrier(2, timeout=seconds)

    def meet() -> bool:
        try:
            door.wait()
        except threading.BrokenBarrierError:
            return False
        return True

    app = OneAtATime(Recorder(meet=meet))
    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(lambda service: call(app, service), services))
    assert [headers["X-Met"] for _, headers, _ in answers] == [met, met]


def test_a_body_is_handed_on_whole_and_no_further() -> None:
    recorder = Recorder()
    call(OneAtATime(recorder), body=b"body")
    assert recorder.bodies == [b"body"]


def test_a_repeated_call_gets_its_answer_again_and_is_noted(capsys: pytest.CaptureFixture[str]) -> None:
    app = OneAtATime(Recorder())
    first = call(app, headers=attempt(1))
    assert capsys.readouterr().err == ""
    assert call(app, headers=attempt(2)) == first == (OK, {"X-Met": "False"}, b"1")
    assert "answered 200" in capsys.readouterr().err
    assert call(app, headers=attempt(1, "b"))[2] == b"2"


def test_a_call_that_never_arrived_is_run(capsys: pytest.CaptureFixture[str]) -> None:
    assert call(OneAtATime(Recorder()), headers=attempt(2))[2] == b"1"
    assert "without an answer" in capsys.readouterr().err


@pytest.mark.parametrize(("status", "method"), [("500 Internal Server Error", "POST"), (OK, "GET")])
def test_errors_and_reads_are_run_again(status: str, method: str) -> None:
    app = OneAtATime(Recorder(status))
    assert [call(app, method=method, headers=attempt(number))[2] for number in (1, 2)] == [b"1", b"2"]


def test_calls_without_an_id_are_never_taken_for_one_another() -> None:
    app = OneAtATime(Recorder())
    assert [call(app)[2] for _ in range(2)] == [b"1", b"2"]
