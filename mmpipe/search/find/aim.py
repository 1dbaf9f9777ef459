"""What a query is aimed at besides its text and media: products that it is to be like, and what it is not.

Liked products are a part of the query, of the weight ``weights.like``: the mean of their fused vectors. What
is not wanted turns the query's vectors away from it, by a bounded angle (:data:`_AWAY`), so that what is
asked stays first. Neither the products that are named nor others of their groups are matches.

The vectors of named products are rounded to one byte a dimension, and a page cursor carries them: later pages
go by the same, whatever becomes of those products meanwhile.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from mmpipe.errors import InvalidRequest
from mmpipe.schemas.conditions import Comparison, Condition, Not, Or
from mmpipe.schemas.search import Weights
from mmpipe.search.find.packed import pack, unit, unpack

if TYPE_CHECKING:
    from mmpipe.encoders.base import Vectors
    from mmpipe.schemas.search import SearchRequest
    from mmpipe.search.find.likeness import Likeness
    from mmpipe.search.find.query import EncodedQuery

# Of what is not wanted, the part that a query does not share is taken from it so many times: it turns by 22
# degrees at most.
_AWAY = 0.4


@dataclass(frozen=True)
class Aims:
    """The mean vector of liked products and that of unwanted ones, packed, None for none; and the groups of
    all of them."""

    like: bytes | None = None
    unlike: bytes | None = None
    groups: tuple[str, ...] = ()


def named(request: SearchRequest) -> tuple[str, ...]:
    """The ids that a request names, liked and not, each once."""
    unlike = () if request.unlike is None else request.unlike.like
    return tuple(dict.fromkeys((*request.like, *unlike)))


def aims(request: SearchRequest, held: Mapping[str, Likeness]) -> Aims:
    """From what is ``held`` of the products that a request names.

    Raises :class:`InvalidRequest` for an id that no product has, and for a liked product without a vector."""
    unlike = [] if request.unlike is None else request.unlike.like
    liked = [_of(held, product_id, f"like[{at}]") for at, product_id in enumerate(request.like)]
    shunned = [_of(held, product_id, f"not.like[{at}]") for at, product_id in enumerate(unlike)]
    groups = dict.fromkeys(each.group for each in (*liked, *shunned) if each.group is not None)
    return Aims(_mean(liked), _mean(shunned), tuple(groups))


def aimed(request: SearchRequest, query: EncodedQuery, aims: Aims) -> EncodedQuery:
    """A query that is aimed so. Raises :class:`InvalidRequest` where nothing is looked for beside what is not
    wanted."""
    if request.unlike is not None and not query.text and query.vector is None and not request.like:
        raise InvalidRequest(
            "not", "needs something that is looked for beside it: text, a medium or like; or use filter"
        )
    weight = query.like_weight
    vector, parts, reach = query.vector, query.modality_vectors, query.reach
    if aims.like is not None and weight > 0:
        liked = unpack(aims.like)
        own = sum(query.modality_weights.values())
        vector = liked if vector is None else unit(own * vector + weight * liked)
        reach = None
    shunned = None if aims.unlike is None else unpack(aims.unlike)
    # Of products only the fused vector is at hand; a single modality's meets what there is of words in it.
    away, alone = _sum(query.away, shunned), _sum(query.away_alone, shunned)
    if vector is not None and away is not None:
        turned = _turned(vector, away)
        if alone is not None:
            parts = {m: _turned(part, alone) for m, part in parts.items()}
        if reach is not None:
            # What was asked for is as much less near as the query has turned from it.
            near = float(turned @ vector)
            reach = replace(
                reach, far=reach.far * near, near=reach.near * near, sure=reach.sure * near,
                seen=reach.seen * near, crowd=reach.crowd * near,
            )  # fmt: skip
        vector = turned
    excluded = _excluded(request, aims)
    return replace(query, vector=vector, modality_vectors=parts, reach=reach, aims=aims, excluded=excluded)


def less_like(query: EncodedQuery, unwanted: EncodedQuery) -> EncodedQuery:
    """A query that leans away from what another one looks for as well."""
    away = _sum(query.away, unwanted.vector)
    alone = _sum(query.away_alone, *unwanted.modality_vectors.values())
    digest = hashlib.blake2b(query.identity + b"\0not\0" + unwanted.identity, digest_size=16).digest()
    return replace(query, away=away, away_alone=alone, identity=digest)


def like_weight(request: SearchRequest) -> float:
    """What liked products weigh in a request: 0 where it names none."""
    return (request.weights or Weights()).like if request.like else 0.0


def _of(held: Mapping[str, Likeness], product_id: str, field: str) -> Likeness:
    found = held.get(product_id)
    if found is None:
        raise InvalidRequest(field, "is the id of no product here: name one that is found")
    if found.vector is None:
        raise InvalidRequest(field, "has neither text nor media to be compared by: name another product")
    return found


def _sum(*vectors: Vectors | None) -> Vectors | None:
    """The direction of the sum of those that are there, of unit length."""
    given = [vector for vector in vectors if vector is not None]
    return unit(np.sum(given, axis=0, dtype=np.float32)) if given else None


def _mean(products: Sequence[Likeness]) -> bytes | None:
    vectors = [each.vector for each in products if each.vector is not None]
    return pack(np.sum(vectors, axis=0, dtype=np.float64)) if vectors else None


def _excluded(request: SearchRequest, aims: Aims) -> Condition | None:
    ids = named(request)
    if not ids:
        return None
    parts = [Comparison.of("id", ids)]
    if aims.groups:
        parts.append(Comparison.of("item_group_id", aims.groups))
    return Not.model_construct(part=Or.model_construct(parts=tuple(parts)))


def _turned(vector: Vectors, away: Vectors) -> Vectors:
    return unit(vector - np.float32(_AWAY) * (away - (away @ vector) * vector))
