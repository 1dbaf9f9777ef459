"""How behaviour lies in memory: the arrays, and what each of their numbers means.

An *actor* is a user or a session, by a code. A *row* is one event. The first rows, the *base*, lie by owner,
then by time, then by event; those that came since follow in the order of arrival. The owner of an event is
its user, else the user it was joined to, else its session.

A row is alive in state ``seq`` if its place is below the state's ``n`` and ``died`` is above ``seq``. Rows of
a state never change otherwise, so whoever reads one reads the same for as long as it is held, while a writer
appends behind it. Chains (``head_…``, ``before_…``) link what came since, newest arrival first; they may
begin with rows behind ``n``, which readers pass over.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numba import types
from numpy.typing import NDArray

I32 = NDArray[np.int32]
I64 = NDArray[np.int64]
F64 = NDArray[np.float64]
U8 = NDArray[np.uint8]
U64 = NDArray[np.uint64]

ALIVE = np.int32(np.iinfo(np.int32).max)
# Bits of a row's kind: what happened, whether it followed from a list, whether a user was named.
CODE, CLICKED, IDENTIFIED = 0x1F, 0x20, 0x80
# Bits of what a kind of event counts as.
BOUGHT, VIEWED, ACTED, SHOWN, JUDGED = 1, 2, 4, 8, 16
# A session with more events is a machine's, or shared by a shop's every visitor: it is joined to nobody.
JOINED = 1_000
# Contributions to a trend are integers, so that taking one back leaves nothing: 2**SHIFT for one of weight 1
# at the trend's reference, and none above 2**(SHIFT + LATEST).
SHIFT, LATEST = 24, 10.0


class Rows(NamedTuple):
    """The columns. ``time`` and ``received`` are microseconds since 1970; ``item`` and ``session`` are -1
    where there is none."""

    event: U64
    time: I64
    received: I64
    item: I32
    session: I32
    owner: I32
    kind: U8
    died: I32


class Index(NamedTuple):
    """Where rows are found. ``start`` gives each owner's first base row; ``item_rows`` and ``session_rows``
    hold base rows by time, their ``…_start`` where each item's or session's begin. ``before_…`` begin at the
    first row behind the base."""

    start: I32
    item_start: I32
    item_rows: I32
    session_start: I32
    session_rows: I32
    head_owner: I32
    head_item: I32
    head_session: I32
    before_owner: I32
    before_item: I32
    before_session: I32


class Tally(NamedTuple):
    """Counts that are kept up to date, over living rows: ``shoppers`` (2, items) and ``acts`` (2, actors) for
    bought and viewed; ``weight`` and ``trend`` (trends, items) in fixed point; ``held`` events per session;
    ``sums`` with how many actors bought, how many viewed, and how many events there are."""

    shoppers: NDArray[np.int32]
    acts: NDArray[np.int32]
    weight: I64
    trend: NDArray[np.int64]
    shown: I64
    clicked: I64
    held: I32
    sums: I64


class Keys(NamedTuple):
    """Open hash tables. ``rows`` gives the row of an event, ``actors`` the code of an actor, -1 for none;
    ``actor`` is the key of each code."""

    rows: I32
    actors: I32
    actor: U64


class Meaning(NamedTuple):
    """Per kind: its weight, and the bits it counts as; per trend its half-life and its reference, seconds."""

    weight: I64
    groups: U8
    half_life: F64
    reference: F64


class Batch(NamedTuple):
    """Events as they come, by rising time of arrival at the service; ``user`` and ``session`` are keys, 0 for
    none."""

    event: U64
    time: I64
    received: I64
    item: I32
    user: U64
    session: U64
    kind: U8


def _array(dtype: Any, dimensions: int = 1) -> Any:
    return types.Array(dtype, dimensions, "C")


_I32, _I64, _F64, _U8, _U64 = map(
    _array, (types.int32, types.int64, types.float64, types.uint8, types.uint64)
)
ROWS = types.NamedTuple((_U64, _I64, _I64, _I32, _I32, _I32, _U8, _I32), Rows)
# Of one type throughout: numba takes it for another type than a NamedTuple of the same.
INDEX = types.NamedUniTuple(_I32, 11, Index)
TALLY = types.NamedTuple(
    (_array(types.int32, 2), _array(types.int32, 2), _I64, _array(types.int64, 2), _I64, _I64, _I32, _I64),
    Tally,
)
KEYS = types.NamedTuple((_I32, _I32, _U64), Keys)
MEANING = types.NamedTuple((_I64, _U8, _F64, _F64), Meaning)
BATCH = types.NamedTuple((_U64, _I64, _I64, _I32, _U64, _U64, _U8), Batch)
