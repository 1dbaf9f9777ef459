"""The evaluator behind the IAM assertions, which must see a hole where there is one; and the assertions.

They are made here of what modules render with a mocked provider, and by ``test_apply.py`` of a real apply.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.infra import terraform
from tests.infra.policies import (
    Principal,
    allowed_actions,
    assert_handler_handles_its_own_queue_only,
    assert_handler_reads_no_object,
    assert_head_is_confined,
    assert_nobody_may_do_everything,
    assert_nodes_leave_buckets_alone,
    assert_worker_is_confined,
    may,
    rendered_roles,
)
from tests.infra.terraform import Workspace

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


# --- the assertions, on what modules render ---------------------------------------------------------------

ACCOUNT = "123456789012"
BUCKETS = {"lake": "arn:aws:s3:::mmpipe-test-lake", "uploads": "arn:aws:s3:::mmpipe-test-catalogue"}
EC2 = f"arn:aws:ec2:eu-central-1:{ACCOUNT}"


def secret(name: str) -> str:
    return f"arn:aws:secretsmanager:eu-central-1:{ACCOUNT}:secret:{name}-AbCdEf"


def render(tmp: Path, module: str, run: str) -> dict[str, Principal]:
    """The roles of a module as one run of its tests makes them."""
    terraform.require()
    workspace = Workspace.of(tmp, f"modules/{module}")
    workspace.init(timeout=480)
    done = workspace.run("test", "-json", "-verbose", timeout=480)
    # Each message repeats the provider's schemas, so only the one that is wanted is parsed.
    wanted = (f'"@testrun":"{run}"', '"type":"test_state"')
    [line] = [line for line in done.stdout.splitlines() if all(part in line for part in wanted)]
    return rendered_roles(json.loads(line)["test_state"]["root_module"])


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Principal]:
    return render(tmp_path_factory.mktemp("ray"), "ray", "roles")


@pytest.fixture(scope="module")
def handlers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Principal]:
    return render(tmp_path_factory.mktemp("ingest"), "ingest", "queue_and_mapping")


def with_hole(role: Principal, action: str, resource: str, **more: Any) -> Principal:
    """The role with one more thing allowed, and what was said against it taken back."""
    kept = [
        s
        for s in role.statements
        if s["Effect"] == "Allow" or not may([{**s, "Effect": "Allow"}], action, resource)
    ]
    return replace(role, statements=(*kept, allow(action, resource, **more)))


def fails(check: Callable[[], None]) -> bool:
    try:
        check()
    except AssertionError:
        return True
    return False


def check_worker(worker: Principal) -> None:
    assert_worker_is_confined(
        worker,
        **BUCKETS,
        ray_token=secret("mmpipe-test/ray-token"),
        other_secrets=[
            secret("mmpipe-test/indexer-token"),
            secret("mmpipe-test/pseudonym-key"),
            secret("mmpipe-test/api-keys"),
        ],
    )


@pytest.mark.timeout(1200)
def test_a_worker_cannot_delete_tables(nodes: dict[str, Principal]) -> None:
    worker = nodes["mmpipe-test-ray-worker"]
    check_worker(worker)
    live = f"{BUCKETS['lake']}/lake/shop/live.json"
    for action, resource in (
        ("s3:DeleteObject", f"{BUCKETS['lake']}/*"),
        ("s3:DeleteObjectVersion", "*"),
        ("s3:PutObject", live),
        ("s3:PutObject", f"{BUCKETS['uploads']}/*"),
        ("s3:DeleteBucket", BUCKETS["lake"]),
        ("ec2:RunInstances", "*"),
        ("secretsmanager:GetSecretValue", secret("mmpipe-test/*").replace("-AbCdEf", "")),
    ):
        assert fails(partial(check_worker, with_hole(worker, action, resource))), f"{action} goes unnoticed"
    # A denial stands against whatever is attached later.
    for action in ("s3:DeleteObject", "s3:DeleteObjectVersion", "iam:PassRole", "ec2:RunInstances"):
        assert not may((*worker.statements, allow("*")), action, live)
    assert not may((*worker.statements, allow("*")), "s3:PutObject", live)


@pytest.mark.timeout(1200)
def test_nodes_of_a_service_that_takes_uploads_put_them_and_no_more(tmp_path: Path) -> None:
    roles = render(tmp_path, "ray", "uploads")
    for name in ("mmpipe-test-ray-head", "mmpipe-test-ray-worker"):
        assert_nodes_leave_buckets_alone(roles[name], **BUCKETS, puts=True)


@pytest.mark.timeout(1200)
def test_the_head_launches_and_ends_its_own_workers_only(nodes: dict[str, Principal]) -> None:
    head, worker = nodes["mmpipe-test-ray-head"], nodes["mmpipe-test-ray-worker"]

    def check(role: Principal) -> None:
        assert_head_is_confined(role, worker, **BUCKETS, cluster="mmpipe-test", ec2=EC2)

    check(head)
    for action, resource in (
        ("ec2:TerminateInstances", "*"),
        ("ec2:RunInstances", f"{EC2}:*/*"),
        ("ec2:CreateTags", f"{EC2}:instance/*"),
        ("iam:PassRole", "*"),
        ("s3:DeleteObject", f"{BUCKETS['uploads']}/*"),
        ("s3:PutLifecycleConfiguration", "*"),
    ):
        assert fails(partial(check, with_hole(head, action, resource))), f"{action} goes unnoticed"
    assert not may((*head.statements, allow("*")), "s3:DeleteObjectVersion", f"{BUCKETS['lake']}/a")


@pytest.mark.timeout(1200)
def test_a_handler_cannot_read_media(handlers: dict[str, Principal]) -> None:
    handler = handlers["mmpipe-test-catalogue-uploaded-function"]
    check = partial(
        assert_handler_reads_no_object,
        buckets=list(BUCKETS.values()),
        secrets=[secret("indexer"), secret("ray")],
        other_secrets=[secret("api-keys")],
    )
    check(handler)
    for action in ("s3:GetObject", "s3:ListBucket", "secretsmanager:GetSecretValue", "lambda:Update*"):
        assert fails(partial(check, with_hole(handler, action, "*"))), f"{action} goes unnoticed"
    assert not may(
        (*handler.statements, allow("*")), "s3:GetObject", f"{BUCKETS['uploads']}/shop/media/a.jpg"
    )


@pytest.mark.timeout(1200)
def test_a_handler_shows_messages_of_its_own_queue_again(handlers: dict[str, Principal]) -> None:
    handler = handlers["mmpipe-test-catalogue-uploaded-function"]
    queue = f"arn:aws:sqs:eu-central-1:{ACCOUNT}:queue"  # as every queue of these runs is called
    check = partial(
        assert_handler_handles_its_own_queue_only,
        queue=queue,
        others=[f"{queue}-dlq", f"arn:aws:sqs:eu-central-1:{ACCOUNT}:another"],
    )
    check(handler)
    without = [s for s in handler.statements if s["Sid"] != "TakeFromOwnQueue"]
    assert fails(partial(check, replace(handler, statements=tuple(without))))
    for action in ("sqs:ChangeMessageVisibility", "sqs:SendMessage", "sqs:*"):
        assert fails(partial(check, with_hole(handler, action, "*"))), f"{action} goes unnoticed"


@pytest.mark.timeout(1200)
def test_no_role_may_do_everything(nodes: dict[str, Principal], handlers: dict[str, Principal]) -> None:
    roles = nodes | handlers
    assert len(roles) == 3
    assert_nobody_may_do_everything(roles)
    for name, role in roles.items():
        for action in ("*", "s3:*", "iam:CreateUser", "sts:AssumeRole"):
            holed = {name: with_hole(role, action, "*")}
            assert fails(partial(assert_nobody_may_do_everything, holed)), f"{action} goes unnoticed"
