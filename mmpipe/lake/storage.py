"""How Lance reaches a lake: addresses, options and errors, the same for a folder and for S3."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from mmpipe.errors import CommitConflict, NotFound, StorageUnavailable
from mmpipe.objects import scheme_of, split_s3, to_path, to_uri

if TYPE_CHECKING:
    from mmpipe.settings import StorageSettings

_CONFLICT = re.compile(
    r"(?i)commit conflict|too many concurrent writers|conflicting transaction|precondition failed"
)
_UNAVAILABLE = re.compile(r"(?i)LanceError\(IO\)|generic \w+ error|error performing|no space left|credential")
# A file that a version names: who removes a table under its readers has removed what they read.
_LOST = re.compile(r"(?i)not found: \S+\.lance/(?:data|_deletions|_indices)/")
# What a folder's disk says; it is the reason that somebody can act on.
_DISK = re.compile(
    r"(?i)permission denied|read-only file system|no space left on device|not a directory|disk quota exceeded"
)


def lance_uri(uri: str) -> str:
    """The address as Lance takes it: ``s3://…`` as it is, a folder as an absolute path."""
    address = to_uri(uri).rstrip("/")
    return to_path(address) if scheme_of(address) == "file" else address


def lance_options(uri: str, settings: StorageSettings) -> dict[str, str] | None:
    """Lance's storage options for ``uri``; none for a folder.

    Credentials come from boto3's chain, so profiles count. Only credentials that never expire are handed
    over: Lance's own chain finds the expiring ones of roles too, and renews them while a table stays open.
    """
    if scheme_of(to_uri(uri)) == "file":
        return None
    import boto3
    from botocore.credentials import RefreshableCredentials

    timeout = f"{settings.timeout_seconds:g}s"
    options = {"aws_region": settings.region, "timeout": timeout, "connect_timeout": timeout}
    if settings.endpoint_url is not None:
        options["aws_endpoint"] = settings.endpoint_url
        if settings.endpoint_url.startswith("http://"):
            options["allow_http"] = "true"
    found = boto3.session.Session().get_credentials()
    if found is not None and not isinstance(found, RefreshableCredentials):
        frozen = found.get_frozen_credentials()
        options["aws_access_key_id"] = str(frozen.access_key)
        options["aws_secret_access_key"] = str(frozen.secret_key)
        if frozen.token:
            options["aws_session_token"] = frozen.token
    return options


@contextmanager
def lance_errors(what: str) -> Iterator[None]:
    """Lance's errors in our tree: lost commits become ``CommitConflict``, an unreachable store or a file that
    is gone ``StorageUnavailable``; anything else is a fault of ours and passes unchanged."""
    from lance.commit import CommitConflictError

    try:
        yield
    except CommitConflictError as error:
        raise CommitConflict(f"{what}: other writers kept committing first") from error
    except (OSError, RuntimeError, ValueError) as error:
        text = str(error)
        if _CONFLICT.search(text):
            raise CommitConflict(f"{what}: other writers kept committing first") from error
        if _UNAVAILABLE.search(text) and not is_missing(error):
            reason = _DISK.search(text)
            answer = reason.group().lower() if reason else "the object store did not answer"
            raise StorageUnavailable(f"{what}: {answer}") from error
        if _LOST.search(text):
            raise StorageUnavailable(f"{what}: a file of it was removed") from error
        raise


def is_missing(error: Exception) -> bool:
    """Whether Lance says that there is no such table."""
    text = str(error).lower()
    return "was not found" in text or ("not found" in text and ("dataset" in text or "/_versions" in text))


def sql_text(value: str) -> str:
    """A string literal of Lance's SQL. A quote is doubled, nothing else is special in it."""
    return "'" + value.replace("'", "''") + "'"


def child_folders(uri: str, settings: StorageSettings) -> list[str]:
    """Names of the folders right below ``uri``, sorted; none where nothing is stored."""
    address = to_uri(uri).rstrip("/")
    if scheme_of(address) == "file":
        try:
            with os.scandir(to_path(address)) as entries:
                return sorted(entry.name for entry in entries if entry.is_dir())
        except FileNotFoundError:
            return []
        except OSError as error:
            raise StorageUnavailable(f"{address}: {error.strerror or error}") from error
    from botocore.exceptions import BotoCoreError, ClientError

    from mmpipe.objects.s3 import client_for

    bucket, prefix = split_s3(address)
    prefix = f"{prefix}/" if prefix else ""
    try:
        pages = (
            client_for(settings)
            .get_paginator("list_objects_v2")
            .paginate(Bucket=bucket, Prefix=prefix, Delimiter="/")
        )
        found = [item["Prefix"] for page in pages for item in page.get("CommonPrefixes", ())]
    except (BotoCoreError, ClientError) as error:
        if isinstance(error, ClientError) and error.response.get("Error", {}).get("Code") == "NoSuchBucket":
            raise NotFound(f"{address}: there is no bucket {bucket!r}") from error
        raise StorageUnavailable(f"{address}: the object store did not answer") from error
    return sorted(name[len(prefix) :].rstrip("/") for name in found)
