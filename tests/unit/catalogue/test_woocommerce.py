"""WooCommerce's product CSV: variations and their parents, stock, visibility, lists, languages and ids."""
# ruff: noqa: E501 - headers and tables of values read best in one line each

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from mmpipe.catalogue import FeedRow, read_feed
from mmpipe.catalogue.formats.base import Reading, Sample
from mmpipe.catalogue.formats.woocommerce import WooCommerce
from mmpipe.catalogue.formats.woocommerce_values import availability, parts, plain, with_breaks
from mmpipe.catalogue.report import Findings
from mmpipe.catalogue.rows import Record
from mmpipe.errors import InvalidFeed, InvalidRow
from mmpipe.schemas.product import Product
from mmpipe.settings import FeedSettings

SIMPLE = {"ID": "7", "Type": "simple", "SKU": "MUG", "Name": "Mug", "Published": "1", "In stock?": "1"}
SIMPLE |= {"Visibility in catalog": "visible", "Regular price": "9.50"}
PARENT = {
    "ID": "20", "Type": "variable", "SKU": "COAT", "Name": "Rain coat", "Published": "1", "In stock?": "1",
    "Visibility in catalog": "visible", "Short description": "Dry", "Description": "<p>Keeps <b>rain</b> out</p>",
    "Categories": "Clothing > Coats, New", "Tags": "rain, autumn", "Images": "u/a.jpg, u/b.jpg",
    "Brands": "Northwind", "Attribute 1 name": "Color", "Attribute 1 value(s)": "Red, Blue",
    "Attribute 2 name": "Lining", "Attribute 2 value(s)": "Fleece",
}  # fmt: skip
RED = {
    "ID": "21", "Type": "variation", "SKU": "COAT-R", "Name": "Rain coat - Red", "Published": "1",
    "In stock?": "1", "Regular price": "80", "Parent": "COAT", "Attribute 1 name": "Color",
    "Attribute 1 value(s)": "Red",
}  # fmt: skip


def table(*rows: dict[str, str]) -> bytes:
    names = list(dict.fromkeys(name for row in rows for name in row))
    out = io.StringIO()
    writer = csv.DictWriter(out, names, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue().encode()


def read(*rows: dict[str, str], **settings: Any) -> dict[str, FeedRow]:
    """The last row of each id."""
    feed = read_feed(io.BytesIO(table(*rows)), "wc-product-export.csv", FeedSettings(**settings))
    found = {row.product_id or f"row {row.row}": row for row in feed}
    assert feed.report.format == "woocommerce"
    return found


def product_of(*rows: dict[str, str], id: str = "7", **settings: Any) -> Product:
    row = read(*rows, **settings)[id]
    assert row.product is not None, row.reject
    return row.product


def test_a_variation_takes_from_its_parent_what_it_leaves_empty() -> None:
    rows = read(PARENT, RED)
    product = rows["21"].product
    assert product is not None
    assert (product.title, product.item_group_id, product.item_group_title) == (
        "Rain coat - Red",
        "20",
        "Rain coat",
    )
    assert (product.description, product.additional_text) == ("Keeps rain out", "Dry")
    assert (product.brand, product.product_type, product.color) == ("Northwind", "Clothing > Coats", "Red")
    assert (product.image_link, product.additional_image_link) == ("u/a.jpg", ("u/b.jpg",))
    assert product.attributes == {
        "more_product_types": "New", "tags": "rain, autumn", "Lining": "Fleece", "sku": "COAT-R",
    }  # fmt: skip
    group = rows["20"]
    assert group.group
    assert group.product is not None
    assert (group.product.brand, group.product.description) == ("Northwind", "Keeps rain out")
    assert group.product.color is None, "what variations differ by is none of the group's"
    assert group.product.attributes["Lining"] == "Fleece"


def test_what_a_variation_says_itself_stays() -> None:
    own = {"Description": "A red one", "Images": "u/red.jpg", "Brands": "Other", "Categories": "Sale"}
    product = product_of(PARENT, RED | own, id="21")
    assert (product.description, product.brand, product.product_type) == ("A red one", "Other", "Sale")
    assert (product.image_link, product.additional_image_link) == ("u/red.jpg", ())
    assert product.additional_text == "Keeps rain out", "the parent's text is still found"


def test_a_variation_in_any_colour_has_all_of_its_parents() -> None:
    assert product_of(PARENT, RED | {"Attribute 1 value(s)": ""}, id="21").color == "Red/Blue"


@pytest.mark.parametrize("ref", ["COAT", "id:20"])
@pytest.mark.parametrize("first", [True, False])
def test_parents_are_found_by_sku_and_number_before_and_after(ref: str, first: bool) -> None:
    child = RED | {"Parent": ref}
    between = SIMPLE
    rows = (PARENT, between, child) if first else (child, between, PARENT)
    assert product_of(*rows, id="21").item_group_id == "20"


def test_a_parent_that_is_a_number_is_a_sku_first() -> None:
    other = PARENT | {"ID": "30", "SKU": "20", "Name": "Other coat", "Brands": "Southwind"}
    assert product_of(PARENT, other, RED | {"Parent": "20"}, id="21").brand == "Southwind"
    assert product_of(PARENT, RED | {"Parent": "20"}, id="21").brand == "Northwind", (
        "where no SKU is called so"
    )


def test_a_parent_without_variations_is_a_product() -> None:
    feed = read_feed(io.BytesIO(table(PARENT, SIMPLE)), "x.csv", FeedSettings())
    rows = {row.product_id: row for row in feed}
    row = rows["20"]
    assert row.product is not None
    assert not row.group
    assert (row.product.title, row.product.color) == ("Rain coat", "Red/Blue")
    assert any("without a variation" in warning for warning in feed.report.warnings)


def test_a_variation_without_its_parent_is_a_product() -> None:
    feed = read_feed(io.BytesIO(table(RED, SIMPLE)), "x.csv", FeedSettings())
    rows = {row.product_id: row for row in feed}
    assert rows["21"].product is not None
    assert (rows["21"].product.title, rows["21"].product.item_group_id) == ("Rain coat - Red", "COAT")
    assert any("without their parent" in warning for warning in feed.report.warnings)


@pytest.mark.parametrize(
    "change",
    [{"Published": "0"}, {"Published": "-1"}, {"Published": "'-1"}, {"Published": "2"}, {"Published": "draft"},
     {"Published": "trash"}, {"Visibility in catalog": "hidden"}, {"Visibility in catalog": "catalog"}],
)  # fmt: skip
def test_what_is_not_for_sale_is_withdrawn(change: dict[str, str]) -> None:
    assert read(SIMPLE | change)["7"].delete_id == "7"
    rows = read(PARENT | change, RED)
    assert (rows["20"].delete_id, rows["21"].delete_id) == ("20", "21"), (
        "a parent takes its variations with it"
    )
    rows = read(RED, SIMPLE, PARENT | change)
    assert rows["21"].delete_id == "21", "also where it comes after them"


@pytest.mark.parametrize(
    "change", [{"Visibility in catalog": "search"}, {"Visibility in catalog": ""}, {"Published": "1.0"}]
)
def test_what_is_for_sale_stays(change: dict[str, str]) -> None:
    assert read(SIMPLE | change)["7"].product is not None


def test_a_disabled_variation_is_withdrawn_alone() -> None:
    rows = read(PARENT, RED, RED | {"ID": "22", "SKU": "COAT-B", "Published": "0"})
    assert rows["21"].product is not None
    assert rows["22"].delete_id == "22"


@pytest.mark.parametrize(
    ("status", "stock", "backorders", "expected"),
    [("1", "", "0", "in_stock"), ("1", "4", "0", "in_stock"), ("0", "", "1", "out_of_stock"),
     ("0", "0", "0", "out_of_stock"), ("backorder", "0", "notify", "backorder"), ("1", "0", "1", "backorder"),
     ("1", "-3", "notify", "backorder"), ("1", "0", "0", "out_of_stock"), ("0", "9", "0", "out_of_stock"),
     ("", "0", "", "out_of_stock"), ("", "3", "", "in_stock"), ("instock", "", "", "in_stock"),
     ("onbackorder", "", "", "backorder"), ("1", "parent", "0", "in_stock"), ("", "", "", None)],
)  # fmt: skip
def test_availability(status: str, stock: str, backorders: str, expected: str | None) -> None:
    assert availability(status, stock, backorders) == expected


def test_a_stock_word_that_nobody_knows_is_rejected_and_the_rows_around_it_stay() -> None:
    rows = read(SIMPLE, SIMPLE | {"ID": "8", "In stock?": "perhaps"}, SIMPLE | {"ID": "9"})
    assert rows["8"].reject is not None
    assert rows["8"].reject.field == "availability"
    assert rows["7"].product is not None
    assert rows["9"].product is not None


def test_a_row_that_is_broken_keeps_its_reason() -> None:
    text = table(PARENT, RED).decode() + "22,simple,CUP,Cup" + "," * 40 + "spare\n"
    rows = list(read_feed(io.BytesIO(text.encode()), "x.csv", FeedSettings()))
    broken = next(row for row in rows if row.row == 3)
    assert broken.reject is not None
    assert "columns" in broken.reject.reason
    assert next(row for row in rows if row.product_id == "21").product is not None


def test_sales_and_prices_in_the_shops_notation() -> None:
    sale = {"Regular price": "1234,5", "Sale price": "999,90", "Date sale price starts": "2026-01-05 9:00:00"}
    sale |= {"Date sale price ends": "2026-01-31 23:59:59"}
    product = product_of(SIMPLE | sale, default_currency="EUR")
    assert product.price is not None
    assert product.sale_price is not None
    assert (product.price.amount, product.price.currency) == (Decimal("1234.5"), "EUR")
    assert product.sale_price.amount == Decimal("999.90")
    period = product.sale_price_effective_date
    assert period is not None
    assert period.start == datetime(2026, 1, 5, 9, tzinfo=UTC)
    assert period.end == datetime(2026, 1, 31, 23, 59, 59, tzinfo=UTC)


def test_lists_with_escaped_commas() -> None:
    lists = {
        "Categories": "Home\\, garden > Pots, Sale > Last\\, chance",
        "Tags": "clay, hand\\, made",
        "Images": "https://s.example/a\\,1.jpg, https://s.example/b.jpg, https://s.example/b.jpg",
        "Brands": "Makers > Potter & Son, Second",
    }
    product = product_of(SIMPLE | lists)
    assert product.product_type == "Home, garden > Pots"
    assert product.attributes["more_product_types"] == "Sale > Last, chance"
    assert product.attributes["tags"] == "clay, hand, made"
    assert (product.image_link, product.additional_image_link) == (
        "https://s.example/a,1.jpg",
        ("https://s.example/b.jpg",),
    )
    assert (product.brand, product.attributes["more_brands"]) == ("Potter & Son", "Second")


def test_attributes_of_a_simple_product() -> None:
    attributes = {
        "Attribute 1 name": "pa_color", "Attribute 1 value(s)": "Blue, Green", "Attribute 1 visible": "0",
        "Attribute 2 name": "Brand", "Attribute 2 value(s)": "Potter",
        "Attribute 3 name": "Glaze", "Attribute 3 value(s)": "matt\\, white", "Attribute 3 visible": "1",
        "Attribute 4 name": "Shelf", "Attribute 4 value(s)": "B4", "Attribute 4 visible": "0",
        "Attribute 5 name": "Supplier", "Attribute 5 value(s)": "Clay Ltd", "Attribute 5 visible": "1",
    }  # fmt: skip
    product = product_of(SIMPLE | attributes)
    assert (product.color, product.brand) == ("Blue/Green", "Potter")
    assert product.attributes == {"Glaze": "matt, white", "sku": "MUG"}
    assert (product.private["shelf"], product.private["supplier"]) == ("B4", "Clay Ltd")


def test_one_value_of_a_variation_may_hold_commas() -> None:
    assert product_of(PARENT, RED | {"Attribute 1 value(s)": "Red\\\\, dark"}, id="21").color == "Red, dark"


def test_measures_have_the_unit_of_their_header() -> None:
    product = product_of(SIMPLE, SIMPLE | {"ID": "8", "Weight (lbs)": "1.5", "Length (in)": "4"}, id="8")
    assert (product.attributes["weight"], product.attributes["length"]) == ("1.5 lbs", "4 in")


def test_what_is_private_stays_so() -> None:
    office = {"Meta: _cost": "3.10", "Purchase note": "thanks", "Tax status": "taxable", "Cost of goods": "3"}
    office |= {"Shipping class": "bulky", "Download 1 URL": "https://s.example/secret.pdf", "Position": "4"}
    product = product_of(SIMPLE | office)
    assert product.attributes == {"sku": "MUG"}
    assert set(product.private) == {
        "meta__cost", "purchase_note", "tax_status", "cost_of_goods", "shipping_class", "download_1_url", "position",
    }  # fmt: skip


def test_known_plugins_numbers_are_read() -> None:
    product = product_of(SIMPLE | {"Meta: _wc_gla_gtin": "4006381333931", "Meta: _wc_gla_mpn": "MG-1"})
    assert (product.gtin, product.mpn) == ("4006381333931", "MG-1")


def test_texts_as_the_export_escapes_them() -> None:
    row = SIMPLE | {"Name": "'-20° bottle", "Description": "One\\nTwo", "External URL": "https://s.example/x"}
    product = product_of(row)
    assert (product.title, product.description, product.link) == (
        "-20° bottle",
        "One Two",
        "https://s.example/x",
    )
    assert plain("'tis") == "'tis"
    assert with_breaks("C:\\\\new\\nline") == "C:\\new\nline"
    assert parts("a, b\\, c,, d ") == ["a", "b, c", "d"]


def test_kinds_that_are_no_products() -> None:
    grouped = SIMPLE | {"ID": "9", "Type": "grouped", "SKU": "SET", "Grouped products": "MUG"}
    rows = read(
        SIMPLE | {"Type": "simple, virtual"}, grouped, PARENT | {"Type": "variable, downloadable"}, RED
    )
    assert rows["7"].product is not None
    assert not rows["7"].group
    assert rows["9"].group
    assert rows["20"].group


# Ids


def test_ids_are_numbers_or_skus() -> None:
    product = product_of(SIMPLE)
    assert product.attributes["sku"] == "MUG"
    rows = read(PARENT, RED, SIMPLE, SIMPLE | {"ID": "8", "SKU": "A/1 b"}, woocommerce_id="sku")
    assert rows["COAT"].group
    assert rows["COAT-R"].product is not None
    assert rows["COAT-R"].product.item_group_id == "COAT"
    assert rows["MUG"].product is not None
    assert rows["MUG"].product.private["id"] == "7"
    assert "sku" not in rows["MUG"].product.attributes
    slug = next(row.product for id_, row in rows.items() if id_.startswith("A-1-b-"))
    assert slug is not None
    assert slug.attributes["sku"] == "A/1 b"


def test_without_numbers_skus_are_ids_and_without_skus_numbers() -> None:
    row = {name: value for name, value in SIMPLE.items() if name != "ID"}
    assert product_of(row, id="MUG").title == "Mug"
    row = {name: value for name, value in SIMPLE.items() if name != "SKU"}
    assert product_of(row, woocommerce_id="sku").title == "Mug"


def test_a_row_without_any_id_is_rejected() -> None:
    rows = read(SIMPLE, {name: "" if name in ("ID", "SKU") else value for name, value in SIMPLE.items()})
    assert isinstance(rows["row 2"].reject, InvalidRow)
    assert rows["row 2"].reject.field == "ID"


@pytest.mark.parametrize("draft_first", [True, False])
def test_a_draft_takes_no_sku_from_what_is_for_sale(draft_first: bool) -> None:
    draft = SIMPLE | {"ID": "8", "Published": "-1", "Name": "Copy of Mug"}
    rows = read(*((draft, SIMPLE) if draft_first else (SIMPLE, draft)), woocommerce_id="sku")
    assert rows["MUG"].product is not None
    assert rows["MUG"].product.title == "Mug"
    assert rows["id:8"].delete_id == "id:8"


def test_two_products_of_one_sku_are_two() -> None:
    rows = read(SIMPLE, SIMPLE | {"ID": "8", "Name": "Tasse"}, woocommerce_id="sku")
    assert rows["MUG"].product is not None
    assert rows["id:8"].product is not None
    assert (rows["MUG"].product.title, rows["id:8"].product.title) == ("Mug", "Tasse")


def test_a_sku_that_is_another_products_number() -> None:
    other = {name: value for name, value in SIMPLE.items() if name != "SKU"} | {"Name": "Cup"}
    rows = read(SIMPLE | {"ID": "9", "SKU": "7"}, other, woocommerce_id="sku")
    assert sorted(rows) == ["7", "id:7"]
    assert all(row.product is not None for row in rows.values())


def test_the_report_says_that_ids_are_numbers() -> None:
    feed = read_feed(io.BytesIO(table(SIMPLE)), "x.csv", FeedSettings())
    list(feed)
    assert any("SKUs" in warning for warning in feed.report.warnings)


# Languages


@pytest.mark.parametrize(
    "names",
    [
        "ID,Typ,Artikelnummer,Name,Veröffentlicht,Sichtbarkeit im Katalog,Vorrätig?,Regulärer Preis,Kategorien,"
        "Bilder,Übergeordnetes Produkt,Attribut {n} Name,Attribut {n} Wert(e)",
        "ID,Type,UGS,Nom,Publié,Visibilité dans le catalogue,En stock\u00a0?,Tarif régulier,Catégories,Images,Parent,"
        "Nom de l’attribut {n},Valeur(s) de l’attribut {n} ",
        "ID,Tipo,SKU,Nombre,Publicado,Visibilidad en el catálogo,¿Existencias?,Precio normal,Categorías,Imágenes,"
        "Superior,Nombre del atributo {n},Valor(es) del atributo {n}",
        "ID,Type,Artikelnummer,Naam,Gepubliceerd,Zichtbaarheid in catalogus,Op voorraad?,Reguliere prijs,Categorieën,"
        "Afbeeldingen,Hoofd,Naam eigenschap {n},Waarde eigenschap {n}",
        "ID,Tipo,COD,Nome,Pubblicato,Visibilità nel catalogo,In stock?,Prezzo di listino,Categorie,Immagine,Genitore,"
        "Attributo {n} nome,Attributo {n} valore(i)",
        "ID,Tipo,SKU,Nome,Publicado,Visibilidade no catálogo,Em estoque?,Preço,Categorias,Imagens,Ascendente,"
        "Nome do atributo {n},Valores do atributo {n}",
        "ID,Rodzaj,SKU,Nazwa,Opublikowano,Widoczność w katalogu,W magazynie?,Cena,Kategorie,Obrazki,"
        "Element nadrzędny,Nazwa atrybutu {n},Wartości atrybutu {n}",
        "ID,类型,SKU,名称,已发布,在列表页可见,有货？,常规售价,分类,图片,父级,属性 {n} 名称,属性 {n} 值",
        "ID,タイプ,SKU,名前,公開済み,カタログでの表示,在庫の有無,標準価格,カテゴリー,画像,親,"
        "Attribute {n} name,Attribute {n} value(s)",
    ],
    ids=["de", "fr", "es", "nl", "it", "pt", "pl", "zh", "ja"],
)
def test_other_languages(names: str) -> None:
    header = [name.replace("{n}", "1") for name in names.split(",")]
    values = [
        ["1", "variable", "HAT", "Hat", "1", "visible", "1", "", "A > B", "h.jpg", "", "Color", "Red, Blue"],
        ["2", "variation", "HAT-R", "Hat - Red", "1", "visible", "0", "12,5", "", "", "HAT", "Color", "Red"],
        ["3", "simple", "CAP", "Cap", "-1", "visible", "1", "5", "", "", "", "", ""],
    ]
    rows = read(*(dict(zip(header, row, strict=True)) for row in values))
    product = rows["2"].product
    assert product is not None
    assert (product.title, product.availability, product.product_type) == (
        "Hat - Red",
        "out_of_stock",
        "A > B",
    )
    assert (product.image_link, product.color, product.item_group_id) == ("h.jpg", "Red", "1")
    assert product.price is not None
    assert product.price.amount == Decimal("12.5")
    assert rows["3"].delete_id == "3"


@pytest.mark.parametrize("count", [1, 30])
def test_a_language_that_is_not_known_is_refused_as_a_whole(count: int) -> None:
    header = (
        "ID,Typ,Artikelnr,Namn,Publicerad,I lager?,Vikt (kg),Längd (cm),Bredd (cm),Höjd (cm),Ordinarie pris"
    )
    row = "simple,MUG,Kopp,1,1,0.5,1,1,1,19"
    text = "\n".join([header, *(f"{number},{row}" for number in range(1, count + 1))])
    found = []
    with pytest.raises(InvalidFeed, match="English"):
        found += read_feed(io.BytesIO(text.encode()), "x.csv", FeedSettings())
    assert not [row for row in found if row.product is not None or row.delete_id is not None]


@pytest.mark.parametrize(
    ("names", "expected"),
    [(["ID", "Type", "SKU", "Name", "Regular price"], True), (["ID", "Type", "Name", "In stock?"], True),
     (["Type", "Regular price"], True), (["ID", "SKU", "Name", "Regular price"], False),
     (["id", "title", "type", "regular_price"], False), (["id", "name", "type", "regular_price", "color"], False),
     (["Handle", "Title", "Type", "Variant Price"], False)],
)  # fmt: skip
def test_recognition(names: list[str], expected: bool) -> None:
    assert WooCommerce().recognises(Sample.of("csv", names)) is expected
    assert not WooCommerce().recognises(Sample.of("jsonl", names))


# Whole files


def test_a_file_that_breaks_off_gives_what_came_before() -> None:
    def records() -> Iterator[Record]:
        yield Record(1, RED)
        yield Record(2, PARENT)
        raise InvalidFeed("cut off")

    format_ = WooCommerce()
    reading = Reading(FeedSettings(), Findings(format_, "csv", frozenset()))
    found: list[Record] = []
    with pytest.raises(InvalidFeed, match="cut off"):
        found.extend(format_.read(records(), reading))
    assert sorted((record.row, record.meaning) for record in found) == [(1, "product"), (2, "group")]


def test_rows_far_apart_beyond_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mmpipe.catalogue.formats.woocommerce_variations._SPOOL_BYTES", 20_000)
    monkeypatch.setattr("mmpipe.catalogue.formats.woocommerce_variations._TOGETHER_BYTES", 5_000)
    monkeypatch.setattr("mmpipe.catalogue.formats.recent._MAX_BYTES", 10_000)
    parents = [PARENT | {"ID": str(n), "SKU": f"P{n}", "Brands": f"Brand {n}"} for n in range(1, 41)]
    children = [
        RED
        | {"ID": str(1000 + n), "SKU": f"C{n}", "Parent": f"P{n % 40 + 1}" if n % 2 else f"id:{n % 40 + 1}"}
        for n in range(120)
    ]
    rows = read(*children[:60], *parents, *children[60:])
    for n in range(120):
        product = rows[str(1000 + n)].product
        assert product is not None
        assert (product.item_group_id, product.brand) == (str(n % 40 + 1), f"Brand {n % 40 + 1}")
    assert all(rows[str(n)].group for n in range(1, 41))
