"""What a form says of pictures beside ``image``: the box that is meant, and the picture that is not wanted.

Parts are named by their places in the JSON document (``image.crop``, ``not.image``, ``not.image.crop``), and
become what that would hold: whatever looks at a picture sees no difference.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import Any, Final

from pydantic import ValidationError

from mmpipe.encoders.base import Modality
from mmpipe.errors import InvalidRequest, RequestTooLarge
from mmpipe.schemas.search import ImageInput, SearchRequest, Unlike
from mmpipe.serve.answer.query_media import ParsedSearch
from mmpipe.serve.http.forms import Part

UNWANTED: Final = "not.image"
PARTS: Final = frozenset({"image.crop", UNWANTED, f"{UNWANTED}.crop"})
_MAX_CROP: Final = 200


class FormPictures:
    """Of one form."""

    def __init__(self) -> None:
        self._file: bytes | None = None
        self._crops: dict[str, Any] = {}

    def take(self, part: Part) -> None:
        """One of :data:`PARTS`. Raises ``InvalidRequest``, ``RequestTooLarge``."""
        if part.name == UNWANTED:
            self._file = file_of(part, twice=self._file is not None)
            return
        if part.name in self._crops:
            raise InvalidRequest(part.name, "was sent twice; send one value")
        if len(part.data) > _MAX_CROP:
            raise RequestTooLarge(part.name, f"is over {_MAX_CROP} bytes; send four numbers")
        try:
            self._crops[part.name] = json.loads(part.data)
        except (ValueError, RecursionError):
            raise InvalidRequest(part.name, "is not valid JSON; send it as in [0.1, 0, 0.5, 1]") from None

    def beside(self, asked: SearchRequest, uploads: Mapping[Modality, bytes]) -> ParsedSearch:
        """The search with them. Raises ``InvalidRequest`` for what has no picture, and for a picture that is
        given twice."""
        files = dict(uploads)
        changed: dict[str, ImageInput | Unlike] = {}
        if self._crops.get("image.crop") is not None:
            if "image" not in files:
                raise InvalidRequest("image.crop", "is a box of the file part 'image': send that as well")
            changed["image"] = self._picture("image", files.pop("image"))
        if self._file is not None:
            if asked.unlike is not None and asked.unlike.image is not None:
                raise InvalidRequest(
                    UNWANTED, "is given both as a file and inside the request; send one of them"
                )
            picture = self._picture(UNWANTED, self._file)
            unlike = asked.unlike
            changed["unlike"] = (
                Unlike(image=picture) if unlike is None else unlike.model_copy(update={"image": picture})
            )
        elif f"{UNWANTED}.crop" in self._crops:
            raise InvalidRequest(
                f"{UNWANTED}.crop", f"is a box of the file part '{UNWANTED}': send that as well"
            )
        return ParsedSearch(asked.model_copy(update=changed) if changed else asked, files)

    def _picture(self, name: str, data: bytes) -> ImageInput:
        crop = self._crops.get(f"{name}.crop")
        try:
            return ImageInput.model_validate({"data": base64.b64encode(data).decode(), "crop": crop})
        except ValidationError as error:
            fault = error.errors(include_url=False, include_input=False)[0]
            reason = fault["msg"].removeprefix("Value error, ").removeprefix("crop ")
            raise InvalidRequest(
                f"{name}.crop", f"{reason}; send four numbers, as in [0.1, 0, 0.5, 1]"
            ) from None


def file_of(part: Part, *, twice: bool) -> bytes:
    """The bytes of a file part. Raises ``InvalidRequest`` for what is none, is empty, or was there before."""
    if not part.file:
        raise InvalidRequest(part.name, "send it as a file part (with a filename)")
    if twice:
        raise InvalidRequest(part.name, "was sent twice; send one file for it")
    if not part.data:
        raise InvalidRequest(part.name, "is an empty file; send the file's bytes or leave the part out")
    return part.data
