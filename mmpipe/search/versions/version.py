"""One live version of one table, as searches ask it.

A version is put together from the mapped parts of its fragments: columns that answer for all of its rows, the
documents that stay in the table's files, and the prices of a moment. What a later version has in common with
it is shared, and so are the mapped files between the processes of a node.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from mmpipe.encoders.base import Modality, Profile
from mmpipe.errors import UnknownProduct
from mmpipe.lake.schema import FUSED
from mmpipe.search.kernels.memory import count_bits

if TYPE_CHECKING:
    from mmpipe.fusion import Fusion
    from mmpipe.lake.columns import ColumnFiles
    from mmpipe.schemas.product import PublicProduct
    from mmpipe.search.columns.coded import CodedColumn
    from mmpipe.search.columns.dictionaries import Dictionaries
    from mmpipe.search.columns.ids import IdColumn
    from mmpipe.search.columns.layout import Layout
    from mmpipe.search.columns.names import NameColumn
    from mmpipe.search.columns.numbers import NumberColumn
    from mmpipe.search.columns.page import PageColumn
    from mmpipe.search.columns.pairs import PairColumn
    from mmpipe.search.columns.photos import PhotoColumn
    from mmpipe.search.columns.prices import PriceColumn, Prices
    from mmpipe.search.columns.text import TextColumn
    from mmpipe.search.columns.vectors import VectorColumn
    from mmpipe.search.versions.documents import Documents, Frames
    from mmpipe.search.versions.fragment import Fragment

Rows = NDArray[np.int32]
Words = NDArray[np.uint64]


@dataclass(frozen=True)
class Columns:
    """The columns of one version; rows are numbered by ``layout``. ``alive`` has the rows that can be found.

    ``numbers`` are ``rating``, ``rating_count`` and ``added`` (Unix seconds). ``vectors`` are by column name,
    ``parts`` by modality: what each adds to a product's fused vector.
    """

    layout: Layout
    alive: Words
    ids: IdColumn
    page: PageColumn
    text: TextColumn
    names: NameColumn
    coded: Mapping[str, CodedColumn]
    pairs: PairColumn
    numbers: Mapping[str, NumberColumn]
    prices: PriceColumn
    vectors: Mapping[str, VectorColumn]
    parts: Mapping[Modality, VectorColumn]
    modalities: tuple[Modality, ...]
    dictionaries: Dictionaries


class Version:
    """Safe for use by many threads. ``prices`` are those of the moment that :meth:`at` was given last,
    ``photos`` those of its products' reviews, None where there are none."""

    def __init__(
        self,
        *,
        collection: str,
        table: str,
        number: int,
        profile: Profile,
        fusion: Fusion,
        fragments: Mapping[int, Fragment],
        column_files: ColumnFiles,
        columns: Columns,
        documents: Documents,
        moment: float,
    ) -> None:
        self.collection = collection
        self.table = table
        self.version = number
        self.profile = profile
        self.fingerprint = profile.fingerprint
        self.fusion = fusion
        self.fragments = fragments
        self.column_files = column_files
        self.columns = columns
        self.documents = documents
        self.layout = columns.layout
        self.alive = columns.alive
        self.ids = columns.ids
        self.page = columns.page
        self.text = columns.text
        self.names = columns.names
        self.coded = columns.coded
        self.pairs = columns.pairs
        self.numbers = columns.numbers
        self.vectors = columns.vectors
        self.fused = columns.vectors[FUSED]
        self.parts = columns.parts
        self.modalities = columns.modalities
        self.prices: Prices = columns.prices.at(moment)
        self.photos: PhotoColumn | None = None
        self._products = count_bits(columns.alive)

    def __len__(self) -> int:
        """Products that can be found."""
        return self._products

    @property
    def label(self) -> str:
        """What responses and cursors call this version."""
        return f"{self.table}@{self.version}"

    def at(self, moment: float) -> Version:
        """This version with the prices of ``moment`` (Unix seconds): itself while no sale began or ended
        since, else a copy that shares all but the prices."""
        prices = self.prices.at(moment)
        if prices is self.prices:
            return self
        other = copy.copy(self)
        other.prices = prices
        return other

    def showing(self, photos: PhotoColumn | None) -> Version:
        """This version with other photos of its products' reviews: a copy that shares all else."""
        other = copy.copy(self)
        other.photos = photos
        return other

    def find(self, product_id: str) -> int | None:
        """The row of a living product."""
        return self.ids.find(product_id, self.alive)

    def row(self, product_id: str) -> int:
        """The row of a living product. Raises :class:`UnknownProduct`."""
        row = self.find(product_id)
        if row is None:
            raise UnknownProduct(f"no product '{product_id[:128]}' in collection '{self.collection}'")
        return row

    def product(self, product_id: str) -> PublicProduct:
        """What is public of a product, read from the local copy. Raises :class:`UnknownProduct`."""
        fragment, offset = self._located(np.array([self.row(product_id)], np.int32))[0]
        return self.documents.product(fragment, offset).public()

    def media(self, product_id: str) -> tuple[PublicProduct, list[str]]:
        """The same, with the addresses that its media were looked for at, which are nobody's business."""
        fragment, offset = self._located(np.array([self.row(product_id)], np.int32))[0]
        product, addresses = self.documents.media(fragment, offset)
        return product.public(), addresses

    def products(self, rows: Rows) -> list[PublicProduct]:
        """What is public of the products of some rows, read from the local copy at once."""
        return [product.public() for product in self.documents.products(self._located(rows))]

    def frames(self, rows: Rows) -> list[Frames | None]:
        """The frames of some rows' clips, from the local copy where they were not asked for lately: one read.

        None where a row has none, and where they cannot be read: the files of a version that a page cursor
        holds may be gone.
        """
        return self.documents.frames(self._located(rows))

    @property
    def nbytes(self) -> int:
        """Bytes of the mapped parts, shared with other versions and processes."""
        return sum(fragment.nbytes for fragment in self.fragments.values())

    def _located(self, rows: Rows) -> Sequence[tuple[int, int]]:
        fragments, offsets = self.layout.locate(rows)
        return list(zip(fragments.tolist(), offsets.tolist(), strict=True))
