from __future__ import annotations

import logging
from dataclasses import dataclass, field
from typing import Any

import pytest
from pydantic import SecretStr

from mmpipe.dispatch import IndexerDispatcher
from mmpipe.dispatch.http import HttpClient
from mmpipe.dispatch.tokens import FixedToken, SecretToken, read_secret, token_source
from mmpipe.errors import DispatchUnavailable
from mmpipe.settings import DispatchSettings


@dataclass
class Store:
    """Secrets Manager with one secret, and a clock."""

    text: str | None = "first"
    now: float = 0.0
    reads: list[str] = field(default_factory=list)

    def read(self, secret: str) -> str:
        self.reads.append(secret)
        if self.text is None:
            raise DispatchUnavailable("throttled")
        return self.text

    def token(self) -> SecretToken:
        return SecretToken("arn", ttl=300, read=self.read, clock=lambda: self.now)


def test_a_secret_is_read_when_it_is_needed_and_again_after_its_time() -> None:
    store = Store()
    token = store.token()
    assert store.reads == []
    assert [token.value(), token.value()] == ["first", "first"]
    store.text, store.now = "second", 299
    assert (token.value(), len(store.reads)) == ("first", 1)
    store.now = 300
    assert (token.value(), len(store.reads)) == ("second", 2)


def test_a_failing_store_leaves_the_last_token_but_never_none() -> None:
    store = Store(text=None)
    token = store.token()
    with pytest.raises(DispatchUnavailable):
        token.value()
    store.text = "first"
    assert token.value() == "first"
    store.text, store.now = None, 400
    assert [token.value(), token.value()] == ["first", "first"]
    assert len(store.reads) == 3  # not with every request


def test_a_refusal_looks_again_once_and_not_at_what_is_fresh() -> None:
    store = Store()
    token = store.token()
    token.value()
    assert not token.renewed("first")  # read a moment ago
    assert len(store.reads) == 1
    store.now = 10
    assert not token.renewed("first")  # looked: still the same
    store.text, store.now = "second", 20
    assert token.renewed("first")
    assert token.value() == "second"
    assert token.renewed("first")  # another thread was refused with the old one
    assert len(store.reads) == 3


def test_a_rotated_token_costs_one_refused_request(site: Any, caplog: pytest.LogCaptureFixture) -> None:
    store = Store()
    client = HttpClient(site.url, store.token(), 5.0)
    accepted = "Bearer first"
    site.answer = lambda request: (200 if request.headers["Authorization"] == accepted else 401, {})
    assert client.request("POST", "/x", {}).ok
    store.text, store.now, accepted = "second", 60, "Bearer second"
    with caplog.at_level(logging.DEBUG):
        assert client.request("POST", "/x", {}).ok
    assert [r.headers["Authorization"][7:] for r in site.seen] == ["first", "first", "second"]
    accepted = "Bearer third"
    assert client.request("POST", "/x", {}).status == 401  # once; the queue does the rest
    assert len(site.seen) == 4
    assert not any(word in record.getMessage() for record in caplog.records for word in ("first", "second"))


def test_an_unreadable_secret_leaves_the_work_on_the_queue(
    site: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tests.unit.dispatch.test_dispatch import order

    store = Store(text=None)
    monkeypatch.setattr("mmpipe.dispatch.tokens.read_secret", store.read)
    dispatcher = IndexerDispatcher(DispatchSettings(indexer_url=site.url, token_secret="shop/token"))
    (outcome,) = dispatcher.submit([order(1)])
    assert (outcome.status, outcome.reason) == ("retry", "throttled")
    assert (store.reads, site.seen) == (["shop/token"], [])


def test_the_secret_wins_over_the_setting() -> None:
    assert isinstance(token_source(SecretStr("t"), "arn"), SecretToken)
    fixed = token_source(SecretStr("t"), None)
    assert isinstance(fixed, FixedToken)
    assert (fixed.value(), fixed.renewed("t")) == ("t", False)


@pytest.mark.parametrize(
    ("secret", "host"),
    [
        ("arn:aws:secretsmanager:eu-north-1:123456789012:secret:mmpipe/token-AbCdEf", "eu-north-1"),
        ("mmpipe/token", "eu-west-3"),
    ],
)
def test_secrets_are_asked_for_where_they_are(
    secret: str, host: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    import botocore.awsrequest
    import botocore.httpsession

    asked: list[str] = []
    answers = [b'{"SecretString": " s3cret\\n"}', b'{"SecretString": "  "}', b'{"SecretBinary": "eA=="}']

    def send(self: Any, request: Any) -> Any:
        asked.append(request.url)
        response = botocore.awsrequest.AWSResponse(request.url, 200, {}, None)
        response._content = answers.pop(0)
        return response

    monkeypatch.setattr(botocore.httpsession.URLLib3Session, "send", send)
    for name, value in {
        "AWS_ACCESS_KEY_ID": "x",
        "AWS_SECRET_ACCESS_KEY": "x",
        "AWS_DEFAULT_REGION": "eu-west-3",
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    assert read_secret(secret) == "s3cret"
    assert asked == [f"https://secretsmanager.{host}.amazonaws.com/"]
    for _ in range(2):
        with pytest.raises(DispatchUnavailable, match="holds no text"):
            read_secret(secret)


def test_a_secret_that_cannot_be_had_names_itself_and_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "x")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "x")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-3")
    with pytest.raises(DispatchUnavailable, match=r"secret mmpipe/token cannot be read.*GetSecretValue"):
        read_secret("mmpipe/token")
