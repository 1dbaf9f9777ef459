"""Media: which links may be followed, their bytes, and what those show; all hostile until checked.

:func:`resolve` turns a product's links into one :class:`MediaRef` each, or says why one is not followed; a
row follows every address that a link may mean, so that whichever spelling is uploaded later is noticed.
:func:`shown` does it for the address in a query, which may mean less.
:class:`Asker` tells without fetching whether a medium is what it was, by the :class:`MediaStamp` that was
kept of it. :class:`Fetcher` gives the bytes, :func:`decode` what an encoder takes of them (RGB in sRGB, mono
samples, a few frames), :func:`cropped` a box of a picture, all within the settings' limits: ``InvalidMedia``,
``MediaTooLarge``, ``MediaNotAllowed``; :func:`decoding_pixels` tells before how much memory that takes. A
host that fails for now is a ``RetryableError``, as is an object store.

:class:`HttpsClient` asks allowed hosts alone, never a private network address: checked after the name was
resolved, and again for each redirect.
"""

from __future__ import annotations

from mmpipe.media.ask import Asker, Question
from mmpipe.media.containers import format_of
from mmpipe.media.cost import decoding_pixels
from mmpipe.media.decode import DEFAULT_TARGET, decode
from mmpipe.media.fetch import Fetcher
from mmpipe.media.https import HttpsClient
from mmpipe.media.images import cropped
from mmpipe.media.kinds import image_kind
from mmpipe.media.refs import MediaBytes, MediaRef, max_bytes, media_root, resolve, resolve_link, shown
from mmpipe.media.stamps import MediaStamp

__all__ = [
    "DEFAULT_TARGET",
    "Asker",
    "Fetcher",
    "HttpsClient",
    "MediaBytes",
    "MediaRef",
    "MediaStamp",
    "Question",
    "cropped",
    "decode",
    "decoding_pixels",
    "format_of",
    "image_kind",
    "max_bytes",
    "media_root",
    "resolve",
    "resolve_link",
    "shown",
]
