"""Shopify's product CSV: variants, pictures, stock, who is called what, and what is kept to the shop."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator
from typing import Any

import pytest

from mmpipe.catalogue import FeedRow, read_feed, read_product
from mmpipe.catalogue.formats.base import Reading, Sample
from mmpipe.catalogue.formats.shopify import ShopifyCsv
from mmpipe.catalogue.report import Findings
from mmpipe.catalogue.rows import Record
from mmpipe.catalogue.spool import Spool
from mmpipe.errors import InvalidFeed, InvalidRow
from mmpipe.schemas.product import Product
from mmpipe.settings import FeedSettings

HEADER = (
    "Handle,Title,Body (HTML),Vendor,Type,Tags,Published,Option1 Name,Option1 Value,Option2 Name,"
    "Option2 Value,Variant SKU,Variant Inventory Tracker,Variant Inventory Qty,Variant Inventory Policy,"
    "Variant Price,"
    "Variant Compare At Price,Image Src,Image Position,Variant Image,Google Shopping / Gender,Status\n"
)
EXPORT = HEADER + (
    'tee,Tee,"<p>Soft &amp; light<br>cotton</p><script>x()</script>",Acme,Shirts,"new, summer",true,Color,'
    "Red,Size,M,TEE-1,shopify,5,deny,19.90,25.00,https://cdn/2.jpg,2,,Unisex,active\n"
    "tee,,,,,,,,Blue,,L,TEE 2,shopify,0,deny,19.90,,https://cdn/1.jpg,1,https://cdn/blue.jpg,,\n"
    "tee,,,,,,,,,,,,,,,,,https://cdn/3.jpg,3,,,\n"
    "mug,Mug,Big,Acme,Kitchen,,TRUE,Title,Default Title,,,,,,,7.00,,,,,,active\n"
    "old,Old,,Acme,Kitchen,,true,Title,Default Title,,,OLD-1,,,,7.00,,,,,,archived\n"
    "hidden,Hidden,,Acme,Kitchen,,false,Title,Default Title,,,,,,,7.00,,,,,,active\n"
    ",No handle,,,,,,,,,,,,,,,,,,,,\n"
)


def table(*rows: dict[str, str]) -> str:
    """A CSV of rows by column; columns in the order in which they first come."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    out = io.StringIO()
    writer = csv.DictWriter(out, names, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


def variant(handle: str = "tee", sku: str = "T-1", **others: str) -> dict[str, str]:
    """One row of the old export."""
    return {"Handle": handle, "Title": handle.title(), "Variant SKU": sku, "Variant Price": "5.00"} | others


def rows_of(text: str) -> list[FeedRow]:
    return list(read_feed(io.BytesIO(text.encode()), "products.csv", FeedSettings(default_currency="EUR")))


def products_of(*rows: dict[str, str]) -> list[Product]:
    found = rows_of(table(*rows))
    assert [str(row.reject) for row in found if row.reject] == []
    return [row.product for row in found if row.product is not None]


def outcomes(*rows: dict[str, str]) -> list[str]:
    """``id``, ``-id`` for a withdrawn product, ``!field`` for a reject."""
    return [_outcome(row) for row in rows_of(table(*rows))]


def _outcome(row: FeedRow) -> str:
    if row.reject is not None:
        return f"!{row.reject.field}"
    return f"-{row.delete_id}" if row.product is None else row.product.id


class TestExport:
    def test_one_product_per_variant(self) -> None:
        rows = rows_of(EXPORT)
        blue_id = next(row.product_id for row in rows if row.row == 2)
        assert sorted(_outcome(row) for row in rows) == sorted(
            ["TEE-1", str(blue_id), "mug", "-OLD-1", "-hidden", "!Handle"]
        )
        red, blue, mug = (row.product for row in rows if row.product)
        assert (red.item_group_id, red.color, red.size, red.title) == ("tee", "Red", "M", "Tee")
        assert (red.brand, red.product_type) == ("Acme", "Shirts")
        assert (str(red.price), str(red.sale_price)) == ("25.00 EUR", "19.90 EUR")
        assert red.description == "Soft & light cotton"
        assert (red.image_link, red.additional_image_link) == (
            "https://cdn/1.jpg",
            ("https://cdn/2.jpg", "https://cdn/3.jpg"),
        )
        assert red.gender == "Unisex"
        assert red.attributes == {"tags": "new, summer"}
        assert (blue.color, blue.availability, blue.image_link) == (
            "Blue",
            "out_of_stock",
            "https://cdn/blue.jpg",
        )
        assert (blue.title, blue.brand, blue.sale_price) == ("Tee", "Acme", None)
        assert (mug.color, mug.size, mug.availability, mug.image_link) == (None, None, "in_stock", None)
        assert mug.attributes == {}

    def test_a_row_is_replayed_to_the_same_outcome(self) -> None:
        for row in rows_of(EXPORT):
            again = read_product(row.raw.encode(), "", FeedSettings(default_currency="EUR"))
            assert (again.product, again.delete_id) == (row.product, row.delete_id)

    def test_the_newer_export(self) -> None:
        product = products_of(
            {
                "Title": "Tee", "URL handle": "tee", "Description": "<b>Soft</b>", "Vendor": "Acme",
                "SKU": "S1", "Option1 name": "Farbe", "Option1 value": "Rot", "Option2 name": "Fit",
                "Option2 value": "Slim", "Price": "5.00", "Compare-at price": "6.00", "Product image URL": "https://cdn/1.jpg",
                "Inventory tracker": "shopify", "Inventory quantity": "0",
                "Continue selling when out of stock": "CONTINUE", "Status": "Active",
            }
        )[0]  # fmt: skip
        assert (product.id, product.item_group_id, product.description) == ("S1", "tee", "Soft")
        assert (product.color, product.attributes) == ("Rot", {"Fit": "Slim"})
        assert (str(product.price), str(product.sale_price)) == ("6.00 EUR", "5.00 EUR")
        assert (product.availability, product.image_link) == ("backorder", "https://cdn/1.jpg")

    @pytest.mark.parametrize(
        "row",
        [
            {"Handle": "tee", "Product image URL": "https://c/1.jpg", "SKU": "S1", "Price": "5"},
            {"URL handle": "tee", "Image Src": "https://c/1.jpg", "Variant SKU": "S1", "Variant Price": "5"},
            {"Handle": "tee", "Image Src": "https://c/1.jpg", "SKU": "S1", "Variant Price": "5"},
        ],
    )  # fmt: skip
    def test_old_and_new_names_mix(self, row: dict[str, str]) -> None:
        product = products_of(row | {"Title": "Tee"})[0]
        assert (product.id, product.item_group_id, str(product.price), product.image_link) == (
            "S1",
            "tee",
            "5 EUR",
            "https://c/1.jpg",
        )

    def test_rows_that_stand_apart_are_one_product(self) -> None:
        found = rows_of(
            table(
                {"Handle": "tee", "Image Src": "https://c/2.jpg", "Image Position": "2"},
                variant("mug", "M-1"),
                {"Handle": "tee", "Option1 Value": "S", "Variant SKU": "T-S", "Variant Price": "5"},
                variant(
                    "tee",
                    "T-M",
                    Title="Soft tee",
                    Vendor="Acme",
                    **{"Option1 Name": "Size", "Option1 Value": "M"},
                )
                | {"Image Src": "https://c/1.jpg", "Image Position": "1"},
            )
        )
        assert [(row.row, row.product.id) for row in found if row.product] == [
            (3, "T-S"),
            (4, "T-M"),
            (2, "M-1"),
        ]
        small = found[0].product
        assert small is not None
        assert (small.title, small.brand, small.size) == ("Soft tee", "Acme", "S")
        assert (small.image_link, small.additional_image_link) == ("https://c/1.jpg", ("https://c/2.jpg",))

    def test_rows_put_aside_on_disk_read_alike(self, monkeypatch: pytest.MonkeyPatch) -> None:
        expected = [(row.row, _outcome(row), row.raw) for row in rows_of(EXPORT)]
        monkeypatch.setattr(Spool.__init__, "__defaults__", (1,))
        assert [(row.row, _outcome(row), row.raw) for row in rows_of(EXPORT)] == expected


class TestStock:
    @pytest.mark.parametrize(
        ("tracker", "quantity", "policy", "expected"),
        [
            ("shopify", "3", "deny", "in_stock"),
            ("shopify", "0", "deny", "out_of_stock"),
            ("shopify", "-2", "continue", "backorder"),
            ("shopify", "0", "", "out_of_stock"),
            ("", "0", "deny", "in_stock"),
            ("shopify", "", "deny", "in_stock"),
        ],
    )
    def test_by_tracker_quantity_and_policy(
        self, tracker: str, quantity: str, policy: str, expected: str
    ) -> None:
        names = ("Variant Inventory Tracker", "Variant Inventory Qty", "Variant Inventory Policy")
        row = variant() | dict(zip(names, (tracker, quantity, policy), strict=True))
        assert products_of(row)[0].availability == expected

    def test_without_a_quantity_column_the_report_says_that_there_is_no_stock(self) -> None:
        values = {"URL handle": "tee", "Title": "Tee", "SKU": "S1", "Price": "5"}
        values |= {"Inventory tracker": "shopify", "Continue selling when out of stock": "DENY"}
        found, findings = read([Record(1, values)])
        assert "availability" not in dict(found[0].values or {})
        assert "availability" not in findings.report().columns.values()

    @pytest.mark.parametrize(
        ("price", "before", "expected"),
        [
            ("49.00", "69.00", ("69.00 EUR", "49.00 EUR")),
            ("49.00", "49.00", ("49.00 EUR", None)),
            ("49.00", "40.00", ("49.00 EUR", None)),
            ("1,049.00", "1,100.00", ("1100.00 EUR", "1049.00 EUR")),
            ("0.00", "10.00", ("0.00 EUR", None)),
            ("49.00", "soon", ("49.00 EUR", None)),
        ],
    )
    def test_a_compare_at_price_above_the_price_is_the_price(
        self, price: str, before: str, expected: tuple[str, str | None]
    ) -> None:
        product = products_of(variant() | {"Variant Price": price, "Variant Compare At Price": before})[0]
        assert (str(product.price), str(product.sale_price) if product.sale_price else None) == expected


class TestWithdrawn:
    @pytest.mark.parametrize(
        ("column", "value"),
        [
            ("Status", "draft"),
            ("Status", "Archived"),
            ("Status", "Unlisted"),
            ("Published", "FALSE"),
            ("Published", "FALSCH"),
        ],
    )
    def test_what_is_not_for_sale(self, column: str, value: str) -> None:
        row = rows_of(table(variant() | {column: value}))[0]
        assert (row.delete_id, row.group_id) == ("T-1", "tee")

    @pytest.mark.parametrize(
        ("column", "value"), [("Status", "ACTIVE"), ("Published", "WAHR"), ("Gift Card", "TRUE")]
    )
    def test_what_is_for_sale(self, column: str, value: str) -> None:
        assert outcomes(variant() | {column: value}) == ["T-1"]

    def test_any_row_of_the_product_may_say_it(self) -> None:
        rows = [variant(sku="A", Title=""), variant(sku="B", Status="draft")]
        assert outcomes(*rows) == ["-A", "-B"]


class TestIds:
    @pytest.mark.parametrize("draft_first", [True, False])
    def test_a_draft_copy_takes_nothing_from_the_live_product(self, draft_first: bool) -> None:
        rows = [variant("tote", "TOTE", Status="active"), variant("tote-copy", "TOTE", Status="draft")]
        found = rows_of(table(*(rows[::-1] if draft_first else rows)))
        assert sorted(_outcome(row) for row in found) == ["-tote-copy", "TOTE"]
        assert {row.group_id for row in found if row.delete_id} == {"tote-copy"}

    def test_the_first_live_product_of_a_sku_has_it(self) -> None:
        option = {"Option1 Name": "Size", "Option1 Value": "M"}
        rows = [variant("cap", "C-7"), variant("set", "C-7", **option), variant("cap", "C-8")]
        assert outcomes(*rows) == ["C-7", "C-8", "set-M"]

    def test_skus_that_differ_in_signs_are_three_products(self) -> None:
        ids = outcomes(*(variant("tee", sku) for sku in ("AB/12", "AB-12", "AB 12")))
        assert ids[1] == "AB-12"
        assert len(set(ids)) == 3

    def test_without_sku_by_handle_and_options(self) -> None:
        rows = [
            {"Handle": "tee", "Title": "Tee" if n == 0 else "", "Option1 Name": "Size", "Option1 Value": size,
             "Variant Price": "5"}
            for n, size in enumerate("SMM")
        ]  # fmt: skip
        assert outcomes(*rows) == ["tee-S", "tee-M", "tee-M-3"]

    def test_two_variants_of_one_sku_in_one_product(self) -> None:
        rows = [variant("tee", "T", **{"Option1 Name": "Size", "Option1 Value": size}) for size in "SM"]
        assert outcomes(*rows) == ["T", "tee-M"]

    def test_handles_and_options_that_read_alike_stay_apart(self) -> None:
        def bare(handle: str, *options: str) -> dict[str, str]:
            return variant(handle, "") | {f"Option{n} Value": text for n, text in enumerate(options, 1)}

        ids = outcomes(bare("tee", "red", "M"), bare("tee-red", "M"), variant("other", "tee-red-M"))
        assert ids[0] == "tee-red-M"
        assert len(set(ids)) == 3

    def test_an_id_given_for_want_of_a_sku_is_no_other_products_sku(self) -> None:
        ids = outcomes(variant("a", "X"), variant("b", "X"), variant("c", "b"))
        assert (ids[0], ids[2]) == ("X", "b")
        assert len(set(ids)) == 3

    def test_a_quoted_sku(self) -> None:
        assert outcomes(variant(sku="'0012")) == ["0012"]


COLOUR = "Color (product.metafields.shopify.color-pattern)"


class TestMetafields:
    def test_fill_what_no_option_gives(self) -> None:
        shared = {
            COLOUR: "moss-green; navy", "Fabric (product.metafields.shopify.fabric)": "cotton",
            "Target gender (product.metafields.shopify.target-gender)": "female; male",
            "Sleeve length type (product.metafields.shopify.sleeve-length-type)": "short; long",
            "Subtitle (product.metafields.descriptors.subtitle)": "For rain",
        }  # fmt: skip
        rows = [
            variant(sku="S", **{"Option1 Name": "Size", "Option1 Value": "S"}) | shared,
            {"Handle": "tee", "Variant SKU": "M"},
        ]
        for product in products_of(*rows):
            assert (product.color, product.material, product.gender) == (
                "moss-green/navy",
                "cotton",
                "unisex",
            )
            assert product.attributes == {"sleeve_length_type": "short, long", "subtitle": "For rain"}

    @pytest.mark.parametrize("rating", ["4.5", '{"value": "9.0", "scale_min": "1.0", "scale_max": "10.0"}'])
    def test_tell_what_shoppers_gave(self, rating: str) -> None:
        fields = {
            "Product rating (product.metafields.reviews.rating)": rating,
            "Product rating count (product.metafields.reviews.rating_count)": "10",
        }
        (product,) = products_of(variant(sku="S") | fields)
        assert (product.rating, product.rating_count, product.attributes) == (4.5, 10, {})

    def test_an_option_wins_also_one_linked_to_a_metafield(self) -> None:
        option = {"Option1 Name": "Tönung", "Option1 Value": "Moos",
                  "Option1 Linked To": "product.metafields.shopify.color-pattern"}  # fmt: skip
        assert products_of(variant(**option) | {COLOUR: "moss-green"})[0].color == "Moos"

    def test_do_not_take_the_place_of_a_column_of_the_same_name(self) -> None:
        row = {
            "Title (product.metafields.custom.title)": "Not this",
            "Price (variant.metafields.custom.price)": "9",
        }
        product = products_of(row | variant(Title="This"))[0]
        assert (product.title, str(product.price)) == ("This", "5.00 EUR")

    def test_the_shops_own_are_private_unless_chosen(self) -> None:
        names = [f"{key.title()} (product.metafields.custom.{key})" for key in ("care", "origin", "cost")]
        values = variant() | dict(zip(names, ("Wash cold", "Portugal", "2.10"), strict=True))
        found, findings = read([Record(1, values)], public=frozenset({"care", "cost"}))
        given = dict(found[0].values or {})
        assert given["attributes"] == {"care": "Wash cold"}
        assert sorted(given["private"].values()) == ["2.10", "Portugal"]
        assert findings.report().private == sorted(names[1:])
        assert findings.report().columns[names[0]] == "attributes"

    def test_words_to_be_found_by(self) -> None:
        column = "Search product boosts (product.metafields.shopify--discovery--product_search_boost.queries)"
        product = products_of(variant() | {column: '["rain coat","anorak"]'})[0]
        assert product.additional_text == "rain coat anorak"


class TestColumns:
    def test_google_shopping_and_category(self) -> None:
        product = products_of(
            variant()
            | {
                "Product category": "Apparel & Accessories > Shoes", "Type": "Sneakers",
                "Google Shopping / Google product category": "187", "Google Shopping / MPN": "MPN-1",
                "Google Shopping / Age group": "Adult (13+ years old)", "Google Shopping / Condition": "new",
                "Google Shopping / Custom Label 0": "clearance",
            }
        )[0]  # fmt: skip
        assert product.google_product_category == "Apparel & Accessories > Shoes"
        assert (product.product_type, product.mpn) == ("Sneakers", "MPN-1")
        assert (product.age_group, product.condition) == ("Adult", "new")
        assert "clearance" not in str(product.public())
        assert product.private["google_shopping_custom_label_0"] == "clearance"

    def test_the_new_name_of_the_mpn_and_no_category(self) -> None:
        names = {"Google Shopping / Manufacturer part number (MPN)": "MPN-2"}
        names |= {"Product category": "Uncategorized", "Google Shopping / Google product category": "187"}
        product = products_of(variant() | names)[0]
        assert (product.mpn, product.google_product_category) == ("MPN-2", "187")

    def test_what_is_the_shops_own_business(self) -> None:
        own = {
            "Cost per item": "2.10", "Variant Taxable": "true", "Variant Fulfillment Service": "manual",
            "Included / United States": "TRUE", "Price / International": "13.00", "SEO Title": "Buy now",
            "Compare-at price / International": "15.00", "Image Alt Text": "front", "Bin": "A-7",
        }  # fmt: skip
        product = products_of(variant() | own)[0]
        assert sorted(product.private.values()) == sorted(own.values())
        assert product.attributes == {}
        assert str(product.price) == "5.00 EUR"

    def test_every_column_is_reported(self) -> None:
        values = variant() | {"Cost per item": "2", "Included / Asia": "TRUE", "Bin": "A-7", COLOUR: "red"}
        report = read([Record(1, values)])[1].report()
        assert report.columns[COLOUR] == "color"
        assert (report.private, report.unknown) == (["Cost per item", "Included / Asia"], ["Bin"])

    def test_private_columns_of_one_variant_stay_its_own(self) -> None:
        first = variant(sku="A") | {"Cost per item": "2", "SEO Title": "Tee"}
        second = {"Handle": "tee", "Variant SKU": "B", "Cost per item": ""}
        a, b = products_of(first, second)
        assert (a.private, b.private) == ({"cost_per_item": "2", "seo_title": "Tee"}, {"seo_title": "Tee"})

    def test_measures(self) -> None:
        names = ("Variant Grams", "Unit price total measure", "Unit price total measure unit",
                 "Unit price base measure", "Unit price base measure unit")  # fmt: skip
        product = products_of(variant() | dict(zip(names, ("250", "500", "ml", "100", "ml"), strict=True)))[0]
        assert product.attributes == {
            "weight": "250 g",
            "unit_pricing_measure": "500 ml",
            "unit_pricing_base_measure": "100 ml",
        }

    @pytest.mark.parametrize(
        ("column", "value", "expected"),
        [
            ("Variant Barcode", "'04012345000108", "04012345000108"),
            ("Barcodes", "111; 222", "111"),
            ("Barcode", "4.01234E+12", None),
        ],
    )
    def test_barcodes(self, column: str, value: str, expected: str | None) -> None:
        assert products_of(variant() | {column: value})[0].gtin == expected

    def test_more_attributes_than_a_product_can_have(self) -> None:
        more = {f"F{n} (product.metafields.shopify.f-{n})": "x" for n in range(150)}
        tags = ", ".join(f"tag {n}" for n in range(300))
        option = {"Option1 Name": "Fit", "Option1 Value": "Slim"}
        product = products_of(variant(Tags=tags, **option) | more)[0]
        assert (len(product.attributes), product.attributes["Fit"]) == (100, "Slim")
        assert len(product.private) == 52

    def test_more_pictures_than_a_product_can_have(self) -> None:
        rows = [
            {"Handle": "tee", "Image Src": f"//cdn/{n}.jpg", "Image Position": str(n)}
            for n in range(40, 0, -1)
        ]
        product = products_of(variant(), *rows)[0]
        assert product.image_link == "https://cdn/1.jpg"
        assert len(product.additional_image_link) == 20


class TestBroken:
    def test_a_row_of_too_many_columns_costs_only_itself(self) -> None:
        text = "Handle,Title,Variant SKU,Variant Price\ntee,Tee,A,5\ntee,Big, bad,B,5\ntee,,C,5\n"
        found = rows_of(text)
        assert [_outcome(row) for row in found if row.row != 2] == ["A", "C"]
        assert [row.reject is not None for row in found if row.row == 2] == [True]

    def test_where_the_broken_row_held_the_title_the_others_say_so(self) -> None:
        found = rows_of("Handle,Title,Variant SKU,Variant Price\ntee,Big, bad,A,5\ntee,,B,5\n")
        reasons = [str(row.reject) for row in found if row.row == 2]
        assert len(reasons) == 1
        assert reasons[0].startswith("Title: is missing: it may be in row 1")

    def test_a_record_without_values_passes_through(self) -> None:
        problem = InvalidRow("row", "is broken: correct it")
        found, _ = read([Record(1, None, raw="x", problem=problem), Record(2, variant())])
        assert [(record.row, record.problem) for record in found] == [(1, problem), (2, None)]

    def test_what_came_before_the_file_broke_off_counts(self) -> None:
        def records() -> Iterator[Record]:
            yield Record(1, variant())
            raise InvalidFeed("ends in the middle")

        seen = []
        reading = Reading(FeedSettings(), Findings(ShopifyCsv(), "csv", frozenset()))
        with pytest.raises(InvalidFeed):
            seen.extend(record.row for record in ShopifyCsv().read(records(), reading))
        assert seen == [1]

    def test_too_many_rows_of_one_handle(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("mmpipe.catalogue.formats.shopify_claims._MAX_BYTES", 2_500)
        ids = outcomes(*(variant(sku=f"S-{n}") for n in range(4)), variant("mug", "M"))
        assert sorted(ids) == ["!Handle", "!Handle", "M", "S-0", "S-1"]

    def test_too_many_variants(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("mmpipe.catalogue.formats.shopify_product.MAX_VARIANTS", 2)
        assert outcomes(*(variant(sku=f"S-{n}") for n in range(4))) == [
            "S-0",
            "S-1",
            "!variants",
            "!variants",
        ]


class TestRecognition:
    @pytest.mark.parametrize(
        ("names", "expected"),
        [
            ("Handle Title|Variant Price", True),
            ("Title|URL handle|Price", True),
            ("Handle|Title|Vendor|Type|Status|Price|SKU", True),
            ("id|handle|title|price|brand|status|sku", False),
            ("handle|title|price", False),
            ("id|title|price|image_link", False),
            ("Handle|Title|Option1 Name|Option1 Value|SKU|Location|On hand (current)", False),
        ],
    )
    def test_by_its_columns(self, names: str, expected: bool) -> None:
        header = names.replace("Handle Title", "Handle|Title").split("|")
        assert ShopifyCsv().recognises(Sample.of("csv", header)) is expected


def read(
    records: Iterable[Record], public: frozenset[str] = frozenset(), **settings: Any
) -> tuple[list[Record], Findings]:
    """Records straight through the format, and what it found."""
    format_ = ShopifyCsv()
    findings = Findings(format_, "csv", public)
    return list(format_.read(iter(records), Reading(FeedSettings(**settings), findings))), findings
