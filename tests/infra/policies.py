"""What IAM would decide, for the few questions our tests ask of policies read back from an account.

Pessimistic where a policy leaves something open: an Allow whose condition the request says nothing about
counts as allowed, a Deny counts only where it surely holds. So "denied" is a promise, "allowed" is not.
See "Policy evaluation logic" in the IAM user guide.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
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
    tests = {
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
