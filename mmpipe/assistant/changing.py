"""What a turn changes of the wishes before it: another brand, any colour, a size up."""

# ruff: noqa: E501  (a row of a table is read as one line)

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from mmpipe.assistant.asking import by_size
from mmpipe.assistant.state import MAX_VALUES

if TYPE_CHECKING:
    from mmpipe.assistant.comparatives import Comparative
    from mmpipe.assistant.state import Name, Wishes
    from mmpipe.schemas.product import PublicProduct

_NAMED: Final[dict[Name, tuple[str, str]]] = {
    "brand": (r"brands?|makes?|makers?|labels?|manufacturers?|compan(?:y|ies)", "牌子|品牌|厂家|家"),
    "color": (r"colou?rs?|shades?", "颜色|色"),
    "material": (r"materials?|fabrics?", "材质|面料|材料|料子"),
    "pattern": (r"patterns?|prints?", "图案|花纹|花色"),
    "size": (r"sizes?", "尺码|码数|尺寸|码"),
}  # fmt: skip
_PRICE: Final = (r"prices?|budget|costs?", "价格|价位|预算|价钱")
_OTHER_EN: Final = (
    r"(?:\b(?:another|a different|different|(?:(?:any|some|in|the|an) )?other|not (?:that|this|the same)|(?:don't|do not) (?:like|want|care for) (?:that|this|the)|instead of (?:that|this)"
    r"|(?:change|switch|swap)(?: the)?)) (?:{en})\b"
)
_OTHER_ZH: Final = r"(?:换(?:一?[个种]|成?别的|成?其[他它]的?|成?不同的?)?|别的?|其[他它]的?|另外?的?|不同的?|(?:不要|不喜欢|不想要|除了|讨厌)(?:这|那)(?:个|种|家)?的?)(?:{zh})"
_ANY_EN: Final = (
    r"\b(?:any|whatever(?: the)?|no matter (?:the|what|which)|regardless of(?: the)?|(?:don't|do not) (?:care|mind|bother)(?: about)?(?: which| what| the)*|forget(?: about)? the) (?:{en})\b(?! (?:but|except|other|besides|apart)\b)"
    r"|\b(?:{en}) (?:doesn't|does not|don't|isn't|is not) (?:matter|important)\b"
)
_ANY_ZH: Final = r"(?:{zh})(?:什么的)?(?:都|怎么都)?(?:行|可以|不限|无所谓|随便|随意|不重要|没关系|不挑|没要求)|(?:不限|不管什么|不论|任何|随便什么)(?:{zh})(?:都?(?:行|可以|好))?|什么(?:{zh})都(?:行|可以|好)?"
_UP: Final = re.compile(
    r"\b(?:(?:one|a|the next|next) )?sizes? (?:up|bigger|larger)\b|\b(?:bigger|larger|next) sizes?(?: up)?\b|(?:再|要)?大(?:一|1|两)?(?:码|号)(?:的)?"
)
_DOWN: Final = re.compile(
    r"\b(?:(?:one|a) )?sizes? (?:down|smaller)\b|\bsmaller sizes?\b|(?:再|要)?小(?:一|1|两)?(?:码|号)(?:的)?"
)


@dataclass(frozen=True)
class Change:
    """``others`` are fields of which another value is wanted, ``free`` those that may be anything, ``price``
    whether it may, ``step`` how many sizes up; ``spans`` what says so."""

    others: tuple[Name, ...] = ()
    free: tuple[Name, ...] = ()
    price: bool = False
    step: int = 0
    spans: tuple[tuple[int, int], ...] = ()

    def __bool__(self) -> bool:
        return bool(self.spans)


def changed(text: str) -> Change:
    """What a folded text changes."""
    spans: list[tuple[int, int]] = []

    def said(form: str, en: str, zh: str) -> bool:
        match = re.search(form.format(en=en, zh=zh), text)
        if match is not None:
            spans.append(match.span())
        return match is not None

    others = tuple(name for name, (en, zh) in _NAMED.items() if said(f"{_OTHER_EN}|{_OTHER_ZH}", en, zh))
    free = tuple(
        name
        for name, (en, zh) in _NAMED.items()
        if name not in others and said(f"{_ANY_EN}|{_ANY_ZH}", en, zh)
    )
    price = said(f"{_ANY_EN}|{_ANY_ZH}", *_PRICE)
    up, down = _UP.search(text), _DOWN.search(text)
    step = up or down
    if step is not None:
        spans.append(step.span())
    return Change(others, free, price, 0 if step is None else 1 if step is up else -1, tuple(spans))


def freed(wishes: Wishes, change: Change, shown: Sequence[PublicProduct]) -> Wishes:
    """The wishes with what changes of them: of a field whose value is to be another one not that which was
    wished for, else none that ``shown`` products have."""
    fields, nots = dict(wishes.fields), dict(wishes.nots)
    for name in change.free:
        fields.pop(name, None)
    for name in change.others:
        held = (str(value) for each in shown if (value := getattr(each, name, None)))
        values = fields.pop(name, None) or tuple(dict.fromkeys(held))
        if values:
            nots[name] = tuple(dict.fromkeys((*values, *nots.get(name, ()))))[:MAX_VALUES]
    bounds = {"gte": None, "lte": None, "below": None} if change.price else {}
    return wishes.model_copy(update={"fields": fields, "nots": nots, **bounds})


def steps_size(best: Comparative, change: Change, shown: Sequence[PublicProduct]) -> Change:
    """A turn that wants something bigger, as one for another size where what was shown comes in sizes."""
    if best.key != "bulk" or change.step or not shown or not all(each.size for each in shown):
        return change
    return replace(
        change, step=1 if best.direction == "most" else -1, spans=(*change.spans, (best.start, best.end))
    )


def next_size(held: str, step: int, products: Sequence[PublicProduct]) -> str | None:
    """The next size that some products have, up or down from one; None where none has."""
    own = by_size(held)
    sizes = {size: by_size(size) for each in products if (size := each.size)}
    further = {
        s: key for s, key in sizes.items() if key[0] == own[0] and (key > own if step > 0 else key < own)
    }
    if not further:
        return None
    return (min if step > 0 else max)(further, key=lambda size: further[size])
