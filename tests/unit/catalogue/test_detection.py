"""Which format a file is taken for: by its content, whatever it is called."""
# ruff: noqa: E501 - files are written as they are

from __future__ import annotations

import gzip
import io
import json
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.unit.catalogue.feeds import json_lines, outcomes, product_of, read, report_of, until_error

VARIANT = {
    "id": "V",
    "title": "Red",
    "price": {"amount": 1999, "currency": "USD"},
    "availability": {"available": True},
}
SHOPIFY_VARIANT = {
    "id": 2,
    "title": "Red",
    "option1": "Red",
    "sku": "S-1",
    "price": "5.00",
    "available": True,
}
FEEDS: dict[str, str] = {
    "google": "id,title,price\nA,Cup,5 USD\n",
    "meta": "id,title,price,image[0].url,quantity_to_sell_on_facebook\nA,Cup,5 USD,a.jpg,3\n",
    "openai": json_lines({"item_id": "A", "title": "Cup", "price": "5 USD", "is_eligible_search": True}),
    "shopify": "Handle,Title,Body (HTML),Vendor,Option1 Name,Option1 Value,Variant SKU,Variant Price,Image Src,Status\ncup,Cup,<p>x</p>,N,Title,Default Title,S-1,5.00,,active\n",
    "shopify-inventory": "Handle,Title,Option1 Name,Option1 Value,SKU,Location,Available\ncup,Cup,Title,Default Title,S-1,Here,3\n",
    "shopify-bulk": json_lines({"id": "gid://shopify/Product/1", "title": "Cup", "handle": "cup", "status": "ACTIVE"}, {"id": "gid://shopify/ProductVariant/2", "sku": "S-1", "price": "5.00", "__parentId": "gid://shopify/Product/1"}),
    "shopify-json": json.dumps({"products": [{"id": 1, "title": "Cup", "handle": "cup", "vendor": "N", "variants": [SHOPIFY_VARIANT], "images": [], "options": [{"name": "Color"}]}]}),
    "woocommerce": 'ID,Type,SKU,Name,Published,"Regular price","In stock?"\n7,simple,S-1,Cup,1,5,1\n',
    "woocommerce-rest": json.dumps([{"id": 7, "name": "Cup", "type": "simple", "status": "publish", "catalog_visibility": "visible", "sku": "S-1", "regular_price": "5", "stock_status": "instock"}]),
    "magento": "sku,store_view_code,attribute_set_code,product_type,name,price,product_online,visibility,url_key\nS-1,,Default,simple,Cup,5,1,\"Catalog, Search\",cup\n",
    "prestashop": "Product ID;Name *;Active (0/1);Reference #;Price tax excluded;Quantity\n7;Cup;1;S-1;5;3\n",
    "bigcommerce": "Item,ID,Name,Type,SKU,Options,Inventory Tracking,Current Stock,Price,Is Visible\nProduct,7,Cup,physical,S-1,,product,3,5,TRUE\n",
    "schema-org": json_lines({"@context": "https://schema.org", "@type": "Product", "sku": "S-1", "name": "Cup", "offers": {"price": 5, "priceCurrency": "USD"}}),
    "acp": json_lines({"id": "P", "title": "Cup", "variants": [VARIANT]}),
    "merchant-api": json_lines({"offerId": "A", "contentLanguage": "en", "productAttributes": {"title": "Cup", "price": {"amountMicros": "5000000", "currencyCode": "USD"}}}),
}  # fmt: skip
NAMES = [
    "feed",
    "f.csv",
    "f.tsv",
    "f.txt",
    "f.json",
    "f.jsonl",
    "f.ndjson",
    "f.xml",
    "f.parquet",
    "products_export.csv.gz",
    "shopify.woo.magento",
]


@pytest.mark.parametrize("key", FEEDS)
class TestFormats:
    def test_are_told_by_content_whatever_the_name(self, key: str) -> None:
        found = {name: read(FEEDS[key], name) for name in NAMES}
        assert {report.format for _, report in found.values()} == {key}
        (rows, report) = found["feed"]
        assert report.rejected == 0
        assert len(rows) == 1
        assert all(others == rows for others, _ in found.values())

    def test_compressed_and_in_other_encodings(self, key: str) -> None:
        plain = FEEDS[key].encode()
        for data in (
            gzip.compress(plain),
            gzip.compress(gzip.compress(plain)),
            b"\xef\xbb\xbf" + plain,
            FEEDS[key].encode("utf-16"),
            FEEDS[key].encode("utf-16-le"),
        ):
            assert report_of(data).format == key

    def test_in_any_order_of_columns_and_any_case(self, key: str) -> None:
        if "{" in FEEDS[key]:
            objects = [json.loads(line) for line in FEEDS[key].splitlines()]
            turned: list[Any] = [
                dict(reversed(each.items())) if isinstance(each, dict) else each for each in objects
            ]
            assert report_of(json_lines(*turned)).format == key
            return
        header, rest = FEEDS[key].split("\n", 1)
        assert report_of(f"{header.lower()}\n{rest}").format == key
        assert report_of(f"{header.upper()}\n{rest}").format == key


class TestContainers:
    def test_json_in_a_csv_file(self) -> None:
        for text in (
            '[{"id": "A", "title": "Cup"}]',
            '{"id": "A", "title": "Cup"}\n',
            '{"products": [{"id": "A", "title": "Cup"}]}',
        ):
            assert outcomes(text, "f.csv") == ["A"]

    def test_tabs_in_a_text_file(self) -> None:
        assert outcomes("id\ttitle\tprice\nA\tCup, blue; tall|wide\t5 USD\n", "f.txt") == ["A"]

    def test_a_table_in_a_file_of_json_lines(self) -> None:
        assert outcomes(FEEDS["google"], "f.jsonl") == ["A"]

    def test_lines_of_json_of_which_the_first_is_none(self) -> None:
        text = '"a title"\n{"id": "A", "title": "Cup"}\n'
        assert outcomes(text, "f.jsonl") == outcomes(text, "f.ndjson.gz") == ["!row", "A"]

    def test_xml_and_parquet_in_any_file(self) -> None:
        xml = "<rss><channel><item><id>A</id><title>Cup</title></item></channel></rss>"
        sink = io.BytesIO()
        pq.write_table(pa.table({"id": ["A"], "title": ["Cup"]}), sink)
        for name in NAMES:
            assert outcomes(xml, name) == outcomes(sink.getvalue(), name) == ["A"]
        assert (report_of(xml).container, report_of(sink.getvalue()).container) == ("xml", "parquet")

    def test_the_first_object_that_can_be_read_decides(self) -> None:
        assert report_of('{broken\n[1]\n"x"\n' + FEEDS["openai"], "f.jsonl").format == "openai"
        assert report_of("{broken\n" * 3 + FEEDS["schema-org"]).format == "schema-org"


class TestMixtures:
    def test_shopifys_old_and_new_names_together(self) -> None:
        text = "URL handle,Title,Variant SKU,Price,Option1 Name,Option1 value,Body (HTML),Status\ncup,Cup,S-1,5,Color,Red,<b>x</b>,Active\n"
        product, report = product_of(text), report_of(text)
        assert report.format == "shopify"
        assert (product.id, product.color, product.description, str(product.price)) == (
            "S-1",
            "Red",
            "x",
            "5 USD",
        )

    @pytest.mark.parametrize(
        "columns",
        [
            "Type",
            "Handle",
            "Type,Handle",
            "Type,Published",
            "Type,Categories,Tags",
            "Handle,Vendor,Tags",
            "Visibility,Qty",
            "Options,Item",
        ],
    )
    def test_a_feed_of_ones_own_may_have_columns_of_a_shop_system(self, columns: str) -> None:
        text = f"id,title,price,{columns}\nA,Cup,5 USD,{','.join('1' for _ in columns.split(','))}\n"
        assert (report_of(text).format, outcomes(text)) == ("google", ["A"])

    @pytest.mark.parametrize(
        "header",
        [
            "sku,name,price,qty,is_in_stock,product_type",
            "sku,name,price,special_price,qty,categories",
            "sku,name,description,price,base_image,visibility",
        ],
    )
    def test_columns_called_as_in_magento(self, header: str) -> None:
        values = {"sku": "A", "name": "Cup", "price": "5", "special_price": "4", "qty": "0", "is_in_stock": "0", "product_type": "Shoes > Boots",
                  "categories": "Shoes > Boots", "description": "x", "base_image": "a.jpg", "visibility": "visible"}  # fmt: skip
        text = f"{header}\n{','.join(values[name] for name in header.split(','))}\n"
        product = product_of(text)
        assert report_of(text).format == "google"
        assert (product.id, product.title, product.product_type) == (
            "A",
            "Cup",
            None if "base_image" in header else "Shoes > Boots",
        )

    def test_objects_with_some_names_of_others(self) -> None:
        extras: list[dict[str, Any]] = [
            {"handle": "cup"},
            {"variants": []},
            {"status": "active"},
            {"offers": "two"},
            {"type": "simple"},
            {"sku": "S"},
        ]
        for extra in extras:
            text = json_lines({"id": "A", "title": "Cup", **extra})
            assert (report_of(text).format, outcomes(text)) == ("google", ["A"]), extra

    @pytest.mark.parametrize(
        "columns", ["clicks,impressions", "price_list_id", "email,accepts_marketing", "gross_sales,net_sales"]
    )
    def test_a_feed_with_columns_of_a_report_is_a_feed(self, columns: str) -> None:
        values = ",".join("1" for _ in columns.split(","))
        assert outcomes(f"id,title,price,{columns}\nA,Cup,5 USD,{values}\n") == ["A"]
        assert "no products" in until_error(f"{columns},name\n{values},Cup\n")[1]


class TestRefused:
    @pytest.mark.parametrize(
        "text",
        [
            "TemplateType=fptcustom\tVersion=2026.0101\tThe top 3 rows are for Amazon.com use only.\nItem SKU\tTitle\nitem_sku\titem_name\nA\tCup\n",
            '"TemplateType=fptcustom","Version=2026"\n"item_sku","item_name"\n"A","Cup"\n',
            "\ufefftemplatetype=Offer\nsku,price\nA,5\n",
        ],
    )
    def test_amazons_templates_once_and_as_a_whole(self, text: str) -> None:
        before, message = until_error(text, "amazon.txt")
        assert before == []
        assert (
            "is an inventory template of Amazon, whose header is not the first line: upload a feed with a header"
            in message
        )

    @pytest.mark.parametrize("codec", ["utf-8", "utf-16"])
    @pytest.mark.parametrize("start", ["version 1.00", "version 1.00\t\t", "Version 1.00"])
    def test_taobaos_assistant(self, codec: str, start: str) -> None:
        text = (
            f"{start}\ntitle\tcid\tseller_cids\tprice\n宝贝名称\t宝贝类目\t店铺类目\t宝贝价格\nCup\t1\t2\t5\n"
        )
        before, message = until_error(text.encode(codec), "taobao.csv")
        assert before == []
        assert "is a file of Taobao's assistant, whose header is not the first line" in message

    def test_only_the_first_line_says_so(self) -> None:
        assert outcomes("id,title\nA,version 1.00\nB,TemplateType=x\n") == ["A", "B"]
