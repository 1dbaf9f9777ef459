"""A format's table says what its reader does: names are found, roles agree, containers are recognised."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, get_args

import pytest

from mmpipe.catalogue.formats.base import DECIDES, PRIVATE, Column, Container, Format, Sample
from mmpipe.catalogue.formats.google import GoogleNames
from mmpipe.catalogue.formats.registry import FORMATS, format_of
from mmpipe.catalogue.roles import Role, role_of
from mmpipe.errors import InvalidFeed
from mmpipe.schemas.product import Product

# The smallest first records by which each format is told.
FIRST: Mapping[str, Mapping[str, Any]] = {
    "shopify-inventory": {"Handle": "a", "SKU": "1", "Location": "Here", "Available": "3"},
    "shopify": {"Handle": "a", "Title": "A", "Variant SKU": "1", "Variant Price": "2"},
    "shopify-bulk": {"id": "gid://shopify/Product/1", "title": "A"},
    "shopify-json": {"id": 1, "title": "A", "handle": "a", "vendor": "B", "variants": [{"id": 2}]},
    "woocommerce": {"ID": "1", "Type": "simple", "Name": "A", "Regular price": "2", "In stock?": "1"},
    "woocommerce-rest": {"id": 1, "name": "A", "regular_price": "2", "catalog_visibility": "visible"},
    "magento": {"sku": "1", "store_view_code": "", "attribute_set_code": "Default", "name": "A"},
    "prestashop": {"Active (0/1)": "1", "Name *": "A", "Reference #": "r", "Price tax excluded": "2"},
    "bigcommerce": {"Item": "Product", "Name": "A", "Options": "", "Is Visible": "1", "Current Stock": "1"},
    "schema-org": {"@context": "https://schema.org", "@type": "Product", "sku": "1", "name": "A"},
    "acp": {"id": "1", "title": "A", "variants": [{"id": "2", "price": {"amount": 2, "currency": "USD"}}]},
    "merchant-api": {"offerId": "1", "productAttributes": {"title": "A"}},
    "openai": {"item_id": "1", "title": "A", "is_eligible_search": "true"},
    "meta": {"id": "1", "title": "A", "quantity_to_sell_on_facebook": "3"},
    "google": {"id": "1", "title": "A", "link": "https://example.com/1"},
}
each_format = pytest.mark.parametrize("format_", FORMATS, ids=lambda each: each.key)


def names_of(format_: Format) -> Iterator[tuple[str, Column]]:
    """Every name of every column."""
    for column in format_.columns:
        for name in (column.name, *column.others):
            yield name, column


@each_format
def test_every_name_is_found_and_means_its_own_column(format_: Format) -> None:
    found = {name: format_.table.find(name.replace("{n}", "7")) for name, _ in names_of(format_)}
    wanted = {name: (column, 7 if "{n}" in name else 0) for name, column in names_of(format_)}
    assert {name: found[name] for name in found if found[name] != wanted[name]} == {}


@each_format
def test_what_a_column_becomes_is_a_field(format_: Format) -> None:
    fields = set(Product.model_fields) - {"private"}
    others = [column for column in format_.columns if column.to not in (PRIVATE, DECIDES)]
    assert len(others) > 1
    assert [column for column in others if not column.fields <= fields] == []


@pytest.mark.parametrize("format_", [each for each in FORMATS if isinstance(each, GoogleNames)])
def test_roles_agree_with_the_table(format_: Format) -> None:
    roles = {name: role_of(name.replace("{n}", "0")) for name, _ in names_of(format_)}
    unlike = {
        name: (roles[name], column.to)
        for name, column in names_of(format_)
        if _becomes(roles[name]) not in (column.to, *column.fields)
    }
    assert unlike == {}


def _becomes(role: Role | None) -> str:
    """What a role makes of a column, in the words of the tables."""
    if role is None:
        return "unknown"
    match role.kind:
        case "field" | "alias":
            return role.target
        case "flag":
            return DECIDES
        case "private":
            return PRIVATE
        case "grouped":
            return GROUPS.get(role.target, "attributes")
    return {
        "currency": "price", "former": "price", "stock": "availability", "step": "product_type",
        "attribute": "attributes",
    }[role.kind]  # fmt: skip


GROUPS = {
    "structured_title": "title",
    "structured_description": "description",
    "question_and_answer": "additional_text",
    "sale_start": "sale_price_effective_date",
    "sale_end": "sale_price_effective_date",
}


def is_told(format_: Format, container: Container) -> bool:
    """Whether a file of this container that begins with the format's first record is taken for it."""
    first = FIRST[format_.key]
    try:
        sample = Sample.of(container, first, None if container in ("csv", "xml") else first)
        return format_of(sample) is format_
    except InvalidFeed:
        return False


@each_format
def test_containers_are_those_it_is_recognised_in(format_: Format) -> None:
    found = {container for container in get_args(Container) if is_told(format_, container)}
    assert found == set(format_.containers)


def test_keys_and_titles_are_unlike() -> None:
    assert len({each.key for each in FORMATS}) == len({each.title for each in FORMATS}) == len(FORMATS)
    assert FIRST.keys() >= {each.key for each in FORMATS}
