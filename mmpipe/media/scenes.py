"""Which frames of a clip to look at: some of every scene, more of the long ones.

A cut is a jump between neighbouring frames that stands out from the clip's own motion: the mean absolute
difference of their thumbnails exceeds both a floor and a multiple of the median difference (an adaptive
threshold in the manner of Yusoff, Christmas and Kittler, 1998). A fade has no jump; even spacing within the
scene catches it. A flash is no scene: soon after the jump there is one back to what was shown before.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Thumbnail: TypeAlias = NDArray[np.uint8] | NDArray[np.float32]

# Of 255 levels a channel: below it, two frames show the same scene whatever the rest of the clip does.
LEAST_JUMP = 18.0
_TIMES_MEDIAN = 4.0
# Fewer frames than these are no scene, however seldom frames are looked at.
_SHORTEST = 2


def difference(one: Thumbnail, other: Thumbnail) -> float:
    """The mean absolute difference of two pictures of levels 0 to 255."""
    return float(np.abs(np.subtract(one, other, dtype=np.float32)).mean())


def scenes(thumbnails: Sequence[Thumbnail], shortest: int = _SHORTEST) -> list[slice]:
    """Runs of frames between cuts, in order; together they cover every frame.

    ``thumbnails`` are equally shaped pictures of levels 0 to 255. Runs shorter than ``shortest`` frames (at
    least 2) join the next one (the last one joins the one before), unless the clip has no others.
    """
    count = len(thumbnails)
    if count == 0:
        return []
    shortest = max(shortest, _SHORTEST)
    jumps = np.asarray([difference(a, b) for a, b in pairwise(thumbnails)])
    typical = float(np.median(jumps)) if len(jumps) else 0.0
    limit = max(LEAST_JUMP, _TIMES_MEDIAN * typical)
    bounds = [0]
    for cut in _without_flashes(thumbnails, (np.flatnonzero(jumps > limit) + 1).tolist(), shortest, limit):
        if cut - bounds[-1] >= shortest:
            bounds.append(cut)
    if len(bounds) > 1 and count - bounds[-1] < shortest:
        bounds.pop()
    return [slice(a, b) for a, b in zip(bounds, [*bounds[1:], count], strict=True)]


def _without_flashes(
    thumbnails: Sequence[Thumbnail], cuts: list[int], shortest: int, limit: float
) -> list[int]:
    kept: list[int] = []
    after_flash = 0
    for place, cut in enumerate(cuts):
        if cut < after_flash:
            continue
        before = thumbnails[cut - 1]
        soon = cuts[place + 1 : bisect_left(cuts, cut + shortest)]
        back = next((c for c in soon if difference(thumbnails[c], before) <= limit), None)
        if back is None:
            kept.append(cut)
        else:
            after_flash = back + 1
    return kept


def choose(
    thumbnails: Sequence[Thumbnail],
    count: int,
    shortest: int = _SHORTEST,
    available: Sequence[int] | None = None,
) -> list[int]:
    """At most ``count`` frame numbers, ascending.

    Every scene gets a frame, the longest ones first where there are more scenes than ``count``; what is left
    goes to the scene with most frames for each one taken (D'Hondt). Within a scene the frames are evenly
    spaced, so that one frame is its middle, far from both cuts. Where only some frames are ``available``
    (ascending numbers), the nearest of the same scene stand for those. Deterministic.
    """
    if count < 1:
        raise ValueError("count must be at least 1")
    found = scenes(thumbnails, shortest)
    lengths = [scene.stop - scene.start for scene in found]
    kept = sorted(sorted(range(len(found)), key=lambda i: (-lengths[i], i))[:count])
    shares = dict.fromkeys(kept, 1)
    for _ in range(min(count, sum(lengths[i] for i in kept)) - len(kept)):
        # A scene can give no more frames than it has.
        open_scenes = [i for i in kept if shares[i] < lengths[i]]
        shares[max(open_scenes, key=lambda i: (lengths[i] / (shares[i] + 1), -i))] += 1
    chosen: set[int] = set()
    for i in kept:
        places = (np.arange(shares[i]) + 0.5) * lengths[i] / shares[i]
        wanted = [found[i].start + int(place) for place in places]
        if available is not None:
            first, last = bisect_left(available, found[i].start), bisect_left(available, found[i].stop)
            wanted = [_nearest(available[first:last], number) for number in wanted if last > first]
        chosen.update(wanted)
    return sorted(chosen)


def _nearest(numbers: Sequence[int], wanted: int) -> int:
    return min(numbers, key=lambda number: (abs(number - wanted), number))
