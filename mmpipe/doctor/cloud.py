"""AWS, or what stands in for it: credentials, buckets, queues and the clock; where settings name any."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, Final

from mmpipe.dispatch.queues import sqs_client
from mmpipe.doctor.finding import Finding
from mmpipe.errors import MmpipeError
from mmpipe.objects.s3 import client_for as store_client

if TYPE_CHECKING:
    from mmpipe.settings import Settings, StorageSettings

# S3 refuses requests that are signed a quarter of an hour off.
_SKEW_SECONDS: Final = 60.0
_REFUSED_SECONDS: Final = 900.0
_SECONDS: Final = 5.0
_ALLOW: Final = "let this role or user use it, and check its name and region (MMPIPE_STORAGE__REGION)"


def credentials(settings: Settings) -> Iterator[Finding]:
    """Whether there are any, where something has to be signed."""
    if not _buckets(settings) and not _queues(settings):
        yield Finding("AWS", "note", "no setting names a bucket or queue: no credentials are needed")
        return
    import boto3
    from botocore.exceptions import BotoCoreError

    try:
        found = boto3.session.Session().get_credentials()
    except BotoCoreError as error:
        found, reason = None, str(error)
    else:
        reason = "there are none in the environment, in ~/.aws or from this machine's role"
    if found is None:
        yield Finding(
            "AWS credentials",
            "broken",
            reason,
            "run where a role is given, or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or aws configure",
        )
    else:
        yield Finding("AWS credentials", "fine", f"found ({found.method})")


def buckets(settings: Settings) -> Iterator[Finding]:
    """Whether each bucket that is named can be listed, and whether the store's clock is ours."""
    from botocore.exceptions import BotoCoreError, ClientError

    for name, variable in _buckets(settings).items():
        about = f"bucket {name}"
        try:
            answer: Any = store_client(_impatient(settings.storage)).list_objects_v2(Bucket=name, MaxKeys=1)
        except ClientError as error:
            yield Finding(about, "broken", f"{variable}: {error}", _ALLOW)
            yield from _skew(error.response)
        except BotoCoreError as error:
            yield Finding(
                about,
                "broken",
                f"{variable}: {error}",
                "check the network, the credentials and MMPIPE_STORAGE__ENDPOINT_URL",
            )
        else:
            yield Finding(about, "fine", f"can be listed ({variable})")
            yield from _skew(answer)


def queues(settings: Settings) -> Iterator[Finding]:
    """Whether each queue that is named can be asked."""
    from botocore.exceptions import BotoCoreError, ClientError

    for url, variable in _queues(settings).items():
        about = f"queue {url.rpartition('/')[2]}"
        try:
            client = sqs_client(url, variable, connect_seconds=_SECONDS, read_seconds=_SECONDS, attempts=1)
            client.get_queue_attributes(QueueUrl=url, AttributeNames=["ApproximateNumberOfMessages"])
        except (ClientError, BotoCoreError, MmpipeError) as error:
            yield Finding(about, "broken", f"{variable}: {error}", _ALLOW)
        else:
            yield Finding(about, "fine", f"can be asked ({variable})")


def _skew(answer: Any) -> Iterator[Finding]:
    given = answer.get("ResponseMetadata", {}).get("HTTPHeaders", {}).get("date")
    if not given:
        return
    try:
        told = parsedate_to_datetime(given)
    except ValueError:
        return
    seconds = abs((datetime.now(UTC) - told.replace(tzinfo=told.tzinfo or UTC)).total_seconds())
    if seconds < _SKEW_SECONDS:
        yield Finding("clock", "fine", f"within {max(1.0, seconds):.0f} s of the object store's")
        return
    yield Finding(
        "clock",
        "broken" if seconds >= _REFUSED_SECONDS else "warning",
        f"{seconds:,.0f} s from the object store's, which signs and orders go by",
        "set this machine's clock: chrony or systemd-timesyncd keeps it",
    )


def _impatient(storage: StorageSettings) -> StorageSettings:
    return storage.model_copy(update={"timeout_seconds": min(storage.timeout_seconds, _SECONDS)})


def _buckets(settings: Settings) -> dict[str, str]:
    """Names of buckets, and what names them."""
    named = {
        "MMPIPE_LAKE__URI": settings.lake.uri,
        "MMPIPE_INDEXING__UPLOADS_URI": settings.indexing.uploads_uri or "",
    }
    found: dict[str, str] = {}
    for variable, uri in named.items():
        if uri.startswith("s3://"):
            found.setdefault(uri.removeprefix("s3://").partition("/")[0], variable)
    return found


def _queues(settings: Settings) -> dict[str, str]:
    dispatch = settings.dispatch
    named = {"MMPIPE_DISPATCH__QUEUE_URL": dispatch.queue_url, "MMPIPE_DISPATCH__DLQ_URL": dispatch.dlq_url}
    return {url: variable for variable, url in named.items() if url}
