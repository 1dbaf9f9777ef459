"""BigCommerce's product export (v3)."""

import csv
import io
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import pytest

from mmpipe.catalogue import read_feed
from mmpipe.catalogue.feed import FeedRows
from mmpipe.catalogue.formats import bigcommerce
from mmpipe.errors import InvalidFeed
from mmpipe.schemas.product import Product
from mmpipe.settings import FeedSettings

HEADER = (
    "Item", "ID", "Name", "Type", "SKU", "Options", "Inventory Tracking", "Current Stock", "Low Stock",
    "Price", "Cost Price", "Retail Price", "Sale Price", "Brand ID", "Channels", "Categories", "Description",
    "Custom Fields", "Page Title", "Product URL", "Meta Description", "Search Keywords", "Meta Keywords",
    "Bin Picking Number", "UPC/EAN", "Global Trade Number", "Manufacturer Part Number", "Free Shipping",
    "Fixed Shipping Cost", "Weight", "Width", "Height", "Depth", "Is Visible", "Is Featured", "Warranty",
    "Tax Class", "Product Condition", "Show Product Condition", "Sort Order", "Variant Image URL",
    "Internal Image URL (Export)", "Image URL (Import)", "Image Description", "Image is Thumbnail",
    "Image Sort Order", "YouTube ID", "Video Title", "Video Description", "Video Sort Order",
)  # fmt: skip
IMAGE = "Internal Image URL (Export)"


def _text(*rows: Mapping[str, str], more: tuple[str, ...] = ()) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, (*HEADER, *more), restval="")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def _read(text: str, **settings: Any) -> FeedRows:
    return read_feed(io.BytesIO(text.encode()), "export.csv", FeedSettings(**settings))


def _feed(*rows: Mapping[str, str], more: tuple[str, ...] = (), **settings: Any) -> FeedRows:
    return _read(_text(*rows, more=more), **settings)


def _product(**fields: str) -> dict[str, str]:
    row = {
        "Item": "Product", "ID": "77", "Name": "Oak stool", "Type": "physical", "SKU": "STOOL",
        "Price": "40.00", "Inventory Tracking": "none", "Is Visible": "TRUE",
    }  # fmt: skip
    return row | {name.replace("_", " "): value for name, value in fields.items()}


def _variant(colour: str, size: str, **fields: str) -> dict[str, str]:
    options = f"Type=Swatch|Name=Colour|Value={colour}[#aa0000]Type=Rectangle|Name=Size|Value={size}"
    row = {"Item": "Variant", "SKU": f"STOOL-{colour[0]}{size}", "Options": options}
    return row | {name.replace("_", " "): value for name, value in fields.items()}


def _image(link: str, **fields: str) -> dict[str, str]:
    return {"Item": "Image", IMAGE: link} | {name.replace("_", " "): value for name, value in fields.items()}


def _products(feed: FeedRows) -> dict[str, Product]:
    return {row.product.id: row.product for row in feed if row.product is not None and not row.group}


def test_a_product_without_variants_is_one_itself() -> None:
    stool = _product(
        Description="<p>Stands &amp; folds</p>",
        Categories="18;23",
        Brand_ID="5",
        Custom_Fields="Seat height=45 cm;Material=Oak;Care=Dust;do not wash",
        Search_Keywords="chair, seat",
        Product_URL="/oak-stool/",
        Global_Trade_Number="4012345000115",
        Manufacturer_Part_Number="M-1",
        Cost_Price="12.00",
        Retail_Price="55.00",
        Sale_Price="0.00",
        Weight="3.5",
        Width="0",
        Warranty="2 years",
        Product_Condition="New",
        Bin_Picking_Number="B7",
        Tax_Class="0",
        Shelf="top",
    )
    feed = _feed(
        stool | {"UPC/EAN": "000"},
        _image("https://cdn.example/3.jpg", Image_Sort_Order="2"),
        _image("https://cdn.example/2.jpg", Image_is_Thumbnail="TRUE", Image_Sort_Order="1"),
        {"Item": "Image", "Image URL (Import)": "//cdn.example/1.jpg", "Image Sort Order": "0"},
        {"Item": "Video", "YouTube ID": "abc123"},
        more=("Shelf",),
    )
    (row,) = feed
    product = row.product
    assert product is not None
    assert (product.id, product.title, product.item_group_id) == ("STOOL", "Oak stool", None)
    assert (product.description, product.additional_text) == ("Stands & folds", "chair, seat")
    assert (product.gtin, product.mpn, product.condition) == ("4012345000115", "M-1", "new")
    assert product.image_link == "https://cdn.example/2.jpg"
    assert product.additional_image_link == ("https://cdn.example/1.jpg", "https://cdn.example/3.jpg")
    assert (product.product_type, product.brand, product.link) == (None, None, None)
    assert product.material == "Oak"
    assert product.attributes == {
        "weight": "3.5", "warranty": "2 years", "retail_price": "55.00", "Seat height": "45 cm",
        "Care": "Dust; do not wash",
    }  # fmt: skip
    assert product.price is not None
    assert (product.price.amount, product.sale_price) == (Decimal("40.00"), None)
    for name, value in {
        "cost_price": "12.00", "categories": "18;23", "brand_id": "5", "bin_picking_number": "B7",
        "shelf": "top", "product_url": "/oak-stool/", "you_tube_id": "abc123",
    }.items():  # fmt: skip
        assert product.private[name] == value
    report = feed.report
    assert (report.format, report.rows, report.products) == ("bigcommerce", 5, 1)
    assert report.unknown == ["Shelf"]


def test_variants_follow_their_product_and_fall_back_to_it() -> None:
    feed = _feed(
        _product(
            Inventory_Tracking="variant", Sale_Price="30", Description="Sturdy", Product_Condition="Used"
        ),
        _variant("Red", "S", Current_Stock="4", Variant_Image_URL="https://cdn.example/red.jpg"),
        _variant("Blue", "M", Current_Stock="0", Price="50", Sale_Price="45"),
        _image("https://cdn.example/all.jpg"),
        _product(ID="78", SKU="BENCH", Name="Bench"),
    )
    rows = list(feed)
    groups = [row for row in rows if row.group]
    assert [(row.product_id, row.row) for row in groups] == [("STOOL", 1)]
    found = {row.product.id: row.product for row in rows if row.product is not None and not row.group}
    assert list(found) == ["STOOL-RS", "STOOL-BM", "BENCH"]
    red, blue = found["STOOL-RS"], found["STOOL-BM"]
    assert {red.item_group_id, blue.item_group_id} == {"STOOL"}
    assert (red.title, red.item_group_title, red.description, red.condition) == (
        "Oak stool", "Oak stool", "Sturdy", "used",
    )  # fmt: skip
    assert [(p.color, p.size) for p in (red, blue)] == [("Red", "S"), ("Blue", "M")]
    assert (red.availability, blue.availability) == ("in_stock", "out_of_stock")
    prices = [(p.price.amount, p.sale_price.amount) for p in (red, blue) if p.price and p.sale_price]
    assert prices == [(Decimal("40.00"), Decimal(30)), (Decimal(50), Decimal(45))]
    assert red.image_link == "https://cdn.example/red.jpg"
    assert red.additional_image_link == ("https://cdn.example/all.jpg",)
    assert blue.image_link == "https://cdn.example/all.jpg"
    assert found["BENCH"].image_link is None
    assert (feed.report.groups, feed.report.products, feed.report.rows) == (1, 3, 5)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Type=Rectangle|Name=Color|Value=Red", [("Color", "Red")]),
        (
            "Type=Rectangle|Name=Color|Value=Red|Type=Dropdown|Name=Size|Value=L",
            [("Color", "Red"), ("Size", "L")],
        ),
        (
            "Type=Rectangle|Name=Color|Value=RedType=Radio|Name=Size|Value=L",
            [("Color", "Red"), ("Size", "L")],
        ),
        ("Type=Swatch|Name=Color|Value=Sky[#00f,#fff]", [("Color", "Sky")]),
        ("Type=Rectangle|Name=Fit|Value=Slim [EU]", [("Fit", "Slim [EU]")]),
        ("Name=Color|Value=Red|Name=Size|Value=L", [("Color", "Red"), ("Size", "L")]),
        ("Color: Red", []),
    ],
)
def test_options(text: str, expected: list[tuple[str, str]]) -> None:
    assert bigcommerce._options(text) == expected


@pytest.mark.parametrize(
    ("product", "variant", "expected"),
    [
        ({"Inventory Tracking": "none", "Current Stock": "0"}, {"Current Stock": "0"}, "in_stock"),
        ({"Inventory Tracking": "product", "Current Stock": "0"}, {"Current Stock": "9"}, "out_of_stock"),
        ({"Inventory Tracking": "product", "Current Stock": "3"}, {"Current Stock": "0"}, "in_stock"),
        ({"Inventory Tracking": "variant", "Current Stock": "0"}, {"Current Stock": "2"}, "in_stock"),
        ({"Is Purchasable": "FALSE"}, {}, "out_of_stock"),
        ({}, {"Is Purchasable": "FALSE"}, "out_of_stock"),
        ({"Preorder": "TRUE"}, {}, "preorder"),
    ],
)
def test_stock(product: dict[str, str], variant: dict[str, str], expected: str) -> None:
    rows = (_product() | product, _variant("Red", "S") | variant)
    found = _products(_feed(*rows, more=("Is Purchasable", "Preorder")))
    assert found["STOOL-RS"].availability == expected


def test_what_is_not_visible_is_withdrawn_with_all_variants() -> None:
    rows = list(
        _feed(_product(Is_Visible="FALSE"), _variant("Red", "S"), _image("https://cdn.example/1.jpg"))
    )
    assert [(row.delete_id, row.group_id) for row in rows] == [("STOOL", None), ("STOOL-RS", "STOOL")]


def test_a_retail_price_beside_a_sale_is_private() -> None:
    (product,) = _products(_feed(_product(Retail_Price="55", Sale_Price="30"))).values()
    assert product.sale_price is not None
    assert product.sale_price.amount == Decimal(30)
    assert "retail_price" not in product.attributes
    assert product.private["retail_price"] == "55"


def test_what_a_row_without_sku_is_called() -> None:
    feed = _feed(
        _product(SKU=""),
        _variant("Red", "S", SKU="", ID="5"),
        _variant("Blue", "M", SKU=""),
        _product(SKU="", ID="5", Name="Other"),
        _product(SKU="", ID="", Name="Nameless"),
    )
    rows = list(feed)
    assert list(_products(iter(rows)))[:3] == ["77-5", "77-Blue-M", "5"]  # type: ignore[arg-type]
    assert [(row.row, row.reject.field) for row in rows if row.reject] == [(5, "SKU")]


def test_a_sku_belongs_to_the_first_product_for_sale() -> None:
    feed = _feed(
        _product(ID="1", Is_Visible="FALSE"),
        _product(ID="2"),
        _product(ID="3", Name="Another"),
        _product(ID="4", SKU="G"),
        _variant("Red", "S", SKU="SAME"),
        _variant("Blue", "M", SKU="SAME"),
    )
    rows = list(feed)
    live = {row.row: row.product_id for row in rows if row.product and not row.group}
    assert live[2] == "STOOL"
    assert live[5] == "SAME"
    assert len(set(live.values())) == 4
    (deleted,) = [row.delete_id for row in rows if row.delete_id]
    assert deleted not in live.values()


def test_a_variant_named_like_its_product_keeps_the_name() -> None:
    rows = list(_feed(_product(), _variant("Red", "S", SKU="STOOL")))
    assert [(row.product_id == "STOOL", row.group) for row in rows] == [(True, False), (False, True)]
    assert rows[0].product is not None
    assert rows[0].product.item_group_id == "STOOL"


def test_rows_without_a_product_before_them_are_rejected() -> None:
    rows = list(
        _feed(_variant("Red", "S"), _image("https://cdn.example/1.jpg"), {"Item": "Bundle"}, _product())
    )
    assert [(row.row, row.reject.field) for row in rows if row.reject] == [
        (1, "Item"),
        (2, "Item"),
        (3, "Item"),
    ]
    assert "no Product row" in str(rows[0].reject)
    assert rows[-1].product_id == "STOOL"


def test_variants_of_a_broken_product_do_not_go_to_the_one_before() -> None:
    lines = _text(
        _product(), _product(ID="9", SKU="B"), _variant("Red", "S"), _product(ID="10", SKU="C")
    ).splitlines()
    for damaged in (lines[2] + ',"one","two"', 'Product,9,"never closed'):
        rows = list(_read("\n".join([*lines[:2], damaged, *lines[3:]])))
        assert [row.product_id for row in rows if row.product] == ["STOOL", "C"]
        reasons = [str(row.reject) for row in rows if row.reject]
        assert len(reasons) == 2
        assert "the product of row 2 is broken" in reasons[1]


def test_a_broken_image_row_costs_nothing_else() -> None:
    lines = _text(_product(), _image("https://cdn.example/1.jpg"), _variant("Red", "S")).splitlines()
    lines[2] += ',"one","two"'
    rows = list(_read("\n".join(lines)))
    assert [row.product_id for row in rows if row.product and not row.group] == ["STOOL-RS"]
    assert [row.row for row in rows if row.reject] == [2]


def test_a_product_has_only_so_many_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bigcommerce, "_MAX_ROWS", 2)
    variants = [_variant("Red", size) for size in "SML"]
    rows = list(_feed(_product(), *variants, _product(ID="2", SKU="B")))
    assert [row.row for row in rows if row.reject] == [4]
    assert [row.product_id for row in rows if row.product and not row.group] == ["STOOL-RS", "STOOL-RM", "B"]


def test_names_instead_of_numbers_are_read() -> None:
    row = _product(Categories="Furniture/Stools;Sale", Product_URL="https://shop.example/stool") | {
        "Brand Name": "Norrland"
    }
    (product,) = _products(_feed(row, more=("Brand Name",))).values()
    assert (product.product_type, product.brand, product.link) == (
        "Furniture > Stools", "Norrland", "https://shop.example/stool",
    )  # fmt: skip


def test_the_older_export_is_refused_as_a_whole() -> None:
    text = "Item Type,Product ID,Product Name,Product Type,Product Code/SKU,Price\nProduct,1,Stool,P,S,5\n"
    with pytest.raises(InvalidFeed, match="older export"):
        list(_read(text))
