"""The columns of a ``products`` table, and how products become them.

Column groups: identity and order (``id, source_order, deleted, run_id, updated_at``), ``added_at``, when the
product became part of the collection (:mod:`mmpipe.lake.added`), presentation and
facets (typed copies of product fields), full text (``search_text``, and ``media_keys`` to find rows by
medium), content hashes, vectors, the frame vectors of clips (:mod:`mmpipe.lake.frames`), ``stock``, what
another source told of the stock since (:class:`mmpipe.lake.stock.Stock`), ``reviewed``, what its reviews come
to (:class:`mmpipe.lake.reviewed.Reviewed`), and what tells the same upload from
another one: ``content``, a digest of the product as it was uploaded and of the settings that it was read
under, ``media_seen``, the stamps of its media in the order of ``media_uris``
(:class:`mmpipe.media.MediaStamp`), and ``media_asked``, when its hosts were last asked about them.
A tombstone (``deleted``) keeps identity and order, as ``item_group_id`` the group it is meant for, and
``stock`` and ``reviewed``; everything else is null or empty.

``source_order`` moves on also where nothing else does, so it is compressed with what varies least in one
upload: a few bytes a row, in a file of its own once it has moved (:mod:`mmpipe.lake.fragments`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from mmpipe.encoders.base import MODALITIES, Modality, Profile
from mmpipe.errors import ProfileMismatch
from mmpipe.lake.frames import ClipFrames, frame_arrays, frame_fields
from mmpipe.lexical import identifier, tokens

if TYPE_CHECKING:
    from mmpipe.encoders.base import Vectors
    from mmpipe.schemas.product import Product

PROFILE_KEY = b"mmpipe.profile"
# Lance then refuses two concurrent merges that insert the same new id: without it both would land.
_PRIMARY_KEY = {b"lance-schema:unenforced-primary-key": b"true"}
FUSED = "vector"
ADDED = "added_at"
# How far from 1 the length of a vector may be.
UNIT_TOLERANCE = 1e-2

IDENTITY_COLUMNS: tuple[str, ...] = ("id", "source_order", "deleted", "run_id", "updated_at")
PRESENTATION_COLUMNS: tuple[str, ...] = (
    "title",
    "description",
    "brand",
    "category",
    "price",
    "currency",
    "sale_price",
    "sale_start",
    "sale_end",
    "availability",
    "color",
    "size",
    "gender",
    "age_group",
    "material",
    "pattern",
    "condition",
    "item_group_id",
    "link",
    "image_link",
    "language",
    "rating",
    "rating_count",
)
LIST_COLUMNS: tuple[str, ...] = ("attribute_pairs", "media_uris")
TEXT_COLUMNS: tuple[str, ...] = (
    "document", "search_text", "media_keys", "transcript", "transcript_by", "stock", "reviewed", "content",
    "media_seen",
)  # fmt: skip
HASH_COLUMNS: tuple[str, ...] = tuple(f"{m}_hash" for m in MODALITIES)
MODALITY_VECTOR_COLUMNS: tuple[str, ...] = tuple(f"{m}_vector" for m in MODALITIES)
VECTOR_COLUMNS: tuple[str, ...] = (*MODALITY_VECTOR_COLUMNS, FUSED)

# How many times a word of a field counts, and its place in the product's length, for full text (BM25F with
# whole numbers: Robertson, Zaragoza and Taylor, "Simple BM25 extension to multiple weighted fields", CIKM
# 2004).
FIELD_WEIGHTS: Mapping[str, int] = {
    "title": 3, "brand": 2, "category": 2, "attributes": 2, "description": 1, "transcript": 1,
    "identifiers": 1,
}  # fmt: skip
# What stands before the words of a field in ``search_text``: the control character of the field's number,
# from 1 on in the order above. At most 8, for the ninth is a blank.
FIELD_MARKS: Mapping[str, str] = {name: chr(number) for number, name in enumerate(FIELD_WEIGHTS, 1)}

# What moves on where nothing changed, after the order itself.
SEEN_COLUMNS: tuple[str, ...] = ("source_order", "content", "media_seen", "media_asked")
# Everything but the vectors and what came with them, and when the product came.
EDIT_COLUMNS: tuple[str, ...] = (
    *IDENTITY_COLUMNS, *PRESENTATION_COLUMNS, *LIST_COLUMNS, *TEXT_COLUMNS, "media_asked", *HASH_COLUMNS,
)  # fmt: skip
# What readers do not look at: a version that differs in nothing else need not be published.
UNREAD_COLUMNS: frozenset[str] = frozenset({*SEEN_COLUMNS, "run_id", "updated_at", "stock", "reviewed"})

_COMPRESSED = {b"lance-encoding:compression": b"zstd", b"lance-encoding:compression-level": b"3"}
_TIMESTAMP = pa.timestamp("us", tz="UTC")
_TYPES = {
    "price": pa.float64(), "sale_price": pa.float64(), "sale_start": _TIMESTAMP, "sale_end": _TIMESTAMP,
    "rating": pa.float64(), "rating_count": pa.int64(),
}  # fmt: skip


def products_schema(dim: int, profile: Profile | None = None) -> pa.Schema:
    """The schema of a ``products`` table whose vectors have ``dim`` dimensions.

    Prices are float64 in ``currency``: ``sale_price`` is null unless it is a valid one, and holds from
    ``sale_start`` until just before ``sale_end``, null being open on that side. Vectors are fixed-size lists
    of float32, null when the modality is absent. With ``profile`` the metadata names it under
    ``mmpipe.profile``.
    """
    if dim <= 0:
        raise ValueError("dim must be positive")
    fields = [
        pa.field("id", pa.string(), nullable=False, metadata=_PRIMARY_KEY),
        pa.field("source_order", pa.string(), nullable=False, metadata=_COMPRESSED),
        pa.field("deleted", pa.bool_(), nullable=False),
        pa.field("run_id", pa.string()),
        pa.field("updated_at", _TIMESTAMP),
        pa.field(ADDED, _TIMESTAMP),
    ]
    fields += [pa.field(c, _TYPES.get(c, pa.string())) for c in PRESENTATION_COLUMNS]
    fields += [pa.field(c, pa.list_(pa.string())) for c in LIST_COLUMNS]
    fields += [pa.field(c, pa.string()) for c in TEXT_COLUMNS]
    fields += [pa.field("media_asked", _TIMESTAMP)]
    fields += [pa.field(c, pa.string()) for c in HASH_COLUMNS]
    fields += [pa.field(c, pa.list_(pa.float32(), dim)) for c in VECTOR_COLUMNS]
    fields += frame_fields()
    metadata = {PROFILE_KEY: profile.to_json().encode()} if profile is not None else None
    return pa.schema(fields, metadata=metadata)


def profile_of(schema: pa.Schema) -> Profile:
    """The profile a table's metadata names. Raises :class:`ProfileMismatch` where it names none."""
    raw = (schema.metadata or {}).get(PROFILE_KEY)
    if raw is None:
        raise ProfileMismatch(
            "the table's metadata names no model profile (mmpipe.profile); index it again into a new table"
        )
    return Profile.from_json(raw.decode())


def hash_column(modality: Modality) -> str:
    """``text`` → ``text_hash``."""
    return f"{modality}_hash"


def vector_column(modality: Modality) -> str:
    """``text`` → ``text_vector``."""
    return f"{modality}_vector"


def media_key(uri: str) -> str:
    """A media address as one full-text token: the first 16 hex digits of its SHA-256."""
    return hashlib.sha256(uri.encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class VectorBlock:
    """One vector column of a batch: float32 values ``(n, dim)`` and which rows have one, bool ``(n,)``.

    Values of absent rows are ignored.
    """

    values: Vectors
    present: NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class ProductRow:
    """Everything of one live row but its vectors. ``source_order`` is ``SourceOrder.encode()``;
    ``media_uris`` are the resolved addresses of all its media; ``hashes`` has an entry per modality the
    row has. ``transcript`` is what is said in its recording, ``transcript_by`` the recogniser that listened
    (id and revision), set also where it heard no speech. ``stock`` is the column's text where a newer source
    than the row's own told the availability. ``content``, ``media_seen`` and ``media_asked`` are the columns
    of those names. ``added_at`` is ``updated_at`` of a new product, of one that is known what the table has;
    None where nobody knows."""

    product: Product
    source_order: str
    run_id: str
    updated_at: datetime
    media_uris: Sequence[str] = ()
    hashes: Mapping[Modality, str] = field(default_factory=dict)
    transcript: str | None = None
    transcript_by: str | None = None
    stock: str | None = None
    content: str | None = None
    media_seen: str | None = None
    media_asked: datetime | None = None
    added_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Tombstone:
    """A deletion, ordered like any other write: of whatever product has the id, or of that of an item group
    (:mod:`mmpipe.lake.precedence`)."""

    id: str
    source_order: str
    run_id: str
    updated_at: datetime
    item_group_id: str | None = None
    stock: str | None = None


def build_table(
    rows: Sequence[ProductRow],
    vectors: Mapping[str, VectorBlock],
    dim: int,
    clips: Sequence[ClipFrames | None] | None = None,
) -> pa.Table:
    """Live rows as a table of :func:`products_schema`. ``vectors`` is keyed by column (``text_vector`` …
    ``vector``), each block ``len(rows)`` long; a column left out is null throughout. ``clips`` has the frames
    of each row's clip, None where it has no clip; left out, no row has one.

    Raises ``ValueError`` on an unknown vector column or a wrong shape.
    """
    unknown = set(vectors) - set(VECTOR_COLUMNS)
    if unknown:
        raise ValueError(
            f"vectors: no such vector column {sorted(unknown)}; known are {list(VECTOR_COLUMNS)}"
        )
    count = len(rows)
    columns = _columns(rows)
    columns[ADDED] = pa.array([row.added_at for row in rows], _TIMESTAMP)
    for name in VECTOR_COLUMNS:
        columns[name] = vector_array(vectors.get(name), count, dim)
    if clips is not None and len(clips) != count:
        raise ValueError(f"clips: expected one entry for each of {count} rows, got {len(clips)}")
    columns.update(frame_arrays([None] * count if clips is None else clips, dim))
    return _assemble(columns, dim)


def build_edits(rows: Sequence[ProductRow]) -> pa.Table:
    """Live rows without their vectors: a table of :data:`EDIT_COLUMNS`."""
    columns = _columns(rows)
    fields = [products_schema(1).field(name) for name in EDIT_COLUMNS]
    return pa.Table.from_arrays([columns[name] for name in EDIT_COLUMNS], schema=pa.schema(fields))


def _columns(rows: Sequence[ProductRow]) -> dict[str, pa.Array]:
    count = len(rows)
    products = [row.product for row in rows]
    columns: dict[str, pa.Array] = {
        "id": pa.array([p.id for p in products], pa.string()),
        "source_order": pa.array([row.source_order for row in rows], pa.string()),
        "deleted": pa.array(np.zeros(count, dtype=np.bool_)),
        "run_id": pa.array([row.run_id for row in rows], pa.string()),
        "updated_at": pa.array([row.updated_at for row in rows], _TIMESTAMP),
        **_prices(products),
        "attribute_pairs": pa.array(
            [[f"{k}={v}" for k, v in p.attributes.items()] for p in products], pa.list_(pa.string())
        ),
        "media_uris": pa.array([list(row.media_uris) for row in rows], pa.list_(pa.string())),
        "document": pa.array([p.model_dump_json(exclude_defaults=True) for p in products], pa.string()),
        "search_text": pa.array([search_text(row.product, row.transcript) for row in rows], pa.string()),
        "media_keys": pa.array([" ".join(map(media_key, row.media_uris)) for row in rows], pa.string()),
        "transcript": pa.array([row.transcript for row in rows], pa.string()),
        "transcript_by": pa.array([row.transcript_by for row in rows], pa.string()),
        "stock": pa.array([row.stock for row in rows], pa.string()),
        # Taken over from the row that it replaces, when it is written.
        "reviewed": pa.nulls(count, pa.string()),
        "content": pa.array([row.content for row in rows], pa.string()),
        "media_seen": pa.array([row.media_seen for row in rows], pa.string()),
        "media_asked": pa.array([row.media_asked for row in rows], _TIMESTAMP),
    }
    for name in PRESENTATION_COLUMNS:
        if name not in columns:
            columns[name] = pa.array([getattr(p, name) for p in products], _TYPES.get(name, pa.string()))
    for modality in MODALITIES:
        columns[hash_column(modality)] = pa.array([row.hashes.get(modality) for row in rows], pa.string())
    return columns


def build_tombstones(tombstones: Sequence[Tombstone], dim: int) -> pa.Table:
    """Deletions as a table of :func:`products_schema`."""
    count = len(tombstones)
    columns: dict[str, pa.Array] = {
        "id": pa.array([t.id for t in tombstones], pa.string()),
        "source_order": pa.array([t.source_order for t in tombstones], pa.string()),
        "deleted": pa.array(np.ones(count, dtype=np.bool_)),
        "run_id": pa.array([t.run_id for t in tombstones], pa.string()),
        "updated_at": pa.array([t.updated_at for t in tombstones], _TIMESTAMP),
        "item_group_id": pa.array([t.item_group_id for t in tombstones], pa.string()),
        "stock": pa.array([t.stock for t in tombstones], pa.string()),
    }
    for schema_field in products_schema(dim):
        if schema_field.name not in columns:
            columns[schema_field.name] = pa.nulls(count, schema_field.type)
    return _assemble(columns, dim)


def vector_array(block: VectorBlock | None, count: int, dim: int) -> pa.Array:
    """A fixed-size-list column from a matrix, without a Python list per row; null where not present."""
    kind = pa.list_(pa.float32(), dim)
    if block is None:
        return pa.nulls(count, kind)
    if block.values.shape != (count, dim) or block.present.shape != (count,):
        raise ValueError(
            f"vectors: expected values ({count}, {dim}) and present ({count},), "
            f"got {block.values.shape} and {block.present.shape}"
        )
    values = np.ascontiguousarray(block.values, dtype=np.float32)
    if block.present.all():
        return pa.FixedSizeListArray.from_arrays(pa.array(values.reshape(-1)), type=kind)
    # Whatever the caller left in absent rows must not reach the files: NaN there would fail checks later.
    values = np.where(block.present[:, None], values, np.float32(0))
    return pa.FixedSizeListArray.from_arrays(
        pa.array(values.reshape(-1)), type=kind, mask=pa.array(~block.present)
    )


def vector_block(column: pa.Array | pa.ChunkedArray, dim: int) -> VectorBlock:
    """The inverse of :func:`vector_array`: absent rows are zero."""
    if isinstance(column, pa.ChunkedArray):
        array = pa.concat_arrays(column.chunks) if column.num_chunks else pa.nulls(0, column.type)
    else:
        array = column
    present = np.asarray(array.is_valid().to_numpy(zero_copy_only=False), dtype=np.bool_)
    values = np.zeros((len(array), dim), dtype=np.float32)
    if present.any():
        values[present] = array.flatten().to_numpy(zero_copy_only=False).reshape(-1, dim)
    return VectorBlock(values=values, present=present)


def _assemble(columns: Mapping[str, pa.Array], dim: int) -> pa.Table:
    schema = products_schema(dim)
    return pa.Table.from_arrays([columns[name] for name in schema.names], schema=schema)


def search_tokens(product: Product, transcript: str | None = None) -> list[tuple[str, list[str]]]:
    """The tokens that full text finds a product by, by the name of their field: its words, its identifiers
    (id, MPN, GTIN, item group), and what is said in its recording."""
    named = (product.id, product.mpn, product.gtin, product.item_group_id)
    identifiers = dict.fromkeys(token for name in named if name and (token := identifier(name)))
    fields = [(name, tokens(text)) for name, text in product.lexical_fields().items()]
    fields += [("identifiers", list(identifiers)), ("transcript", tokens(transcript or ""))]
    return [(name, found) for name, found in fields if found]


def search_text(product: Product, transcript: str | None = None) -> str:
    """:func:`search_tokens` as the column has them: joined by spaces, before each field its
    :data:`FIELD_MARKS`."""
    parts = search_tokens(product, transcript)
    return " ".join(token for name, found in parts for token in (FIELD_MARKS[name], *found))


def _prices(products: Sequence[Product]) -> dict[str, pa.Array]:
    # One currency column serves both prices, for a valid sale price is in the price's.
    sales = [p.valid_sale_price for p in products]
    paid = [p.price or sale for p, sale in zip(products, sales, strict=True)]
    periods = [
        None if sale is None else p.sale_price_effective_date for p, sale in zip(products, sales, strict=True)
    ]
    return {
        "price": pa.array(
            [None if p.price is None else float(p.price.amount) for p in products], pa.float64()
        ),
        "currency": pa.array([None if money is None else money.currency for money in paid], pa.string()),
        "sale_price": pa.array([None if s is None else float(s.amount) for s in sales], pa.float64()),
        "sale_start": pa.array([None if p is None else p.start for p in periods], _TIMESTAMP),
        "sale_end": pa.array([None if p is None else p.end for p in periods], _TIMESTAMP),
    }
