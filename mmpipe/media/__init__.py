"""Media: which links may be followed, their bytes, and what those show; all hostile until checked."""

from __future__ import annotations

from mmpipe.media.ask import Asker, Question
from mmpipe.media.decode import decode
from mmpipe.media.fetch import Fetcher
from mmpipe.media.https import HttpsClient
from mmpipe.media.refs import MediaBytes, MediaRef, resolve
from mmpipe.media.stamps import MediaStamp

__all__ = [
    "Asker",
    "Fetcher",
    "HttpsClient",
    "MediaBytes",
    "MediaRef",
    "MediaStamp",
    "Question",
    "decode",
    "resolve",
]
