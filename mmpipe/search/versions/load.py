"""One version of a table put together: its fragments' parts mapped, and columns over them.

What a later version has in common with the former one is taken over, so following a small write costs reading
the new fragment and the deletion files, and following new prices the prices.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mmpipe.encoders.base import MODALITIES, Modality, Profile
from mmpipe.fusion import Fusion
from mmpipe.fusion import load as load_fusion
from mmpipe.lake.columns import ColumnFiles
from mmpipe.lake.schema import profile_of, vector_column
from mmpipe.search.columns.coded import CodedColumn
from mmpipe.search.columns.dictionaries import Dictionaries, dictionaries_for
from mmpipe.search.columns.ids import IdColumn
from mmpipe.search.columns.layout import Layout
from mmpipe.search.columns.names import NameColumn
from mmpipe.search.columns.numbers import NumberColumn
from mmpipe.search.columns.page import PageColumn
from mmpipe.search.columns.pairs import PairColumn
from mmpipe.search.columns.prices import PriceColumn
from mmpipe.search.columns.text import TextColumn
from mmpipe.search.columns.vectors import VectorColumn
from mmpipe.search.versions.documents import Documents
from mmpipe.search.versions.folder import NodeFolder
from mmpipe.search.versions.fragment import (
    CODED_FIELDS,
    NUMBER_FIELDS,
    VECTOR_FIELDS,
    Fragment,
    files_of,
    open_fragment,
)
from mmpipe.search.versions.version import Columns, Version

Words = NDArray[np.uint64]


def load(
    dataset: Any,
    *,
    collection: str,
    table: str,
    folder: NodeFolder,
    exact_rows: int,
    former: Version | None = None,
    progress: Callable[[], None] = lambda: None,
    check: Callable[[Profile], None] | None = None,
    fusion_for: Callable[[Profile], Fusion] | None = None,
    mine: Callable[[int], bool] | None = None,
    moment: float | None = None,
) -> Version:
    """The version that ``dataset``, an opened ``lance`` dataset on local disk, is of.

    Parts that are not in ``folder`` yet are built and written there, for every process of the node;
    ``former`` is an earlier version of the same table. ``progress`` is called now and then; what it raises
    ends the load. ``check`` may refuse the table's profile before anything else is read. ``fusion_for`` finds
    the fusion of a profile that is not part of the installation. ``mine`` leaves out fragments by their
    number. Where more than ``exact_rows`` rows with a vector are asked about, inverted lists are searched.
    """
    profile = profile_of(dataset.schema)
    if check is not None:
        check(profile)
    fusion = load_fusion(profile.fusion) if fusion_for is None else fusion_for(profile)
    held = ColumnFiles(dataset, None if former is None else former.column_files)
    fragments: dict[int, Fragment] = {}
    undeleted: list[Words] = []
    for each in dataset.get_fragments():
        number = each.fragment_id
        if mine is not None and not mine(number):
            continue
        before = None if former is None else former.fragments.get(number)
        files = files_of(held.by_column(each))
        fragment = open_fragment(each, files, profile.dim, fusion, folder, before, progress)
        fragments[number] = fragment
        undeleted.append(fragment.undeleted(each, _folder_of(dataset)))
        progress()
    return Version(
        collection=collection,
        table=table,
        number=dataset.version,
        profile=profile,
        fusion=fusion,
        fragments=fragments,
        column_files=held,
        columns=_columns(list(fragments.values()), undeleted, profile, exact_rows, former),
        documents=Documents(
            dataset, fragments, undeleted, profile.dim, None if former is None else former.documents
        ),
        moment=time.time() if moment is None else moment,
    )


def _columns(
    fragments: Sequence[Fragment],
    undeleted: Sequence[Words],
    profile: Profile,
    exact_rows: int,
    former: Version | None,
) -> Columns:
    before = None if former is None else former.columns
    layout = Layout([fragment.rows for fragment in fragments])

    def parts(name: str) -> list[Mapping[str, NDArray[Any]]]:
        return [fragment.parts[name] for fragment in fragments]

    rows = parts("rows")
    alive = _joined(undeleted) & ~_joined([part["tombstone"] for part in rows])
    codes = {name: parts(f"code.{name}") for name in CODED_FIELDS}
    pairs = parts("pairs")
    dictionaries: Dictionaries = dictionaries_for(
        None if before is None else before.dictionaries, codes, pairs
    )
    coded = {
        name: CodedColumn(
            found, layout, dictionaries.fields[name], None if before is None else before.coded[name]
        )
        for name, found in codes.items()
    }
    vectors = {
        name: VectorColumn(
            parts(f"vector.{name}"),
            layout,
            alive,
            profile.dim,
            None if before is None else before.vectors[name],
            exact_rows=exact_rows,
        )
        for name in VECTOR_FIELDS
    }
    modalities: tuple[Modality, ...] = tuple(
        m for m in MODALITIES if m in profile.encoders and vectors[vector_column(m)].present.any()
    )
    text = TextColumn(parts("text"), layout, alive, None if before is None else before.text)
    return Columns(
        layout=layout,
        alive=alive,
        ids=IdColumn(rows, layout, None if before is None else before.ids),
        page=PageColumn(parts("page"), layout),
        text=text,
        names=NameColumn(parts("names"), layout, text),
        coded=coded,
        pairs=PairColumn(pairs, layout, dictionaries.pairs, None if before is None else before.pairs),
        numbers={
            name: NumberColumn(
                parts(f"number.{name}"), layout, None if before is None else before.numbers[name]
            )
            for name in NUMBER_FIELDS
        },
        prices=PriceColumn(
            parts("price"),
            parts("sales"),
            layout,
            alive,
            coded["currency"],
            None if before is None else before.prices,
        ),
        vectors=vectors,
        parts={
            m: VectorColumn(
                parts(f"part.{vector_column(m)}"),
                layout,
                alive,
                profile.dim,
                None if before is None else before.parts.get(m),
            )
            for m in modalities
        },
        modalities=modalities,
        dictionaries=dictionaries,
    )


def _folder_of(dataset: Any) -> str:
    uri: str = dataset.uri
    return uri.removeprefix("file://")


def _joined(words: Sequence[Words]) -> Words:
    return np.concatenate(words) if words else np.zeros(0, np.uint64)
