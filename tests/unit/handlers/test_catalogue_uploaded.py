from __future__ import annotations

import json
import logging
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from handlers import catalogue_uploaded
from handlers.catalogue_uploaded import build_handler
from mmpipe.dispatch import InProcessDispatcher
from mmpipe.dispatch.redelivery import Redelivery, Returned
from mmpipe.schemas.work import OutcomeStatus, WorkOrder, WorkOutcome
from mmpipe.settings import IndexingSettings

ROOT = Path(__file__).parents[3]
EVENTS = ROOT / "tests" / "events"
HEAVY = ("torch", "transformers", "ray", "lancedb", "lance", "pyarrow", "numpy", "boto3")


def message(number: int, body: str) -> dict[str, Any]:
    """One record as Lambda's SQS event source mapping delivers it."""
    return {
        "messageId": f"m{number}",
        "receiptHandle": f"r{number}",
        "body": body,
        "attributes": {"ApproximateReceiveCount": "1", "SentTimestamp": "1"},
        "messageAttributes": {},
        "md5OfBody": "",
        "eventSource": "aws:sqs",
        "eventSourceARN": "arn:aws:sqs:eu-west-1:111122223333:uploads",
        "awsRegion": "eu-west-1",
    }


def recorded(name: str) -> str:
    return (EVENTS / f"{name}.json").read_text()


def upload(key: str) -> str:
    payload = json.loads(recorded("s3_product_put"))
    payload["Records"][0]["s3"]["object"]["key"] = key
    return json.dumps(payload)


class Executor:
    """Answers by key; remembers its calls."""

    def __init__(self, statuses: dict[str, OutcomeStatus] | None = None) -> None:
        self.statuses = statuses or {}
        self.calls: list[list[str]] = []

    def __call__(self, orders: Sequence[WorkOrder]) -> list[WorkOutcome]:
        keys = [order.object.uri.rpartition("/")[2] for order in orders]
        self.calls.append(keys)
        return [
            WorkOutcome(run_id=order.run_id, status=self.statuses.get(key, "done"), reason=f"because {key}")
            for order, key in zip(orders, keys, strict=True)
        ]


def invoke(executor: Callable[..., list[WorkOutcome]], bodies: Sequence[str]) -> list[str]:
    handler = build_handler(IndexingSettings(profile="fake"), InProcessDispatcher(executor))
    event = {"Records": [message(n, body) for n, body in enumerate(bodies)]}
    return [item["itemIdentifier"] for item in handler(event, None)["batchItemFailures"]]


def test_a_mixed_batch_fails_exactly_what_must_come_back(caplog: pytest.LogCaptureFixture) -> None:
    executor = Executor({"failed.json": "failed", "retry.json": "retry", "dup.json": "duplicate"})
    bodies = [
        upload("shop/products/a.json"),
        "poison",
        recorded("s3_test_event"),
        upload("shop/products/failed.json"),
        upload("shop/products/retry.json"),
        recorded("eventbridge_deleted"),
        recorded("sns_notification"),
        upload("shop/products/dup.json"),
        upload("elsewhere.txt"),
        upload("Bad+Name/feeds/x.csv"),
    ]
    with caplog.at_level(logging.INFO, logger="mmpipe"):
        assert invoke(executor, bodies) == ["m1", "m4", "m9"]
    assert executor.calls == [["a.json", "failed.json", "retry.json", "A-1.json", "A-1.json", "dup.json"]]
    logged = {(r.levelname, r.getMessage(), getattr(r, "message_id", None)) for r in caplog.records}
    assert ("WARNING", "work failed", "m3") in logged
    assert ("ERROR", "message refused", "m1") in logged


def test_one_event_twice_in_a_batch_is_one_order_with_one_fate() -> None:
    executor = Executor({"retry.json": "retry"})
    assert invoke(executor, [upload("shop/products/retry.json")] * 2) == ["m0", "m1"]
    assert executor.calls == [["retry.json"]]


def test_a_message_with_several_records_comes_back_whole() -> None:
    executor = Executor({"a.png": "retry"})
    assert invoke(executor, [recorded("s3_two_records")]) == ["m0"]


def test_a_batch_without_work_dispatches_nothing() -> None:
    executor = Executor()
    assert invoke(executor, [recorded("s3_test_event"), "x"]) == ["m1"]
    assert executor.calls == []


def test_a_batch_that_fails_whole_is_no_crash() -> None:
    assert invoke(Executor(), ["x", "y"]) == ["m0", "m1"]


class Noted(Redelivery):
    """Notes what it is asked to show again."""

    def __init__(self) -> None:
        super().__init__("https://q")
        self.messages: list[Returned] = []

    def schedule(self, messages: Sequence[Returned]) -> None:
        self.messages += messages


def test_what_comes_back_is_scheduled_and_counted_and_nothing_else() -> None:
    noted, counts = Noted(), Counter[str]()

    def count(name: str, value: int) -> None:
        counts[name] += value

    executor = Executor({"retry.json": "retry", "failed.json": "failed"})
    handle = build_handler(IndexingSettings(), InProcessDispatcher(executor), noted, count)
    bodies = [upload(f"shop/products/{name}.json") for name in ("a", "retry", "failed", "b")]
    records = [message(n, body) for n, body in enumerate([*bodies, "poison"])]
    records[1]["attributes"]["ApproximateReceiveCount"] = "7"
    response = handle({"Records": records}, None)
    assert response == {"batchItemFailures": [{"itemIdentifier": "m1"}, {"itemIdentifier": "m4"}]}
    assert noted.messages == [Returned("r1", 7), Returned("r4", 1, readable=False)]
    assert counts == {
        "Messages": 5, "MessagesRefused": 1, "Orders": 4, "OrdersDone": 2, "OrdersFailed": 1, "OrdersRetry": 1
    }  # fmt: skip


def test_a_batch_of_which_nothing_comes_back_schedules_nothing() -> None:
    noted = Noted()
    handle = build_handler(IndexingSettings(), InProcessDispatcher(Executor()), noted)
    handle({"Records": [message(1, upload("shop/products/a.json"))]}, None)
    assert noted.messages == []


def test_settings_are_read_at_the_first_invocation(monkeypatch: pytest.MonkeyPatch) -> None:
    # Nobody listens at the indexer's address, so a real order must come back.
    monkeypatch.setenv("MMPIPE_DISPATCH__INDEXER_URL", "http://127.0.0.1:9")
    catalogue_uploaded._cold_start.cache_clear()
    try:
        event = {
            "Records": [message(1, upload("shop/products/a.json")), message(2, recorded("s3_test_event"))]
        }
        assert catalogue_uploaded.handler(event, None) == {"batchItemFailures": [{"itemIdentifier": "m1"}]}
    finally:
        catalogue_uploaded._cold_start.cache_clear()


def test_importing_is_light_and_quick() -> None:
    # Beside what it cannot do without, in CPU time and the best of five: what else this machine is doing, and
    # how fast it is, are no properties of the import.
    program = (
        "import sys, time; start = time.process_time();"
        "import aws_lambda_powertools, pydantic_settings;"
        "needed = time.process_time(); import handlers.catalogue_uploaded;"
        "share = (time.process_time() - needed) / (needed - start);"
        f" print(share, [m for m in {HEAVY!r} if m in sys.modules])"
    )
    shares = []
    for _ in range(5):
        output = subprocess.run(
            [sys.executable, "-c", program],
            cwd=ROOT,
            env={"PATH": ""},
            capture_output=True,
            text=True,
            check=True,
        ).stdout.split(maxsplit=1)
        assert output[1].strip() == "[]"
        shares.append(float(output[0]))
    assert min(shares) < 1.5


@pytest.mark.parametrize("body", [None, 7, {"Records": []}])
def test_a_message_without_a_text_body_costs_no_other(body: Any) -> None:
    executor = Executor()
    handle = build_handler(IndexingSettings(), InProcessDispatcher(executor))
    bad = {**message(1, ""), "body": body}
    response = handle({"Records": [bad, message(2, upload("shop/products/a.json"))]}, None)
    assert response == {"batchItemFailures": [{"itemIdentifier": "m1"}]}
    assert executor.calls == [["a.json"]]
