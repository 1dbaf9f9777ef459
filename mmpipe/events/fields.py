"""Typed access to untrusted JSON: every failure names the field's path and the remedy."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

from mmpipe.errors import InvalidEvent
from mmpipe.schemas.order import MAX_SEQUENCER_DIGITS

_BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,253}[A-Za-z0-9]")
_HEX = re.compile(rf"[0-9A-Fa-f]{{1,{MAX_SEQUENCER_DIGITS}}}")
_SURROGATE = re.compile("[\ud800-\udfff]")
_MAX_TEXT = 2_000
_REMEDY = "send the notification as S3 wrote it"


class Fields:
    """A JSON object somewhere in a payload; ``where`` is its path, for messages."""

    def __init__(self, value: object, where: str) -> None:
        if not isinstance(value, dict):
            raise InvalidEvent(f"{where or 'message'}: must be a JSON object; {_REMEDY}")
        self._value: dict[str, Any] = value
        self._where = where

    def path(self, name: str) -> str:
        """The full path of one of the object's fields."""
        return f"{self._where}.{name}" if self._where else name

    def child(self, name: str) -> Fields:
        """A nested object; it must be there."""
        return Fields(self._value.get(name), self.path(name))

    def text(self, name: str, *, max_length: int = _MAX_TEXT) -> str:
        """A non-empty string; it must be there."""
        value = self._value.get(name)
        if not isinstance(value, str) or not value:
            raise InvalidEvent(f"{self.path(name)}: missing, empty or no text; {_REMEDY}")
        if len(value) > max_length:
            raise InvalidEvent(f"{self.path(name)}: longer than {max_length} characters; {_REMEDY}")
        if not value.isascii() and _SURROGATE.search(value):
            # JSON can spell them, nothing can store them.
            raise InvalidEvent(f"{self.path(name)}: not valid Unicode text; {_REMEDY}")
        return value

    def optional_text(self, name: str) -> str | None:
        """A string, or None where it is absent, null or empty."""
        return None if self._value.get(name) in (None, "") else self.text(name)

    def optional_hex(self, name: str) -> str | None:
        """A sequencer: up to :data:`MAX_SEQUENCER_DIGITS` hexadecimal digits."""
        value = self.optional_text(name)
        if value is not None and not _HEX.fullmatch(value):
            raise InvalidEvent(
                f"{self.path(name)}: not up to {MAX_SEQUENCER_DIGITS} hexadecimal digits; {_REMEDY}"
            )
        return value

    def optional_size(self, name: str) -> int | None:
        """A number of bytes."""
        value = self._value.get(name)
        if value is None:
            return None
        if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 2**63:
            raise InvalidEvent(f"{self.path(name)}: not a number of bytes; {_REMEDY}")
        return value

    def bucket(self, name: str) -> str:
        """A bucket's name."""
        value = self.text(name)
        if not _BUCKET.fullmatch(value):
            raise InvalidEvent(f"{self.path(name)}: no bucket name; {_REMEDY}")
        return value

    def moment(self, name: str) -> datetime:
        """An ISO 8601 time with its zone, as UTC."""
        value = self.text(name)
        try:
            moment = datetime.fromisoformat(value)
        except ValueError as error:
            raise InvalidEvent(f"{self.path(name)}: no ISO 8601 time; {_REMEDY}") from error
        if moment.tzinfo is None:
            raise InvalidEvent(f"{self.path(name)}: has no time zone; {_REMEDY}")
        try:
            moment = moment.astimezone(UTC)
        except OverflowError as error:
            raise InvalidEvent(f"{self.path(name)}: out of range; {_REMEDY}") from error
        if moment.year < 2006:  # S3 opened in 2006; negative epochs would break the order of sources
            raise InvalidEvent(f"{self.path(name)}: before S3 existed; {_REMEDY}")
        return moment
