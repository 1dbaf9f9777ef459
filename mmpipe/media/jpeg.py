"""JPEG files that lack their end.

Uploads and exports that break off lose the last bytes of a file; what is lost of the picture depends on how
many. To see how much, the end is made up in several ways and the file decoded with each: the pictures are the
same up to the first block of pixels that depends on what is missing.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

_END: Final = b"\xff\xd9"
# Two runs of bits that no coding table reads alike, long enough for one block of pixels.
_MADE_UP: Final = (b"", b"\x55" * 1024, b"\xaa" * 1024)
# In the data of a scan: a marker, but no stuffed byte, no restart and no filler.
_MARKER: Final = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")
_PROGRESSIVE: Final = frozenset({0xC2, 0xCA})
_FRAMES: Final = frozenset({0xC0, 0xC1, 0xC9}) | _PROGRESSIVE
_COEFFICIENTS: Final = 64
_MAX_SEGMENTS: Final = 2_000


def with_made_up_ends(data: bytes) -> tuple[bytes, ...]:
    """The file with its end made up in different ways, the plainest first.

    Nothing where the file has an end, or breaks off before its last scan has begun: of a progressive file,
    the one that brings the last bit of the last coefficients (ITU-T T.81, G.1); what comes before is a
    coarser picture.
    """
    if not _lacks_only_the_end(data):
        return ()
    held = data.rstrip(b"\xff")
    return tuple(held + made_up + _END for made_up in _MADE_UP)


def missing_part(pictures: Sequence[NDArray[np.uint8]]) -> float:
    """The part of a picture, between 0 and 1, from the first block on in which these differ.

    ``pictures``: the same file with different ends, ``(height, width[, channels])``, not turned.
    """
    first = pictures[0]
    height, width = len(first), len(first[0])
    differs: NDArray[np.bool_] = np.zeros((height, width), np.bool_)
    for other in pictures[1:]:
        differs |= (first != other).reshape(height, width, -1).any(axis=2)
    if not differs.any():
        return 0.0
    top = int(differs.any(axis=1).argmax())
    block = differs[top : top + 8]
    left = int(block.any(axis=0).argmax())
    return 1.0 - (top * width + left * len(block)) / (height * width)


def _lacks_only_the_end(data: bytes) -> bool:
    waiting: dict[int, set[int]] = {}
    progressive = False
    at = 2
    for _ in range(_MAX_SEGMENTS):
        found = _MARKER.search(data, at)
        if found is None:
            return bool(waiting) and not any(waiting.values())
        marker, at = found.group()[1], found.end()
        if marker == _END[1]:
            return False
        if marker in (0x01, 0xD8):
            continue
        body = data[at + 2 : at + int.from_bytes(data[at : at + 2], "big")]
        if marker in _FRAMES and len(body) >= 6:
            progressive = marker in _PROGRESSIVE
            waiting = {each: set(range(_COEFFICIENTS)) for each in body[6::3][: body[5]]}
        elif marker == 0xDA and len(body) >= 4:
            components, (start, last, bits) = body[1 : 1 + 2 * body[0] : 2], body[-3:]
            if not progressive:
                start, last, bits = 0, _COEFFICIENTS - 1, 0
            for component in components if bits & 15 == 0 else ():
                waiting.get(component, set()).difference_update(range(start, last + 1))
        at += 2 + len(body)
    return False
