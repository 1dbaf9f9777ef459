"""What IAM would decide, for the few questions our tests ask of policies read back from an account.

Pessimistic where a policy leaves something open: an Allow whose condition the request says nothing about
counts as allowed, a Deny counts only where it surely holds. So "denied" is a promise, "allowed" is not.
See "Policy evaluation logic" in the IAM user guide.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Statement = Mapping[str, Any]
Request = Mapping[str, str]


@dataclass(frozen=True)
class Principal:
    """A role, with every statement that is attached to it."""

    name: str
    arn: str
    statements: tuple[Statement, ...]
    trust: tuple[Statement, ...]

    def may(self, action: str, resource: str, request: Request | None = None) -> bool:
        """Whether an Allow may apply and no Deny surely does. ``request`` holds condition keys and values."""
        return may(self.statements, action, resource, request)


def may(statements: Sequence[Statement], action: str, resource: str, request: Request | None = None) -> bool:
    """See :meth:`Principal.may`."""
    known = {} if request is None else request
    about = [
        s for s in statements if _names(s, "Action", action, fold=True) and _names(s, "Resource", resource)
    ]
    if any(s["Effect"] == "Deny" and holds(s, known) is True for s in about):
        return False
    return any(s["Effect"] == "Allow" and holds(s, known) is not False for s in about)


def holds(statement: Statement, request: Request) -> bool | None:
    """Whether a statement's condition holds; None where the request leaves it open."""
    results = [
        _compare(operator, key, values, request)
        for operator, tests in statement.get("Condition", {}).items()
        for key, values in tests.items()
    ]
    if False in results:
        return False
    return None if None in results else True


def allowed_actions(statements: Sequence[Statement]) -> Iterator[tuple[str, Statement]]:
    """Each action pattern of each Allow, lower-case."""
    for statement in statements:
        if statement["Effect"] == "Allow":
            assert "NotAction" not in statement, f"allows all actions but some: {statement}"
            yield from ((action.lower(), statement) for action in as_list(statement["Action"]))


def as_list(value: Any) -> list[str]:
    """IAM writes one thing as a string, several as a list."""
    return [
        str(v).lower() if isinstance(v, bool) else v for v in (value if isinstance(value, list) else [value])
    ]


def read_roles(iam: Any) -> dict[str, Principal]:
    """Every role of the account that is not a service's own, by name, as the account holds it."""
    roles = {}
    for page in iam.get_paginator("list_roles").paginate():
        for role in page["Roles"]:
            if role["Path"].startswith("/aws-service-role/"):
                continue
            name = role["RoleName"]
            documents = [
                iam.get_role_policy(RoleName=name, PolicyName=policy)["PolicyDocument"]
                for policy in iam.list_role_policies(RoleName=name)["PolicyNames"]
            ]
            for attached in iam.list_attached_role_policies(RoleName=name)["AttachedPolicies"]:
                version = iam.get_policy(PolicyArn=attached["PolicyArn"])["Policy"]["DefaultVersionId"]
                found = iam.get_policy_version(PolicyArn=attached["PolicyArn"], VersionId=version)
                documents.append(found["PolicyVersion"]["Document"])
            roles[name] = Principal(
                name,
                role["Arn"],
                tuple(s for document in documents for s in statements_of(document)),
                tuple(statements_of(role["AssumeRolePolicyDocument"])),
            )
    return roles


def statements_of(document: Any) -> list[Statement]:
    """A policy document's statements, whether it is text or parsed."""
    parsed = json.loads(document) if isinstance(document, str) else document
    found = parsed["Statement"]
    return list(found) if isinstance(found, list) else [found]


def _names(statement: Statement, element: str, value: str, *, fold: bool = False) -> bool:
    if element in statement:
        return any(_like(pattern, value, fold=fold) for pattern in as_list(statement[element]))
    excluded = statement.get(f"Not{element}")
    assert excluded is not None, f"a statement with neither {element} nor Not{element}: {statement}"
    return not any(_like(pattern, value, fold=fold) for pattern in as_list(excluded))


def _like(pattern: str, value: str, *, fold: bool = False) -> bool:
    expression = "".join(".*" if c == "*" else "." if c == "?" else re.escape(c) for c in pattern)
    return re.fullmatch(expression, value, re.IGNORECASE | re.DOTALL if fold else re.DOTALL) is not None


def _compare(operator: str, key: str, values: Any, request: Request) -> bool | None:
    name = operator.rpartition(":")[2]
    name = name.removesuffix("IfExists")
    given = {k.lower(): v for k, v in request.items()}.get(key.lower())
    wanted = as_list(values)
    if name == "Null":
        return None if given is None else wanted == ["false"]
    if given is None:
        return None
    tests: dict[str, Callable[[str], bool]] = {
        "StringEquals": lambda w: given == w,
        "StringLike": lambda w: _like(w, given),
        "ArnEquals": lambda w: _like(w, given),
        "ArnLike": lambda w: _like(w, given),
        "Bool": lambda w: given.lower() == w.lower(),
        "NumericLessThan": lambda w: float(given) < float(w),
    }
    negated = {"StringNotEquals": "StringEquals", "StringNotLike": "StringLike", "ArnNotLike": "ArnLike"}
    if name in negated:
        return not any(tests[negated[name]](w) for w in wanted)
    assert name in tests, f"this evaluator does not know {operator}: teach it"
    return any(tests[name](w) for w in wanted)


# --- what has to hold -------------------------------------------------------------------------------------
# Called on the roles of modules rendered with mocks and on those read back from an account.


def assert_nobody_may_do_everything(roles: Mapping[str, Principal]) -> None:
    """No role of ``roles`` holds a service's every call, makes identities, or takes on another role."""
    for role in roles.values():
        for action, _ in allowed_actions(role.statements):
            service, _, call = action.partition(":")
            assert call not in ("", "*"), f"{role.name} may do {action}"
            assert "*" not in service, f"{role.name} may do {action}"
            assert service != "iam" or call in ("passrole", "createservicelinkedrole"), (
                f"{role.name} may do {action}"
            )
        for call in ("iam:CreateUser", "iam:AttachRolePolicy", "sts:AssumeRole", "kms:ScheduleKeyDeletion"):
            for resource in ("*", role.arn):
                assert not role.may(call, resource), f"{role.name} may do {call}"


def assert_nodes_leave_buckets_alone(node: Principal, *, lake: str, uploads: str, puts: bool = False) -> None:
    """Neither head nor worker changes a bucket, deletes a former version, or writes uploads; where it
    ``puts`` them, by the bucket's layout alone.

    ``lake`` and ``uploads`` are ARNs of buckets.
    """
    for bucket in (lake, uploads):
        for call in (
            "s3:DeleteBucket",
            "s3:PutBucketPolicy",
            "s3:DeleteBucketPolicy",
            "s3:PutBucketVersioning",
            "s3:PutLifecycleConfiguration",
            "s3:PutEncryptionConfiguration",
            "s3:PutBucketPublicAccessBlock",
        ):
            assert not node.may(call, bucket), f"{node.name} may do {call}"
        for call in ("s3:DeleteObjectVersion", "s3:PutObjectAcl"):
            assert not node.may(call, f"{bucket}/shop/a"), f"{node.name} may do {call}"
    for call in ("s3:PutObject", "s3:AbortMultipartUpload"):
        for section in ("feeds", "products", "media", "events", "reviews"):
            assert node.may(call, f"{uploads}/shop/{section}/a/b.csv") is puts, f"{call} to {section}/"
        for key in ("live.json", "shop/live.json", "models/x"):
            assert not node.may(call, f"{uploads}/{key}"), f"{node.name} may do {call} to {key}"
    assert not node.may("s3:DeleteObject", f"{uploads}/shop/feeds/a.csv"), f"{node.name} may remove uploads"
    assert node.may("s3:GetObject", f"{uploads}/shop/feeds/a.csv")


def assert_worker_is_confined(
    worker: Principal, *, lake: str, uploads: str, ray_token: str, other_secrets: Sequence[str]
) -> None:
    """A worker reads, and adds files to tables. It deletes and publishes nothing, reads no secret but Ray's
    token, and launches, ends and passes nothing."""
    assert_nodes_leave_buckets_alone(worker, lake=lake, uploads=uploads)
    table = f"{lake}/lake/shop/products_fake_0.lance"
    live = f"{lake}/lake/shop/live.json"
    for call in ("s3:GetObject", "s3:PutObject"):
        assert worker.may(call, f"{table}/data/1.lance"), f"{worker.name} cannot do {call}: it could not work"
    for address in (f"{table}/data/1.lance", f"{table}/_versions/1.manifest", live, f"{uploads}/shop/a.csv"):
        assert not worker.may("s3:DeleteObject", address), f"{worker.name} may delete {address}"
    for address in (live, f"{table}/_refs/tags/live.json"):
        assert not worker.may("s3:PutObject", address), f"{worker.name} may publish {address}"
    for call in ("ec2:RunInstances", "ec2:TerminateInstances", "ec2:CreateTags", "iam:PassRole"):
        assert not worker.may(call, "*"), f"{worker.name} may do {call}"
    assert worker.may("secretsmanager:GetSecretValue", ray_token)
    for secret in other_secrets:
        assert not worker.may("secretsmanager:GetSecretValue", secret), f"{worker.name} may read {secret}"


def assert_head_is_confined(
    head: Principal, worker: Principal, *, lake: str, uploads: str, cluster: str, ec2: str
) -> None:
    """The head cleans up tables, and launches and ends workers of ``cluster`` only, with their own role.

    ``ec2`` is the common beginning of instances' ARNs: ``arn:aws:ec2:REGION:ACCOUNT``.
    """
    assert_nodes_leave_buckets_alone(head, lake=lake, uploads=uploads)
    assert head.may("s3:DeleteObject", f"{lake}/lake/shop/products_fake_0.lance/data/1.lance")

    to_ec2 = {"iam:PassedToService": "ec2.amazonaws.com"}
    assert head.may("iam:PassRole", worker.arn, to_ec2)
    assert not head.may("iam:PassRole", worker.arn, {"iam:PassedToService": "lambda.amazonaws.com"})
    assert not head.may("iam:PassRole", head.arn, to_ec2), f"{head.name} may pass its own role on"

    instance = f"{ec2}:instance/i-0123456789abcdef0"
    profile = worker.arn.replace(":role/", ":instance-profile/")
    launch = {
        "aws:RequestTag/ray-cluster-name": cluster,
        "aws:RequestTag/ray-node-type": "worker",
        "ec2:MetadataHttpTokens": "required",
        "ec2:InstanceProfile": profile,
        "ec2:InstanceType": "g5.xlarge",
    }
    assert head.may("ec2:RunInstances", instance, launch)
    for key, wrong in {
        "aws:RequestTag/ray-cluster-name": "another",
        "aws:RequestTag/ray-node-type": "head",
        "ec2:MetadataHttpTokens": "optional",
        "ec2:InstanceProfile": head.arn.replace(":role/", ":instance-profile/"),
        "ec2:InstanceType": "p5.48xlarge",
    }.items():
        assert not head.may("ec2:RunInstances", instance, launch | {key: wrong}), (
            f"launches with {key}={wrong}"
        )
    assert not head.may("ec2:RunInstances", f"{ec2}:volume/*", {"ec2:Encrypted": "false"})

    own = {"aws:ResourceTag/ray-cluster-name": cluster, "aws:ResourceTag/ray-node-type": "worker"}
    assert head.may("ec2:TerminateInstances", instance, own)
    assert not head.may("ec2:TerminateInstances", instance, own | {"aws:ResourceTag/ray-node-type": "head"})
    assert not head.may("ec2:TerminateInstances", instance, own | {"aws:ResourceTag/ray-cluster-name": "x"})
    # Tagged as a worker of this cluster, another's instance could be ended.
    for key in ("ray-cluster-name", "ray-node-type"):
        tagging = own | {"ec2:CreateAction": "", "aws:TagKeys": key}
        assert not head.may("ec2:CreateTags", instance, tagging), f"{head.name} may write the tag {key}"


def assert_handler_reads_no_object(
    handler: Principal, *, buckets: Sequence[str], secrets: Sequence[str], other_secrets: Sequence[str]
) -> None:
    """A handler reads its own secrets, no object, media included, and changes no function. ARNs."""
    for bucket in buckets:
        for call in ("s3:GetObject", "s3:GetObjectVersion", "s3:PutObject", "s3:DeleteObject"):
            assert not handler.may(call, f"{bucket}/shop/media/a.jpg"), f"{handler.name} may do {call}"
        assert not handler.may("s3:ListBucket", bucket), f"{handler.name} may list {bucket}"
    for secret in secrets:
        assert handler.may("secretsmanager:GetSecretValue", secret)
    for secret in other_secrets:
        assert not handler.may("secretsmanager:GetSecretValue", secret), f"{handler.name} may read {secret}"
    for call in ("lambda:UpdateFunctionCode", "lambda:UpdateFunctionConfiguration", "iam:PassRole"):
        assert not handler.may(call, "*"), f"{handler.name} may do {call}"


def assert_handler_handles_its_own_queue_only(
    handler: Principal, *, queue: str, others: Sequence[str]
) -> None:
    """A handler takes messages of its queue and says when they are shown again, and sends none. ARNs."""
    calls = ("sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:ChangeMessageVisibility")
    for call in calls:
        assert handler.may(call, queue), f"{handler.name} may not do {call}"
        for other in others:
            assert not handler.may(call, other), f"{handler.name} may do {call} on {other}"
    for call in ("sqs:SendMessage", "sqs:PurgeQueue", "sqs:SetQueueAttributes", "sqs:DeleteQueue"):
        assert not handler.may(call, queue), f"{handler.name} may do {call}"


def rendered_roles(root_module: Mapping[str, Any]) -> dict[str, Principal]:
    """Roles with their inline policies, by name, from the root module of a state as Terraform shows it."""
    resources = list(_resources(root_module))
    roles = {r["values"]["name"]: r["values"] for r in resources if r["type"] == "aws_iam_role"}
    statements: dict[str, list[Statement]] = {name: [] for name in roles}
    ids = {values["id"]: name for name, values in roles.items()}
    for resource in resources:
        if resource["type"] == "aws_iam_role_policy":
            values = resource["values"]
            statements[ids[values["role"]]] += statements_of(values["policy"])
    return {
        name: Principal(
            name, values["arn"], tuple(statements[name]), tuple(statements_of(values["assume_role_policy"]))
        )
        for name, values in roles.items()
    }


def _resources(module: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    yield from (r for r in module.get("resources", []) if r["mode"] == "managed")
    for child in module.get("child_modules", []):
        yield from _resources(child)
