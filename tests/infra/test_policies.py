"""The evaluator behind the IAM assertions: it must see a hole where there is one."""

from __future__ import annotations

from typing import Any

import pytest

from tests.infra.policies import allowed_actions, may

LAKE = "arn:aws:s3:::lake"
FILE = f"{LAKE}/shop/products.lance/data/1.lance"


def allow(action: Any, resource: Any = "*", **more: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": action, "Resource": resource, **more}


def deny(action: Any, resource: Any = "*", **more: Any) -> dict[str, Any]:
    return {**allow(action, resource, **more), "Effect": "Deny"}


@pytest.mark.parametrize(
    "action", ["s3:DeleteObject", "S3:deleteobject", "s3:Delete*", "s3:*", "*", "s3:Delete?bject"]
)
@pytest.mark.parametrize("resource", ["*", f"{LAKE}/*", FILE, "arn:aws:s3:::l?ke/*"])
def test_holes_are_seen_however_they_are_written(action: str, resource: str) -> None:
    assert may([allow([action], [resource])], "s3:DeleteObject", FILE)
    assert may([allow(action, resource)], "s3:DeleteObject", FILE)
    assert not may([allow(action, resource), deny("s3:Delete*")], "s3:DeleteObject", FILE)


def test_nothing_is_allowed_by_itself() -> None:
    assert not may([], "s3:GetObject", FILE)
    assert not may([allow("s3:GetObject", LAKE)], "s3:GetObject", FILE)
    assert not may([allow("s3:GetObject", f"{LAKE.upper()}/*")], "s3:GetObject", FILE)  # ARNs mind case
    assert not may([allow("s3:GetObject")], "s3:GetObjectVersion", FILE)


def test_what_is_left_open_counts_as_allowed_and_not_as_denied() -> None:
    secure = {"Condition": {"Bool": {"aws:SecureTransport": "true"}}}
    assert may([allow("s3:*", **secure)], "s3:GetObject", FILE)
    assert may([allow("s3:*"), deny("s3:*", **secure)], "s3:GetObject", FILE)
    assert not may([allow("s3:*", **secure)], "s3:GetObject", FILE, {"aws:SecureTransport": "false"})
    assert not may(
        [allow("s3:*"), deny("s3:*", **secure)], "s3:GetObject", FILE, {"AWS:securetransport": "true"}
    )


@pytest.mark.parametrize(
    ("operator", "wanted", "given", "holds"),
    [
        ("StringEquals", "a", "a", True),
        ("StringEquals", ["a", "b"], "b", True),
        ("StringEquals", "a*", "ab", False),
        ("StringLike", "a*", "ab", True),
        ("StringNotEquals", ["a", "b"], "b", False),
        ("StringEqualsIfExists", "a", "b", False),
        ("ArnLike", "arn:*:x", "arn:aws:x", True),
        ("Bool", True, "true", True),
        ("NumericLessThan", "1.2", "1.1", True),
        ("NumericLessThan", "1.2", "1.3", False),
        ("Null", "false", "anything", True),
    ],
)
def test_conditions(operator: str, wanted: Any, given: str, holds: bool) -> None:
    statement = allow("s3:*", Condition={operator: {"key": wanted}})
    assert may([statement], "s3:GetObject", FILE, {"key": given}) is holds


def test_everything_but_is_everything() -> None:
    everything_but = {"Effect": "Allow", "Action": "s3:*", "NotResource": [f"{LAKE}/*"]}
    assert not may([everything_but], "s3:GetObject", FILE)
    assert may([everything_but], "s3:GetObject", "arn:aws:s3:::other/x")
    with pytest.raises(AssertionError, match="all actions but"):
        list(allowed_actions([{"Effect": "Allow", "NotAction": "iam:*", "Resource": "*"}]))


def test_what_it_does_not_know_is_an_error() -> None:
    with pytest.raises(AssertionError, match="teach it"):
        may(
            [allow("s3:*", Condition={"IpAddress": {"aws:SourceIp": "::/0"}})],
            "s3:GetObject",
            FILE,
            {"aws:SourceIp": "x"},
        )
