"""Full text: the inverted lists of fragments, and the rows of a version that hold a query's words.

A word is one token or several ways to say it; the latter are merged into one list of rows, which is kept
while it is asked for. A row earns the most that one of a word's ways earns, and a word is as rare as its
best ways together.

Words count as often as their field does (:data:`mmpipe.lake.schema.FIELD_WEIGHTS`). Which field each word of
a row stands in, the row's own text says.

Scores are BM25 (Robertson and Zaragoza, "The Probabilistic Relevance Framework: BM25 and Beyond", FnTIR 3(4),
2009) with k1 = 1.2 and b = 0.75. The weights of tokens and the average length are the caller's, so a row's
score depends on these and on the row, and not on how rows lie in fragments.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from threading import Lock
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from mmpipe.lake.schema import FIELD_MARKS, FIELD_WEIGHTS
from mmpipe.search.columns.kept import Latest
from mmpipe.search.columns.layout import Layout, places_in
from mmpipe.search.columns.pack import DamagedPack
from mmpipe.search.columns.words import Way, Word, plain
from mmpipe.search.kernels import said
from mmpipe.search.kernels import text as kernels
from mmpipe.search.kernels.memory import Rows, Words, address, set_rows
from mmpipe.search.kernels.similar import similar

Arrays = Mapping[str, NDArray[Any]]
Weights = NDArray[np.float64]
Scores = NDArray[np.float32]
MAX_TOKENS = 64
# Merged lists of one version that are kept, 6 bytes a row.
_MOST_MERGED_ROWS = 4_000_000
_UNDERSTOOD = 2_048
# The fields in the order of their numbers, which begin with 1; 0 is no field's.
FIELDS: tuple[str, ...] = tuple(FIELD_MARKS)
_WEIGHTS = np.array([0, *FIELD_WEIGHTS.values()], np.int64)
_TYPES = {
    "token_start": np.int64, "token_bytes": np.uint8, "slots": np.int32, "post_start": np.int64,
    "post_rows": np.int32, "post_tf": np.uint16, "lengths": np.uint16, "length_sum": np.int64,
    "said_start": np.int64, "said": np.int32,
}  # fmt: skip


def build_text(search_text: pa.Array) -> dict[str, NDArray[Any]]:
    """The inverted lists of a column of tokens joined by spaces; null and empty texts hold none.

    Tokens are numbered in the order of their UTF-8 bytes: ``token_start`` int64 ``(T + 1,)`` and
    ``token_bytes`` uint8. ``slots`` int32 is a hash table of them (FNV-1a of 64 bits, linear probing, -1 for
    empty). Token t is held by ``post_rows[post_start[t] : post_start[t + 1]]``, int32 ascending, as often as
    ``post_tf`` (uint16) says. A token that is the mark of a field is no word: what is behind it counts as
    many times as the field. ``lengths`` uint16 are the rows' tokens, ``length_sum`` int64 ``(1,)`` is their
    sum. uint16 values above 65,535 are given as that. Row r says the tokens ``said[said_start[r] :
    said_start[r + 1]]``, int32, -1 for none, one after the other.
    """
    texts = pc.fill_null(search_text, "") if search_text.null_count else search_text
    split = pc.ascii_split_whitespace(texts)
    encoded = split.flatten().dictionary_encode()
    order = pc.array_sort_indices(encoded.dictionary)
    tokens = encoded.dictionary.take(order)
    places = np.empty(len(order), np.int32)
    places[order.to_numpy()] = np.arange(len(order), dtype=np.int32)
    if len(tokens) and not tokens[0].as_py():  # spaces at the ends of a text leave an empty token
        tokens = tokens[1:]
        places -= 1
    starts, data = _bytes_of(tokens)
    size = 1 << (2 * len(tokens) - 1).bit_length() if len(tokens) else 1
    codes = places[encoded.indices.to_numpy()]
    said_start = split.offsets.to_numpy().astype(np.int64)
    inverted = kernels.invert(codes, said_start, len(tokens), _WEIGHTS[_fields(starts, data)])
    post_start, rows, counts, lengths, total = inverted
    return {
        "token_start": starts,
        "token_bytes": data,
        "slots": kernels.hash_table(starts, address(data), size),
        "post_start": post_start,
        "post_rows": rows,
        "post_tf": counts,
        "lengths": lengths,
        "length_sum": np.array([total], np.int64),
        "said_start": said_start,
        "said": codes,
    }


@dataclass(frozen=True)
class Terms:
    """A query's distinct words, ``tokens`` by their texts, in order of first use, and how many living rows
    hold each, int64 ``df``. ``used`` are the places of those that searches use: all, or the ``MAX_TOKENS``
    rarest. ``merged`` holds what the lists point into."""

    tokens: tuple[str, ...]
    df: NDArray[np.int64]
    used: NDArray[np.int64] | None
    lists: NDArray[np.int64]
    merged: tuple[_Merged, ...] = ()

    def weights(self, weights: Weights) -> Weights:
        """The weights of the used tokens."""
        return np.require(weights if self.used is None else weights[self.used], np.float64, ("C", "W"))


@dataclass(frozen=True)
class TextMatches:
    """``rows`` ascending, their scores, and how many distinct tokens each of them holds at least; 0 where
    no row holds any."""

    rows: Rows
    scores: Scores
    required: int


@dataclass(frozen=True)
class _Fragment:
    """What a version says about the rows of a fragment. ``live`` counts each token's living rows; None where
    all rows are alive."""

    part: Arrays
    alive: Words
    documents: int
    length: int
    live: NDArray[np.int32] | None
    made: dict[Any, NDArray[Any]] = field(default_factory=dict)

    def kept_by(
        self, key: Any, row: NDArray[np.int64], make: Callable[[NDArray[np.int64]], NDArray[Any]]
    ) -> NDArray[Any]:
        """See :meth:`TextColumn.kept`."""
        found = self.made.get(key)
        if found is None:
            found = self.made[key] = make(row)
        return found

    @classmethod
    def of(cls, part: Arrays, n: int, alive: Words) -> _Fragment:
        _check(part, n)
        lengths = part["lengths"]
        documents, length = kernels.living(address(alive), address(lengths), n)
        if documents == n:
            return cls(part, alive, documents, length, None)
        starts, rows = part["post_start"], part["post_rows"]
        live = kernels.living_rows(address(alive), address(starts), address(rows), len(starts) - 1)
        return cls(part, alive, documents, length, live)

    def row(self) -> list[int]:
        """Its row in a kernel's table, but for its first row."""
        part = self.part
        return [
            0,
            len(part["lengths"]),
            len(part["token_start"]) - 1,
            address(part["token_start"]),
            address(part["token_bytes"]),
            address(part["slots"]),
            len(part["slots"]),
            address(part["post_start"]),
            address(part["post_rows"]),
            address(part["post_tf"]),
            address(part["lengths"]),
            0 if self.live is None else address(self.live),
            address(part["said_start"]),
            address(part["said"]),
        ]


@dataclass(frozen=True)
class _Merged:
    """The rows that hold a word in one of its ways, their counts, and what the kernels read of them."""

    rows: Rows
    counts: NDArray[np.uint16]
    living: int
    lists: NDArray[np.int64]

    @classmethod
    def of(cls, begins: NDArray[np.int64], rows: Rows, counts: NDArray[np.uint16], living: int) -> _Merged:
        lists = np.empty((len(begins) - 1, kernels.LIST), np.int64)
        lists[:, kernels.AT] = address(rows) + 4 * begins[:-1]
        lists[:, kernels.SIZE] = np.diff(begins)
        lists[:, kernels.COUNTED] = address(counts) + 2 * begins[:-1]
        lists[:, kernels.UNIT] = kernels.PARTS
        return cls(rows, counts, living, lists)


class TextColumn:
    """The full text of a version's living rows. ``documents`` is their number and ``total_length`` that of
    their tokens.

    ``former`` is another version's: what it says of fragments that are the same here is taken over. Raises
    :class:`DamagedPack` for parts that do not fit together. Masks hold living rows only.
    """

    def __init__(
        self, parts: Sequence[Arrays], layout: Layout, alive: Words, former: TextColumn | None = None
    ) -> None:
        came = places_in(() if former is None else [f.part for f in former._fragments], parts)
        if former is not None:
            came[_changed(layout, alive, former, came)] = -1
        self._fragments: list[_Fragment] = []
        self._layout, self._alive = layout, alive
        self._table = np.zeros((len(parts), kernels.COLUMNS), np.int64)
        for f, at in enumerate(came.tolist()):
            if former is not None and at >= 0:
                self._fragments.append(former._fragments[at])
            else:
                own = alive[layout.bases[f] >> 6 : layout.bases[f + 1] >> 6]
                self._fragments.append(_Fragment.of(parts[f], layout.sizes[f], own))
                self._table[f] = self._fragments[f].row()
        if former is not None:
            self._table[came >= 0] = former._table[came[came >= 0]]
        self._table[:, kernels.BASE] = layout.bases[:-1]
        self._merged: OrderedDict[tuple[Way, ...], _Merged] = OrderedDict()
        self._merged_rows = 0
        # What queries' texts were understood as, by whoever asks this version.
        self.understood: Latest[Any] = Latest(_UNDERSTOOD)
        self._lock = Lock()
        self._words = layout.words
        self.documents = sum(each.documents for each in self._fragments)
        self.total_length = sum(each.length for each in self._fragments)

    def find(self, words: Sequence[str | Word]) -> Terms:
        """Look up words, a text being the token of that name; repeated ones once."""
        named: dict[str, Word] = {}
        for each in words:
            word = plain(each) if isinstance(each, str) else each
            named.setdefault(word.text, word)
        distinct, asked = tuple(named), named.values()
        lists, df = self._look_up([word.ways[0].tokens[0] for word in asked])
        merged = {at: self._merge(word) for at, word in enumerate(asked) if not word.plain}
        for at, found in merged.items():
            lists[:, at], df[at] = found.lists, found.living
        kept = tuple(merged.values())
        if len(distinct) <= MAX_TOKENS:
            return Terms(distinct, df, None, lists, kept)
        rarest = sorted(range(len(distinct)), key=lambda t: (int(df[t]), distinct[t]))[:MAX_TOKENS]
        used = np.array(sorted(rarest), np.int64)
        return Terms(distinct, df, used, np.ascontiguousarray(lists[:, used]), kept)

    def holding(self, tokens: Sequence[str]) -> dict[str, int]:
        """How many living rows hold each token; those that none holds are left out."""
        if not tokens:
            return {}
        _, df = self._look_up(tokens)
        return {token: count for token, count in zip(tokens, df.tolist(), strict=True) if count}

    def similar(self, word: str, edits: int) -> dict[str, int]:
        """Tokens that a living row holds and that are ``word`` but for at most ``edits`` letters, with how
        many (two that change places count one); ``edits`` is 1 or 2. Of letters of other than Latin script
        and of tokens that begin with a digit or a sign none is found."""
        letters = np.array([ord(letter) for letter in word], np.int32)
        found: dict[str, int] = {}
        for fragment in self._fragments:
            starts, data = fragment.part["token_start"], fragment.part["token_bytes"]
            places, distances = similar(address(starts), address(data), len(starts) - 1, letters, edits)
            for place, distance in zip(places.tolist(), distances.tolist(), strict=True):
                found[data[starts[place] : starts[place + 1]].tobytes().decode()] = distance
        living = self.holding(list(found))
        return {token: distance for token, distance in found.items() if token in living}

    def without(self, words: Sequence[Word], mask: Words) -> Words:
        """``mask`` less the rows that hold any of the words."""
        left = mask.copy()
        kernels.exclude(self._table, self.find(words).lists, left)
        return left

    def with_any(self, words: Sequence[Word], mask: Words) -> Words:
        """The rows of ``mask`` that hold any of the words."""
        return mask & ~self.without(words, mask)

    def with_all(self, words: Sequence[Word], mask: Words) -> Words:
        """The rows of ``mask`` that hold every one of :data:`MAX_TOKENS` different words at most."""
        terms = self.find(words)
        found = self.search(terms, np.zeros(len(terms.tokens)), 1.0, mask, len(terms.tokens))
        return set_rows(found.rows, 64 * self._words)

    def with_phrase(self, tokens: Sequence[str], mask: Words) -> Words:
        """The rows of ``mask`` that say the tokens one after the other."""
        data, starts = encoded(tokens)
        left = np.zeros_like(mask)
        said.phrase(self._table, address(data), starts, mask, left)
        return left

    def fields_of(self, rows: Rows, tokens: Sequence[str]) -> NDArray[np.int32]:
        """How often each of some rows says each token in each of :data:`FIELDS`: int32 ``(rows, tokens,
        fields)``. Words of a text without marks are in no field."""
        data, starts = encoded(tokens)
        counts = np.zeros((len(rows), len(tokens), len(FIELDS)), np.int32)
        said.fields(self._table, np.require(rows, np.int32, ["C", "W"]), address(data), starts, counts)
        return counts

    @property
    def table(self) -> NDArray[np.int64]:
        """The kernels' table, a row for each fragment."""
        return self._table

    def kept(self, key: Any, make: Callable[[NDArray[np.int64]], NDArray[Any]]) -> list[NDArray[Any]]:
        """What ``make`` makes of each fragment's row of the table, kept with the fragment by ``key``."""
        return [each.kept_by(key, row, make) for each, row in zip(self._fragments, self._table, strict=True)]

    def _look_up(self, tokens: Sequence[str]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        data, starts = encoded(tokens)
        lists = np.empty((len(self._table), len(tokens), kernels.LIST), np.int64)
        df = np.empty(len(tokens), np.int64)
        kernels.look_up(self._table, address(data), starts, lists, df)
        return lists, df

    def _merge(self, word: Word) -> _Merged:
        with self._lock:
            found = self._merged.get(word.ways)
            if found is not None:
                self._merged.move_to_end(word.ways)
                return found
        tokens = tuple(dict.fromkeys(token for way in word.ways for token in way.tokens))
        lists, _ = self._look_up(tokens)
        places = {token: at for at, token in enumerate(tokens)}
        begins, rows, counts, living = kernels.merge(
            self._table,
            lists,
            np.array([places[token] for way in word.ways for token in way.tokens], np.int64),
            np.array([0, *accumulate(len(way.tokens) for way in word.ways)], np.int64),
            np.array([way.factor for way in word.ways], np.float64),
            address(self._alive),
        )
        made = _Merged.of(begins, rows, counts, living)
        with self._lock:
            if len(rows) <= _MOST_MERGED_ROWS and self._merged.setdefault(word.ways, made) is made:
                self._merged_rows += len(rows)
                while self._merged_rows > _MOST_MERGED_ROWS:
                    self._merged_rows -= len(self._merged.popitem(last=False)[1].rows)
        return made

    def holds(self, token: str) -> bool:
        """Whether any living row has the token."""
        return bool(self.holding((token,)))

    def search(
        self, terms: Terms, weights: Weights, average: float, mask: Words, required: int | None = None
    ) -> TextMatches:
        """The rows of ``mask`` that hold at least ``required`` of the used tokens (1 or more), with their
        scores; None: the most that any of them holds. ``weights`` has one for each of ``terms.tokens``;
        ``average`` is above 0."""
        weights = terms.weights(weights)
        best, rows, scores = self._match(terms, weights, average, mask, required, collect=True)
        return TextMatches(rows, scores, best if required is None else required)

    def most(self, terms: Terms, mask: Words) -> int:
        """The most of the used tokens that a row of ``mask`` holds."""
        best, _, _ = self._match(terms, np.zeros(terms.lists.shape[1]), 1.0, mask, None, collect=False)
        return best

    def scores(self, terms: Terms, weights: Weights, average: float, rows: Rows) -> Scores:
        """Scores of rows, the same as :meth:`search` gives them; 0 where a row holds none of the tokens."""
        rows = np.ascontiguousarray(rows, np.int32)
        out = np.empty(len(rows), np.float32)
        if len(rows):
            kernels.score(self._table, terms.lists, terms.weights(weights), average, address(rows), out)
        return out

    def _match(
        self,
        terms: Terms,
        weights: Weights,
        average: float,
        mask: Words,
        required: int | None,
        *,
        collect: bool,
    ) -> tuple[int, Rows, Scores]:
        if len(mask) != self._words:
            raise ValueError(f"the mask has {len(mask)} words instead of {self._words}")
        if required is not None and required < 1:
            raise ValueError(f"required is {required}, not 1 or more")
        result: tuple[int, Rows, Scores] = kernels.match(
            self._table, terms.lists, address(mask), weights, average, required or 0, collect
        )
        return result


def _changed(layout: Layout, alive: Words, former: TextColumn, came: NDArray[np.int64]) -> NDArray[np.int64]:
    """The fragments whose living rows are others than in ``former``, which ``came`` says the place in."""
    moved = came >= 0
    moved[moved] = layout.bases[:-1][moved] != former._layout.bases[came[moved]]
    changed = [f for f in np.flatnonzero(moved).tolist() if not _same_rows(layout, alive, former, f, came[f])]
    both = min(len(alive), len(former._alive))
    others = 64 * np.flatnonzero(alive[:both] != former._alive[:both])
    beside = np.unique(np.searchsorted(layout.bases, others, side="right") - 1)
    return np.concatenate([np.array(changed, np.int64), beside[~moved[beside]]])


def _same_rows(layout: Layout, alive: Words, former: TextColumn, fragment: int, place: int) -> bool:
    own = alive[layout.bases[fragment] >> 6 : layout.bases[fragment + 1] >> 6]
    return np.array_equal(own, former._fragments[place].alive)


def _fields(starts: NDArray[np.int64], data: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Of tokens in the order of their bytes, the number of the field that each is the mark of; else 0."""
    fields = np.zeros(len(starts) - 1, np.int64)
    for term in range(min(len(fields), len(FIELDS))):
        if starts[term + 1] - starts[term] == 1 and data[starts[term]] <= len(FIELDS):
            fields[term] = data[starts[term]]
    return fields


def encoded(tokens: Iterable[str]) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Bytes and starts of tokens, as kernels take them."""
    found = [token.encode("utf-8", "surrogatepass") for token in tokens]
    return np.frombuffer(b"".join(found), np.uint8), np.array([0, *accumulate(map(len, found))], np.int64)


def _bytes_of(tokens: pa.Array) -> tuple[NDArray[np.int64], NDArray[np.uint8]]:
    """Starts and bytes of strings."""
    if not len(tokens):
        return np.zeros(1, np.int64), np.zeros(0, np.uint8)
    width = np.int64 if pa.types.is_large_string(tokens.type) else np.int32
    _, offsets, data = tokens.buffers()
    starts = np.frombuffer(offsets, width, tokens.offset + len(tokens) + 1)[tokens.offset :].astype(np.int64)
    return starts - starts[0], np.frombuffer(data, np.uint8)[starts[0] : starts[-1]].copy()


def _check(part: Arrays, n: int) -> None:
    """Raises :class:`DamagedPack` unless starts and sizes lead no pass outside the arrays."""
    for name, kind in _TYPES.items():
        if name not in part or part[name].dtype != kind or part[name].ndim != 1:
            raise DamagedPack(f"full text: '{name}' is missing or of another type")
    terms, slots = len(part["token_start"]) - 1, len(part["slots"])
    rows = len(part["post_rows"])
    sound = (
        len(part["lengths"]) == n
        and len(part["post_start"]) == terms + 1 > 0
        and len(part["post_tf"]) == rows
        and slots > 0
        and slots & (slots - 1) == 0
        and kernels.ascending(address(part["token_start"]), terms + 1, len(part["token_bytes"]))
        and kernels.ascending(address(part["post_start"]), terms + 1, rows)
        and len(part["said_start"]) == n + 1
        and kernels.ascending(address(part["said_start"]), n + 1, len(part["said"]))
        and kernels.terms_within(address(part["slots"]), slots, terms)
    )
    if not sound:
        raise DamagedPack("full text: starts and sizes do not fit together")
