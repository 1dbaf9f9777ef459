"""Text to words, the same for products and queries, Chinese and English: one fold decides what matches what.

:func:`fold` makes one spelling of what is written in several ways: NFKC (full width), lower case, letters
without accents, ß ø æ as two letters or one, soft hyphens and other invisible characters gone, one
apostrophe, traditional characters as simplified ones (OpenCC's table, https://github.com/BYVoid/OpenCC).

:func:`tokens` makes full-text tokens of it. The lake stores them joined by spaces. English possessives are
dropped and plural endings folded (Harman's S-stemmer, "How effective is suffixing?", JASIS 42(1), 1991, with
-es after a sibilant besides, and what it gets wrong: ``knives``, ``cookies``, ``feet``). Chinese, Japanese
and Korean runs are overlapping character bigrams (a lone character stays). A number and its unit are one
token (``500 ml`` is ``500ml``, ``1,500 W`` and ``1.500 W`` are ``1500w``, ``15.6"`` is ``15.6in``, ``1/2"``
is ``0.5in``), and the number is one besides. Words joined by a hyphen, an apostrophe, ``&``, a dot or a plus
are tokens each and together (``wi-fi`` is ``wi``, ``fi`` and ``wifi``). ``c++`` and ``c#`` are words of their
own.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

# Chinese, Japanese and Korean characters, inside the brackets of an expression.
CJK: Final = "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\u3040-\u30ff\uac00-\ud7af"
MAX_TOKEN_CHARACTERS = 40
# Of a word that is two written as one.
SHORTEST_PART = 2
# Marks the token of an identifier: no word begins with it.
IDENTIFIER = "#"
_HAN: Final = tuple(range(0x3400, 0x4DC0)) + tuple(range(0x4E00, 0xA000)) + tuple(range(0xF900, 0xFB00))
_LETTERS: Final = {
    "ß": "ss", "ø": "o", "æ": "ae", "œ": "oe", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "ı": "i",
    **dict.fromkeys("\u2018\u2019\u201b\u02bc\u02b9\u00b4`\u2032\u05f3", "'"),
    **dict.fromkeys("\u201c\u201d\u201e\u2033\u05f4", '"'),
    **dict.fromkeys("\u2010\u2011\u2012\u2013\u2212", "-"), "\u2044": "/",
    **dict.fromkeys("\u00ad\u200b\u200c\u200d\u2060\ufeff\u200e\u200f", ""),
}  # fmt: skip
_UNITS: Final = {
    unit: name
    for name, units in {
        "ml": "ml milliliter milliliters millilitre millilitres 毫升", "cl": "cl",
        "l": "l liter liters litre litres 升",
        "mg": "mg 毫克", "g": "g gram grams gr 克", "kg": "kg kgs kilo kilos kilogram kilograms 千克 公斤",
        "lb": "lb lbs pound pounds 磅", "oz": "oz ounce ounces 盎司",
        "mm": "mm 毫米", "cm": "cm 厘米 公分", "m": "m meter meters metre metres 米", "km": "km 公里 千米",
        "in": "inch inches \" '' 英寸 寸", "ft": "ft foot feet 英尺",
        "w": "w watt watts 瓦", "kw": "kw 千瓦", "v": "v volt volts 伏", "mah": "mah 毫安 毫安时",
        "ah": "ah", "wh": "wh", "hz": "hz 赫兹", "khz": "khz", "mhz": "mhz", "ghz": "ghz",
        "kb": "kb", "mb": "mb", "gb": "gb", "tb": "tb",
        "mp": "mp megapixel megapixels", "fps": "fps", "rpm": "rpm", "db": "db", "lm": "lm lumen lumens 流明",
        "°c": "°c 摄氏度", "°f": "°f",
    }.items()
    for unit in units.split()
}  # fmt: skip
_UNIT = "|".join(re.escape(unit) for unit in sorted(_UNITS, key=len, reverse=True))
# So small that nobody writes thousandths of them: a point before three digits parts thousands.
_SMALL_UNITS: Final = frozenset({"ml", "mg", "g", "mm", "w", "mah", "rpm", "lm"})
_THOUSANDS = re.compile(r"[1-9]\d?\.\d{3}")
_LETTER = rf"[^\W_{CJK}]"
# Halves, quarters and eighths, which decimals say as well; thirds they do not.
_FRACTION = r"(?:1/2|[13]/4|[1357]/8)(?![\d/])"
_NUMBER = rf"\d{{1,3}}(?:[,']\d{{3}})+(?:\.\d+)?|(?:\d{{1,4}}[ -])?{_FRACTION}|\d+(?:[.,]\d+)?"
_ITEM = re.compile(
    rf"(?<![a-z0-9])(?P<amount>{_NUMBER})(?:(?P<glued>in)|[ -]?(?P<unit>{_UNIT}))(?!{_LETTER})"
    rf"|(?<!{_LETTER})(?P<symbol>[a-z](?: ?\+\+|#))(?!{_LETTER})"
    rf"|(?<![a-z0-9])(?P<number>\d{{1,3}}(?:,\d{{3}})+(?:\.\d+)?|\d{{1,4}} {_FRACTION}|\d+\.\d+)"
    rf"(?![.,]?{_LETTER})"
    rf"|(?P<word>{_LETTER}+(?:[-'&.+/]{_LETTER}+)*)"
    rf"|(?P<run>[{CJK}]+)"
)
_RUN = re.compile(f"[{CJK}]+")
# Of these nothing but the traditional ones has another spelling.
_IDEOGRAPHS = re.compile("[\u4e00-\u9fff]+")
_PLAIN = re.compile("[a-z]+(?: [a-z]+)*")
_TIMES = re.compile(r"(?<=\d) ?[x×*] ?(?=\d)")
# What parts the name of a product from what else its title says; a comma in a number parts nothing.
_BEHIND_NAME = re.compile(
    r"(?<=\S)(?:\s*(?:,(?!\d)|[;:|(\[\uff0c\uff1b\uff1a\u3001\uff5c\uff08\u3010])|\s[-\u2013\u2014]\s)"
)
_POSSESSIVE = re.compile(rf"(?<={_LETTER})'s(?!{_LETTER})")
# The names H & M, AT & T, written apart.
_INITIALS = re.compile(rf"(?<!{_LETTER})({_LETTER}{{1,2}}) & ({_LETTER}{{1,2}})(?!{_LETTER})")
# A number of a system of sizes.
_SYSTEM = re.compile(r"(?<![a-z0-9])(us|uk|eu)(?:(?<=eu)r)? ?(\d+)(?:,(\d)(?!\d))?")
_SIZE = re.compile(
    rf"(?:(?P<system>us|uk|eu)(?:(?<=eu)r)?(?: size)? ?)?(?P<number>\d{{1,3}}(?:[.,]\d{{1,2}}| {_FRACTION})?)"
    r"(?: ?(?P<behind>us|uk|eu)(?:(?<=eu)r)?)?"
)
# Fractions of one character, behind a number, as their digits are.
_BEHIND_NUMBER = re.compile("(?<=\\d)(?=[\u00bc-\u00be\u2150-\u215e])")
_JOINT = re.compile(r"[-'&.+/]")
_MOST_JOINED = 4
# Plurals that no rule makes, of goods; and endings of those whose singular is in -ie, -f or -fe.
_SINGULAR: Final = {"feet": "foot", "teeth": "tooth", "mice": "mouse"}
_VES: Final = {
    "knives": "knife", "shelves": "shelf", "scarves": "scarf", "leaves": "leaf", "loaves": "loaf",
    "halves": "half", "wolves": "wolf",
}  # fmt: skip
_IE: Final = (
    "cookies", "hoodies", "beanies", "brownies", "smoothies", "movies", "selfies", "onesies", "birdies",
    "budgies", "veggies", "walkies", "talkies", "zombies", "genies", "calories", "foodies", "booties",
    "cuties", "sweeties", "nighties", "doggies", "magpies", "neckties", "bowties", "zipties", "prairies",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Item:
    """A piece of a text: a word, words joined by punctuation, an amount, or a run of Chinese.

    ``text`` is what is written, folded. ``tokens`` are what a product holds that has the parts of it, and
    ``whole``, where there is one, the token that a product holds that has it as one. A ``run`` is Chinese,
    Japanese or Korean, and ``tokens`` its bigrams.
    """

    text: str
    tokens: tuple[str, ...]
    whole: str | None = None
    run: bool = False


def fold(text: str) -> str:
    """One spelling of a text; letters, marks and blanks that say nothing else are as they were."""
    if text.isascii():
        return text.lower().replace("`", "'")
    if _IDEOGRAPHS.fullmatch(text):
        return text.translate(_table())
    # NFKC would make a blank and a mark of the accent that is written as an apostrophe, and 421/2 of 42½.
    text = _BEHIND_NUMBER.sub(" ", text.replace("\u00b4", "'"))
    plain = unicodedata.normalize("NFKC", text).casefold().translate(_table())
    if not plain.isascii() and not _RUN.fullmatch(plain):
        plain = unicodedata.normalize("NFD", plain)
        plain = unicodedata.normalize("NFC", "".join(c for c in plain if not "\u0300" <= c <= "\u036f"))
    return plain


def items(text: str) -> Iterator[Item]:
    """The pieces of ``text`` in order."""
    folded = _SYSTEM.sub(_in_system, _TIMES.sub(" ", fold(text)))
    if " & " in folded:
        folded = _INITIALS.sub(r"\1&\2", folded)
    if "'" in folded:
        folded = _POSSESSIVE.sub("", folded)
    for found in _ITEM.finditer(folded):
        kind, written = found.lastgroup, found.group()
        if kind == "run":
            yield Item(written, bigrams(written), run=True)
        elif kind in ("unit", "glued"):
            unit = "in" if found["glued"] else _UNITS[found["unit"]]
            number = _number(found["amount"], unit)
            yield Item(written, (number,), f"{number}{unit}"[:MAX_TOKEN_CHARACTERS])
        elif kind == "symbol":
            yield Item(written, (written.replace(" ", ""),))
        elif kind == "number":
            yield Item(written, (_number(written),))
        else:
            yield _word(written)


def tokens(text: str) -> list[str]:
    """Tokens of ``text`` in order, repeated as often as they occur; none for text without word characters."""
    found: list[str] = []
    for item in items(text):
        found += item.tokens
        if item.whole is not None:
            found.append(item.whole)
    return found


def heads_of(found: Iterable[Item]) -> tuple[str, ...]:
    """The tokens of pieces as one phrase; of joined words the whole."""
    return tuple(head for item in found for head in ((item.whole,) if item.whole else item.tokens))


def parts_of(found: Iterable[Item]) -> tuple[str, ...]:
    """The same; of joined words each."""
    return tuple(token for item in found for token in item.tokens)


def heads(text: str) -> tuple[str, ...]:
    """The tokens of a text as one phrase, of joined words the whole."""
    folded = fold(text)
    if _PLAIN.fullmatch(folded):
        return _plain(folded)
    return bigrams(folded) if _RUN.fullmatch(folded) else heads_of(items(text))


def phrases(text: str) -> tuple[str | None, set[tuple[str, ...]]]:
    """As what a text is looked up: as a folded Chinese run where it is one, else as phrases of tokens."""
    folded = fold(text)
    if _PLAIN.fullmatch(folded):
        return None, {_plain(folded)}
    if _RUN.fullmatch(folded):
        # The same object, where it may be: tens of thousands are kept.
        return text if text == folded else folded, set()
    found = list(items(text))
    if len(found) == 1 and found[0].run:
        return found[0].text, set()
    return None, {key for key in (heads_of(found), parts_of(found)) if key}


def _plain(folded: str) -> tuple[str, ...]:
    """The tokens of words of letters, as most texts of lists are: nothing is to be parted."""
    return tuple(_word(word).tokens[0] for word in folded.split(" "))


def name_of(title: str) -> str:
    """A title up to the first comma, colon, bracket, bar or dash: what it calls the product, without what it
    lists of it."""
    found = _BEHIND_NAME.search(title)
    return title if found is None else title[: found.start()]


@lru_cache(maxsize=16_384)
def amount(text: str) -> str | None:
    """The token of a text that is a number with its unit and nothing else; None for any other."""
    first = next(items(text), None)
    if first is None or first.whole is None or len(first.tokens) != 1 or first.text != fold(text):
        return None
    return first.whole


@lru_cache(maxsize=16_384)
def size(text: str) -> str | None:
    """The one spelling of a folded text that is the number of a size, by itself or in a system: ``42.5`` of
    ``42,5`` and ``42 1/2``, ``eu 42`` of ``EUR 42``, ``42 EU`` and ``EU size 42.0``; None for any other. A
    number with a point and nothing else stays as it is: of versions ``1.10`` is not ``1.1``."""
    found = _SIZE.fullmatch(text)
    if found is None or (found["system"] and found["behind"]):
        return None
    system = found["system"] or found["behind"]
    if not system and "." in found["number"]:
        return None
    number = found["number"] if found["number"].isdecimal() else _number(found["number"])
    return f"{system} {number}" if system else number


@lru_cache(maxsize=16_384)
def first_token(word: str) -> str:
    """The first token of a word, the word itself where it has none. Remembered."""
    return next(iter(tokens(word)), word)


@lru_cache(maxsize=4_096)
def splits(word: str | None) -> tuple[tuple[str, str], ...]:
    """The tokens of a word as two words, wherever it may be parted."""
    if not word or len(word) < 2 * SHORTEST_PART:
        return ()
    return tuple(
        (first_token(word[:at]), first_token(word[at:]))
        for at in range(SHORTEST_PART, len(word) - SHORTEST_PART + 1)
    )


def identifier(text: str) -> str | None:
    """The token of an identifier, whatever its punctuation and, where it is a number, its leading zeros; None
    where nothing is left."""
    kept = "".join(char for char in fold(text) if char.isalnum())
    if kept.isdecimal():
        kept = kept.lstrip("0") or kept
    return IDENTIFIER + kept[: MAX_TOKEN_CHARACTERS - 1] if kept else None


@lru_cache(maxsize=65_536)
def _word(written: str) -> Item:
    parts = tuple(_JOINT.split(written))
    if len(parts) == 1:
        return Item(written, (_singular(written[:MAX_TOKEN_CHARACTERS]),))
    if "&" in written and len(parts[-1]) == 2 and parts[-1].endswith("s"):
        # M&Ms: of a letter more than one.
        parts = (*parts[:-1], parts[-1][:1])
    own = tuple(_singular(part[:MAX_TOKEN_CHARACTERS]) for part in parts)
    joined = "".join(parts)
    # What a slash parts is seldom one word; an article's number is.
    apart = len(parts) > _MOST_JOINED or len(joined) > MAX_TOKEN_CHARACTERS
    apart = apart or ("/" in written and not any(char.isdecimal() for char in joined))
    return Item(written, own, None if apart else _singular(joined))


def bigrams(run: str) -> tuple[str, ...]:
    """The tokens of a folded Chinese, Japanese or Korean run."""
    return tuple(run[i : i + 2] for i in range(len(run) - 1)) or (run,)


def _number(written: str, unit: str = "") -> str:
    if "/" in written:
        *whole, fraction = re.split("[ -]", written)
        over, under = map(int, fraction.split("/"))
        written = f"{int(whole[0] if whole else 0) + over / under}"
    elif unit in _SMALL_UNITS and _THOUSANDS.fullmatch(written):
        written = written.replace(".", "")
    whole_part, comma, rest = written.partition(",")
    if comma and "." not in rest and len(rest) < 3:
        written = f"{whole_part}.{rest}"
    written = written.replace(",", "").replace("'", "")
    if "." in written:
        written = written.rstrip("0").rstrip(".")
    return written[:MAX_TOKEN_CHARACTERS]


def _in_system(found: re.Match[str]) -> str:
    system, number, decimal = found.groups()
    return f"{system} {number}.{decimal}" if decimal else f"{system} {number}"


@lru_cache(maxsize=1)
def _table() -> Mapping[int, str]:
    from opencc import OpenCC

    # Character by character: what stands beside it must not change what a character is indexed as.
    characters = [chr(code) for code in _HAN]
    simple = OpenCC("t2s").convert("\n".join(characters)).split("\n")
    table = {ord(old): new for old, new in zip(characters, simple, strict=True) if old != new}
    return table | {ord(old): new for old, new in _LETTERS.items()}


def _singular(word: str) -> str:
    if len(word) < 4 or not word.endswith("s"):
        return _SINGULAR.get(word, word)
    if word.endswith("ies") and word[-4] not in "ae":
        return word[:-1] if len(word) == 4 or word.endswith(_IE) else word[:-3] + "y"
    if word.endswith("ves") and (ending := next(filter(word.endswith, _VES), None)):
        return word[: -len(ending)] + _VES[ending]
    if word.endswith(("sses", "shes", "ches", "xes", "zes")):
        return word[:-2]
    if word.endswith("es") and word[-3] not in "aeo":
        return word[:-1]
    if word[-2] not in "us":
        return word[:-1]
    return word
