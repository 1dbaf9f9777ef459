"""A retry over the real wire: the queue as Terraform configures it, the pump in place of Lambda's mapping."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from handlers.catalogue_uploaded import build_handler
from mmpipe.dispatch import InProcessDispatcher
from mmpipe.dispatch.redelivery import MAX_RECEIVES, Redelivery
from mmpipe.events import parse_message
from mmpipe.local.cloud import UPLOADS_BUCKET, LocalCloud, client_environment
from mmpipe.local.pump import EventPump
from mmpipe.schemas.work import WorkOrder, WorkOutcome
from mmpipe.settings import IndexingSettings
from tests.infra.hcl import folder_blocks

INGEST = Path(__file__).parents[2] / "infra" / "modules" / "ingest"
POISON = "no notification"


def configured(name: str) -> int:
    """A variable's default in the module that makes the queue."""
    (block,) = (b for b in folder_blocks(INGEST) if (b.kind, b.labels) == ("variable", (name,)))
    return int(block.attribute("default") or "")


VISIBILITY_SECONDS = 6 * configured("lambda_timeout_seconds") + configured("batching_window_seconds")


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCloud]:
    started = LocalCloud(
        tmp_path_factory.mktemp("cloud"),
        "test-redelivery",
        max_receives=configured("max_receive_count"),
        visibility_seconds=VISIBILITY_SECONDS,
    )
    with pytest.MonkeyPatch.context() as patch:
        for name, value in client_environment().items():
            patch.setenv(name, value)
        started.start()
        yield started
        started.stop()


@dataclass
class Executor:
    """An indexer that restarts: whose names begin with ``late`` is not taken the first time."""

    handled: dict[str, list[float]] = field(default_factory=dict)

    def __call__(self, orders: Sequence[WorkOrder]) -> list[WorkOutcome]:
        return [self._one(order) for order in orders]

    def _one(self, order: WorkOrder) -> WorkOutcome:
        name = _object_name(order.object.uri)
        times = self.handled.setdefault(name, [])
        times.append(time.time())  # the clock by which the queue hides messages, whoever sets it
        if name.startswith("late") and len(times) == 1:
            return WorkOutcome(run_id=order.run_id, status="retry", reason="the indexer is starting")
        return WorkOutcome(run_id=order.run_id, status="done")


def names_in(sqs: Any, queue: str) -> list[str]:
    found = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages", [])
    return [message["Body"] for message in found]


def test_the_deployed_queue_waits_out_the_same_outage() -> None:
    assert configured("max_receive_count") == MAX_RECEIVES


def test_a_retry_is_seconds_whatever_the_queues_timeout_is_and_nothing_is_lost(cloud: LocalCloud) -> None:
    s3, sqs = cloud.s3(), cloud.sqs()
    hidden = sqs.get_queue_attributes(QueueUrl=cloud.queue_url, AttributeNames=["VisibilityTimeout"])
    assert int(hidden["Attributes"]["VisibilityTimeout"]) == VISIBILITY_SECONDS > 600
    executor = Executor()
    handle = build_handler(IndexingSettings(), InProcessDispatcher(executor), Redelivery(cloud.queue_url))
    answers: list[tuple[set[str], set[str]]] = []  # what each batch held, and what of it was given back

    def handler(event: dict[str, Any], context: object) -> dict[str, list[dict[str, str]]]:
        answer = handle(event, context)
        bodies = {record["messageId"]: _name(record["body"]) for record in event["Records"]}
        back = {bodies[item["itemIdentifier"]] for item in answer["batchItemFailures"]}
        answers.append((set(bodies.values()), back))
        return answer

    names = ["late-1", "late-2", "a", "b"]
    for name in names:
        key = f"shop/products/{name}.json"
        s3.put_object(Bucket=UPLOADS_BUCKET, Key=key, Body=json.dumps({"id": name}).encode())
    sqs.send_message(QueueUrl=cloud.queue_url, MessageBody=POISON)
    pump = EventPump(cloud.sqs, cloud.queue_url, handler)
    pump.start()
    try:
        assert pump.wait_drained(100), "the queue did not drain"
    finally:
        pump.stop()

    assert {name: len(times) for name, times in executor.handled.items()} == {
        "late-1": 2, "late-2": 2, "a": 1, "b": 1
    }  # fmt: skip
    for name in ("late-1", "late-2"):
        first, second = executor.handled[name]
        assert 4.5 < second - first < 60
    seen: set[str] = set()
    for held, back in answers:
        assert back == {
            name for name in held if name == POISON or (name.startswith("late") and name not in seen)
        }
        seen |= held
    # What cannot be read is given up, but not thrown away.
    assert names_in(sqs, cloud.dead_letters_url) == [POISON]
    assert len([held for held, _ in answers if POISON in held]) == configured("max_receive_count")


def _name(body: str) -> str:
    if body == POISON:
        return POISON
    events = parse_message(body)
    return _object_name(events[0].object.uri) if events else "S3's own test event"


def _object_name(uri: str) -> str:
    return uri.rpartition("/")[2].removesuffix(".json")
