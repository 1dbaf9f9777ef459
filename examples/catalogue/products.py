"""Invent the products of the sample catalogue: pure data, nothing is drawn here."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal

from examples.catalogue.palette import COLOURS, MATERIALS, PATTERNS, Term
from examples.catalogue.words import BRANDS, CATEGORIES, Category
from mmpipe.errors import InvalidRequest

MAX_PRODUCTS = 20_000
"""More than this and the titles would no longer be guaranteed to be told apart."""

_AVAILABILITY = ("in_stock",) * 8 + ("out_of_stock", "preorder", "backorder")
_SPOKEN = 10
_SOUNDS = 24
_VIDEOS = 24


@dataclass(frozen=True, slots=True)
class SampleProduct:
    """One product. ``(category, brand, colour, pattern, material, style)`` is unique in a catalogue.

    Products of one ``item_group_id`` are the same design in other colours. ``views`` is the number
    of photos (1 or 2). ``sound`` names the kind of recording: one of the categories' sounds,
    ``"spoken"`` for a synthesised introduction, or None.
    """

    id: str
    item_group_id: str
    title_en: str
    title_zh: str
    description_en: str
    description_zh: str
    category: str
    category_zh: str
    product_type: str
    google_product_category: str
    brand: str
    colour: str
    accent: str
    pattern: str
    material: str
    style: str
    price: Decimal
    currency: str
    availability: str
    gender: str | None
    size: str | None
    age_group: str | None
    views: int = 1
    has_video: bool = False
    sound: str | None = None
    attributes: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Design:
    """What the colour variants of one item group have in common."""

    brand: str
    pattern: str
    material: str
    style: Term
    price: Decimal
    gender: str | None
    use: tuple[str, str]
    number: int


def generate_products(seed: int = 7, count: int = 600) -> list[SampleProduct]:
    """Return ``count`` products spread evenly over every category, in a fixed order.

    The result depends on the arguments alone. Ids and titles (in each language) are unique.

    Raises:
        InvalidRequest: ``count`` is below 1 or above :data:`MAX_PRODUCTS`.
    """
    if not 1 <= count <= MAX_PRODUCTS:
        raise InvalidRequest("count", f"ask for 1 to {MAX_PRODUCTS} products, not {count}")
    shares = _shares(count)
    products: list[SampleProduct] = []
    for category, share in zip(CATEGORIES.values(), shares, strict=True):
        products.extend(_of_category(category, share, random.Random(f"{seed}/{category.key}")))  # noqa: S311
    rng = random.Random(f"{seed}/order")  # noqa: S311
    rng.shuffle(products)
    return _with_media(products, rng)


def _shares(count: int) -> list[int]:
    base, extra = divmod(count, len(CATEGORIES))
    return [base + (1 if index < extra else 0) for index in range(len(CATEGORIES))]


def _of_category(category: Category, share: int, rng: random.Random) -> list[SampleProduct]:
    products: list[SampleProduct] = []
    taken: set[tuple[str, ...]] = set()
    brands = list(BRANDS[category.brands])
    rng.shuffle(brands)
    looks: set[tuple[str, ...]] = set()
    group = 0
    while len(products) < share:
        design = _design(category, brands[group % len(brands)], group, rng)
        colours = list(category.colours)
        rng.shuffle(colours)
        # A design whose look (pattern, style, colour) nobody has yet is told apart by its photo as well.
        fresh = [c for c in colours if (design.pattern, design.style.key, c) not in looks]
        wanted = rng.choice((1, 2, 2, 3))
        for colour in (fresh or colours)[:wanted]:
            key = (design.brand, colour, design.pattern, design.material, design.style.key)
            if key in taken or len(products) == share:
                continue
            taken.add(key)
            looks.add((design.pattern, design.style.key, colour))
            products.append(_product(category, design, colour, rng))
        group += 1
    return products


def _design(category: Category, brand: str, number: int, rng: random.Random) -> _Design:
    low, high = category.price
    price = Decimal(round(low + (high - low) * rng.random() ** 1.6)) + Decimal(
        rng.choice(("0.99", "0.50", "0.00", "0.95"))
    )
    return _Design(
        brand=brand,
        pattern=rng.choice(category.patterns),
        material=rng.choice(category.materials),
        style=rng.choice(category.styles),
        price=price,
        gender=rng.choice(("female", "male", "unisex")) if category.gendered else None,
        use=rng.choice(category.uses),
        number=number,
    )


def _product(category: Category, design: _Design, colour: str, rng: random.Random) -> SampleProduct:
    pattern, material = PATTERNS[design.pattern], MATERIALS[design.material]
    accents = COLOURS[colour].accents
    accent = accents[design.number % len(accents)]
    slug = category.key.replace(" ", "-")
    group = f"{slug}-{design.number + 1:03d}"
    words = (design.brand, colour, pattern.en, material.en, design.style.en, category.key)
    noun_zh = f"{COLOURS[colour].zh}{pattern.zh}{material.zh}{_noun_zh(category, design.style)}"
    size = rng.choice(category.sizes) if category.sizes else None
    apparel = category.department.split(" > ")[0] in {"Clothing", "Shoes"}
    attributes = {"style": design.style.key, "season": rng.choice(("spring", "summer", "autumn", "winter"))}
    if design.pattern != "solid":
        attributes["accent_colour"] = accent
    return SampleProduct(
        id=f"{group}-{colour}",
        item_group_id=group,
        title_en=" ".join(word for word in words if word),
        title_zh=f"{design.brand} {noun_zh}",
        description_en=_describe_en(category, design, colour, accent),
        description_zh=_describe_zh(category, design, colour, accent),
        category=category.key,
        category_zh=category.zh,
        product_type=category.department,
        google_product_category=category.google,
        brand=design.brand,
        colour=colour,
        accent=accent,
        pattern=design.pattern,
        material=design.material,
        style=design.style.key,
        price=design.price,
        currency="USD",
        availability=rng.choice(_AVAILABILITY),
        gender=design.gender,
        size=size,
        age_group=("adult" if apparel else None),
        attributes=attributes,
    )


def _describe_en(category: Category, design: _Design, colour: str, accent: str) -> str:
    start = (
        f"These {category.key} from {design.brand} are"
        if category.plural
        else f"This {category.key} from {design.brand} is"
    )
    made = f"made of {MATERIALS[design.material].key}"
    if design.pattern == "solid":
        look = f"in plain {colour}"
    else:
        look = f"in {colour} with a {PATTERNS[design.pattern].en} pattern in {accent}"
    style = f" {design.style.en.capitalize()} style." if design.style.en else ""
    return f"{start} {made}, {look}.{style} Good for {design.use[0]}."


def _describe_zh(category: Category, design: _Design, colour: str, accent: str) -> str:
    look = f"{COLOURS[colour].zh}纯色设计"
    if design.pattern != "solid":
        look = f"{COLOURS[colour].zh}底配{COLOURS[accent].zh}{PATTERNS[design.pattern].zh}"
    made = MATERIALS[design.material].zh.removesuffix("质").removesuffix("制")
    noun = _noun_zh(category, design.style)
    return f"{design.brand} 出品的{noun}，采用{made}材质，{look}，适合{design.use[1]}。"


def _noun_zh(category: Category, style: Term) -> str:
    """A style written ``=餐桌`` is a noun of its own; any other one stands before the category's."""
    return style.zh[1:] if style.zh.startswith("=") else style.zh + category.zh


def _with_media(products: list[SampleProduct], rng: random.Random) -> list[SampleProduct]:
    """Choose which products have a second photo, a clip, a sound or a spoken introduction."""
    sounding = [p.id for p in products if CATEGORIES[p.category].sound]
    by_kind: dict[str, list[str]] = {}
    for product in products:
        kind = CATEGORIES[product.category].sound
        if kind:
            by_kind.setdefault(kind, []).append(product.id)
    rounds = [ids[turn] for turn in range(len(sounding)) for ids in by_kind.values() if turn < len(ids)]
    sounds = set(rounds[: min(_SOUNDS, len(rounds))])
    rest = [p.id for p in products if p.id not in sounds]
    spoken = set(rng.sample(rest, min(_SPOKEN, len(rest) // 10)))
    clips = set(rng.sample([p.id for p in products], min(_VIDEOS, max(1, len(products) // 10))))
    return [
        _replace_media(
            p,
            views=2 if rng.random() < 0.15 else 1,
            video=p.id in clips,
            sound=CATEGORIES[p.category].sound if p.id in sounds else "spoken" if p.id in spoken else None,
        )
        for p in products
    ]


def _replace_media(product: SampleProduct, *, views: int, video: bool, sound: str | None) -> SampleProduct:
    return replace(product, views=views, has_video=video, sound=sound)
