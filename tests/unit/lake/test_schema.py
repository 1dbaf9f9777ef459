from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pytest

from mmpipe.errors import ProfileMismatch
from mmpipe.lake.schema import (
    PRESENTATION_COLUMNS,
    VECTOR_COLUMNS,
    ProductRow,
    VectorBlock,
    build_table,
    media_key,
    products_schema,
    profile_of,
    vector_array,
    vector_block,
)
from mmpipe.schemas.product import Money, Product, SalePeriod
from tests.unit.lake.rows import DIM, NOW, PROFILE, deletions, order


def test_a_product_becomes_typed_columns() -> None:
    product = Product(
        id="p-1",
        title="Red Shoes",
        price=Money(amount=Decimal("19.90"), currency="USD"),
        sale_price=Money(amount=Decimal("9.90"), currency="EUR"),
        product_type="Clothing>Shoes",
        attributes={"heel": "5 cm"},
        translations={"zh": {"title": "红鞋子"}},
    )
    row = build_table(
        [ProductRow(product, order(7), "run", NOW, ("s3://b/1.jpg",), {"text": "abc"})], {}, DIM
    )
    found = row.to_pylist()[0]
    assert row.schema == products_schema(DIM)
    assert (found["id"], found["source_order"], found["deleted"], found["updated_at"]) == (
        "p-1",
        order(7),
        False,
        NOW,
    )
    assert (found["price"], found["currency"], found["sale_price"]) == (19.9, "USD", None)  # another currency
    assert found["category"] == "Clothing > Shoes"
    assert found["attribute_pairs"] == ["heel=5 cm"]
    assert found["search_text"].split()[:3] == ["\x01", "red", "shoe"]
    assert "红鞋" in found["search_text"].split()
    assert found["media_uris"] == ["s3://b/1.jpg"]
    assert found["media_keys"] == media_key("s3://b/1.jpg")
    assert found["text_hash"] == "abc"
    assert found["image_hash"] is None
    assert Product.model_validate(json.loads(found["document"])) == product
    assert all(found[name] is None for name in VECTOR_COLUMNS)


def usd(amount: str) -> Money:
    return Money(amount=Decimal(amount), currency="USD")


def sale_columns(product: Product) -> tuple[object, ...]:
    row = build_table([ProductRow(product, order(1), "run", NOW)], {}, DIM).to_pylist()[0]
    return tuple(row[name] for name in ("price", "currency", "sale_price", "sale_start", "sale_end"))


def test_a_sale_is_stored_with_its_period_where_it_is_one() -> None:
    start, end = (
        datetime(2026, 11, 20, 8, 30, tzinfo=timezone(timedelta(hours=8))),
        datetime(2026, 12, 1, tzinfo=UTC),
    )
    period = SalePeriod(start=start, end=end)

    def of(price: Money | None, sale: Money | None, when: SalePeriod | None) -> tuple[object, ...]:
        return sale_columns(
            Product(id="p", title="t", price=price, sale_price=sale, sale_price_effective_date=when)
        )

    assert of(usd("20"), usd("12"), period) == (20.0, "USD", 12.0, start, end)
    assert of(usd("20"), usd("12"), None) == (20.0, "USD", 12.0, None, None)
    assert of(usd("20"), usd("12"), SalePeriod(end=end)) == (20.0, "USD", 12.0, None, end)
    assert of(None, usd("12"), period) == (None, "USD", 12.0, start, end)
    for none in (usd("0"), usd("20"), usd("21"), None):
        assert of(usd("20"), none, period) == (20.0, "USD", None, None, None)
    assert of(None, usd("0"), period) == (None, None, None, None, None)


def test_the_earliest_and_latest_dates_are_stored() -> None:
    start = datetime.min.replace(tzinfo=timezone(timedelta(hours=14)))
    end = datetime.max.replace(tzinfo=timezone(-timedelta(hours=12)))
    sale = {"sale_price": usd("1"), "sale_price_effective_date": SalePeriod(start=start, end=end)}
    table = build_table(
        [ProductRow(Product(id="p", title="t", price=usd("2"), **sale), order(1), "run", NOW)],
        {},
        DIM,  # type: ignore[arg-type]
    )
    moments = [table.column(name).cast(pa.int64())[0].as_py() for name in ("sale_start", "sale_end")]
    assert moments[0] < 0 < moments[1]


def test_private_columns_are_kept_in_the_document_alone() -> None:
    product = Product(
        id="p", title="Oak table", attributes={"finish": "waxed"},
        private={"cost_of_goods_sold": "11.50 USD", "supplier": "Timber Brothers"},
    )  # fmt: skip
    row = build_table([ProductRow(product, order(1), "run", NOW)], {}, DIM).to_pylist()[0]
    document = row.pop("document")
    assert Product.model_validate_json(document) == product
    assert row["attribute_pairs"] == ["finish=waxed"]
    assert "waxed" in row["search_text"].split()
    stored = json.dumps(row, default=str).lower()
    for word in ("11", "cost", "goods", "supplier", "timber", "brothers"):
        assert word not in stored, word


def test_absent_vectors_are_null_and_their_values_never_stored() -> None:
    values = np.full((3, DIM), np.nan, dtype=np.float32)
    values[1] = 0.25
    present = np.array([False, True, False])
    column = vector_array(VectorBlock(values, present), 3, DIM)
    assert column.is_valid().to_pylist() == [False, True, False]
    assert not np.isnan(column.values.to_numpy()).any()
    back = vector_block(pa.chunked_array([column.slice(0, 1), column.slice(1)]), DIM)
    assert back.present.tolist() == [False, True, False]
    assert back.values[1].tolist() == [0.25] * DIM
    assert not back.values[0].any()


def test_the_inverse_keeps_dense_and_empty_columns() -> None:
    values = np.arange(2 * DIM, dtype=np.float32).reshape(2, DIM)
    every = np.ones(2, dtype=np.bool_)
    assert np.array_equal(vector_block(vector_array(VectorBlock(values, every), 2, DIM), DIM).values, values)
    empty = vector_block(pa.chunked_array([], pa.list_(pa.float32(), DIM)), DIM)
    assert empty.values.shape == (0, DIM)


def test_wrong_shapes_and_columns_are_refused() -> None:
    good = np.ones(1, dtype=np.bool_)
    with pytest.raises(ValueError, match="expected values"):
        vector_array(VectorBlock(np.zeros((2, DIM), np.float32), good), 1, DIM)
    with pytest.raises(ValueError, match="smell_vector"):
        build_table([], {"smell_vector": VectorBlock(np.zeros((0, DIM), np.float32), good[:0])}, DIM)


def test_tombstones_keep_identity_and_order_only() -> None:
    row = deletions(["gone"], 9).to_pylist()[0]
    kept = {name for name, value in row.items() if value is not None}
    assert kept == {"id", "source_order", "deleted", "run_id", "updated_at"}
    assert row["deleted"] is True


def test_the_schema_names_its_profile() -> None:
    assert profile_of(products_schema(DIM, PROFILE)) == PROFILE
    with pytest.raises(ProfileMismatch, match=r"mmpipe\.profile"):
        profile_of(products_schema(DIM))


def test_every_presentation_column_is_in_the_schema() -> None:
    assert set(PRESENTATION_COLUMNS) <= set(products_schema(DIM).names)
