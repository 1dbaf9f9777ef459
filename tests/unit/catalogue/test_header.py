"""Tables: what stands before the header, its names, its delimiter and its encoding."""
# ruff: noqa: E501 - files are written as they are

from __future__ import annotations

import pytest

from tests.unit.catalogue.feeds import outcomes, product_of, products_of, report_of, rows_of, until_error

TABLE = "id,title,price\n1,Cup,5 USD\n"
CUP = product_of(TABLE)


class TestDelimiters:
    @pytest.mark.parametrize("mark", [",", ";", "\t", "|"])
    @pytest.mark.parametrize("line", ["sep={}", '"sep={}"', "SEP={}", "\ufeffsep={}"])
    @pytest.mark.parametrize("ending", ["\n", "\r\n"])
    def test_a_line_may_name_the_delimiter(self, mark: str, line: str, ending: str) -> None:
        text = f"{line.format(mark)}\nid{mark}title{mark}price\n1{mark}Cup{mark}5 USD\n".replace("\n", ending)
        assert products_of(text) == [CUP]

    def test_what_the_line_says_wins_over_the_looks(self) -> None:
        text = "sep=,\nid,title,price;brand;color;size\n1,Cup,5 USD;B;red;L\n"
        assert product_of(text).private == {"price;brand;color;size": "5 USD;B;red;L"}
        assert product_of(text.replace("sep=,\n", "").replace(",", ";")).brand == "B"

    @pytest.mark.parametrize(
        "header",
        [
            "id;title;price (net, gross, per piece, or any)",
            "id|title|price (a, b, c, d; e; f; g)",
            "id\ttitle\tprice (a,b,c,d)",
        ],
    )
    def test_hints_may_hold_more_of_another_mark(self, header: str) -> None:
        mark = header[2]
        assert products_of(f"{header}\n1{mark}Cup{mark}5 USD\n") == [CUP]

    def test_prestashops_names_hold_more_commas_than_semicolons(self) -> None:
        text = "Product ID;Name *;Price tax excluded;Categories (x,y,z...);Image URLs (x,y,z...);Tags (x,y,z...)\n7;Cup;5;Home,Cups;https://s/1.jpg,https://s/2.jpg;a,b\n"
        report = report_of(text)
        assert (report.format, report.products) == ("prestashop", 1)

    def test_quoted_lists_in_a_tab_separated_cell(self) -> None:
        text = 'id\ttitle\timage_link\tadditional_image_link\n1\tCup\ta.jpg\t"https://cdn/b,2.jpg","https://cdn/c,3.jpg"\n'
        assert product_of(text).additional_image_link == ("https://cdn/b,2.jpg", "https://cdn/c,3.jpg")

    def test_quotes_around_a_whole_tab_separated_cell(self) -> None:
        text = 'id\ttitle\tdescription\n1\t"say ""hi"""\t"two\nlines"\n2\t12" vinyl\t"Best" of\n'
        assert [(p.title, p.description) for p in products_of(text)] == [
            ('say "hi"', "two lines"),
            ('12" vinyl', '"Best" of'),
        ]


class TestBeforeTheHeader:
    @pytest.mark.parametrize(
        "before",
        [
            "\n\n",
            "Catalogue of Norrland\n",
            "Catalogue of Norrland\n\nexported 2026-03-04, by hand\n,,\n",
            "# made by hand\n",
            "# ref_application_id 123\n# ref_asset_id 456\n",
            "# Required | A unique id, at most 100 characters.,# Required | What it is called; short.,# Required | 9.99 USD\n",
            '"# Required | A unique id, as ""A-1""","# Required | Its title","# Required | 9.99 USD"\n',
            "sep=,\n\n# comment\nTitle of the list\n",
        ],
    )
    def test_titles_blank_lines_and_comments_are_skipped(self, before: str) -> None:
        assert products_of(before + TABLE) == [CUP]

    def test_tabs_after_comments_with_bars_and_commas(self) -> None:
        comments = "# Required | id, unique\t# Required | title\t# Optional | a | b | c | d\n"
        assert products_of(comments + TABLE.replace(",", "\t")) == [CUP]

    @pytest.mark.parametrize("header", ["#id,title,price", "# id,title,price", "#Id,Title,Price"])
    def test_the_header_itself_may_be_a_comment(self, header: str) -> None:
        assert products_of(f"{header}\n1,Cup,5 USD\n") == [CUP]
        assert products_of(f"# two words\n{header}\n1,Cup,5 USD\n") == [CUP]

    def test_numbers_count_the_records_after_the_header(self) -> None:
        assert [row.row for row in rows_of("A list\n\n" + TABLE + "\n2,Jug,\n")] == [1, 2]

    def test_a_header_is_looked_for_in_thirty_lines(self) -> None:
        assert products_of("words\n" * 29 + TABLE) == [CUP]
        assert "is of no format that we know" in until_error("some,words\n" * 30 + TABLE)[1]

    def test_a_header_may_go_over_several_lines(self) -> None:
        assert products_of('id,title,"price\n(with tax)"\n1,Cup,5 USD\n') == [CUP]


class TestEncodings:
    @pytest.mark.parametrize("codec", ["utf-16", "utf-16-le", "utf-16-be"])
    @pytest.mark.parametrize("mark", ["", "\ufeff"])
    def test_utf16_with_and_without_its_mark(self, codec: str, mark: str) -> None:
        text = TABLE.replace("Cup", "Tasse à café 一杯")
        assert product_of((mark + text).encode(codec)).title == "Tasse à café 一杯"
        assert product_of((mark + text.replace(",", "\t").replace("\n", "\r\n")).encode(codec)).id == "1"

    @pytest.mark.parametrize("codec", ["utf-16-le", "utf-16-be"])
    def test_utf16_whose_characters_have_zeros_in_the_other_place(self, codec: str) -> None:
        # The code of 一 is 4E00.
        text = "id\ttitle\tcolor\n" + "".join(f"{n}\t一一 cup\tred\n" for n in range(3_000))
        assert len(products_of(text.encode(codec))) == 3_000

    @pytest.mark.parametrize("codec", ["utf-16-le", "utf-16-be"])
    def test_utf16_of_other_containers(self, codec: str) -> None:
        assert outcomes('{"id": "1", "title": "一"}\n'.encode(codec)) == ["1"]
        assert outcomes('[{"id": "1", "title": "一"}]'.encode(codec)) == ["1"]
        assert outcomes(
            "<rss><channel><item><id>1</id><title>一</title></item></channel></rss>".encode(codec)
        ) == ["1"]

    def test_the_mark_of_utf8(self) -> None:
        assert products_of("\ufeff" + TABLE) == [CUP]

    def test_half_a_character_of_utf16_costs_its_row_alone(self) -> None:
        feed = (TABLE + "2,Jug,1 USD\n").encode("utf-16-le") + b"\xd8"
        assert outcomes(feed) == ["1", "2", "!id"]


class TestLineEnds:
    def test_carriage_returns_alone(self) -> None:
        assert products_of(TABLE.replace("\n", "\r")) == [CUP]
        assert products_of(TABLE.replace("\n", "\r").encode("utf-16")) == [CUP]

    def test_line_feeds_inside_quotes_of_such_a_file(self) -> None:
        text = 'id,title,description\r1,Cup,"two\nlines"\r2,Jug,x\r'
        assert [(p.id, p.description) for p in products_of(text)] == [("1", "two lines"), ("2", "x")]

    def test_returns_inside_quotes_of_other_files(self) -> None:
        text = 'id,title,description\n1,Cup,"two\rlines"\n2,Jug,x\n'
        assert [(p.id, p.description) for p in products_of(text)] == [("1", "two lines"), ("2", "x")]

    def test_doubled_returns(self) -> None:
        assert products_of(TABLE.replace("\n", "\r\r\n")) == [CUP]

    def test_no_line_end_at_all(self) -> None:
        assert products_of(TABLE.rstrip("\n")) == [CUP]


class TestNames:
    def test_marks_and_hints_do_not_matter(self) -> None:
        text = "Product ID *,Name *,Active (0/1),In stock?,Colour (main),IMAGE LINK\n1,Cup,1,0,red,a.jpg\n2,Jug,0,1,,\n"
        first, second = rows_of(text)
        assert first.product is not None
        assert first.product.availability == "out_of_stock"
        assert (first.product.color, first.product.image_link) == ("red", "a.jpg")
        assert second.delete_id == "2"

    @pytest.mark.parametrize(
        "header", ["ID,TITLE", "g:id,g:title", "productId,productName", "'id','title'", " id , title "]
    )
    def test_spellings(self, header: str) -> None:
        if "'" in header:
            assert "id, title" in until_error(f"{header}\n1,Cup\n")[1].replace("'", "")
        else:
            assert outcomes(f"{header}\n1,Cup\n") == ["1"]

    def test_columns_of_one_name_that_may_repeat_all_count(self) -> None:
        text = (
            "id,title,product_highlight,product_highlight,additional_image_link,additional_image_link,image_link,tags,tags,note,note\n"
            '1,Cup,"light, strong",blue,b.jpg,c.jpg,a.jpg,new,,x,y\n'
        )
        product = product_of(text)
        assert product.attributes == {"product_highlight": "light, strong | blue", "tags": "new"}
        assert product.additional_image_link == ("b.jpg", "c.jpg")
        assert product.private == {"note": "x, y"}

    def test_of_others_the_first_that_holds_something_counts(self) -> None:
        text = (
            "id,title,price,availability,color,gtin,id,title,price,availability,color,gtin\n"
            "1,Cup,5 USD,,red,4006381333931,1,Jug,6 USD,sold out,blue,4006381333948\n"
        )
        product = product_of(text)
        assert (product.title, str(product.price), product.color) == ("Cup", "5 USD", "red")
        assert (product.availability, product.gtin) == ("out_of_stock", "4006381333931")

    def test_cells_of_spaces_are_empty(self) -> None:
        text = "id,sku,title,name,price,availability,sale_price,sale_price_effective_date,color\n ,S-1, ,Cup, , , , ,\t\n"
        product = product_of(text)
        assert (product.id, product.title, product.price, product.availability) == (
            "S-1",
            "Cup",
            None,
            "in_stock",
        )

    def test_hints_of_taxes_belong_to_a_price_and_hints_of_costs_to_nobody(self) -> None:
        for hint in ("with tax", "incl. VAT", "tax included", "without taxes"):
            assert str(product_of(f"id,title,Price ({hint})\n1,Cup,5 USD\n").price) == "5 USD"
        for hint in ("wholesale", "cost", "supplier"):
            assert product_of(f"id,title,Price ({hint})\n1,Cup,5 USD\n").price is None

    def test_a_column_without_a_name_is_nobodys(self) -> None:
        assert product_of("id,title,,\n1,Cup,x,y\n").private == {}


class TestNoTable:
    def test_a_header_alone(self) -> None:
        report = report_of("id,title,colour,mystery\n")
        assert (report.rows, report.products, report.unknown) == (0, 0, ["mystery"])
        assert report.columns == {"id": "id", "title": "title", "colour": "color"}

    def test_columns_of_no_known_format_are_named(self) -> None:
        _, message = until_error("article,label\n1,Cup\n")
        assert "found article, label." in message
        for looked_for in (
            "Shopify product CSV",
            "WooCommerce",
            "Magento",
            "Google Merchant Center feed",
            "Name at least id and title",
        ):
            assert looked_for in message

    def test_many_columns_are_named_in_part(self) -> None:
        _, message = until_error(",".join(f"c{n}" for n in range(100)) + "\n")
        assert "c0, c1, c10" in message
        assert "and 70 more" in message
        assert len(message) < 1_500

    @pytest.mark.parametrize(
        "data",
        [
            b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR",
            b"PK\x03\x04\x14\x00\x06\x00",
            b"%PDF-1.7\n",
            b"\x00" * 100,
            bytes(range(128, 256)),
        ],
    )
    def test_other_files(self, data: bytes) -> None:
        assert "upload CSV, TSV, JSON, JSON Lines, XML or Parquet" in until_error(data)[1]

    @pytest.mark.parametrize("text", ["id\n1\n2\n", "words\nmore words\n", "Hello, said the cup\n"])
    def test_one_column_and_prose(self, text: str) -> None:
        assert "format" in until_error(text)[1]

    @pytest.mark.parametrize("text", ["\n\n\n", "   \n\t\n", "\r\r\r"])
    def test_nothing_but_blank_lines(self, text: str) -> None:
        assert "no header: write one such as id,title" in until_error(text)[1]

    def test_too_many_columns(self) -> None:
        assert (
            "over 2,000 columns"
            in until_error("id,title," + ",".join(f"c{n}" for n in range(2_000)) + "\n1,Cup\n")[1]
        )
        widest = "id,title," + ",".join(f"c{n}" for n in range(1_998)) + "\n1,Cup," + "x," * 1_997 + "x\n"
        assert len(product_of(widest).private) == 200

    def test_a_header_of_a_million_characters_is_read(self) -> None:
        product = product_of(f"id,title,{'x' * 1_000_000},(a){' ' * 1_000_000}b\n1,Cup,y,z\n")
        assert sorted(len(name) for name in product.private) == [1, 500]
