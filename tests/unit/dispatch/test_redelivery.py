from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError, EndpointConnectionError
from moto import mock_aws

from mmpipe.dispatch.redelivery import (
    LONGEST_SECONDS,
    MAX_RECEIVES,
    OUTAGE_SECONDS,
    Redelivery,
    Returned,
    pause,
)
from tests.steady import steady_queues

HIDDEN = "messages stay hidden for the queue's own timeout"


@pytest.mark.parametrize(
    ("receives", "shortest", "longest"), [(0, 5, 10), (1, 5, 10), (2, 10, 20), (3, 20, 40), (5, 80, 160)]
)
def test_pauses_grow_and_spread(receives: int, shortest: int, longest: int) -> None:
    pauses = [pause(receives) for _ in range(4_000)]
    assert set(pauses) == set(range(shortest, longest + 1))


def test_a_night_without_an_indexer_makes_no_dead_letter_and_its_end_is_seen_within_minutes() -> None:
    for _ in range(20):
        pauses = [pause(receives) for receives in range(1, MAX_RECEIVES)]
        assert sum(pauses) >= OUTAGE_SECONDS
        assert max(pauses) <= LONGEST_SECONDS == 600
        assert sum(pauses[:3]) <= 70, "an indexer that restarts is waited for in seconds"


@pytest.fixture
def sqs(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    steady_queues(monkeypatch)
    with mock_aws():
        yield boto3.client("sqs", region_name="us-east-1")


class Recorded:
    """A client that counts its calls before they go through."""

    def __init__(self, sqs: Any) -> None:
        self.sqs = sqs
        self.sizes: list[int] = []
        self.made = 0

    def make(self) -> Any:
        self.made += 1
        return self

    def change_message_visibility_batch(self, **arguments: Any) -> Any:
        self.sizes.append(len(arguments["Entries"]))
        return self.sqs.change_message_visibility_batch(**arguments)


def received(sqs: Any, queue: str, count: int) -> list[Returned]:
    for number in range(count):
        sqs.send_message(QueueUrl=queue, MessageBody=str(number))
    found: list[Returned] = []
    while messages := sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages"):
        found += [Returned(message["ReceiptHandle"], 1) for message in messages]
    assert len(found) == count
    return found


def visible(sqs: Any, queue: str) -> int:
    attributes = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["ApproximateNumberOfMessages"])
    return int(attributes["Attributes"]["ApproximateNumberOfMessages"])


@pytest.fixture
def queue(sqs: Any) -> str:
    url: str = sqs.create_queue(QueueName="q", Attributes={"VisibilityTimeout": "600"})["QueueUrl"]
    return url


def test_messages_are_shown_in_batches_by_one_client(sqs: Any, queue: str) -> None:
    messages = received(sqs, queue, 23)
    client = Recorded(sqs)
    redelivery = Redelivery(queue, client=client.make, pause=lambda receives: 0)
    assert client.made == 0
    redelivery.schedule(messages[:21])
    redelivery.schedule(messages[21:])
    assert (client.sizes, client.made) == ([10, 10, 1, 2], 1)
    assert visible(sqs, queue) == 23


def test_nothing_returned_costs_no_call(sqs: Any, queue: str) -> None:
    received(sqs, queue, 1)
    client = Recorded(sqs)
    redelivery = Redelivery(queue, client=client.make)
    redelivery.schedule([])
    assert client.made == 0
    assert visible(sqs, queue) == 0


def test_what_cannot_be_read_is_shown_at_once_however_often_it_came(sqs: Any, queue: str) -> None:
    (message,) = received(sqs, queue, 1)
    redelivery = Redelivery(queue, client=lambda: sqs)
    redelivery.schedule([Returned(message.receipt_handle, MAX_RECEIVES - 1, readable=False)])
    assert visible(sqs, queue) == 1


def test_one_that_the_queue_does_not_know_is_logged_and_holds_up_no_other(
    sqs: Any, queue: str, caplog: pytest.LogCaptureFixture
) -> None:
    (message,) = received(sqs, queue, 1)
    redelivery = Redelivery(queue, client=lambda: sqs, pause=lambda receives: 0)
    with caplog.at_level(logging.WARNING, logger="mmpipe"):
        redelivery.schedule([Returned("nonsense", 1), message])
    (record,) = caplog.records
    assert (record.getMessage(), record.__dict__["messages"]) == (HIDDEN, 1)
    assert visible(sqs, queue) == 1


DENIED = ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, "ChangeMessageVisibilityBatch")
AWAY = EndpointConnectionError(endpoint_url="https://sqs.eu-west-1.amazonaws.com")


@pytest.mark.parametrize("fault", [DENIED, AWAY])
def test_a_call_that_fails_is_logged_and_nothing_else(
    fault: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    calls = 0

    class Broken:
        def change_message_visibility_batch(self, **arguments: Any) -> Any:
            nonlocal calls
            calls += 1
            raise fault

    redelivery = Redelivery("https://q", client=Broken)  # type: ignore[arg-type]
    with caplog.at_level(logging.WARNING, logger="mmpipe"):
        redelivery.schedule([Returned(str(number), 1) for number in range(25)])
    (record,) = caplog.records
    assert record.getMessage() == HIDDEN
    assert record.__dict__["reason"] == str(fault)
    assert calls == 1  # where one call fails, more would only take the function's time


def test_an_address_that_is_none_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, logger="mmpipe"):
        Redelivery("uploads").schedule([Returned("r", 1)])
    assert "is no queue's URL" in caplog.records[0].__dict__["reason"]
