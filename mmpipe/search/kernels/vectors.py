"""Compiled passes over the vectors of all fragments of a version.

Every kernel takes a *table*, ``int64[F, COLUMNS]``: one row per fragment with its first row, its sizes and
the addresses of its arrays, so that one call passes over all of them. A vector's score is summed in float32
in sixteen lanes and a fixed order that no compiler may change, so it has the same bits whatever fragment the
row is in, whichever kernel asks, on every machine.

A row's *estimate* comes from one bit per dimension of its rotated difference from its list's centroid, after
RaBitQ (Gao and Long, SIGMOD 2024): ``q · v = q · c + offset + slope · (Rq · sign)``, where the signs are the
row's code and ``offset`` and ``slope`` make the estimate unbiased. The rotated query is taken in four bits,
so a row costs a few popcounts.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba import carray, njit, types
from numba.extending import intrinsic

from mmpipe.search.kernels.memory import (
    as_f32,
    as_i8,
    as_i32,
    as_i64,
    as_u16,
    as_u64,
    bit_count,
    prefetch,
    trailing_zeros,
)

# The table's columns.
(
    BASE, LISTS, GROUPS, VALUES, PLACE, LIST_START, LIST_ROWS, CODES, CENTROIDS, SCALES,
    GROUP_START, GROUP_CENTROIDS, GROUP_SCALES, LARGEST_GROUP, STORED,
) = range(15)  # fmt: skip
COLUMNS = 15

PLANES = 4
# A query's steps per unit length: an int8 centroid's product with it stays below 2^31 up to 65,536
# dimensions, and the rounding is a hundredth of the estimate's own error.
QUERY_STEPS = 8192.0
# Scores are sorted into this many bins over [-1.25, 1.25]; estimates may leave [-1, 1] a little.
_BINS = 2048
_BIN_SCALE = np.float32(_BINS / 2.5)
# What is passed over in any case sorts above all scores.
_FIRST = np.float32(2)
_LANES = 16
# The sign, and where float16's exponent and mantissa come to lie in a float32.
_KEPT_BITS = 0x8FFFE000 - (1 << 32)
GROWN = np.float32(2.0**112)
# An estimate's slope is kept in steps of this length.
SLOPE_STEP = np.float32(2.0**-15)
# Rows whose codes are asked for before the first is read: memory answers many requests in the time of one.
_CHUNK = 256
# As many rows ahead a vector is asked for.
_AHEAD = 6
_LINE = 64
# Lists that are scored before the first is passed over.
_LISTS_AT_ONCE = 4_000


@intrinsic  # type: ignore[untyped-decorator]
def as_i16(_context: Any, address: Any) -> Any:
    """A typed pointer of an address."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.inttoptr(args[0], context.get_value_type(signature.return_type))

    return types.CPointer(types.int16)(types.int64), codegen


@intrinsic  # type: ignore[untyped-decorator]
def _half_lanes(_context: Any, halves: Any, singles: Any, count: Any) -> Any:
    """Sum of products of ``count`` (a multiple of 16) float16 and float32 numbers at two addresses, times
    2^-112.

    Written as vector instructions: a loop would be summed one number at a time, or in an order of the
    compiler's choosing.
    """
    i16, i32, i64, f32 = ir.IntType(16), ir.IntType(32), ir.IntType(64), ir.FloatType()

    def codegen(_c: Any, builder: Any, _signature: Any, args: Any) -> Any:
        def lanes(kind: Any, value: Any) -> Any:
            return ir.Constant(ir.VectorType(kind, _LANES), [value] * _LANES)

        half_address, single_address, total = args
        before = builder.block
        loop = builder.append_basic_block("half.loop")
        done = builder.append_basic_block("half.done")
        zero = lanes(f32, 0.0)
        builder.cbranch(builder.icmp_signed(">", total, i64(0)), loop, done)
        builder.position_at_end(loop)
        at = builder.phi(i64)
        acc = builder.phi(ir.VectorType(f32, _LANES))
        halves_at = builder.inttoptr(
            builder.add(half_address, builder.shl(at, i64(1))), ir.VectorType(i16, _LANES).as_pointer()
        )
        singles_at = builder.inttoptr(
            builder.add(single_address, builder.shl(at, i64(2))), ir.VectorType(f32, _LANES).as_pointer()
        )
        half = builder.load(halves_at, align=2)
        single = builder.load(singles_at, align=4)
        wide = builder.shl(builder.sext(half, ir.VectorType(i32, _LANES)), lanes(i32, 13))
        bits = builder.and_(wide, lanes(i32, _KEPT_BITS))
        value = builder.bitcast(bits, ir.VectorType(f32, _LANES))
        summed = builder.fadd(acc, builder.fmul(value, single))
        following = builder.add(at, i64(_LANES))
        builder.cbranch(builder.icmp_signed("<", following, total), loop, done)
        at.add_incoming(i64(0), before)
        at.add_incoming(following, loop)
        acc.add_incoming(zero, before)
        acc.add_incoming(summed, loop)
        builder.position_at_end(done)
        result = builder.phi(ir.VectorType(f32, _LANES))
        result.add_incoming(zero, before)
        result.add_incoming(summed, loop)
        # Halves onto halves: the same order everywhere.
        parts = [builder.extract_element(result, i32(lane)) for lane in range(_LANES)]
        while len(parts) > 1:
            middle = len(parts) // 2
            parts = [builder.fadd(a, b) for a, b in zip(parts[:middle], parts[middle:], strict=True)]
        return parts[0]

    return types.float32(types.int64, types.int64, types.int64), codegen


@njit("float32(uint16)", cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _shrunk(half: int) -> np.float32:
    """A float16 as float32, times 2^-112: its bits in their places, exact for all finite numbers, the
    subnormal ones included."""
    return np.int32((np.int32(np.int16(half)) << np.int32(13)) & np.int32(_KEPT_BITS)).view(np.float32)


@njit("float32(int64, int64, int64)", cache=True, nogil=True)  # type: ignore[untyped-decorator]
def product(values: int, query: int, dim: int) -> np.float32:
    """``values · query``, float16 and float32 at two addresses, where the query is ``GROWN`` times its
    length: a multiplication less per number, and not a bit of difference."""
    whole = dim - dim % _LANES
    total = _half_lanes(values, query, whole)
    halves, singles = carray(as_u16(values), dim), carray(as_f32(query), dim)
    for j in range(whole, dim):
        total += _shrunk(halves[j]) * singles[j]
    return np.float32(total)


@njit("int64(int64)", cache=True, nogil=True)  # type: ignore[untyped-decorator]
def code_words(dim: int) -> int:
    """Words of one row's code: the rotation works on a power of two of dimensions, at least 64."""
    padded = 64
    while padded < dim:
        padded *= 2
    return padded // 64


@njit("void(float32[::1], float32[:, ::1])", cache=True, nogil=True)  # type: ignore[untyped-decorator]
def rotate(vector: Any, signs: Any) -> None:
    """Rotate a padded vector in place: per row of ``signs`` (±1), flip by it, then mix by Hadamard."""
    size = vector.shape[0]
    norm = np.float32(1 / np.sqrt(size))
    for turn in range(signs.shape[0]):
        for j in range(size):
            vector[j] *= signs[turn, j]
        half = 1
        while half < size:
            for start in range(0, size, 2 * half):
                for j in range(start, start + half):
                    a, b = vector[j], vector[j + half]
                    vector[j] = a + b
                    vector[j + half] = a - b
            half *= 2
        for j in range(size):
            vector[j] *= norm


@njit("float32(float32[::1], uint64[:, ::1])", cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _planes_of(rotated: Any, planes: Any) -> np.float32:
    """Write a rotated query's bit planes; the length of half a step.

    A value stands for ``half a step * sum of 2^p * (1 or -1)``, so a product with signs is popcounts of
    differing bits alone.
    """
    top = np.float32(1e-20)
    for j in range(rotated.shape[0]):
        top = max(top, abs(rotated[j]))
    levels = 1 << PLANES
    half_step = top / np.float32(levels - 1)
    planes[:] = 0
    for j in range(rotated.shape[0]):
        level = int(np.floor((rotated[j] / half_step + np.float32(levels)) * np.float32(0.5)))
        level = min(max(level, 0), levels - 1)
        for plane in range(PLANES):
            if (level >> plane) & 1:
                planes[plane, j >> 6] |= np.uint64(1) << np.uint64(j & 63)
    return np.float32(half_step)


@njit("int64(float32)", cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _bin(score: float) -> int:
    return min(max(int((score + np.float32(1.25)) * _BIN_SCALE), 0), _BINS - 1)


@njit("void(int64[::1], int64, int64, int64, float32[::1])", cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _score_all(address: Any, count: int, query: int, dim: int, scores: Any) -> None:
    """:func:`product` of ``count`` vectors anywhere in memory."""
    for i in range(count + _AHEAD):
        if i < count:
            for line in range(0, 2 * dim, _LINE):
                prefetch(address[i] + line)
        if i >= _AHEAD:
            scores[i - _AHEAD] = product(address[i - _AHEAD], query, dim)


@njit("int64(int64, int64, int64)", cache=True, nogil=True)  # type: ignore[untyped-decorator]
def count_common(left: int, right: int, words: int) -> int:
    """Bits set in both of two bit sets at these addresses."""
    a, b = carray(as_u64(left), words), carray(as_u64(right), words)
    total = 0
    for w in range(words):
        total += bit_count(a[w] & b[w])
    return total


@njit(  # type: ignore[untyped-decorator]
    "int64(int64[:, ::1], int64, int64, int64, int64, int64, int32[::1], float32[::1])",
    cache=True,
    nogil=True,
)
def scan_all(
    table: Any, mask: int, present: int, words: int, query: int, dim: int, rows: Any, scores: Any
) -> int:
    """Score every row set in both bit sets; rows ascending. The number of rows."""
    a, b = carray(as_u64(mask), words), carray(as_u64(present), words)
    address = np.empty(_CHUNK, np.int64)
    found = 0
    for f in range(table.shape[0]):
        base, place = table[f, BASE], as_i32(table[f, PLACE])
        last = table[f + 1, BASE] >> 6 if f + 1 < table.shape[0] else words
        held = 0
        for w in range(base >> 6, last):
            left = a[w] & b[w]
            while left:
                row = (w << 6) + trailing_zeros(left)
                left &= left - np.uint64(1)
                rows[found + held] = row
                address[held] = table[f, PLACE] + (row - base) * 4
                prefetch(address[held])
                held += 1
            if held > _CHUNK - 64 or (held and w == last - 1):
                for h in range(held):
                    address[h] = table[f, VALUES] + np.int64(place[rows[found + h] - base]) * dim * 2
                _score_all(address, held, query, dim, scores[found : found + held])
                found += held
                held = 0
    return found


@njit(  # type: ignore[untyped-decorator]
    "void(int64[:, ::1], int64[::1], int64, int64, int64, int64, float32[::1])", cache=True, nogil=True
)
def score_rows(table: Any, bases: Any, rows: int, count: int, query: int, dim: int, scores: Any) -> None:
    """``query · vector`` of ``count`` int32 rows at an address; 0 where absent."""
    asked, address = carray(as_i32(rows), count), np.empty(count, np.int64)
    for i in range(count):
        f = np.searchsorted(bases, np.int64(asked[i]), side="right") - 1
        at = np.int64(as_i32(table[f, PLACE])[asked[i] - table[f, BASE]])
        address[i] = table[f, VALUES] + at * dim * 2 if at >= 0 else 0
    for i in range(count + _AHEAD):
        if i < count and address[i]:
            for line in range(0, 2 * dim, _LINE):
                prefetch(address[i] + line)
        if i >= _AHEAD:
            there = address[i - _AHEAD]
            scores[i - _AHEAD] = product(there, query, dim) if there else np.float32(0)


@njit(  # type: ignore[untyped-decorator]
    "void(int64[:, ::1], int64[::1], int64, float32[:, ::1], boolean[::1])", cache=True, nogil=True
)
def gather_rows(table: Any, bases: Any, rows: int, values: Any, present: Any) -> None:
    """Widen the vectors of int32 rows at an address into zeroed ``values``, and say which are there."""
    count, dim = values.shape
    asked = carray(as_i32(rows), count)
    for i in range(count):
        f = np.searchsorted(bases, np.int64(asked[i]), side="right") - 1
        at = np.int64(as_i32(table[f, PLACE])[asked[i] - table[f, BASE]])
        present[i] = at >= 0
        if at >= 0:
            halves = carray(as_u16(table[f, VALUES] + at * dim * 2), dim)
            for j in range(dim):
                values[i, j] = _shrunk(halves[j]) * GROWN


@njit("int64(int32[::1], int64)", cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _cut(counts: Any, wanted: int) -> int:
    """The highest bin that, with all above it, holds ``wanted`` or more; 0 where all hold fewer."""
    held = 0
    for b in range(_BINS - 1, 0, -1):
        held += counts[b]
        if held >= wanted:
            return b
    return 0


@njit("int64(int32[::1], float32[::1], int64[::1], int64, int64)", cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _keep(rows: Any, estimates: Any, address: Any, kept: int, least: int) -> int:
    """Drop what is below a bin, in place; how many stay."""
    stay = 0
    for i in range(kept):
        if _bin(estimates[i]) >= least:
            rows[stay], estimates[stay], address[stay] = rows[i], estimates[i], address[i]
            stay += 1
    return stay


@njit("int16[::1](float32[::1])", cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _stepped(query: Any) -> Any:
    steps = np.empty(query.shape[0], np.int16)
    for j in range(query.shape[0]):
        steps[j] = np.int16(np.rint(query[j] * np.float32(QUERY_STEPS)))
    return steps


@njit("float32(int64, float32, int64, int64)", cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _centroid(codes: int, scale: float, steps: int, dim: int) -> np.float32:
    """``query · centroid``: int8 and the stepped query, int16, at two addresses."""
    eights, sixteens = carray(as_i8(codes), dim), carray(as_i16(steps), dim)
    total = np.int32(0)
    for j in range(dim):
        total += np.int32(eights[j]) * np.int32(sixteens[j])
    return np.float32(np.int32(total)) * scale * np.float32(1 / QUERY_STEPS)


@njit("void(float32[::1], int64, int32[::1])", cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _sorted(near: Any, count: int, order: Any) -> None:
    """The places of the first ``count`` scores by falling score, to the width of a bin."""
    starts = np.zeros(_BINS + 1, np.int64)
    for k in range(count):
        starts[_BINS - _bin(near[k])] += 1
    for b in range(_BINS):
        starts[b + 1] += starts[b]
    for k in range(count):
        b = _BINS - 1 - _bin(near[k])
        order[starts[b]] = k
        starts[b] += 1


@njit(inline="always")  # type: ignore[untyped-decorator]
def _differing(bits: Any, planes: Any, word: int, width: int) -> Any:
    return (
        bit_count(bits ^ planes[word])
        + 2 * bit_count(bits ^ planes[width + word])
        + 4 * bit_count(bits ^ planes[2 * width + word])
        + 8 * bit_count(bits ^ planes[3 * width + word])
    )


@njit(  # type: ignore[untyped-decorator]
    "void(int64, int32[::1], int64[::1], int64[::1], float32[::1], uint64[:, ::1], float32,"
    " int64[::1], int32[::1], float32[::1], int64[::1], int32[::1])",
    cache=True,
    nogil=True,
)
def _estimate(
    count: int,
    some: Any,
    codes: Any,
    values: Any,
    centres: Any,
    planes: Any,
    half_step: float,
    state: Any,
    rows: Any,
    estimates: Any,
    address: Any,
    counts: Any,
) -> None:
    """Estimate ``count`` rows and keep those that may be among the highest.

    ``state``: rows kept, lowest bin of interest, how many are wanted. Called for many rows at once, as
    passing arrays costs more than estimating a row.
    """
    width = planes.shape[1]
    capacity, kept, least = rows.shape[0], state[0], state[1]
    whole = ((1 << PLANES) - 1) * width * 64
    mask = as_u64(planes.ctypes.data)
    for h in range(count):
        at = codes[h]
        code = as_u64(at)
        if width == 4:
            differing = (
                _differing(code[0], mask, 0, 4)
                + _differing(code[1], mask, 1, 4)
                + _differing(code[2], mask, 2, 4)
                + _differing(code[3], mask, 3, 4)
            )
        else:
            differing = 0
            for w in range(width):
                differing += _differing(code[w], mask, w, width)
        offset = as_f32(at + width * 8)[0]
        slope = np.float32(as_u16(at + width * 8 + 4)[0]) * SLOPE_STEP
        estimate = np.float32(centres[h] + offset + slope * half_step * np.float32(whole - 2 * differing))
        b = min(max(int((estimate + np.float32(1.25)) * _BIN_SCALE), 0), _BINS - 1)
        if b < least:
            continue
        if kept == capacity:
            least = _cut(counts, state[2])
            kept = _keep(rows, estimates, address, kept, least)
            counts[:least] = 0
            if b < least or kept == capacity:
                continue
        rows[kept], estimates[kept], address[kept] = some[h], estimate, values[h]
        counts[b] += 1
        kept += 1
    state[0], state[1] = kept, least


@njit(  # type: ignore[untyped-decorator]
    "int64(float32[::1], int64[::1], int32[::1], float32[::1], int64[::1], int32[::1])",
    cache=True,
    nogil=True,
)
def _scored(query: Any, state: Any, rows: Any, scores: Any, address: Any, counts: Any) -> int:
    """Turn the highest of the kept estimates into scores; how many."""
    grown = query * GROWN
    kept: int = _keep(rows, scores, address, state[0], _cut(counts, state[2]))
    _score_all(address, kept, grown.ctypes.data, query.shape[0], scores)
    return kept


@njit(  # type: ignore[untyped-decorator]
    "float32(float32[::1], float32[:, ::1], uint64[:, ::1])", cache=True, nogil=True
)
def _planes(query: Any, signs: Any, planes: Any) -> np.float32:
    rotated = np.zeros(signs.shape[1], np.float32)
    rotated[: query.shape[0]] = query
    rotate(rotated, signs)
    half_step: np.float32 = _planes_of(rotated, planes)
    return half_step


@njit(  # type: ignore[untyped-decorator]
    "int64(int64[:, ::1], int64, int64, float32[::1], float32[:, ::1], int64, int64, int64, int64,"
    " int32[::1], float32[::1])",
    cache=True,
    nogil=True,
)
def probe(
    table: Any,
    mask: int,
    words: int,
    query: Any,
    signs: Any,
    most: int,
    budget: int,
    least: int,
    survivors: int,
    rows: Any,
    scores: Any,
) -> int:
    """The likeliest rows of the best lists, with their true scores; how many.

    Groups of lists, of at most ``most`` each, are taken from the best down until there are enough to choose
    from; lists are passed over from the best centroid down until they held ``least`` rows, and ``budget``
    that are set in ``mask``, and then further groups where those were too few. A fragment that is one list is
    passed over in any case: its mean says nothing of its rows. About ``survivors`` of all those rows, at most
    ``len(rows)``, with the highest estimates are scored.
    """
    dim, width = query.shape[0], signs.shape[1] >> 6
    planes = np.empty((PLANES, width), np.uint64)
    half_step = _planes(query, signs, planes)
    steps = _stepped(query)
    total = np.int64(0)
    for f in range(table.shape[0]):
        total += table[f, GROUPS]
    group_fragment, group_number = np.empty(total, np.int32), np.empty(total, np.int32)
    group_near, group_order = np.empty(total, np.float32), np.empty(total, np.int32)
    k = 0
    for f in range(table.shape[0]):
        scales = as_f32(table[f, GROUP_SCALES])
        for g in range(table[f, GROUPS]):
            group_fragment[k], group_number[k] = f, g
            if table[f, LISTS] == 1:
                group_near[k] = _FIRST
            else:
                group_near[k] = _centroid(
                    table[f, GROUP_CENTROIDS] + g * dim, scales[g], steps.ctypes.data, dim
                )
            k += 1
    _sorted(group_near, total, group_order)
    held = _LISTS_AT_ONCE + most
    fragment, number = np.empty(held, np.int32), np.empty(held, np.int32)
    near, order = np.empty(held, np.float32), np.empty(held, np.int32)
    worth = np.empty(held, np.float32)
    allowed = carray(as_u64(mask), words)
    counts, address = np.zeros(_BINS, np.int32), np.empty(rows.shape[0], np.int64)
    some, centres = np.empty(2 * _CHUNK, np.int32), np.empty(2 * _CHUNK, np.float32)
    codes, values = np.empty(2 * _CHUNK, np.int64), np.empty(2 * _CHUNK, np.int64)
    record = (width + 1) * 8
    state = np.array([0, 0, survivors])
    passed, seen, group, hit = 0, 0, 0, 0
    while group < total and (passed < budget or seen < least):
        lists = 0
        while group < total and lists < _LISTS_AT_ONCE:
            f = int(group_fragment[group_order[group]])
            g = int(group_number[group_order[group]])
            scales = as_f32(table[f, SCALES])
            first, last = g, g + 1
            if table[f, GROUP_START]:
                first, last = as_i64(table[f, GROUP_START])[g], as_i64(table[f, GROUP_START])[g + 1]
            for c in range(first, last):
                fragment[lists], number[lists] = f, c
                near[lists] = _centroid(table[f, CENTROIDS] + c * dim, scales[c], steps.ctypes.data, dim)
                worth[lists] = _FIRST if table[f, LISTS] == 1 else near[lists]
                lists += 1
            group += 1
        _sorted(worth, lists, order)
        for place in range(lists):
            if passed >= budget and seen >= least:
                break
            k = int(order[place])
            f, c = int(fragment[k]), int(number[k])
            base, list_rows = table[f, BASE], as_i32(table[f, LIST_ROWS])
            begin, end = as_i64(table[f, LIST_START])[c], as_i64(table[f, LIST_START])[c + 1]
            if table[f, LISTS] > 1:
                seen += end - begin
            for chunk in range(begin, end, _CHUNK):
                before = hit
                for i in range(chunk, min(chunk + _CHUNK, end)):
                    row = base + list_rows[i]
                    some[hit], codes[hit] = row, i
                    hit += int((allowed[row >> 6] >> np.uint64(row & 63)) & np.uint64(1))
                if table[f, LISTS] > 1:
                    passed += hit - before
                for h in range(before, hit):
                    values[h] = table[f, VALUES] + codes[h] * dim * 2
                    codes[h] = table[f, CODES] + codes[h] * record
                    centres[h] = near[k]
                    prefetch(codes[h])
                    prefetch(codes[h] + record - 1)
                if hit >= _CHUNK:
                    _estimate(
                        hit, some, codes, values, centres, planes, half_step,
                        state, rows, scores, address, counts,
                    )  # fmt: skip
                    hit = 0
    _estimate(hit, some, codes, values, centres, planes, half_step, state, rows, scores, address, counts)
    found: int = _scored(query, state, rows, scores, address, counts)
    return found


@njit(  # type: ignore[untyped-decorator]
    "int64(int64[:, ::1], int64, int64, int64, float32[::1], float32[:, ::1], int64, int64,"
    " int32[::1], float32[::1])",
    cache=True,
    nogil=True,
)
def estimate_all(
    table: Any,
    mask: int,
    present: int,
    words: int,
    query: Any,
    signs: Any,
    lists: int,
    survivors: int,
    rows: Any,
    scores: Any,
) -> int:
    """:func:`probe` where every row set in both bit sets is estimated."""
    dim, width = query.shape[0], signs.shape[1] >> 6
    planes = np.empty((PLANES, width), np.uint64)
    half_step = _planes(query, signs, planes)
    steps = _stepped(query)
    near = np.full(lists, np.float32(np.nan))
    a, b = carray(as_u64(mask), words), carray(as_u64(present), words)
    counts, address = np.zeros(_BINS, np.int32), np.empty(rows.shape[0], np.int64)
    some, centres = np.empty(_CHUNK, np.int32), np.empty(_CHUNK, np.float32)
    codes, values = np.empty(_CHUNK, np.int64), np.empty(_CHUNK, np.int64)
    record, term = (width + 1) * 8, width * 8 + 6
    state = np.array([0, 0, survivors])
    lists_before, hit = 0, 0
    for f in range(table.shape[0]):
        base, place, scales = table[f, BASE], as_i32(table[f, PLACE]), as_f32(table[f, SCALES])
        last = table[f + 1, BASE] >> 6 if f + 1 < table.shape[0] else words
        for w in range(base >> 6, last):
            left = a[w] & b[w]
            while left:
                row = (w << 6) + trailing_zeros(left)
                left &= left - np.uint64(1)
                prefetch(table[f, PLACE] + (row - base) * 4)
                some[hit] = row
                hit += 1
            if hit > _CHUNK - 64 or (hit and w == last - 1):
                for h in range(hit):
                    i = np.int64(place[some[h] - base])
                    codes[h] = table[f, CODES] + i * record
                    values[h] = table[f, VALUES] + i * dim * 2
                    prefetch(codes[h])
                    prefetch(codes[h] + record - 1)
                for h in range(hit):
                    c = np.int64(as_u16(codes[h] + term)[0])
                    if np.isnan(near[lists_before + c]):
                        for line in range(0, dim, _LINE):
                            prefetch(table[f, CENTROIDS] + c * dim + line)
                for h in range(hit):
                    c = np.int64(as_u16(codes[h] + term)[0])
                    if np.isnan(near[lists_before + c]):
                        near[lists_before + c] = _centroid(
                            table[f, CENTROIDS] + c * dim, scales[c], steps.ctypes.data, dim
                        )
                    centres[h] = near[lists_before + c]
                _estimate(
                    hit, some, codes, values, centres, planes, half_step,
                    state, rows, scores, address, counts,
                )  # fmt: skip
                hit = 0
        lists_before += table[f, LISTS]
    found: int = _scored(query, state, rows, scores, address, counts)
    return found


@njit(  # type: ignore[untyped-decorator]
    "Tuple((float32[:, ::1], int64[::1]))(float32[:, ::1], int32[::1], int64)", cache=True, nogil=True
)
def sum_groups(values: Any, groups: Any, count: int) -> Any:
    """The sum of the rows of each of ``count`` groups, and how many rows it has."""
    sums = np.zeros((count, values.shape[1]), np.float32)
    sizes = np.zeros(count, np.int64)
    for i in range(values.shape[0]):
        g = groups[i]
        sizes[g] += 1
        for j in range(values.shape[1]):
            sums[g, j] += values[i, j]
    return sums, sizes


@njit(  # type: ignore[untyped-decorator]
    "int64[::1](int32[::1], float32[::1], int64, int64)", cache=True, nogil=True
)
def best(rows: Any, scores: Any, rank: int, k: int) -> Any:
    """Places of the ``k`` highest ``scores``, best first, equal ones by the int32 rank at an address."""
    ranks = as_i32(rank)
    keys = np.empty(rows.shape[0], np.uint64)
    for i in range(rows.shape[0]):
        # A float's bits order like an integer of sign and size; turned so that higher scores come first.
        bits = np.int64(np.float32(scores[i] + np.float32(0)).view(np.int32))
        falling = (bits & 0x7FFFFFFF) if bits < 0 else -1 - bits
        keys[i] = np.uint64(((falling + (1 << 31)) << 32) | ranks[rows[i]])
    if rows.shape[0] <= k:
        return np.argsort(keys)
    if rows.shape[0] < 2 * k or k == 0:
        return np.argsort(keys)[:k].copy()
    last = np.partition(keys, k - 1)[k - 1]
    chosen = np.flatnonzero(keys <= last)
    return chosen[np.argsort(keys[chosen])]
