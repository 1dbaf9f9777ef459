"""Which product field an option fills: what shops call the ways in which variants differ."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from mmpipe.catalogue.columns import bare_name, column_name
from mmpipe.catalogue.formats.base import MAX_CHARACTERS

_NAMES: Final[dict[str, str]] = {
    name: field
    for field, names in {
        "color": "color colors colour colours color_name colour_name color_pattern farbe farben farbton"
        " couleur couleurs coloris colore colori colores kleur kleuren cor cores färg farve farge väri kolor"
        " barva цвет 颜色 顏色 颜色分类 色 カラー 색상",
        "size": "size sizes shoe_size clothing_size größe größen grösse groesse schuhgröße kleidergröße"
        " konfektionsgröße taille tailles pointure talla tallas tamaño taglia taglie maat maten tamanho"
        " storlek størrelse koko rozmiar velikost размер 尺码 尺寸 尺碼 大小 サイズ 사이즈",
        "material": "material materials materialien materiaal materiale materiali materiales materiał"
        " matériau matériaux matière fabric fabrics stoff tissu tessuto tejido материал 材质 材質 材料 面料"
        " 素材 소재",
        "pattern": "pattern patterns muster motif motifs motivo patroon mönster mønster wzór vzor узор"
        " 图案 圖案 パターン 柄",
    }.items()
    for name in names.split()
}


def option_field(name: str) -> str | None:
    """``color``, ``size``, ``material`` or ``pattern`` for an option of this name in one of a dozen
    languages; None for any other. Case, plural and a bracketed hint (``Size (EU)``) do not matter."""
    return _NAMES.get(column_name(bare_name(name)))


def add_options(product: dict[str, Any], options: Iterable[tuple[str, str]]) -> None:
    """Put options (name, value) into ``product``: into the field that the name means, else, or where an
    earlier option took it, into its ``attributes`` under the option's own name."""
    for name, value in options:
        field = option_field(name)
        if field is not None and field not in product:
            product[field] = value[:MAX_CHARACTERS]
        else:
            product.setdefault("attributes", {}).setdefault(name[:MAX_CHARACTERS], value[:MAX_CHARACTERS])
