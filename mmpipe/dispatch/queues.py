"""A client of SQS by a queue's address: botocore alone, so that handlers and people use the same one."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, cast
from urllib.parse import urlsplit

from mmpipe.errors import InvalidRequest

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

PER_CALL = 10  # messages of one batch call, a limit of SQS
_AWS_HOST = re.compile(
    r"^(?:sqs\.(?P<region>[a-z0-9-]+)|(?P<old>[a-z0-9-]+)\.queue)\.amazonaws\.com(?:\.cn)?$"
)


def sqs_client(
    queue_url: str,
    field: str,
    *,
    connect_seconds: float = 5,
    read_seconds: float = 30,
    attempts: int = 3,
) -> SQSClient:
    """A client for the queue's own region, or for whatever answers at its address where that is not AWS.

    Raises :class:`InvalidRequest` about ``field`` for an address that is none.
    """
    # Here, for a handler whose work is always taken never needs it, and botocore takes a while to import.
    import botocore.session
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError

    parts = urlsplit(queue_url)
    if parts.scheme not in ("http", "https") or not parts.hostname or not parts.path.strip("/"):
        raise InvalidRequest(
            field, f"{queue_url!r} is no queue's URL, as https://sqs.REGION.amazonaws.com/ACCOUNT/NAME is"
        )
    config = Config(
        connect_timeout=connect_seconds,
        read_timeout=read_seconds,
        retries={"total_max_attempts": attempts, "mode": "standard"},
    )
    session = botocore.session.get_session()
    aws = _AWS_HOST.match(parts.hostname)
    if aws:
        region, endpoint = aws["region"] or aws["old"], None
    else:
        # Signed for the region of the environment; what is not AWS seldom minds.
        region = session.get_config_variable("region") or "us-east-1"
        endpoint = f"{parts.scheme}://{parts.netloc}"
        if parts.hostname in ("127.0.0.1", "localhost", "::1"):
            config = config.merge(Config(proxies={}))
    try:
        client = session.create_client("sqs", region_name=region, endpoint_url=endpoint, config=config)
    except (BotoCoreError, ValueError) as error:
        raise InvalidRequest(field, f"{queue_url!r} cannot be reached: {error}") from error
    return cast("SQSClient", client)
