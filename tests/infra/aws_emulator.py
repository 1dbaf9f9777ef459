"""Child process: an AWS account of its own on loopback (moto), for one real ``terraform apply``.

What the provider cannot do without and moto lacks is added here, as AWS documents it.
"""

from __future__ import annotations

import io
import json
import os
import re
import sys
import threading
from typing import Any

from mmpipe.local.processes import Announcement, when_parent_ends


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
    """A WSGI application whose calls each run to their end before the next begins, as those of AWS seem to.

    moto checks and then writes without a lock: of two calls at once, one may fail after it has changed
    something, and what the client then repeats is refused. Those of SQS, which wait for messages, run freely.
    Each repeated call is logged: the answer to an earlier one was an error or was lost.
    """

    def __init__(self, app: Any) -> None:
        self._app = app
        self._running = threading.Lock()

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Any:
        attempt = re.match(r"attempt=(\d+)", environ.get("HTTP_AMZ_SDK_REQUEST", ""))
        if attempt and int(attempt[1]) > 1:
            scope = environ.get("HTTP_AUTHORIZATION", "").partition(",")[0]
            print(f"repeated: {attempt[0]} {scope} {environ['PATH_INFO']}", file=sys.stderr, flush=True)
        if "/sqs/aws4_request" in environ.get("HTTP_AUTHORIZATION", ""):
            return self._app(environ, start_response)
        length = int(environ.get("CONTENT_LENGTH") or 0)
        if length:  # a slow sender holds up nobody else
            environ["wsgi.input"] = io.BytesIO(environ["wsgi.input"].read(length))
        with self._running:
            return self._app(environ, start_response)


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

    app = OneAtATime(DomainDispatcherApplication(create_backend_app))
    server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=Quiet)
    when_parent_ends(lambda: os._exit(0))
    announcement.ready(url=f"http://127.0.0.1:{server.server_port}")
    server.serve_forever()


if __name__ == "__main__":
    main()
