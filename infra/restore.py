"""Bring a part of a versioned bucket back to how it was: what was deleted or overwritten since a moment.

    python infra/restore.py s3://mmpipe-prod-lake-123456789012/lake/shop --at 2026-11-21T08:00:00Z
    python infra/restore.py s3://mmpipe-prod-lake-123456789012/lake/shop --at 2026-11-21T08:00:00Z --apply

Every object below the address gets the content again that was current at that moment, as a new version:
nothing is lost by a restore, and a mistaken one is undone by another. What was created since stays. With
``--deleted-only`` overwritten objects stay as they are too. Storage keeps whole seconds: what was written
within the second of ``--at`` counts as written by then. Former versions are kept for as long as the bucket's
lifecycle says (``noncurrent_days``).

Needs s3:ListBucketVersions, s3:GetObjectVersion and s3:PutObject, and use of the bucket's key. Ray's own
roles lack the first on purpose: run it as an operator.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal
from urllib.parse import urlsplit

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

_THREADS = 16


class RestoreError(Exception):
    """The arguments or the bucket do not allow it; the message says what would."""


@dataclass(frozen=True)
class Version:
    """One version of one object, or a delete marker; ``latest`` where it is what readers see now."""

    key: str
    version_id: str
    modified: datetime
    latest: bool
    marker: bool
    etag: str
    size: int


@dataclass(frozen=True)
class Step:
    """Make ``version`` current again; ``why`` is what happened to it."""

    version: Version
    why: Literal["deleted", "overwritten"]


def plan(versions: Iterable[Version], at: datetime, *, deleted_only: bool = False) -> list[Step]:
    """What has to be done so that every object has the content that was current at ``at``, sorted by key."""
    by_key: dict[str, list[Version]] = {}
    for version in versions:
        by_key.setdefault(version.key, []).append(version)
    steps = []
    for key in sorted(by_key):
        # Versions of one key are given newest first; of one second the newest counts.
        then = next((each for each in by_key[key] if each.modified <= at), None)
        now = next((each for each in by_key[key] if each.latest), None)
        if then is None or then.marker or then.latest or now is None:
            continue
        if now.marker:
            steps.append(Step(then, "deleted"))
        elif not deleted_only and (now.etag, now.size) != (then.etag, then.size):
            steps.append(Step(then, "overwritten"))
    return steps


def list_versions(s3: Any, bucket: str, prefix: str) -> Iterator[Version]:
    """All versions and delete markers below a prefix, of each key the newest first."""
    for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket, Prefix=prefix):
        entries = [(each, False) for each in page.get("Versions", ())]
        entries += [(each, True) for each in page.get("DeleteMarkers", ())]
        # Two lists of one order: the current version of a key, then by age, in the order each list has.
        entries.sort(key=lambda pair: (pair[0]["Key"], not pair[0]["IsLatest"], -_seconds(pair[0])))
        for each, marker in entries:
            yield Version(
                key=each["Key"],
                version_id=each["VersionId"],
                modified=each["LastModified"],
                latest=each["IsLatest"],
                marker=marker,
                etag=str(each.get("ETag", "")),
                size=int(each.get("Size", 0)),
            )


def apply(s3: Any, bucket: str, steps: Iterable[Step]) -> int:
    """Copy each version over its key, inside S3 and in parts where it is large. Gives how many."""

    def copy(step: Step) -> None:
        source = {"Bucket": bucket, "Key": step.version.key, "VersionId": step.version.version_id}
        s3.copy(source, bucket, step.version.key)

    with ThreadPoolExecutor(_THREADS, thread_name_prefix="restore") as pool:
        return sum(1 for _ in pool.map(copy, steps))


def main(arguments: list[str] | None = None) -> int:
    """Show or do it; gives the exit status."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("address", help="s3://BUCKET/PREFIX: one object, one table, one collection")
    parser.add_argument("--at", required=True, help="the moment, ISO 8601 with its time zone")
    parser.add_argument("--deleted-only", action="store_true", help="leave what was overwritten as it is")
    parser.add_argument("--apply", action="store_true", help="do it; without this nothing is changed")
    options = parser.parse_args(arguments)
    try:
        bucket, prefix = _place(options.address)
        at = _moment(options.at)
        s3 = boto3.client("s3", config=Config(max_pool_connections=_THREADS))
        _check_versioned(s3, bucket)
        steps = plan(list_versions(s3, bucket, prefix), at, deleted_only=options.deleted_only)
        for step in steps:
            moment = step.version.modified.astimezone(UTC).isoformat()
            sys.stdout.write(f"{step.why:<11} {step.version.key}  version of {moment}\n")
        if options.apply:
            sys.stdout.write(f"{apply(s3, bucket, steps)} objects restored\n")
        else:
            sys.stdout.write(f"{len(steps)} objects to restore; nothing was changed, add --apply\n")
    except (RestoreError, BotoCoreError, ClientError) as error:
        sys.stderr.write(f"restore: {error}\n")
        return 1
    return 0


def _place(address: str) -> tuple[str, str]:
    parts = urlsplit(address)
    prefix = parts.path.lstrip("/")
    if parts.scheme != "s3" or not parts.netloc or not prefix or parts.query or parts.fragment:
        raise RestoreError(f"{address!r}: give s3://BUCKET/PREFIX, never a whole bucket")
    return parts.netloc, prefix


def _moment(text: str) -> datetime:
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise RestoreError(f"--at {text!r}: give a moment such as 2026-11-21T08:00:00Z") from error
    if found.tzinfo is None:
        raise RestoreError(f"--at {text!r}: say the time zone, as 2026-11-21T08:00:00Z does")
    if found > datetime.now(UTC):
        raise RestoreError(f"--at {text!r} is yet to come")
    return found


def _check_versioned(s3: Any, bucket: str) -> None:
    if s3.get_bucket_versioning(Bucket=bucket).get("Status") != "Enabled":
        raise RestoreError(f"the bucket {bucket} keeps no versions: there is nothing to restore from")


def _seconds(entry: Mapping[str, Any]) -> float:
    moment: datetime = entry["LastModified"]
    return moment.timestamp()


if __name__ == "__main__":
    sys.exit(main())
