"""moto's SQS by the wire: a queue with dead letters, and who consumes it as Lambda does."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote_plus

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from handlers.catalogue_uploaded import build_handler
from mmpipe.dispatch import InProcessDispatcher
from mmpipe.dispatch.redelivery import Redelivery
from mmpipe.local.pump import EventPump, PumpSettings
from mmpipe.objects import split_s3
from mmpipe.schemas.work import CatalogueEvent, WorkOrder, WorkOutcome
from mmpipe.settings import IndexingSettings

REGION: Final = "us-east-1"
# Far more than an episode takes of a message that can be read; one that cannot is shown again at once.
MAX_RECEIVES: Final = 25
# Called with the name of a step, and before or after.
Die = Callable[[str, str], None]


@dataclass(frozen=True)
class Queue:
    """Where it is, and where its dead letters are."""

    endpoint: str
    url: str
    dead_letters_url: str

    def client(self) -> Any:
        """For one thread, or several."""
        config = Config(proxies={}, retries={"max_attempts": 4, "mode": "standard"})
        return boto3.client(
            "sqs",
            endpoint_url=self.endpoint,
            region_name=REGION,
            aws_access_key_id="test",
            aws_secret_access_key="test",
            config=config,
        )

    def send(self, bodies: Sequence[str], chance: random.Random) -> None:
        """Each once to three times, in any order, some of them later than now. What the wire loses is sent
        until it is there, which may be twice."""
        sqs = self.client()
        sent = [body for body in bodies for _ in range(chance.choice([1, 1, 2, 3]))]
        chance.shuffle(sent)
        for body in sent:
            delay = chance.choice([0, 0, 0, 1])
            _persistently(
                lambda body=body, delay=delay: sqs.send_message(
                    QueueUrl=self.url, MessageBody=body, DelaySeconds=delay
                )
            )

    def dead_letters(self) -> list[str]:
        """Bodies of all there are, looked at by a wire that loses answers: whose messages are hidden, and are
        shown again a second later."""
        sqs, found = self.client(), {}
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        while True:
            with suppress(BotoCoreError, ClientError):
                told = sqs.get_queue_attributes(QueueUrl=self.dead_letters_url, AttributeNames=names)
                if len(found) >= sum(int(told["Attributes"][name]) for name in names):
                    return list(found.values())
                answer = sqs.receive_message(
                    QueueUrl=self.dead_letters_url, MaxNumberOfMessages=10, VisibilityTimeout=1
                )
                found |= {each["MessageId"]: str(each["Body"]) for each in answer.get("Messages", [])}
            time.sleep(0.1)


def create_queue(endpoint: str, name: str, visibility_seconds: int) -> Queue:
    """A queue whose messages come again after ``visibility_seconds``."""
    sqs = Queue(endpoint, "", "").client()
    dead = sqs.create_queue(QueueName=f"{name}-dead-letters")["QueueUrl"]
    attributes = sqs.get_queue_attributes(QueueUrl=dead, AttributeNames=["QueueArn"])["Attributes"]
    redrive = {"deadLetterTargetArn": attributes["QueueArn"], "maxReceiveCount": MAX_RECEIVES}
    made = sqs.create_queue(
        QueueName=name,
        Attributes={"VisibilityTimeout": str(visibility_seconds), "RedrivePolicy": json.dumps(redrive)},
    )
    return Queue(endpoint, made["QueueUrl"], dead)


def consume(
    queue: Queue,
    settings: IndexingSettings,
    execute: Callable[[Sequence[WorkOrder]], list[WorkOutcome]],
    die: Die,
    seconds: float,
) -> bool:
    """Take messages until there are none, waiting or in hand, or the time is over; whether there are none.

    The event source mapping's stand-in, the function's handler and its redelivery are the product's.
    """

    def client() -> Any:
        made = queue.client()
        delete = made.delete_message_batch
        made.delete_message_batch = lambda **what: around(die, "messages deleted", lambda: delete(**what))
        return made

    redelivery = Redelivery(queue.url, client=client, pause=lambda _receives: 1)
    handle = build_handler(settings, InProcessDispatcher(execute), redelivery)

    def handler(event: dict[str, Any], context: object) -> Any:
        return around(die, "batch handled", lambda: handle(event, context))

    pump = EventPump(client, queue.url, handler, PumpSettings(batch_size=10, window=0.0))
    pump.start()
    deadline = time.monotonic() + seconds
    drained = False
    try:
        while not drained and time.monotonic() < deadline:
            # The wire fails for whoever looks, too.
            with suppress(BotoCoreError, ClientError):
                drained = pump.wait_drained(1.0)
    finally:
        pump.stop()
    return drained


def around(die: Die, name: str, call: Callable[[], Any]) -> Any:
    """A named step that may end the process."""
    die(name, "before")
    answer = call()
    die(name, "after")
    return answer


def notification(events: Iterable[CatalogueEvent]) -> str:
    """The message that S3 sends of these changes."""
    return json.dumps({"Records": [_record(event) for event in events]})


def _record(event: CatalogueEvent) -> dict[str, Any]:
    bucket, key = split_s3(event.object.uri)
    ref = event.object
    stored = {
        "key": quote_plus(key, safe="/"),
        "versionId": ref.version_id,
        "eTag": ref.etag,
        "size": ref.size,
        "sequencer": ref.sequencer,
    }
    return {
        "eventSource": "aws:s3",
        "eventName": "ObjectRemoved:Delete" if event.kind.endswith("_removed") else "ObjectCreated:Put",
        "eventTime": ref.event_time.isoformat(),
        "s3": {
            "bucket": {"name": bucket},
            "object": {name: value for name, value in stored.items() if value is not None},
        },
    }


def _persistently(call: Callable[[], Any]) -> None:
    while True:
        try:
            call()
        except (BotoCoreError, ClientError):
            continue
        return
