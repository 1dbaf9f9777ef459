"""What uploads are told of dead letters, where the service may look at them and where it may not."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

import pytest
from botocore.exceptions import ClientError

from mmpipe.dispatch import dead_letters as queues
from mmpipe.events import parse_message
from mmpipe.events.layout import Place
from mmpipe.schemas.uploads import Upload
from mmpipe.serve.operations import dead_letters
from mmpipe.serve.operations.dead_letters import GivenUp
from mmpipe.serve.operations.progress import upload_of
from mmpipe.settings import DispatchSettings, IndexingSettings, LakeSettings, Settings

NOW = datetime.now(UTC)
PLACE = Place("shop", "feeds", "红 a.csv")
URI = "s3://bucket/shop/feeds/红 a.csv"


class Sqs:
    """As much of SQS as is asked of it; what is received is hidden until it is shown again."""

    def __init__(self) -> None:
        self.messages: dict[str, str] = {}
        self.hidden: set[str] = set()
        self.denied = False
        self.looks = 0

    def bury(self, message_id: str, when: datetime = NOW, etag: str = "e1") -> None:
        record = {
            "eventSource": "aws:s3",
            "eventName": "ObjectCreated:Put",
            "eventTime": when.isoformat(),
            "s3": {
                "bucket": {"name": "bucket"},
                "object": {"key": quote("shop/feeds/红 a.csv"), "eTag": etag, "size": 7},
            },
        }
        self.messages[message_id] = json.dumps({"Records": [record]})
        assert parse_message(self.messages[message_id])

    def get_queue_attributes(self, **_: Any) -> dict[str, Any]:
        self._allowed()
        seen = len(self.messages) - len(self.hidden)
        return {
            "Attributes": {
                "ApproximateNumberOfMessages": str(seen),
                "ApproximateNumberOfMessagesNotVisible": str(len(self.hidden)),
            }
        }

    def receive_message(self, **_: Any) -> dict[str, Any]:
        self._allowed()
        found = [name for name in self.messages if name not in self.hidden]
        self.looks += bool(found)
        self.hidden.update(found)
        return {
            "Messages": [
                {"MessageId": name, "ReceiptHandle": name, "Body": self.messages[name], "Attributes": {}}
                for name in found
            ]
        }

    def change_message_visibility(self, *, ReceiptHandle: str, **_: Any) -> None:
        self.hidden.discard(ReceiptHandle)

    def _allowed(self) -> None:
        if self.denied:
            raise ClientError({"Error": {"Code": "AccessDenied"}}, "ReceiveMessage")


@pytest.fixture
def sqs(monkeypatch: pytest.MonkeyPatch) -> Sqs:
    fake = Sqs()
    monkeypatch.setattr(queues, "sqs_client", lambda *_: fake)
    monkeypatch.setattr(dead_letters, "_COUNTED_SECONDS", 0.0)
    return fake


def settings(**dispatch: str) -> Settings:
    return Settings(
        lake=LakeSettings(uri="s3://lake"),
        indexing=IndexingSettings(uploads_uri="s3://bucket"),
        dispatch=DispatchSettings(**dispatch),  # type: ignore[arg-type]
    )


def waiting(hours: float = 0) -> Upload:
    told = upload_of("shop", PLACE, "e1", None, None)
    return told.model_copy(update={"state": "queued", "received_at": NOW - timedelta(hours=hours)})


BOTH = {"queue_url": "http://sqs/1/q", "dlq_url": "http://sqs/1/dead"}


def test_an_upload_is_a_dead_letter_until_its_message_went_back(sqs: Sqs) -> None:
    given_up = GivenUp(settings(**BOTH), lambda: True)
    upload = waiting()
    assert given_up.told(upload, URI, "e1", NOW) == upload
    sqs.bury("abc-1")
    told = given_up.told(upload, URI, "e1", NOW)
    assert told.state == "dead_letter"
    assert told.remedy == "mmpipe dlq replay --id abc-1"
    assert sqs.hidden == set(), "whoever looks next finds it"
    assert [letter.message_id for letter in given_up.newest("shop", 5)] == ["abc-1"]
    assert given_up.newest("other", 5) == []
    assert given_up.told(upload, URI, "e2", NOW).state == "queued", "another file was there"
    del sqs.messages["abc-1"]
    assert given_up.told(upload, URI, "e1", NOW).state == "queued"


def test_equal_bytes_that_were_given_up_before_say_nothing_of_those_put_now(sqs: Sqs) -> None:
    given_up = GivenUp(settings(**BOTH), lambda: True)
    sqs.bury("abc-1", NOW - timedelta(days=2))
    assert given_up.told(waiting(), URI, "e1", NOW).state == "queued"
    assert given_up.told(waiting(), URI, "e1", NOW - timedelta(days=2)).state == "dead_letter"


def test_messages_are_not_hidden_time_and_again_by_whoever_watches(sqs: Sqs) -> None:
    given_up = GivenUp(settings(**BOTH), lambda: True)
    sqs.bury("abc-1")
    for _ in range(20):
        assert given_up.told(waiting(), URI, "e1", NOW).state == "dead_letter"
    assert sqs.looks == 1
    sqs.bury("abc-2", etag="e2")
    assert given_up.told(waiting(), URI, "e2", NOW).state == "dead_letter"
    assert sqs.looks == 2


@pytest.mark.parametrize("may_know", [True, False])
def test_why_is_told_to_those_who_may_know_where_the_lake_is(sqs: Sqs, may_know: bool) -> None:
    sqs.bury("abc-1")
    (letter,) = GivenUp(settings(**BOTH), lambda: True).newest("shop", 1)
    letter = letter.model_copy(update={"reason": "not taken, the last time: /srv/lake is away"})
    told = GivenUp(settings(**BOTH), lambda: may_know).given_up(waiting(), letter)
    assert told.state == "dead_letter"
    assert told.reason
    assert ("/srv/lake" in told.reason) == may_know


@pytest.mark.parametrize("named", [{}, BOTH])
def test_a_service_without_rights_says_when_it_is_time_to_look(sqs: Sqs, named: dict[str, str]) -> None:
    sqs.denied = True
    sqs.bury("abc-1")
    given_up = GivenUp(settings(**named), lambda: True)
    assert given_up.told(waiting(11), URI, "e1", NOW) == waiting(11)
    late = given_up.told(waiting(13), URI, "e1", NOW)
    assert (late.state, late.remedy) == ("queued", "mmpipe dlq list")
    assert "13 hours" in late.reason
    assert given_up.newest("shop", 5) == []
