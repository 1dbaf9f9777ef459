"""One schema.org Product, with what its ProductGroup says for it, under the product's names."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final
from urllib.parse import urljoin

from mmpipe.catalogue.columns import column_name
from mmpipe.catalogue.formats.base import MAX_CHARACTERS, Picked
from mmpipe.catalogue.formats.json_ld import (
    by_language,
    language_of,
    local_name,
    text_of,
    texts_of,
    values_of,
)
from mmpipe.catalogue.formats.options import add_options
from mmpipe.catalogue.formats.schema_org_offers import condition_of, offer_fields
from mmpipe.catalogue.formats.shopify_product import picture_links
from mmpipe.catalogue.private import is_never_public
from mmpipe.catalogue.ratings import scaled
from mmpipe.catalogue.text import private_text

_MAX_PICTURES: Final = 21
_MAX_TEXT: Final = 10_000
_MAX_NUMBER: Final = 20
_MAX_PROPERTIES: Final = 80
# What names one product, and is never another's.
_OWN: Final = frozenset(("sku", "product_id", "node", "gtin", "mpn", "group", "in_group", "offer_sku"))
_UNITS: Final = {
    "MMT": "mm", "CMT": "cm", "MTR": "m", "INH": "in", "FOT": "ft", "GRM": "g", "KGM": "kg", "MGM": "mg",
    "LBR": "lb", "ONZ": "oz", "MLT": "ml", "CLT": "cl", "LTR": "l", "WTT": "W", "KWT": "kW", "VLT": "V",
    "KWH": "kWh", "HUR": "h", "MIN": "min", "SEC": "s", "CEL": "°C", "P1": "%", "MMQ": "mm³", "MTK": "m²",
}  # fmt: skip
_GENDERS: Final = {
    "male": "male", "female": "female", "unisex": "unisex", "men": "male", "women": "female",
    "wearablesizegroupmens": "male", "wearablesizegroupwomens": "female",
}  # fmt: skip


def product_values(own: Picked, shared: Picked | None, currency: str) -> dict[str, Any]:
    """The fields of one product but its id; ``shared`` are the values of the group that it varies."""
    both = _Both(own, shared)
    names = by_language(own.values.get("name")) or both.languages("name")
    descriptions = by_language(own.values.get("description")) or both.languages("description")
    language = language_of(both.get("language")) or ("" if "" in names else next(iter(names), ""))
    values: dict[str, Any] = {
        "title": _main(names, language),
        "description": _main(descriptions, language),
        "language": language,
        "translations": _translations(names, descriptions, language),
        "additional_text": _words(both),
        "link": text_of(own.values.get("url") or own.values.get("offer_url")) or text_of(both.get("url")),
        "brand": text_of(both.get("brand")) or text_of(both.get("manufacturer")),
        "gtin": text_of(own.values.get("gtin") or own.values.get("offer_gtin")),
        "mpn": text_of(own.values.get("mpn")),
        "product_type": text_of(both.get("category")),
        "condition": condition_of(both.get("condition")),
        **{name: "/".join(texts_of(both.get(name))) for name in ("color", "material", "pattern")},
        "size": "/".join(text for item in values_of(both.get("size")) if (text := _amount(item))),
        **_audience(both),
    }
    values |= offer_fields(
        own if own.values.get("offers") is not None or shared is None else shared, currency
    )
    values |= _pictures(both, values["link"])
    private: dict[str, str] = {}
    values |= {"attributes": _attributes(both), **_ratings(both)}
    values = {name: value for name, value in values.items() if value not in ("", {}, [], None)}
    add_options(values, _properties(both, private))
    if private:
        values["private"] = private
    for picked in (own, shared):
        if picked is not None:
            picked.into(values)
    return values


def names_of(own: Picked, alone: bool) -> list[str]:
    """What the product may be called, best first; ``alone``: it has one offer only, whose SKU is its own."""
    link = text_of(own.values.get("url"))
    node = text_of(own.values.get("node"))
    # A fragment is the same on every page of a shop, a blank node means nothing outside of its document.
    node = "" if node.startswith("_:") else _joined(link, node) if node.startswith("#") else node
    sku = text_of(own.values.get("offer_sku")) if alone else ""
    found = [text_of(own.values.get("sku")), text_of(own.values.get("product_id")), sku, node]
    names = [name for name in found if name]
    return names or [name for key in ("gtin", "mpn") if (name := text_of(own.values.get(key)))][:1]


def options_of(values: Mapping[str, Any]) -> Iterator[str]:
    """What tells the variants of a group apart."""
    for name in ("color", "size", "material", "pattern"):
        if name in values:
            yield f"{name}={values[name]}"


class _Both:
    """A product's values, else its group's."""

    def __init__(self, own: Picked, shared: Picked | None) -> None:
        self.own, self.shared = own.values, shared.values if shared is not None else {}

    def get(self, key: str) -> Any:
        value = self.own.get(key)
        return self.shared.get(key) if value is None and key not in _OWN else value

    def all(self, key: str) -> list[Any]:
        return [*values_of(self.own.get(key)), *values_of(self.shared.get(key))]

    def languages(self, key: str) -> dict[str, str]:
        return by_language(self.shared.get(key))


def _main(texts: Mapping[str, str], language: str) -> str:
    return texts.get(language) or texts.get("") or next(iter(texts.values()), "")


def _translations(
    names: Mapping[str, str], descriptions: Mapping[str, str], language: str
) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {}
    for part, texts in (("title", names), ("description", descriptions)):
        for other, text in texts.items():
            if other and other != language:
                found.setdefault(other, {})[part] = text
    return found


def _words(both: _Both) -> str:
    parts = [text for key in ("other_name", "keywords", "slogan") for text in texts_of(both.get(key))]
    return " \n".join(dict.fromkeys(parts))[:_MAX_TEXT]


def _pictures(both: _Both, link: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    links = picture_links(_joined(link, one) if one.startswith("/") else one for one in _links(both))
    if links:
        found |= {"image_link": links[0], "additional_image_link": links[1:_MAX_PICTURES]}
    for video in both.all("video"):
        address = video.get("contentUrl") if isinstance(video, Mapping) else video
        if text := text_of(address):
            return found | {"video_link": text}
    return found


def _joined(page: str, address: str) -> str:
    """An address as the page at ``page`` means it; as it is, where either is none."""
    try:
        return urljoin(page, address) if page else address
    except ValueError:
        return address


def _links(both: _Both) -> list[str]:
    found = []
    for image in both.all("image") or both.all("thumbnail"):
        if isinstance(image, Mapping):
            keys = ("contentUrl", "url", "@value", "@id")
            image = next((image[key] for key in keys if image.get(key) not in (None, "", [])), None)
        if text := text_of(image):
            found.append(text)
    return found


def _attributes(both: _Both) -> dict[str, str]:
    found = {name: _amount(both.get(name)) for name in ("weight", "height", "width", "depth")}
    found |= {"model": text_of(both.get("model")), "award": ", ".join(texts_of(both.get("award")))}
    return {name: text[:MAX_CHARACTERS] for name, text in found.items() if text}


def _ratings(both: _Both) -> dict[str, str]:
    given = next(iter(values_of(both.get("rating"))), None)
    if not isinstance(given, Mapping) or not (stars := text_of(given.get("ratingValue"))):
        return {}
    count = text_of(given.get("reviewCount")) or text_of(given.get("ratingCount"))
    return {"star_rating": scaled(stars, text_of(given.get("bestRating"))), "review_count": count}


def _properties(both: _Both, private: dict[str, str]) -> Iterator[tuple[str, str]]:
    """``additionalProperty`` as name and value, but for those that are nobody else's business."""
    seen: set[str] = set()
    for item in both.all("properties"):
        if not isinstance(item, Mapping):
            continue
        name = text_of(item.get("name")) or local_name(text_of(item.get("propertyID")))
        text = _amount(item)
        if not name or not text or name in seen:
            continue
        seen.add(name)
        if is_never_public(column_name(name)) or len(seen) > _MAX_PROPERTIES:
            private.setdefault(column_name(name)[:MAX_CHARACTERS], private_text(text))
        else:
            yield name, text


def _amount(value: Any) -> str:
    """A text, a number or a ``QuantitativeValue`` with its unit; several values joined by commas."""
    value = next(iter(values_of(value)), None)
    if not isinstance(value, Mapping):
        return text_of(value)
    if "value" not in value and "minValue" not in value and "maxValue" not in value:
        return text_of(value)
    unit = text_of(value.get("unitText")) or text_of(value.get("unitCode"))
    unit = _UNITS.get(unit.upper(), local_name(unit))
    inner = value.get("value")
    if isinstance(inner, Mapping) and not unit:
        return _amount(inner)
    bounds = [text_of(value.get(key)) for key in ("minValue", "maxValue")]
    text = ", ".join(texts_of(inner)) or "-".join(bound for bound in bounds if bound)
    return f"{text} {unit}".strip() if text else ""


def _audience(both: _Both) -> dict[str, str]:
    gender, age = "", ""
    for item in [*values_of(both.get("audience")), *values_of(both.get("size"))]:
        if not isinstance(item, Mapping):
            continue
        word = local_name(text_of(item.get("suggestedGender")) or text_of(item.get("sizeGroup"))).lower()
        gender = gender or _GENDERS.get(word, word if item.get("suggestedGender") else "")
        age = age or _age_group(item)
    return {"gender": gender, "age_group": age}


def _age_group(audience: Mapping[str, Any]) -> str:
    """Google's word for an age in years; months where a ``QuantitativeValue`` says so."""
    span = audience.get("suggestedAge")
    span = span if isinstance(span, Mapping) else {}
    months = text_of(span.get("unitCode")).upper() == "MON"
    youngest = _number(audience.get("suggestedMinAge", span.get("minValue")), months)
    oldest = _number(audience.get("suggestedMaxAge", span.get("maxValue")), months)
    if oldest is None:
        return "" if not youngest else "adult" if youngest >= 13 else "kids" if youngest >= 5 else "toddler"
    if (youngest or 0) >= 13:
        return "adult"
    ages = ((0.25, "newborn"), (1, "infant"), (5, "toddler"), (13, "kids"))
    return next((name for limit, name in ages if oldest <= limit), "")


def _number(value: Any, months: bool) -> float | None:
    text = text_of(value)
    if len(text) > _MAX_NUMBER:
        return None
    try:
        number = float(text)
    except ValueError:
        return None
    return number / 12 if months else number
