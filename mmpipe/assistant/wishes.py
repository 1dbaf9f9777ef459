"""What a turn wishes for: the catalogue's own values by the engine's meaning, what is not wanted, the rest."""

# ruff: noqa: E501  (a row of a table is read as one line)

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Final, cast

from mmpipe import lexical
from mmpipe.assistant.language import Language, is_run
from mmpipe.assistant.prices import spelled
from mmpipe.assistant.state import MAX_FIELDS, MAX_PRICE, MAX_VALUES, MAX_WITHOUT, MAX_WORDS, Name, Wishes
from mmpipe.assistant.wording import field_name
from mmpipe.lexical import CJK, tokens
from mmpipe.schemas.assistant import Wish
from mmpipe.schemas.conditions import And, Comparison, Condition, Not
from mmpipe.search.columns.dictionaries import CATEGORY
from mmpipe.search.find import synonyms
from mmpipe.search.find.stated import even

if TYPE_CHECKING:
    from mmpipe.assistant.shop import Shop
    from mmpipe.search.find.meaning import Part

_NOT: Final = re.compile(
    r"(?:\bnot (?:in |made of |from |of )?|\bno |\bnothing (?:in )?|\bnone of |\bwithout (?:any )?|\bexcept (?:for )?|\banything but |\bother than |\bbesides |\bany(?:thing)?(?: \w+)? (?:but|except)(?: for)? |\bnon-"
    r"|\b(?:don't|do not) (?:want|like) (?:any )?|(?<!\S)-)(?!more\b|less\b|over\b|under\b|above\b|below\b|matter\b|prefer|limit\b|than\b|\d)"
    r"(?:the |a |an |any )?(?P<en>[^,.;!?]+?)(?=$|[,.;!?]|\s(?:but|and|or|please|instead|under|below|over|for|in|on (?:it|them|the|this|these|those))\b)"
    r"|(?:不要|别要|不想要|不喜欢|除了|(?<!是)不是|非(?!常)|不含|不带|(?<!有)没有)(?P<zh>[^，,。.!！?？的]+?)(?:以外|之外)?(?:的|$|(?=[，,。.!！?？]))"
    r"|(?P<after>[^，,。.!！?？；]+?)的?(?:[就都]|我)?(?:不要|算了|除外|不考虑|免了|不喜欢|排除)[了吧啦]?(?=$|[，,。.!！?？；])"
)  # fmt: skip
REFINES: Final = re.compile(
    r"\bones?\b|\bonly\b|^只[看要]?|\binstead\b|\brather\b|^(?:(?:and|but|ok|okay|yes|no)\b[\s,]*)*(?:in|with|without|for|from|also|only|not|no|less|more|it should|they should|should be|must be|make it)\b"
    r"|的[吗呢么]?[\s?？。!！]*$|^(?:换|改|不要|只要|带|适合|最好|还要|再)|一点|一些"
)  # fmt: skip
# *With a hood* names no hoods.
_PART: Final = re.compile(
    r"(?:(?:and|but|ok|okay|the|those|one|ones|something|anything|any)\b[\s,]*)*(?:with|that (?:has|have|comes? with)|featuring|having)\b|^(?:要|想要|有没有|有|最好|得|换)?(?:带|配|附|含)"
)
_FILLERS: Final = re.compile(
    r"\b(?:i'd|i'm|i|we|you|me|my|us|am|is|are|be|it|do|does|have|has|want|need|like|looking|look|for|find|show|please|some|any|something|anything|thing|things|one|ones|a|an|the|in|of|with|from|by|on|at|to|and|or|but|that|which|this|these|those|instead|rather|only|also|too|colou?r|colou?red|size|sizes|made|make|brand|price|priced|budget|around|about|maybe|really|very|nice|good|cool|better|best|most|keep|keeping|stay|staying|stick|sticking|favou?rite|more|less|than|what|how|there|got|get|buy|can|could|would|should|must|your|recommend|suggest|see|try|wants|wanted|son|daughter|sister|brother|wife|husband|friend|mother|father|mum|mom|dad|not|no|without|i'm|i'd|ok|okay|yes|instead|men's or women's|after|somewhere|just|let|let's|hmm|um|oh|ah|well|if|possible|possibly|ideally|preferably|perhaps|now|today|here|might|were|been|was|had|going|go|thinking|think|love|hope|hoping|prefer|actually|still|so|as|because|since|his|her|their|our|its|who|where|when|why|version|versions|same|exact|exactly|kind|kinds|sort|sorts|type|types|bit|little|slightly|though|then|way|piece|pieces|option|options|fine|great|perfect|yeah|yep|nope|sure|fancy|having|comes|come|anyone|another|other|others|else|new|he|she|they|them|too|much|more|say)\b|'(?:s|re|ll|d|ve|m)\b|[?!.,;:]"
)  # fmt: skip
_FILLERS_ZH: Final = re.compile(
    r"请问|适合(?:我|送)?|送(?:给|人)?|礼[物品]|也(?:行|可以|好|成)|同样|一样|就行|就好|^还|还(?=\s|$)|^再|^先|的话|换个|换一?[件双条款种台把]|不然|算了|我穿|我要|那[款个种]?|这[款个种]|挑|选|件|(?<=[一两几这那哪要买换来])双|添|儿子|女儿|老公|老婆|妈妈|爸爸|朋友|哪些|都(?:可以|行|好)|可以|别的|其他|送人|哪(?:款|个|一款|种|些)|有没有|推荐|适合我|颜色|尺码|码数|品牌|牌子|价格|价位|预算|左右|大概|一点|一些|一下|比较|想要|需要|我要|换成|改成|帮我|给我|看看|我们|你们|最好|还要|不要|只要|是|色|款|的|了|吧|呢|吗|么|要|想|买|找|我|有|来|一(?:个|双|件|条|款|台|把)|[，,。.!！?？、\s]"
)
_OUTER_ZH: Final = re.compile(r"^(?:[色款的是要个])+|(?:[色款的吗呢吧了])+$")


# A price that must not be more is one at most, as the engine reads it; places stay where they are.
_NO_MORE: Final = re.compile(
    r"\b(?:nothing|none)(?= (?:over|above)\b)|不要(?=超过|高于)|不能(?=超过|高于)|别(?=超过|高于)|(?<=\d)封顶",
    re.IGNORECASE,
)


# A size beside no word for it: *in 42*, 41的.
_BARE_SIZE: Final = re.compile(
    r"\b(?:in|in an?|a) (?P<en>\d{2}(?:\.5)?|xxs|xs|s|m|l|xl|xxl)(?=[\s?.!]*$)|(?<![\d.])(?P<zh>\d{2}(?:\.5)?)(?=[的号])"
)
# A value that is one character with 的 behind it.
_BARE_VALUE: Final = re.compile(rf"(?:^|(?<=[\s换成要有是买来看只，,]))(?P<value>[{CJK}])的")
# Materials that a catalogue in English may have under no Chinese name that is made of the character.
_ALONE: Final = {
    "钢": ("steel",), "铁": ("iron",), "铝": ("aluminium", "aluminum"), "钛": ("titanium",), "竹": ("bamboo",),
    "麻": ("linen",), "毛": ("wool",), "瓷": ("porcelain",), "陶": ("ceramic",),
}  # fmt: skip
_LOOKS: Final = frozenset({"color", "material", "pattern"})
_RECIPIENTS: Final = {
    "male": re.compile(
        r"(?i:\bmy (?:husband|boyfriend|father|dad|brother|son|grandpa|grandfather)\b)|老公|丈夫|男友|男朋友|爸爸|父亲|哥哥|弟弟|儿子|爷爷"
    ),
    "female": re.compile(
        r"(?i:\bmy (?:wife|girlfriend|mother|mum|mom|sister|daughter|grandma|grandmother)\b)|老婆|妻子|女友|女朋友|妈妈|母亲|姐姐|妹妹|女儿|奶奶"
    ),
}


# What shoppers say for patterns that catalogues call otherwise, in either language.
_PATTERNS: Final = tuple(
    (re.compile(said), names)
    for said, names in (
        (r"\b(?:dots?|spots?|dotty|spotty|dotted|spotted)\b|圆点|斑点|点点", ("polka dot", "dotted", "波点")),
        (r"\bflower(?:s|y|ed)?\b|\bblossoms?\b|花朵|小花|花卉|印花", ("floral", "碎花", "花卉")),
        (
            r"\b(?:plaid|tartan|gingham|checks|checkered|chequered)\b|格纹|方格|格子",
            ("checked", "plaid", "格子"),
        ),
        (r"\bcamo\b", ("camouflage", "迷彩")),
        (r"\bstrip(?:es?|y)\b|竖条|横条|条子|条纹", ("striped", "条纹")),
    )
)


def _as_not(match: re.Match[str]) -> str:
    said = "not" if match.group().isascii() else "以内" if match.group() == "封顶" else "不"
    return said.rjust(len(match.group()))


@dataclass
class Said:
    """What one turn says. ``subject`` is what is left: what is looked for, or more of what it is to be;
    ``kind`` those of its words that are a category's. ``part`` says that a category is named as what
    something has. ``implied`` are fields that it does not name, as what a husband wears."""

    fields: dict[Name, tuple[str, ...]] = field(default_factory=dict)
    nots: dict[Name, tuple[str, ...]] = field(default_factory=dict)
    without: tuple[str, ...] = ()
    gte: Decimal | None = None
    lte: Decimal | None = None
    subject: str = ""
    kind: str = ""
    category: bool = False
    refines: bool = False
    part: bool = False
    implied: dict[Name, tuple[str, ...]] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.fields or self.nots or self.without or self.subject) or self.priced

    @property
    def priced(self) -> bool:
        """Whether it names a price."""
        return self.gte is not None or self.lte is not None


async def said(shop: Shop, text: str, language: Language, cut: tuple[int, int] | None = None) -> Said:
    """What a text wishes for; what it has at ``cut`` was understood already."""
    found = Said(refines=REFINES.search(even(text)) is not None, part=_PART.match(even(text)) is not None)
    if cut is not None:
        text = text[: cut[0]] + " " * (cut[1] - cut[0]) + text[cut[1] :]
    implied = _implied(text)
    text = _NO_MORE.sub(_as_not, _for_nobody(spelled(text[:MAX_WORDS])))
    kept, at = [], 0
    for match in _NOT.finditer(even(text)):
        group = next(name for name in ("en", "zh", "after") if match[name] is not None)
        kept.append(text[at : match.start()])
        kept.append(await _negated(shop, text[match.start(group) : match.end(group)].strip(), found))
        at = match.end()
    rest = " ".join([*kept, text[at:]]).strip()
    meaning = await shop.meaning(rest) if rest else None
    subject = rest
    if meaning is not None:
        for part in reversed(meaning.parts):
            if part.field == CATEGORY:
                found.category = True
                found.kind = f"{rest[part.start : part.end]} {found.kind}".strip()
                continue
            _take(part, found.fields, found)
            end = part.end + (subject[part.end : part.end + 1] in ("色", "款", "的", "码", "号"))
            subject = subject[: part.start] + " " + subject[end:]
    if "pattern" not in found.fields:
        subject = await _patterned(shop, subject, found.fields)
    if language == "zh":
        subject = await _shortened(shop, subject, found)
    if not (found.priced or "size" in found.fields):
        subject = await _sized(shop, subject, found)
    found.subject = _cleaned(subject, language)
    if "gender" not in found.fields and "gender" not in found.nots:
        found.implied = implied
    return found


async def _patterned(shop: Shop, text: str, into: dict[Name, tuple[str, ...]]) -> str:
    """Takes a pattern that the catalogue calls otherwise; gives back the rest."""
    for pattern, names in _PATTERNS:
        match = pattern.search(even(text))
        for name in () if match is None else names:
            meaning = await shop.meaning(name)
            parts = [] if meaning is None else [part for part in meaning.parts if part.field == "pattern"]
            if match is not None and parts:
                for part in parts:
                    _take(part, into, None)
                return f"{text[: match.start()]} {text[match.end() :]}"
    return text


async def _shortened(shop: Shop, subject: str, found: Said) -> str:
    """Takes a colour or a material that is said by its character alone, 棉的 for 棉质; gives back the rest."""
    match = _BARE_VALUE.search(subject)
    if match is None:
        return subject
    said = match["value"]
    forms = [f"{said}色", f"{said}质", f"{said}制", f"真{said}", f"{said}革", f"{said}料", f"{said}合金"]
    for full in (*forms, *_ALONE.get(said, ())):
        meaning = await shop.meaning(full)
        parts = [] if meaning is None else [part for part in meaning.parts if part.field in _LOOKS]
        if parts:
            for part in parts:
                _take(part, found.fields, found)
            return f"{subject[: match.start()]} {subject[match.end() :]}"
    return subject


async def _sized(shop: Shop, subject: str, found: Said) -> str:
    """Takes a size that stands by itself, where the catalogue has it; gives back the rest."""
    match = _BARE_SIZE.search(even(subject))
    if match is None:
        return subject
    meaning = await shop.meaning(f"size {match['en'] or match['zh']}")
    parts = [] if meaning is None else [part for part in meaning.parts if part.field == "size"]
    for part in parts:
        _take(part, found.fields, found)
    return f"{subject[: match.start()]} {subject[match.end() :]}" if parts else subject


def _implied(text: str) -> dict[Name, tuple[str, ...]]:
    said = even(text)
    genders = [gender for gender, pattern in _RECIPIENTS.items() if pattern.search(said)]
    return {"gender": (genders[0],)} if len(genders) == 1 else {}


def _for_nobody(text: str) -> str:
    """A text without the people whom it is for: 女朋友 says nothing of what she is given."""
    for pattern in _RECIPIENTS.values():
        text = pattern.sub(lambda match: " " * len(match.group()), text)
    return text


async def _negated(shop: Shop, what: str, found: Said) -> str:
    """Takes what is not wanted; gives back what of the words is looked for all the same."""
    meaning = await shop.meaning(what)
    parts = [] if meaning is None else [part for part in meaning.parts if part.value is not None]
    values = [part for part in parts if part.field != CATEGORY]
    if not values:
        if (left := await _patterned(shop, what, found.nots)) != what:
            return _cleaned(left, "zh" if is_run(what) else "en")
        for other in _others(what):
            meaning = await shop.meaning(other)
            values = [] if meaning is None else [p for p in meaning.parts if p.value and p.field != CATEGORY]
            if values:
                for part in values:
                    _take(part, found.nots, None)
                return ""
        if what and len(found.without) < MAX_WITHOUT:
            found.without = (*found.without, what[:MAX_WORDS])
        return ""
    for part in reversed(values):
        _take(part, found.nots, None)
        what = what[: part.start] + " " + what[part.end :]
    return what.strip()


def _others(what: str) -> list[str]:
    """Other words for the same."""
    known = synonyms.base()
    if is_run(what):
        return [other.text for *_, others in known.in_run(what) for other in others][:2]
    heads = lexical.heads(what)
    named = known.of_words(heads, 0) if heads else None
    return [other.text for other in named[1]][:2] if named is not None and named[0] == len(heads) else []


def _take(part: Part, into: dict[Name, tuple[str, ...]], found: Said | None) -> None:
    if part.value is None:
        if found is not None:
            # Nothing costs more than the most, so a bound beyond it says the same.
            found.gte = min(part.gte, MAX_PRICE) if part.gte is not None else found.gte
            found.lte = min(part.lte, MAX_PRICE) if part.lte is not None else found.lte
        return
    name = cast(Name, part.field)
    if name in into or len(into) < MAX_FIELDS:
        values = [value[:MAX_WORDS] for value in (*part.values, *into.get(name, ()))]
        into[name] = tuple(dict.fromkeys(values))[:MAX_VALUES]


def _cleaned(text: str, language: Language) -> str:
    """Words that are left without those that say nothing."""
    if language == "zh":
        pieces = [_OUTER_ZH.sub("", piece) for piece in _FILLERS_ZH.sub(" ", text).split()]
        text = " ".join(piece for piece in pieces if piece)
    kept = even(text)
    for match in reversed(list(_FILLERS.finditer(kept))):
        text = text[: match.start()] + " " + text[match.end() :]
    return " ".join(text.split())[:MAX_WORDS]


def joined(former: Wishes, now: Said) -> Wishes:
    """Wishes with more: of a field that is named again the new values hold, and what is not wanted any more
    is wanted no more."""
    fields = dict(former.fields)
    nots = dict(former.nots)
    for name, values in now.fields.items():
        fields[name] = values
        nots.pop(name, None)
    for name, values in now.nots.items():
        left = tuple(value for value in fields.get(name, ()) if value not in values)
        if left:
            fields[name] = left
        else:
            fields.pop(name, None)
        nots[name] = tuple(dict.fromkeys((*nots.get(name, ()), *values)))[:MAX_VALUES]
    known = set(tokens(former.text))
    more = "" if set(tokens(now.subject)) <= known else now.subject
    text = f"{former.text} {more}".strip()[:MAX_WORDS]
    return Wishes(
        text=text,
        fields=_first(fields),
        nots=_first(nots),
        without=tuple(dict.fromkeys((*former.without, *now.without)))[:MAX_WITHOUT],
        like=former.like,
        gte=now.gte if now.priced else former.gte,
        lte=now.lte if now.priced else former.lte,
        below=None if now.priced else former.below,
    )


def _first(fields: Mapping[Name, tuple[str, ...]]) -> dict[Name, tuple[str, ...]]:
    return dict(list(fields.items())[-MAX_FIELDS:])


def begins_anew(former: Wishes, now: Said) -> bool:
    """Whether a turn looks for something else than before."""
    if not former:
        return True
    if not now.subject:
        return False
    same = set(tokens(now.subject)) <= set(tokens(former.text))
    return not same and not now.part and (now.category or not now.refines)


def condition(wishes: Wishes) -> Condition | None:
    """What every product must meet."""
    parts: list[Condition] = [Comparison.of(name, values) for name, values in wishes.fields.items()]
    parts += [Not.model_construct(part=Comparison.of(name, values)) for name, values in wishes.nots.items()]
    if wishes.gte is not None or wishes.lte is not None:
        parts.append(Comparison.model_construct(field="price", gte=wishes.gte, lte=wishes.lte))
    if wishes.below is not None:
        parts.append(Comparison.model_construct(field="price", lt=wishes.below))
    if not parts:
        return None
    return parts[0] if len(parts) == 1 else And.model_construct(parts=tuple(parts))


def told(wishes: Wishes) -> list[Wish]:
    """The wishes as answers tell them."""
    found = [Wish(field="text", values=[wishes.text])] if wishes.text else []
    found += [Wish(field=name, values=list(values)) for name, values in wishes.fields.items()]
    found += [Wish(field=name, values=list(values), wanted=False) for name, values in wishes.nots.items()]
    found += [Wish(field="text", values=[each], wanted=False) for each in wishes.without]
    high = min((each for each in (wishes.lte, wishes.below) if each is not None), default=None)
    if wishes.gte is not None or high is not None:
        low = None if wishes.gte is None else str(wishes.gte)
        found.append(Wish(field="price", gte=low, lte=None if high is None else str(high)))
    return found


@dataclass(frozen=True, slots=True)
class LeftOut:
    """What of the wishes was left out: a value of a ``field``, or words, which have none."""

    said: str
    field: str | None = None

    def told(self, language: Language) -> str:
        """As answers tell it."""
        if self.field is None:
            return self.said
        colon = "：" if language == "zh" else ": "
        return f"{field_name(self.field, language)}{colon}{self.said}"


def looser(wishes: Wishes, keep: Collection[Name] = ()) -> list[tuple[LeftOut, Wishes]]:
    """The same with one thing less, and what that is: what was only to be cheaper than something first, then the
    last field that is not to be kept, a price after the fields, and last what is."""
    found: list[tuple[LeftOut, Wishes]] = []
    if wishes.below is not None:
        found.append((LeftOut(f"< {wishes.below}", "price"), wishes.model_copy(update={"below": None})))
    kept: list[tuple[LeftOut, Wishes]] = []
    for name, values in reversed(wishes.fields.items()):
        others = {other: held for other, held in wishes.fields.items() if other != name}
        less = (LeftOut(values[0], name), wishes.model_copy(update={"fields": others}))
        (kept if name in keep else found).append(less)
    if wishes.gte is not None or wishes.lte is not None:
        bounds = " – ".join(str(each) for each in (wishes.gte, wishes.lte) if each is not None)
        found.append((LeftOut(bounds, "price"), wishes.model_copy(update={"gte": None, "lte": None})))
    return found + kept
