"""What means something in S3's notifications: native, through EventBridge, wrapped by SNS.

Whatever else a payload holds is ignored. A payload is read in two steps, for most kinds of event change
nothing and are not looked at any further.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any, Literal, TypeVar
from urllib.parse import unquote_plus

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from mmpipe.errors import InvalidEvent
from mmpipe.schemas.order import MAX_SEQUENCER_DIGITS

MAX_BODY_CHARS = 1_100_000  # an SQS message holds at most 1 MiB
S3_ONLY = "only S3 notifications (native, or through SNS or EventBridge) belong on this queue"
AS_WRITTEN = "send the notification as S3 wrote it"
_S3_OPENED = 2006


def _moment(value: Any) -> datetime:
    if not isinstance(value, str):
        raise ValueError("no text")
    try:
        moment = datetime.fromisoformat(value)
    except ValueError as error:
        raise ValueError("no ISO 8601 time") from error
    if moment.tzinfo is None:
        raise ValueError("has no time zone")
    try:
        moment = moment.astimezone(UTC)
    except OverflowError as error:
        raise ValueError("out of range") from error
    if moment.year < _S3_OPENED:  # negative epochs would break the order of sources
        raise ValueError("before S3 existed")
    return moment


def _decoded(key: str) -> str:
    try:
        return unquote_plus(key, errors="strict")
    except UnicodeDecodeError as error:
        raise ValueError("not URL-encoded UTF-8") from error


_EMPTY_IS_ABSENT = BeforeValidator(lambda value: None if value == "" else value)

Text = Annotated[str, Field(strict=True, min_length=1, max_length=2_000)]
OptionalText = Annotated[Text | None, _EMPTY_IS_ABSENT]
Key = Annotated[str, Field(strict=True, min_length=1, max_length=10_000)]
Bucket = Annotated[str, Field(strict=True, pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{1,253}[A-Za-z0-9]$")]
Digits = Annotated[str, Field(strict=True, pattern=rf"^[0-9A-Fa-f]{{1,{MAX_SEQUENCER_DIGITS}}}$")]
Sequencer = Annotated[Digits | None, _EMPTY_IS_ABSENT]
Size = Annotated[int, Field(strict=True, ge=0, lt=2**63)]
Moment = Annotated[datetime, BeforeValidator(_moment)]


class _Payload(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class BucketName(_Payload):
    """The bucket of an object."""

    name: Bucket


class NativeKind(_Payload):
    """A record of a native notification: what kind of event it is."""

    source: Literal["aws:s3"] = Field(alias="eventSource")
    name: Text = Field(alias="eventName")


class NativeObject(_Payload):
    """An object as a native notification names it; its key is decoded here, and nowhere else."""

    key: Annotated[Key, AfterValidator(_decoded)]
    version_id: OptionalText = Field(default=None, alias="versionId")
    etag: OptionalText = Field(default=None, alias="eTag")
    size: Size | None = None
    sequencer: Sequencer = None


class NativeDetail(_Payload):
    """Bucket and object of a record."""

    bucket: BucketName
    object: NativeObject


class NativeChange(_Payload):
    """A record that says that an object was created or removed."""

    s3: NativeDetail
    time: Moment = Field(alias="eventTime")


class BridgeKind(_Payload):
    """An event of EventBridge: what kind it is."""

    source: Literal["aws.s3"]
    name: Text = Field(alias="detail-type")


class BridgeObject(_Payload):
    """An object as EventBridge names it; its key is sent as it is."""

    key: Key
    version_id: OptionalText = Field(default=None, alias="version-id")
    etag: OptionalText = None
    size: Size | None = None
    sequencer: Sequencer = None


class BridgeDetail(_Payload):
    """Bucket and object of an event, and of a removal, why and how."""

    bucket: BucketName
    object: BridgeObject
    reason: OptionalText = None
    deletion_type: OptionalText = Field(default=None, alias="deletion-type")


class BridgeChange(_Payload):
    """An event that says that an object was created or removed."""

    detail: BridgeDetail
    time: Moment


class SnsNotification(_Payload):
    """An SNS envelope; its message is a notification again."""

    message: Annotated[str, Field(strict=True, min_length=1, max_length=MAX_BODY_CHARS)] = Field(
        alias="Message"
    )


_Model = TypeVar("_Model", bound=_Payload)


def read(model: type[_Model], value: object, where: str, remedy: str = AS_WRITTEN) -> _Model:
    """A part of a payload, ``where`` being its path.

    Raises :class:`InvalidEvent`, with the path of the first field at fault, what is wrong, and the remedy.
    """
    try:
        return model.model_validate(value)
    except ValidationError as error:
        fault = error.errors(include_url=False, include_input=False)[0]
        path = ".".join(filter(None, [where, *map(str, fault["loc"])])) or "message"
        reason = fault["msg"].removeprefix("Value error, ")
        raise InvalidEvent(f"{path}: {reason}; {remedy}") from error
