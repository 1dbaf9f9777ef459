"""Child process: an AWS account of its own on loopback (moto), for one real ``terraform apply``.

What the provider cannot do without and moto lacks is added here, as AWS documents it.
"""

from __future__ import annotations

import io
import json
import os
import sys
import threading
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from werkzeug.test import run_wsgi_app

from mmpipe.local.processes import Announcement, when_parent_ends

ANSWERS_KEPT = 1_000


def add_missing_calls() -> None:
    """Of AWS Budgets: reading the subscribers of a notification, and tags. Of S3: removing delete markers."""
    from moto.budgets.responses import BudgetsResponse
    from moto.s3.models import FakeDeleteMarker

    tags: dict[str, list[dict[str, str]]] = {}  # by ARN
    create_budget = BudgetsResponse.create_budget

    def create_tagged_budget(self: Any) -> str:
        account, budget = self._get_param("AccountId"), self._get_param("Budget")
        tags[f"arn:aws:budgets::{account}:budget/{budget['BudgetName']}"] = (
            self._get_param("ResourceTags") or []
        )
        return create_budget(self)

    def list_tags_for_resource(self: Any) -> str:
        return json.dumps({"ResourceTags": tags.get(self._get_param("ResourceARN"), [])})

    def describe_subscribers_for_notification(self: Any) -> str:
        budget = self.backend.budgets[self._get_param("AccountId")][self._get_param("BudgetName")]
        asked = self._get_param("Notification")
        keys = ("NotificationType", "ComparisonOperator", "Threshold")
        for notification in budget.notifications:
            if all(notification.details.get(key) == asked.get(key) for key in keys):
                return json.dumps({"Subscribers": notification.subscribers})
        return json.dumps({"Subscribers": []})

    for call in (list_tags_for_resource, describe_subscribers_for_notification):
        assert not hasattr(BudgetsResponse, call.__name__), f"moto has {call.__name__} now: drop ours"
        setattr(BudgetsResponse, call.__name__, call)
    BudgetsResponse.create_budget = create_tagged_budget

    # Emptying a versioned bucket takes away delete markers too; moto then calls what only objects have.
    assert not hasattr(FakeDeleteMarker, "dispose"), "moto disposes of delete markers now: drop ours"
    FakeDeleteMarker.dispose = lambda self, garbage=False: None


class OneAtATime:
    """A WSGI application whose calls run one at a time, as those of AWS seem to, and only once each.

    moto checks and then writes without a lock, so two calls at once may meet. And an answer is now and then
    lost on its way, on a busy machine: the SDK repeats the call, and what has been created is refused as a
    duplicate. A repeated call bears the first one's id; it gets the first one's answer, and is logged.
    Calls of SQS, which wait for messages, run freely.
    """

    def __init__(self, app: Any) -> None:
        self._app = app
        self._running = threading.Lock()
        self._answers: OrderedDict[str, Answer] = OrderedDict()

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        scope = environ.get("HTTP_AUTHORIZATION", "").partition(",")[0]
        if "/sqs/aws4_request" in scope:
            answer: Iterable[bytes] = self._app(environ, start_response)
            return answer
        length = int(environ.get("CONTENT_LENGTH") or 0)
        if length:  # a slow sender holds up nobody else
            environ["wsgi.input"] = io.BytesIO(environ["wsgi.input"].read(length))
        call = environ.get("HTTP_AMZ_SDK_INVOCATION_ID", "")
        with self._running:
            before = self._answers.get(call)
            if not environ.get("HTTP_AMZ_SDK_REQUEST", "attempt=1;").startswith("attempt=1;"):
                was = f"answered {before.status}" if before else "without an answer"
                print(f"repeated: {scope} {environ['PATH_INFO']}, {was}", file=sys.stderr, flush=True)
            if before is None:
                before = Answer.of(self._app, environ)
                # Other methods may be repeated, and their answers may be large.
                if call and environ["REQUEST_METHOD"] == "POST" and before.status < "500":
                    self._answers[call] = before
                    if len(self._answers) > ANSWERS_KEPT:
                        self._answers.popitem(last=False)
        start_response(before.status, before.headers)
        return [before.body]


@dataclass(frozen=True)
class Answer:
    """What an application answered."""

    status: str
    headers: list[tuple[str, str]]
    body: bytes

    @classmethod
    def of(cls, app: Any, environ: dict[str, Any]) -> Answer:
        chunks, status, headers = run_wsgi_app(app, environ, buffered=True)
        return cls(status, list(headers), b"".join(chunks))


def main() -> None:
    """Serve until the parent ends."""
    announcement = Announcement()
    from moto.server import DomainDispatcherApplication, create_backend_app
    from werkzeug.serving import WSGIRequestHandler, make_server

    add_missing_calls()

    class Quiet(WSGIRequestHandler):
        def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
            if int(code) >= 500:
                super().log_request(code, size)

        def connection_dropped(self, error: BaseException, environ: dict[str, Any] | None = None) -> None:
            print(f"dropped: {error!r}", file=sys.stderr, flush=True)

    app = OneAtATime(DomainDispatcherApplication(create_backend_app))
    server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=Quiet)
    when_parent_ends(lambda: os._exit(0))
    announcement.ready(url=f"http://127.0.0.1:{server.server_port}")
    server.serve_forever()


if __name__ == "__main__":
    main()
