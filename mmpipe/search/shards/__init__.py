"""A collection that is larger than one node, split by fragments among shards.

Every shard holds the columns of its fragments (:func:`assign`) and answers for them (:class:`Shard`); a
:class:`ShardedSearcher` asks all of them over a :class:`Transport`, and merges what they say.
"""

from mmpipe.search.shards.assignment import assign
from mmpipe.search.shards.merge import currency_of
from mmpipe.search.shards.searcher import (
    ShardedSearcher,
    ShardedVersion,
    ShardMissing,
    Transport,
    VersionGone,
    VersionRef,
)
from mmpipe.search.shards.shard import Loaded, Shard

__all__ = [
    "Loaded",
    "Shard",
    "ShardMissing",
    "ShardedSearcher",
    "ShardedVersion",
    "Transport",
    "VersionGone",
    "VersionRef",
    "assign",
    "currency_of",
]
