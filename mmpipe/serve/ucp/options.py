"""How the variants of one product differ: options, what is selected of them, and what that leaves."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from mmpipe.schemas.product import says_words
from mmpipe.serve.ucp.refused import Refused

if TYPE_CHECKING:
    from mmpipe.schemas.product import PublicProduct
    from mmpipe.serve.ucp.requests import SelectedOption

# Told wherever a variant has them.
_ALWAYS: Final = {"Color": "color", "Size": "size"}
# Told where variants differ in them.
_VARYING: Final = {"Material": "material", "Pattern": "pattern", "Gender": "gender", "Age group": "age_group"}
_NO_OPTIONS: Final = frozenset({"sku", "ean", "upc", "gtin", "isbn", "mpn", "barcode", "handle", "id"})
_LONGEST: Final = 80
_SIZES: Final = ("XXXS", "XXS", "XS", "S", "M", "L", "XL", "XXL", "2XL", "XXXL", "3XL", "4XL", "5XL")
_LEADING: Final = re.compile(r"[0-9]{1,9}(?:[.,][0-9]{1,3})?(?![0-9])")
_PURCHASABLE: Final = frozenset({"in_stock", "preorder", "backorder"})

Selection = Mapping[str, str]
"""Labels by names of options, both as the catalogue spells them."""


def purchasable(variant: PublicProduct) -> bool:
    """Whether it can be bought now."""
    return variant.availability in _PURCHASABLE


def default_of(variants: Sequence[PublicProduct]) -> PublicProduct:
    """The variant that stands for the others: the first that is in stock, else that can be bought, else the
    first."""
    return min(variants, key=lambda each: (not purchasable(each), each.availability != "in_stock"))


@dataclass(frozen=True)
class Options:
    """The options of a product: ``values`` lists the labels of each, ``of`` each variant's by its id."""

    values: Mapping[str, tuple[str, ...]]
    of: Mapping[str, Selection]

    @classmethod
    def among(cls, variants: Sequence[PublicProduct]) -> Options:
        """Colour and size wherever there are any, further looks where they differ, and free attributes while
        two variants could not be told apart without."""
        found: dict[str, list[str | None]] = {}
        for name, field in (*_ALWAYS.items(), *_VARYING.items()):
            labels = [getattr(variant, field) or None for variant in variants]
            if _number(labels) > 1 or (name in _ALWAYS and _number(labels)):
                found[name] = labels
        for name, labels in _attributes(variants):
            if len(set(zip(*map(_folded, found.values()), strict=True))) == len(variants):
                break
            if name not in found:
                found[name] = labels
        return cls._spelt(variants, found)

    @classmethod
    def _spelt(cls, variants: Sequence[PublicProduct], found: Mapping[str, Sequence[str | None]]) -> Options:
        spelling = {name: _spellings(labels) for name, labels in found.items()}
        of = {
            variant.id: {
                name: spelling[name][_fold(label)]
                for name, labels in found.items()
                if (label := labels[place]) is not None
            }
            for place, variant in enumerate(variants)
        }
        return cls({name: tuple(_ordered(list(labels.values()))) for name, labels in spelling.items()}, of)

    def matching(self, variants: Sequence[PublicProduct], selection: Selection) -> list[PublicProduct]:
        """Those that have all that is selected."""
        return [v for v in variants if selection.items() <= self.of[v.id].items()]

    def effective(
        self,
        variants: Sequence[PublicProduct],
        selected: Sequence[SelectedOption],
        preferences: Sequence[str],
    ) -> dict[str, str]:
        """What of a selection holds: what no variant has at all is left out; while none has the rest
        together, options are given up, first those without preference, then from the end of ``preferences``.

        Raises :class:`Refused` for an option that is selected twice.
        """
        asked = [_fold(choice.name) for choice in selected]
        for place, name in enumerate(asked):
            if name in asked[:place]:
                raise Refused(
                    "invalid_request",
                    f"option '{selected[place].name[:80]}' is selected twice; select one value of each",
                    path=f"$.selected[{place}].name",
                )
        held = dict(filter(None, (self._known(choice) for choice in selected)))
        order = [_fold(name) for name in preferences]

        def rank(name: str) -> int:
            key = _fold(name)
            return order.index(key) if key in order else len(order)

        while held and not self.matching(variants, held):
            # Of several without preference, what was selected last.
            del held[max(reversed(held), key=rank)]
        return held

    def told(self, variants: Sequence[PublicProduct], selection: Selection) -> list[dict[str, Any]]:
        """The options, each value with whether a variant ``exists`` and is ``available`` that has it and
        what else is selected."""
        return [
            {"name": name, "values": [self._signal(variants, selection, name, label) for label in labels]}
            for name, labels in self.values.items()
        ]

    def _signal(
        self, variants: Sequence[PublicProduct], selection: Selection, name: str, label: str
    ) -> dict[str, Any]:
        found = self.matching(variants, {**selection, name: label})
        return {"label": label, "available": any(map(purchasable, found)), "exists": bool(found)}

    def _known(self, choice: SelectedOption) -> tuple[str, str] | None:
        for name, labels in self.values.items():
            if _fold(name) == _fold(choice.name):
                for label in labels:
                    if _fold(label) == _fold(choice.label):
                        return name, label
        return None


def _attributes(variants: Sequence[PublicProduct]) -> Iterator[tuple[str, list[str | None]]]:
    """Free attributes that every variant has and that differ, by name."""
    for name in variants[0].attributes if len(variants) > 1 else ():
        labels = [variant.attributes.get(name) for variant in variants]
        if _fold(name) not in _NO_OPTIONS and all(labels) and _number(labels) > 1 and _are_labels(labels):
            yield name, labels


def _are_labels(labels: Sequence[str | None]) -> bool:
    return all(label and len(label) <= _LONGEST and says_words("", label) for label in labels)


def _number(labels: Sequence[str | None]) -> int:
    return len({_fold(label) for label in labels if label})


def _folded(labels: Sequence[str | None]) -> list[str]:
    return [_fold(label or "") for label in labels]


def _spellings(labels: Sequence[str | None]) -> dict[str, str]:
    found: dict[str, str] = {}
    for label in labels:
        if label:
            found.setdefault(_fold(label), label)
    return found


def _ordered(labels: list[str]) -> list[str]:
    """Sizes from small to large, numbers too; others as the catalogue has them."""
    if all(label.upper() in _SIZES for label in labels):
        return sorted(labels, key=lambda label: _SIZES.index(label.upper()))
    numbers = {label: found[0] for label in labels if (found := _LEADING.match(label))}
    if len(numbers) < len(labels):
        return labels
    return sorted(labels, key=lambda label: float(numbers[label].replace(",", ".")))


def _fold(text: str) -> str:
    return " ".join(text.split()).casefold()
