"""What a second plan sees only because the emulator answers otherwise than AWS, each with its reason."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Difference:
    """One attribute of some resources that plans as an update although nothing has changed."""

    address: str
    """A regular expression."""
    attribute: str
    reason: str
    harmless: Callable[[Any, Any], bool]
    """Of (what was read, what is wanted): whether this is the difference that the reason explains."""


def _same_json(before: Any, after: Any) -> bool:
    return bool(json.loads(before) == json.loads(after))


def _not_read(before: Any, after: Any) -> bool:
    return before in (None, "", []) and bool(after)


def _launch_template_tags(before: Any, after: Any) -> bool:
    return [one for one in before if one["resource_type"] != "launch-template"] == after


def _unknown(before: Any, after: Any) -> bool:
    return after is None


_TEMPLATE = r"module\.ray\.aws_launch_template\.(head|worker)"
_RULE = r"module\.network\.aws_vpc_security_group_(in|e)gress_rule\..+"

EMULATOR_ONLY = (
    Difference(
        r"module\.ingest\.aws_sqs_queue\.events",
        "redrive_policy",
        "moto gives the policy back with blanks after its commas and colons",
        _same_json,
    ),
    Difference(_RULE, "description", "moto keeps no description of a rule that names a group", _not_read),
    Difference(
        _TEMPLATE,
        "tag_specifications",
        "moto adds the template's own tags to those of what it launches",
        _launch_template_tags,
    ),
    Difference(_TEMPLATE, "default_version", "follows from the tags: a new version is planned", _unknown),
    Difference(_TEMPLATE, "latest_version", "follows from the tags: a new version is planned", _unknown),
    Difference(
        r"module\.ray\.aws_route53_zone\.this",
        "vpc",
        "moto does not give back the VPCs of a private zone",
        _not_read,
    ),
)


def explain(plan: dict[str, Any]) -> tuple[list[str], set[Difference]]:
    """What no entry explains, and the entries that explained something."""
    unexplained: list[str] = []
    seen: set[Difference] = set()
    for address, attribute, before, after in differences(plan):
        known = [
            one
            for one in EMULATOR_ONLY
            if re.fullmatch(one.address, address)
            and one.attribute == attribute
            and one.harmless(before, after)
        ]
        seen.update(known)
        if not known:
            unexplained.append(f"{address}: {attribute}: {before!r} -> {after!r}")
    return unexplained, seen


def differences(plan: dict[str, Any]) -> Iterator[tuple[str, str, Any, Any]]:
    """(address, attribute, before, after) of every difference; the actions where it is no update in place."""
    for resource in plan.get("resource_changes", []):
        address, change = resource["address"], resource["change"]
        if change["actions"] in (["no-op"], ["read"]):
            continue
        if change["actions"] != ["update"]:
            yield address, "+".join(change["actions"]), None, None
            continue
        before, after, unknown = change["before"], change["after"], change.get("after_unknown", {})
        for name in sorted({*before, *after}):
            if before.get(name) != after.get(name) or unknown.get(name) is True:
                yield address, name, before.get(name), after.get(name)
