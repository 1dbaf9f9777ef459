"""The emulator's own door: one call at a time, and repeated calls are noted."""

from __future__ import annotations

import io
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.infra.aws_emulator import OneAtATime


class Meeting:
    """An application whose calls wait a moment for another one to come in."""

    def __init__(self, seconds: float) -> None:
        self._door = threading.Barrier(2, timeout=seconds)
        self.bodies: list[bytes] = []

    def __call__(self, environ: dict[str, Any], start_response: Any) -> bool:
        self.bodies.append(environ["wsgi.input"].read())
        try:
            self._door.wait()
        except threading.BrokenBarrierError:
            return False
        return True


def call(app: OneAtATime, service: str, body: bytes = b"", **headers: str) -> Any:
    scope = f"AWS4-HMAC-SHA256 Credential=test/20260301/us-east-1/{service}/aws4_request, Signature=0"
    environ = {
        "PATH_INFO": "/",
        "HTTP_AUTHORIZATION": scope,
        "wsgi.input": io.BytesIO(body + b"next"),
        **headers,
    }
    if body:
        environ["CONTENT_LENGTH"] = str(len(body))
    return app(environ, None)


@pytest.mark.parametrize(
    ("services", "seconds", "meet"),
    [(("elasticloadbalancing", "s3"), 0.2, False), (("sqs", "s3"), 30.0, True), (("sqs", "sqs"), 30.0, True)],
)
def test_calls_run_one_at_a_time_but_those_of_sqs(
    services: tuple[str, str], seconds: float, meet: bool
) -> None:
    app = OneAtATime(Meeting(seconds))
    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(lambda service: call(app, service), services)) == [meet, meet]


def test_a_body_is_handed_on_whole_and_no_further() -> None:
    meeting = Meeting(0.01)
    call(OneAtATime(meeting), "s3", b"body")
    assert meeting.bodies == [b"body"]


def test_a_repeated_call_is_noted(capsys: pytest.CaptureFixture[str]) -> None:
    app = OneAtATime(lambda environ, start_response: [])
    call(app, "s3", HTTP_AMZ_SDK_REQUEST="attempt=1; max=3")
    assert capsys.readouterr().err == ""
    call(app, "s3", HTTP_AMZ_SDK_REQUEST="attempt=2; max=3")
    assert "attempt=2" in capsys.readouterr().err
