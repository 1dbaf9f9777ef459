"""Files that a search may look at: below one folder that whoever starts the server names."""

from __future__ import annotations

import base64
from pathlib import Path

from mmpipe.errors import InvalidRequest, RequestTooLarge

_FIELD = "image_path"


class Pictures:
    """The files below ``folder``, each of ``max_bytes`` at most."""

    def __init__(self, folder: Path, max_bytes: int) -> None:
        """Raises ``InvalidRequest`` where ``folder`` is none."""
        self._folder = folder.resolve()
        self._max_bytes = max_bytes
        if not self._folder.is_dir():
            raise InvalidRequest("pictures", f"{folder} is no folder; name one that is there")

    def read(self, path: str) -> str:
        """Base64 of a file, by its path from the folder; blocks. What leads out of the folder, by itself or
        by a link, is refused like what is not there. Raises ``InvalidRequest``, ``RequestTooLarge``."""
        try:
            file = (self._folder / path).resolve(strict=True)
        except (OSError, ValueError, RuntimeError):
            raise self._no_such() from None
        if not file.is_relative_to(self._folder) or not file.is_file():
            raise self._no_such()
        try:
            with file.open("rb") as opened:
                data = opened.read(self._max_bytes + 1)
        except OSError as error:
            raise InvalidRequest(_FIELD, f"cannot be read: {error.strerror}") from None
        if len(data) > self._max_bytes:
            raise RequestTooLarge(_FIELD, f"is over {self._max_bytes:,} bytes; send a smaller picture")
        return base64.b64encode(data).decode()

    def _no_such(self) -> InvalidRequest:
        return InvalidRequest(_FIELD, "no such file below the folder of pictures; give a path from there")
