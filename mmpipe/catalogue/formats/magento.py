"""Magento 2's (Adobe Commerce's) product export, a CSV file."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar, Final, NamedTuple

from mmpipe.catalogue.formats.base import Column, Format, Picked, Picker, Reading, Sample
from mmpipe.catalogue.formats.magento_columns import COLUMNS
from mmpipe.catalogue.formats.magento_product import Row, Told, product_of, put_attributes, translations_of
from mmpipe.catalogue.formats.magento_values import category_paths, order_of
from mmpipe.catalogue.formats.recent import Recent
from mmpipe.catalogue.formats.shopify_claims import Shares
from mmpipe.catalogue.identity import id_of_text
from mmpipe.catalogue.rows import Record
from mmpipe.catalogue.spool import Spool
from mmpipe.catalogue.text import as_text, clean
from mmpipe.errors import InvalidFeed, InvalidRow

_MARKS: Final = frozenset(
    {"store_view_code", "attribute_set_code", "product_online", "additional_attributes", "product_websites"}
    | {"configurable_variations", "use_config_manage_stock", "url_key"}
)
_INHERITED: Final = ("title", "description", "additional_text", "product_type", "brand")
_LONG_TEXTS: Final = frozenset({"description", "additional_text"})
_DATES: Final = ("created_at", "updated_at")
_SPOOL_BYTES: Final = 16 << 20
_ROW_BYTES: Final = 2_000

EXPORT: Final = """\
In the admin: **System → Data Transfer → Export**, Entity Type **Products**, Export File Format **CSV**.
Exclude nothing and filter nothing, then **Continue**. The file appears in the list below when cron has made
it; upload it as it is.

- **Pictures are not in the file**, only their paths, such as `/m/b/mb01.jpg`. Copy the folder
  `pub/media/catalog/product` to the collection's `media/` folder (`media/m/b/mb01.jpg`), best before the
  file: `aws s3 sync pub/media/catalog/product s3://BUCKET/COLLECTION/media`.
- **Stock** is that of the default source: `is_in_stock`, `qty` and the settings of each product. Stock of
  other sources (MSI), and shop-wide settings for backorders, are not in the file: where a product follows
  those, a quantity of 0 is out of stock.
- **Configurable products and their variants must be in one file**: a variant that is not visible individually
  is shown only with its configurable product, and taken out of search without it.
- **Languages**: each store view has rows of its own, which become translations under the view's code. Name
  your store views `de` or `en_us` for that. Prices of single websites are not read.
- Set the admin's own locale (**Account Setting → Interface Locale**) to English (United States): column names
  do not depend on it, but dates and the words for visibility do.
- Disabled products, and those visible in the catalogue alone or nowhere, are taken out of search. Bundles and
  grouped products are groups, not products. A product that was deleted in the shop is not in the file: it
  stays, unless the feed is said to be the whole catalogue."""


class Magento(Format):
    """One row a product and store view, in any order.

    The row without a store view is the product; configurable products, bundles and groups are groups. A child
    takes from its configurable product what it leaves empty. Of several rows of one product the first that is
    enabled counts.
    """

    key: ClassVar[str] = "magento"
    title: ClassVar[str] = "Magento 2 product CSV"
    containers = ("csv",)
    export: ClassVar[str] = EXPORT
    columns: ClassVar[tuple[Column, ...]] = COLUMNS

    def recognises(self, sample: Sample) -> bool:
        """``sku`` and two columns that nobody else has."""
        return sample.container == "csv" and "sku" in sample.names and len(_MARKS & sample.names) > 1

    def read(self, records: Iterator[Record], reading: Reading) -> Iterator[Record]:
        """See :class:`Magento`."""
        yield from _Export(Picker(self.table, reading.findings), reading).read(records)


class _Parent(NamedTuple):
    id: str
    live: bool
    product: dict[str, Any]


class _Export:
    """One file, read twice: a row's other store views and its parent may stand anywhere."""

    def __init__(self, picker: Picker, reading: Reading) -> None:
        self._picker = picker
        self._findings = reading.findings
        self._rows: Spool[Row] = Spool()
        # By SKU: how near, and which, a parent is, and the options that it tells its child apart by.
        self._links: Spool[tuple[int, str, dict[str, str]]] = Spool(_SPOOL_BYTES)
        self._parents: Recent[_Parent] = Recent()
        self._shares = Shares()
        self._roots: set[str] = set()
        self._has_paths = False
        self._orders: set[str] = set()
        self._linked = False
        self._alone = self._only_views = self._childless = 0

    def read(self, records: Iterator[Record]) -> Iterator[Record]:
        """The records of the file; one that breaks off gives what came before it, then its error."""
        broken: InvalidFeed | None = None
        with self._rows, self._links:
            try:
                for record in records:
                    yield from self._take(record)
            except InvalidFeed as error:
                broken = error
            told = Told(
                self._roots if self._has_paths else set(),
                next(iter(self._orders)) if len(self._orders) == 1 else "",
            )
            for sku, rows in self._rows.groups():
                yield from self._product(sku, rows, told)
            self._tell()
        if broken is not None:
            raise broken

    def _take(self, record: Record) -> Iterator[Record]:
        if record.values is None:
            yield record
            return
        row = _row(record.row, self._picker.pick(record.values))
        sku = row.text("id")
        problem = record.problem
        if not sku:
            problem = problem or InvalidRow(
                "sku", "is missing: every row of a Magento export has the product's"
            )
        size = _size(row)
        if problem is None and not self._shares.admits(sku, size):
            problem = InvalidRow("sku", f"{sku[:60]!r} has more rows than one product may: leave some out")
        if problem is not None:
            values = {"id": id_of_text(sku), **product_of(row, Told(set(), ""))}
            yield Record(record.row, values, raw=record.raw, problem=problem)
            return
        self._learn(row)
        self._rows.put(sku, row, size)
        if row.is_parent:
            for rank, child, options in row.children():
                size = 300 + len(child) + len(sku) + sum(map(len, options.values()))
                if self._shares.admits(f"{child} is a child", size):
                    self._linked = True
                    self._links.put(child, (rank, sku, options), size)

    def _learn(self, row: Row) -> None:
        """Look at what is told by many rows together."""
        for path in category_paths(row.text("categories")) if len(self._roots) < 2 else ():
            self._roots.add(path[0])
            self._has_paths = self._has_paths or len(path) > 1
        for date in (row.text("sale_start"), row.text("sale_end"), *(row.private.get(d, "") for d in _DATES)):
            if "/" in date and len(self._orders) < 2:
                self._orders |= {order_of(date)} - {""}

    def _product(self, sku: str, rows: list[Row], told: Told) -> Iterator[Record]:
        main = self._main(rows)
        if main is None:
            reason = "is not empty, and no row of this product has it empty: export all store views"
            for row in rows:
                values = {"id": id_of_text(sku), **product_of(row, told)}
                yield Record(row.row, values, problem=InvalidRow("store_view_code", reason))
            return
        product = product_of(main, told)
        if found := translations_of(row for row in rows if row is not main and row.text("view")):
            product["translations"] = found
        if main.is_parent:
            yield self._group(sku, main, product)
        else:
            yield self._child(sku, main, product, told)
        for row in rows:
            if row is not main and not row.text("view"):
                reason = f"{sku[:60]!r} is also that of row {main.row}: leave one of the two out"
                values = {"id": id_of_text(sku), **product_of(row, told)}
                yield Record(row.row, values, problem=InvalidRow("sku", reason))

    def _main(self, rows: list[Row]) -> Row | None:
        """The row that is the product; where a file has one store view alone, its row."""
        own = [row for row in rows if not row.text("view")]
        if own:
            return next((row for row in own if row.is_enabled), own[0])
        found = next((row for row in rows if row.text("title") and row.text("price")), None)
        self._only_views += found is not None
        return found

    def _group(self, sku: str, main: Row, product: dict[str, Any]) -> Record:
        values = {"id": id_of_text(sku), **product}
        if not (main.is_enabled and main.is_visible):
            return Record(main.row, {**values, "_op": "delete"}, meaning="withdrawn")
        if "variations" in main.values and not any(self._rows.get(child) for _, child, _ in main.children()):
            self._childless += 1
            return Record(main.row, values)
        return Record(main.row, values, meaning="group")

    def _child(self, sku: str, main: Row, product: dict[str, Any], told: Told) -> Record:
        live = main.is_enabled and main.is_visible
        links = self._links.get(sku) if self._linked else []
        rank, parent_sku, options = min(links, key=lambda link: link[0]) if links else (9, "", {})
        # What is visible by itself is no mere part of a bundle or a group.
        parent = self._parent(parent_sku, told) if links and (rank == 0 or main.is_hidden) else None
        if parent is not None:
            product["item_group_id"] = parent.id
            if title := parent.product.get("title"):
                product["item_group_title"] = title
            if rank == 0:
                put_attributes(product, options)
                _inherit(product, parent.product)
            live = live or (main.is_enabled and parent.live)
        elif main.is_hidden and main.is_enabled:
            self._alone += 1
        values = {"id": id_of_text(sku), **product}
        if live:
            return Record(main.row, values)
        return Record(main.row, {**values, "_op": "delete"}, meaning="withdrawn")

    def _parent(self, sku: str, told: Told) -> _Parent | None:
        parent = self._parents.get(sku)
        if parent is None:
            main = self._main(self._rows.get(sku))
            if main is None:
                return None
            product = product_of(main, told)
            for name in _LONG_TEXTS & product.keys():
                # Once, instead of once a child.
                product[name] = clean(product[name])
            parent = _Parent(id_of_text(sku), main.is_enabled and main.is_visible, product)
            self._parents.put(sku, parent, _size(main))
        return parent

    def _tell(self) -> None:
        if self._alone:
            self._findings.note(
                f"products not visible individually and without a parent in this file: {self._alone:,}; they "
                "are taken out of search: export configurable products with their variants"
            )
        if self._childless:
            self._findings.note(
                f"configurable products without a variant in this file: {self._childless:,}; they are shown "
                "as they are: export their variants too"
            )
        if self._only_views:
            self._findings.note(
                f"products with rows of single store views alone: {self._only_views:,}; the first of these "
                "is read as the product: export all store views"
            )


def _row(number: int, picked: Picked) -> Row:
    values = {key: text for key, value in picked.values.items() if (text := as_text(value))}
    return Row(number, values, picked.private, picked.attributes)


def _size(row: Row) -> int:
    """About how many bytes a row takes in memory."""
    return _ROW_BYTES + sum(len(text) for texts in row[1:] for text in texts.values())


def _inherit(product: dict[str, Any], parent: dict[str, Any]) -> None:
    """Fill what a variant leaves empty from its configurable product."""
    for name in _INHERITED:
        if name in parent and not product.get(name):
            product[name] = parent[name]
    if "image_link" not in product and "image_link" in parent:
        product["image_link"] = parent["image_link"]
        product["additional_image_link"] = parent["additional_image_link"]
