"""Products and variants as the protocol has them (its types product and variant).

Prices are those of one moment, exact, in minor units; texts are in the language that is asked for where the
catalogue has it. HTML is made of the plain text here, so that no markup of a feed is ever in it.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote, urlsplit

from mmpipe.schemas.currencies import to_minor_units
from mmpipe.serve.ucp.options import Options, Selection, purchasable

if TYPE_CHECKING:
    from mmpipe.schemas.product import Money, PublicProduct
    from mmpipe.serve.ucp.families import Family

_MOST_MEDIA: Final = 50
# The last place that is handed out of a kind.
_MOST_SERVED: Final = 20
_MOST_PARTS: Final = 100
_LONE_PERCENT: Final = re.compile(r"%(?![0-9A-Fa-f]{2})")
# What RFC 3986 lets stand in a host with its port, and in what comes behind it.
_OF_HOST: Final = "%:@[]!$&'()*+,;=~-._"
_OF_PATH: Final = "%/:?@!$&'()*+,;=~-._"
_SCHEME: Final = re.compile(r"^[A-Za-z][A-Za-z0-9+.-]*:")
_DIGITS: Final = re.compile(r"[\s-]")
_BARCODES: Final = {8: "EAN", 12: "UPC", 13: "EAN", 14: "GTIN"}
_ISBN: Final = ("978", "979")
# Told of a variant beside what the protocol has a place for.
_MORE: Final = ("brand", "mpn", "condition", "gender", "age_group", "material", "pattern")


@dataclass(frozen=True)
class Teller:
    """How products are told in one answer. Media that a feed names by a key of its bucket are below
    ``media_url``, else below ``served_media``, where this service hands them out; without either they are
    left out."""

    language: str | None = None
    media_url: str | None = None
    served_media: str | None = None
    now: datetime = field(default_factory=lambda: datetime.now(UTC))

    def product(
        self,
        family: Family,
        shown: Sequence[PublicProduct],
        options: Options | None = None,
        *,
        inputs: Mapping[str, Sequence[Mapping[str, str]]] | None = None,
        selected: Selection | None = None,
    ) -> dict[str, Any] | None:
        """A product, ``shown`` being its variants that are told, the featured one first. With ``selected``
        in detail: each option's value relative to it. With ``inputs`` those of each variant, by its id. None
        where none of what is shown has a price now.
        """
        priced = [variant for variant in shown if variant.effective_price(self.now) is not None]
        if not priced:
            return None
        options = Options.among(family.variants) if options is None else options
        featured = priced[0]
        told: dict[str, Any] = {
            "id": family.id,
            "title": featured.item_group_title or self._title(featured),
            "description": self._description(featured, rich=True),
            "categories": _categories(featured),
            "url": _link(featured.link),
            **self._ranges(family, featured),
            "media": self._media((featured, *priced[1:], *family.variants)),
            "rating": _rating((featured, *family.variants)),
            "metadata": _metadata(featured),
            "options": _plain(options) if selected is None else options.told(family.variants, selected),
            "variants": [
                self._variant(each, options, inputs, alone=len(family.variants) == 1) for each in priced
            ],
        }
        if selected is not None:
            told["selected"] = _choices(selected)
        return {name: value for name, value in told.items() if value or name == "selected"}

    def _variant(
        self,
        variant: PublicProduct,
        options: Options,
        inputs: Mapping[str, Sequence[Mapping[str, str]]] | None,
        *,
        alone: bool,
    ) -> dict[str, Any]:
        chosen = options.of[variant.id]
        price = variant.effective_price(self.now)
        assert price is not None
        told: dict[str, Any] = {
            "id": variant.id,
            "sku": sku_of(variant),
            "barcodes": _barcodes(variant),
            "title": (not alone and " / ".join(chosen.values())) or self._title(variant),
            "description": self._description(variant),
            "url": _link(variant.link),
            "categories": _categories(variant),
            "price": _money(price),
            "list_price": _list_price(variant, price),
            "availability": {"available": purchasable(variant), "status": variant.availability},
            "options": _choices(chosen),
            "media": self._media((variant,)),
            "rating": _rating((variant,)),
            "metadata": _metadata(variant),
        }
        if inputs is not None:
            told["inputs"] = [dict(each) for each in inputs[variant.id]]
        return {name: value for name, value in told.items() if value}

    def _ranges(self, family: Family, featured: PublicProduct) -> dict[str, Any]:
        """Over all variants in the featured one's currency: amounts of others do not compare."""
        prices, listed, reduced = [], [], False
        own = featured.effective_price(self.now)
        assert own is not None
        for variant in (featured, *family.variants):
            price = variant.effective_price(self.now)
            if price is None or price.currency != own.currency:
                continue
            prices.append(_money(price))
            full = _list_price(variant, price)
            listed.append(full or prices[-1])
            reduced = reduced or full is not None
        return {"price_range": _range(prices), "list_price_range": _range(listed) if reduced else None}

    def _title(self, product: PublicProduct) -> str:
        return self._said(product, "title") or product.title

    def _description(self, product: PublicProduct, *, rich: bool = False) -> dict[str, str]:
        plain = self._said(product, "description") or product.description or self._title(product)
        if not rich:
            return {"plain": plain}
        parts = [part.strip() for part in plain.split("\n", _MOST_PARTS)]
        return {"plain": plain, "html": "".join(f"<p>{html.escape(part)}</p>" for part in parts if part)}

    def _said(self, product: PublicProduct, name: str) -> str:
        """A text in the language that is asked for; empty where it is not said in that."""
        if self.language is None or speaks(product.language, self.language):
            return ""
        for language, translation in product.translations.items():
            if speaks(language, self.language):
                text: str = getattr(translation, name)
                return text
        return ""

    def _media(self, products: Iterable[PublicProduct]) -> list[dict[str, str]]:
        found: dict[str, dict[str, str]] = {}
        for product in products:
            pictures = enumerate((product.image_link, *product.additional_image_link))
            links = [("image", number, link) for number, link in pictures]
            links += [("video", 0, product.video_link), ("audio", 0, product.audio_link)]
            for kind, number, link in links:
                url = self._address(link) or self._served(product, kind, number, link)
                if url is not None:
                    found.setdefault(url, {"type": kind, "url": url, "alt_text": self._title(product)})
            if len(found) >= _MOST_MEDIA:
                break
        return list(found.values())[:_MOST_MEDIA]

    def _address(self, link: str | None) -> str | None:
        if not link:
            return None
        if link.startswith("//"):
            return _link(f"https:{link}")
        if _SCHEME.match(link):
            return _link(link)
        if self.media_url is None:
            return None
        return f"{self.media_url}/{_encoded(link.removeprefix('./').lstrip('/'), '/%')}"

    def _served(self, product: PublicProduct, kind: str, number: int, link: str | None) -> str | None:
        if self.served_media is None or not link or number > _MOST_SERVED:
            return None
        scheme = _SCHEME.match(link)
        if link.startswith("//") or (scheme is not None and scheme[0].lower() != "s3:"):
            return None
        return f"{self.served_media}/{kind}/{number}?product_id={quote(product.id, safe='')}"


def speaks(language: str | None, wanted: str) -> bool:
    """Whether a language tag is the wanted one, or one of the two is a kind of the other."""
    if language is None:
        return False
    one, other = language.casefold().split("-"), wanted.casefold().split("-")
    return all(a == b for a, b in zip(one, other, strict=False))


def sku_of(product: PublicProduct) -> str:
    """What the shop itself calls it: its SKU where a feed has one beside the id."""
    named = (value for name, value in product.attributes.items() if name.casefold() == "sku")
    return next(named, product.id)


def _barcodes(product: PublicProduct) -> list[dict[str, str]]:
    number = _DIGITS.sub("", product.gtin or "")
    if not number:
        return []
    kind = _BARCODES.get(len(number), "GTIN") if number.isdecimal() else "GTIN"
    if len(number) == 13 and number.startswith(_ISBN):
        kind = "ISBN"
    return [{"type": kind, "value": number}]


def _categories(product: PublicProduct) -> list[dict[str, str]]:
    """The one that filters go by."""
    value = product.category
    if value is None:
        return []
    return [{"value": value, "taxonomy": "merchant" if product.product_type else "google_product_category"}]


def _metadata(product: PublicProduct) -> dict[str, Any]:
    told: dict[str, Any] = {name: value for name in _MORE if (value := getattr(product, name))}
    if product.product_type and product.google_product_category:
        told["google_product_category"] = product.google_product_category
    if product.attributes:
        told["attributes"] = dict(product.attributes)
    return told


def _rating(products: Iterable[PublicProduct]) -> dict[str, Any] | None:
    """The first that there is: shops rate a product as a whole, and feeds say it of every variant."""
    for product in products:
        if product.rating is not None:
            told: dict[str, Any] = {"value": product.rating, "scale_min": 0, "scale_max": 5}
            if product.rating_count is not None:
                told["count"] = product.rating_count
            return told
    return None


def _list_price(product: PublicProduct, paid: Money) -> dict[str, Any] | None:
    full = product.price
    if full is None or full.currency != paid.currency or full.amount <= paid.amount:
        return None
    return _money(full)


def _money(money: Money) -> dict[str, Any]:
    return {"amount": to_minor_units(money.amount, money.currency), "currency": money.currency}


def _range(prices: Sequence[dict[str, Any]]) -> dict[str, Any]:
    return {
        "min": min(prices, key=lambda each: each["amount"]),
        "max": max(prices, key=lambda each: each["amount"]),
    }


def _choices(selection: Selection) -> list[dict[str, str]]:
    return [{"name": name, "label": label} for name, label in selection.items()]


def _plain(options: Options) -> list[dict[str, Any]]:
    return [
        {"name": name, "values": [{"label": label} for label in labels]}
        for name, labels in options.values.items()
    ]


def _link(link: str | None) -> str | None:
    """An address that anybody can open, percent-encoded; None for every other."""
    if not link or any(char.isspace() and char != " " for char in link):
        return None
    try:
        parts = urlsplit(link.strip())
        host, _ = parts.hostname, parts.port
    except ValueError:
        return None
    if parts.scheme.lower() not in ("https", "http") or not host:
        return None
    rest = _encoded(parts._replace(scheme="", netloc="", fragment="").geturl(), _OF_PATH)
    anchor = f"#{_encoded(parts.fragment, _OF_PATH)}" if parts.fragment else ""
    return f"{parts.scheme.lower()}://{_encoded(parts.netloc, _OF_HOST)}{rest}{anchor}"


def _encoded(text: str, safe: str) -> str:
    """Percent-encoded but for ``safe``; a percent sign that encodes nothing is one itself."""
    return _LONE_PERCENT.sub("%25", quote(text, safe=safe))
