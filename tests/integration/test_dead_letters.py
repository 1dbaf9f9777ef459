"""``mmpipe dlq`` against SQS over the wire: looked at, put back, nothing lost."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError
from click.testing import Result
from typer.testing import CliRunner

from mmpipe.cli import app
from mmpipe.dispatch.dead_letters import QueueLetters
from mmpipe.errors import InvalidRequest, NotFound, StorageUnavailable
from mmpipe.local.cloud import LocalCloud, client_environment

EVENTS = Path(__file__).parents[1] / "events"
UPLOAD = (EVENTS / "s3_product_put.json").read_text()
POISON = "this is no notification"
Run = Callable[..., Result]
_numbers = count()


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCloud]:
    started = LocalCloud(tmp_path_factory.mktemp("cloud"), "test-dlq")
    with pytest.MonkeyPatch.context() as patch:
        for name, value in client_environment().items():
            patch.setenv(name, value)
        started.start()
        yield started
        started.stop()


@pytest.fixture
def sqs(cloud: LocalCloud) -> Any:
    return cloud.sqs()


@dataclass
class Pair:
    queue_url: str
    dlq_url: str


@pytest.fixture
def pair(sqs: Any) -> Pair:
    """A queue of its own whose messages are dead after one receive."""
    number = next(_numbers)
    dlq_url = sqs.create_queue(QueueName=f"dead-{number}")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=dlq_url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    redrive = json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": 1})
    queue = sqs.create_queue(QueueName=f"uploads-{number}", Attributes={"RedrivePolicy": redrive})
    return Pair(queue["QueueUrl"], dlq_url)


@pytest.fixture
def held(pair: Pair) -> QueueLetters:
    return QueueLetters(None, pair.dlq_url, wait_seconds=0)


@pytest.fixture
def run(pair: Pair, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setattr("mmpipe.dispatch.dead_letters._WAIT_SECONDS", 0)
    runner = CliRunner(env={"COLUMNS": "250"})
    fixed = ["--dlq-url", pair.dlq_url, "--folder", str(tmp_path)]
    return lambda *words: runner.invoke(app, ["dlq", *words, *fixed], catch_exceptions=False)


def bury(sqs: Any, pair: Pair, *bodies: str) -> None:
    """Let the queue itself move messages to its dead letters."""
    for body in bodies:
        attributes = {"shop": {"DataType": "String", "StringValue": "alba"}}
        sqs.send_message(QueueUrl=pair.queue_url, MessageBody=body, MessageAttributes=attributes)
    for _ in range(3 + len(bodies) // 5):  # the second receive of each exceeds the policy's one
        sqs.receive_message(QueueUrl=pair.queue_url, MaxNumberOfMessages=10, VisibilityTimeout=0)
    assert bodies_in(sqs, pair.dlq_url) == sorted(bodies)


def bodies_in(sqs: Any, url: str) -> list[str]:
    """Everything that is visible in a queue, which stays visible."""
    found = []
    while messages := sqs.receive_message(
        QueueUrl=url, MaxNumberOfMessages=10, VisibilityTimeout=60, MessageAttributeNames=["All"]
    ).get("Messages", []):
        found += messages
    for message in found:
        sqs.change_message_visibility(
            QueueUrl=url, ReceiptHandle=message["ReceiptHandle"], VisibilityTimeout=0
        )
    return sorted(message["Body"] for message in found)


def test_looking_takes_nothing_away_and_says_why(sqs: Any, pair: Pair, held: QueueLetters) -> None:
    bury(sqs, pair, UPLOAD, POISON)
    for _ in range(2):
        by_body = {letter.body[:4]: letter for letter in held.peek()}
        assert len(by_body) == 2
    poison, upload = by_body["this"], by_body[UPLOAD[:4]]
    assert "not JSON" in poison.unreadable
    assert poison.events == ()
    assert upload.unreadable == ""
    assert (poison.cause, upload.cause) == ("poison", "outage")
    (event,) = upload.events
    record = json.loads(UPLOAD)["Records"][0]["s3"]
    assert event.event == "product_uploaded"
    assert event.uri == f"s3://{record['bucket']['name']}/{record['object']['key']}"
    assert event.etag == record["object"]["eTag"]
    assert 0 <= upload.age_seconds < 300
    assert upload.receives >= 1
    assert held.count() == 2
    assert bodies_in(sqs, pair.dlq_url) == sorted([UPLOAD, POISON])


def test_replay_moves_what_is_named_and_only_that(sqs: Any, pair: Pair, held: QueueLetters) -> None:
    bury(sqs, pair, UPLOAD, POISON)
    (name,) = [letter.message_id for letter in held.peek() if not letter.unreadable]
    report = held.replay([name, "somebody-else"])
    assert (report.taken, report.missing) == ((name,), ("somebody-else",))
    assert bodies_in(sqs, pair.dlq_url) == [POISON]
    (message,) = sqs.receive_message(QueueUrl=pair.queue_url, MessageAttributeNames=["All"])["Messages"]
    assert message["Body"] == UPLOAD
    assert message["MessageAttributes"]["shop"]["StringValue"] == "alba"


def test_replaying_all_ends_although_messages_come_back(sqs: Any, pair: Pair, held: QueueLetters) -> None:
    bury(sqs, pair, *(f"poison {n}" for n in range(13)))
    assert len(held.replay().taken) == 13
    assert held.peek() == []
    assert len(bodies_in(sqs, pair.queue_url)) == 13


def test_a_crash_between_sending_and_deleting_loses_nothing(
    sqs: Any, cloud: LocalCloud, pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    bury(sqs, pair, UPLOAD)
    client = cloud.sqs()

    class Crash(Exception):
        pass

    def crash(**_: Any) -> None:
        raise Crash

    monkeypatch.setattr(client, "delete_message", crash)
    with pytest.raises(Crash):
        QueueLetters(pair.queue_url, pair.dlq_url, client=lambda url: client, wait_seconds=0).replay()
    assert bodies_in(sqs, pair.queue_url) == [UPLOAD]
    assert bodies_in(sqs, pair.dlq_url) == [UPLOAD]


def test_messages_go_back_in_the_order_in_which_they_came(
    sqs: Any, cloud: LocalCloud, pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    bodies = [f"poison {n}" for n in range(12)]
    bury(sqs, pair, *bodies)
    client = cloud.sqs()
    receive = client.receive_message

    def shuffled(**words: Any) -> Any:
        """As SQS does: in no order."""
        answer = receive(**words)
        if "Messages" in answer:
            answer["Messages"].reverse()
        for message in answer.get("Messages", []):  # moto dates by the second
            number = int(message["Body"].split()[1])
            message["Attributes"]["SentTimestamp"] = str(1_700_000_000_000 + number)
        return answer

    sent = []
    send = client.send_message

    def noted(**words: Any) -> Any:
        sent.append(words["MessageBody"])
        return send(**words)

    monkeypatch.setattr(client, "receive_message", shuffled)
    monkeypatch.setattr(client, "send_message", noted)
    held = QueueLetters(pair.queue_url, pair.dlq_url, client=lambda url: client, wait_seconds=0)
    assert [letter.body for letter in held.peek()] == bodies
    held.replay()
    assert sent == bodies


def test_what_could_not_be_sent_stays_and_goes_with_the_next_replay(
    sqs: Any, cloud: LocalCloud, pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    bury(sqs, pair, *(f"poison {n}" for n in range(4)))
    client = cloud.sqs()
    send, calls = client.send_message, count(1)

    def fails_once(**words: Any) -> Any:
        if next(calls) == 3:
            raise EndpointConnectionError(endpoint_url=pair.queue_url)
        return send(**words)

    monkeypatch.setattr(client, "send_message", fails_once)
    held = QueueLetters(pair.queue_url, pair.dlq_url, client=lambda url: client, wait_seconds=0)
    with pytest.raises(StorageUnavailable, match=r"2 messages went back.*replay again"):
        held.replay()
    assert len(bodies_in(sqs, pair.dlq_url)) == 2  # visible again at once
    assert len(held.replay().taken) == 2
    assert bodies_in(sqs, pair.queue_url) == [f"poison {n}" for n in range(4)]
    assert held.replay().taken == ()


def test_either_queue_names_the_other(pair: Pair) -> None:
    assert QueueLetters(pair.queue_url, None).where == pair.dlq_url
    assert QueueLetters(None, pair.dlq_url).queue == pair.queue_url
    with pytest.raises(InvalidRequest, match="no dead-letter queue"):
        _ = QueueLetters(pair.dlq_url, None).where
    with pytest.raises(InvalidRequest, match="no queue's dead letters"):
        _ = QueueLetters(None, pair.queue_url).queue


def test_wrong_addresses_are_clear_errors(pair: Pair) -> None:
    with pytest.raises(InvalidRequest, match=r"there is no queue .*nothing-here"):
        QueueLetters(None, f"{pair.dlq_url}-nothing-here").peek()
    for address in ("mmpipe-dlq", "https://", "ftp://host/1/q", "arn:aws:sqs:eu-west-1:1:q"):
        with pytest.raises(InvalidRequest, match="is no queue's URL"):
            QueueLetters(None, address)
    with pytest.raises(InvalidRequest, match="--dlq-url"):
        QueueLetters(None, None)
    with pytest.raises(StorageUnavailable, match="does not answer"):
        QueueLetters(None, "http://127.0.0.1:9/123456789012/q", wait_seconds=0).peek()


def test_the_command(sqs: Any, pair: Pair, run: Run) -> None:
    assert "is empty" in run("list").stdout
    assert json.loads(run("list", "--json").stdout) == []
    assert "is empty" in run("replay", "--all").stderr
    bury(sqs, pair, UPLOAD, POISON)
    shown = run("list").stdout
    assert "product_uploaded" in shown
    assert "unreadable: message body: not JSON" in shown
    assert "2 of about 2" in shown
    listed = json.loads(run("list", "--json").stdout)
    poison = next(letter["message_id"] for letter in listed if letter["unreadable"])
    with pytest.raises(NotFound, match="see mmpipe dlq list"):
        run("replay", "--id", "zzz")
    for words in ([], ["--all", "--id", poison]):
        with pytest.raises(InvalidRequest):
            run("replay", *words)
    ids = [letter["message_id"] for letter in listed]
    rehearsed = json.loads(run("replay", "--all", "--dry-run", "--json").stdout)
    assert rehearsed == {"queue": pair.queue_url, "would_replay": ids}
    result = run("replay", "--id", poison[:13], "--dry-run")
    assert poison[:13] in result.stdout
    assert "1 messages would go back" in result.stderr
    assert bodies_in(sqs, pair.dlq_url) == sorted([UPLOAD, POISON])
    assert bodies_in(sqs, pair.queue_url) == []
    report = json.loads(run("replay", "--id", poison[:13], "--json").stdout)
    assert report == {"queue": pair.queue_url, "replayed": [poison], "missing": []}
    with pytest.raises(NotFound, match="see mmpipe dlq list"):
        run("replay", "--id", poison)  # not twice
    assert "1 messages are back" in run("replay", "--all").stderr
    assert bodies_in(sqs, pair.queue_url) == sorted([UPLOAD, POISON])


def test_a_message_that_is_purged_is_gone_and_the_others_stay(
    sqs: Any, pair: Pair, held: QueueLetters, run: Run
) -> None:
    bury(sqs, pair, UPLOAD, POISON)
    (poison,) = [letter.message_id for letter in held.peek() if letter.unreadable]
    with pytest.raises(InvalidRequest):
        run("purge")
    report = json.loads(run("purge", "--id", poison[:13], "--json").stdout)
    assert report == {"where": pair.dlq_url, "purged": [poison], "missing": []}
    assert bodies_in(sqs, pair.dlq_url) == [UPLOAD]
    assert "1 messages are gone" in run("purge", "--all").stderr
    assert bodies_in(sqs, pair.dlq_url) == bodies_in(sqs, pair.queue_url) == []


def test_settings_name_the_queues(pair: Pair, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("MMPIPE_DISPATCH__QUEUE_URL", pair.queue_url)
    words = ["dlq", "list", "--json", "--folder", str(tmp_path)]
    assert CliRunner().invoke(app, words, catch_exceptions=False).exit_code == 0
