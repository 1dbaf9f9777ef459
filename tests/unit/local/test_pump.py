from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import Any, cast

import boto3
import pytest
from moto import mock_aws

from mmpipe.dispatch.redelivery import Redelivery, Returned
from mmpipe.local import pump as pump_module
from mmpipe.local.pump import EventPump, PumpSettings
from tests.steady import steady_queues

FAST = PumpSettings(batch_size=50, window=0.02, concurrency=2, poll=0)


@pytest.fixture
def queues(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Any, str, str]]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    steady_queues(monkeypatch)
    with mock_aws():
        sqs = boto3.client("sqs", region_name="us-east-1")
        dead = sqs.create_queue(QueueName="dead")["QueueUrl"]
        arn = sqs.get_queue_attributes(QueueUrl=dead, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        policy = f'{{"deadLetterTargetArn": "{arn}", "maxReceiveCount": 3}}'
        attributes = {"RedrivePolicy": policy, "VisibilityTimeout": "1"}
        queue = sqs.create_queue(QueueName="q", Attributes=attributes)["QueueUrl"]
        yield sqs, queue, dead


def bodies(sqs: Any, queue: str) -> list[str]:
    return [
        m["Body"] for m in sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages", [])
    ]


def send(sqs: Any, queue: str, names: list[str]) -> None:
    for name in names:
        sqs.send_message(QueueUrl=queue, MessageBody=name)


# The queue's own timeout is as long as the test that waits for it, or longer than any test.
@pytest.mark.parametrize(("told", "own", "good"), [(None, 1, []), (0, 600, ["a", "b"])])
def test_what_failed_comes_back_as_the_queue_or_the_handler_says_and_ends_among_the_dead_letters(
    told: int | None, own: int, good: list[str], queues: tuple[Any, str, str]
) -> None:
    sqs, queue, dead = queues
    sqs.set_queue_attributes(QueueUrl=queue, Attributes={"VisibilityTimeout": str(own)})
    redelivery = Redelivery(queue, client=lambda: sqs, pause=lambda receives: told)
    seen: list[tuple[str, str]] = []

    def handler(event: dict[str, Any], context: object) -> dict[str, list[dict[str, str]]]:
        failed = []
        for record in event["Records"]:
            seen.append((record["body"], record["attributes"]["ApproximateReceiveCount"]))
            if record["body"] == "poison":
                failed.append({"itemIdentifier": record["messageId"]})
                redelivery.schedule([Returned(record["receiptHandle"], 1)])
        return {"batchItemFailures": failed}

    send(sqs, queue, [*good, "poison"])
    pump = EventPump(lambda: sqs, queue, handler, FAST)
    started = time.monotonic()
    pump.start()
    try:
        assert pump.wait_drained(100)
    finally:
        pump.stop()
    assert told is not None or time.monotonic() - started >= 3 * own - 0.1
    assert bodies(sqs, dead) == ["poison"]
    assert sorted(seen) == [*((each, "1") for each in good), *(("poison", str(n)) for n in (1, 2, 3))]
    assert (pump.stats().delivered, pump.stats().returned) == (len(good), 3)


def test_a_message_that_comes_back_while_they_are_counted_is_not_overlooked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    counts = iter([1, 0, 1, 0, 0, 2, 0, 0, 0])
    monkeypatch.setattr(pump_module, "_depth", lambda client, url: next(counts))
    pump = EventPump(
        lambda: cast(Any, None), "http://q", lambda event, context: {"batchItemFailures": []}, FAST
    )
    assert pump.wait_drained(100)
    assert list(counts) == []
    monkeypatch.setattr(pump_module, "_depth", lambda client, url: 1)
    assert not pump.wait_drained(0.05)


@pytest.mark.parametrize("wrong", [None, {}, {"batchItemFailures": [{}]}, ZeroDivisionError("bug")])
def test_a_handler_that_crashes_or_answers_nonsense_returns_the_batch(
    wrong: Any, queues: tuple[Any, str, str]
) -> None:
    sqs, queue, dead = queues

    def handler(event: dict[str, Any], context: object) -> Any:
        if isinstance(wrong, Exception):
            raise wrong
        return wrong

    send(sqs, queue, ["a"])
    pump = EventPump(lambda: sqs, queue, handler, FAST)
    pump.start()
    try:
        assert pump.wait_drained(100)
    finally:
        pump.stop()
    assert bodies(sqs, dead) == ["a"]


def test_a_burst_is_delivered_in_few_batches_and_stop_finishes_the_one_in_hand(
    queues: tuple[Any, str, str],
) -> None:
    sqs, queue, _ = queues
    # None comes a second time because a busy machine takes a second to gather them.
    sqs.set_queue_attributes(QueueUrl=queue, Attributes={"VisibilityTimeout": "600"})
    send(sqs, queue, [f"m{n}" for n in range(40)])
    batches: list[int] = []
    entered, proceed = threading.Event(), threading.Event()

    def handler(event: dict[str, Any], context: object) -> dict[str, list[dict[str, str]]]:
        batches.append(len(event["Records"]))
        entered.set()
        assert proceed.wait(60)
        return {"batchItemFailures": []}

    pump = EventPump(lambda: sqs, queue, handler, FAST)
    pump.start()
    assert entered.wait(60)
    stopper = threading.Thread(target=pump.stop)
    stopper.start()
    proceed.set()
    stopper.join(60)
    assert pump.stats().delivered == sum(batches)
    assert max(batches) > 10  # more than one ReceiveMessage
