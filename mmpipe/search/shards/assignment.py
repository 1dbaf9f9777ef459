"""Which shard answers for which fragment of a version.

Rendezvous hashing with bounded loads (Thaler and Ravishankar, "Using Name-Based Mappings to Increase Hit
Rates", 1998; Mirrokni, Thorup and Zadimoghaddam, "Consistent Hashing with Bounded Loads", SODA 2018): every
fragment has an order of shards that follows from its number alone, and goes to the first of them that has
room. So a new fragment, or one less, moves few others, and whoever knows a version's fragments knows every
shard's without asking.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

# How much more than its even part a shard may get.
SLACK = 0.25


def assign(rows: Mapping[int, int], shards: int) -> dict[int, int]:
    """The shard, from 0, of every fragment of a version, given the physical rows of each by its number.

    No shard has more than ``1 + SLACK`` times its even part of the rows, unless a fragment has room nowhere:
    it goes to the emptiest shard.
    """
    room = (1 + SLACK) * sum(rows.values()) / shards
    load = [0] * shards
    found: dict[int, int] = {}
    # Large ones first: small ones fill what is left.
    for fragment in sorted(rows, key=lambda number: (-rows[number], number)):
        preferred = sorted(range(shards), key=lambda shard: _draw(fragment, shard))
        fitting = (shard for shard in preferred if load[shard] + rows[fragment] <= room)
        chosen = next(fitting, None)
        if chosen is None:
            chosen = min(preferred, key=lambda shard: load[shard])
        load[chosen] += rows[fragment]
        found[fragment] = chosen
    return found


def _draw(fragment: int, shard: int) -> bytes:
    return hashlib.blake2b(f"{fragment} {shard}".encode(), digest_size=8).digest()
