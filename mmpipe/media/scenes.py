"""Which frames of a clip to look at: some of every scene, more of the long ones.

A cut is a jump between neighbouring frames that stands out from the clip's own motion: the mean absolute
difference of their thumbnails exceeds both a floor and a multiple of the median difference (an adaptive
threshold in the manner of Yusoff, Christmas and Kittler, 1998). A fade has no jump; even spacing within the
scene catches it. A single odd frame (a flash) is no scene: it makes two jumps with nothing between.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

# Of 255 levels a channel: below it, two frames show the same scene whatever the rest of the clip does.
_LEAST_JUMP = 18.0
_TIMES_MEDIAN = 4.0
_SHORTEST = 2


def scenes(thumbnails: Sequence[NDArray[np.float32]]) -> list[slice]:
    """Runs of frames between cuts, in order; together they cover every frame.

    ``thumbnails`` are equally shaped pictures of levels 0 to 255. Runs shorter than two frames join the next
    one (the last one joins the one before), unless the clip has no others.
    """
    count = len(thumbnails)
    if count == 0:
        return []
    jumps = np.asarray([np.abs(b - a).mean() for a, b in pairwise(thumbnails)])
    typical = float(np.median(jumps)) if len(jumps) else 0.0
    limit = max(_LEAST_JUMP, _TIMES_MEDIAN * typical)
    cuts = (np.flatnonzero(jumps > limit) + 1).tolist()
    flashes = {
        cut
        for cut in cuts
        if cut + 1 in cuts and np.abs(thumbnails[cut + 1] - thumbnails[cut - 1]).mean() <= limit
    }
    bounds = [0]
    for cut in cuts:
        if cut in flashes or cut - 1 in flashes:
            continue
        if cut - bounds[-1] >= _SHORTEST:
            bounds.append(cut)
    if len(bounds) > 1 and count - bounds[-1] < _SHORTEST:
        bounds.pop()
    return [slice(a, b) for a, b in zip(bounds, [*bounds[1:], count], strict=True)]


def choose(thumbnails: Sequence[NDArray[np.float32]], count: int) -> list[int]:
    """At most ``count`` frame numbers, ascending.

    Every scene gets a frame, the longest ones first where there are more scenes than ``count``; what is left
    goes to the scene with most frames for each one taken (D'Hondt). Within a scene the frames are evenly
    spaced, so that one frame is its middle, far from both cuts. Deterministic.
    """
    if count < 1:
        raise ValueError("count must be at least 1")
    found = scenes(thumbnails)
    lengths = [scene.stop - scene.start for scene in found]
    kept = sorted(sorted(range(len(found)), key=lambda i: (-lengths[i], i))[:count])
    shares = dict.fromkeys(kept, 1)
    for _ in range(min(count, sum(lengths[i] for i in kept)) - len(kept)):
        # A scene can give no more frames than it has.
        open_scenes = [i for i in kept if shares[i] < lengths[i]]
        shares[max(open_scenes, key=lambda i: (lengths[i] / (shares[i] + 1), -i))] += 1
    chosen: list[int] = []
    for i in kept:
        places = (np.arange(shares[i]) + 0.5) * lengths[i] / shares[i]
        chosen += [found[i].start + int(place) for place in places]
    return chosen
