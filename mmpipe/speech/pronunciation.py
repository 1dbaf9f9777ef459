"""How words are said: the recogniser's own dictionary, and letter-to-sound rules for what it lacks.

Phones are ARPAbet without stress, as CMUdict has them.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

# Longest match first. General English spelling; brands and loan words are said roughly so.
_RULES: dict[str, str] = {
    "tion": "SH AH N", "sion": "ZH AH N", "ture": "CH ER", "ough": "AO", "augh": "AO", "eigh": "EY",
    "igh": "AY", "tch": "CH", "dge": "JH", "sch": "SH", "eau": "OW", "que": "K", "air": "EH R", "ear": "IH R",
    "eer": "IH R", "oor": "AO R", "our": "AW ER", "ier": "IY ER", "chr": "K R", "ck": "K", "ch": "CH",
    "sh": "SH", "th": "TH", "ph": "F", "wh": "W", "gh": "G", "kn": "N", "wr": "R", "ng": "NG", "qu": "K W",
    "ee": "IY", "ea": "IY", "ie": "IY", "ei": "EY", "ey": "IY", "ai": "EY", "ay": "EY", "oa": "OW",
    "oe": "OW", "oo": "UW", "ou": "AW", "ow": "OW", "oi": "OY", "oy": "OY", "au": "AO", "aw": "AO",
    "eu": "Y UW", "ew": "UW", "ue": "UW", "ui": "UW", "ar": "AA R", "er": "ER", "ir": "ER", "or": "AO R",
    "ur": "ER", "ce": "S", "ci": "S IH", "cy": "S IY", "ge": "JH", "gi": "JH IH", "gy": "JH IY", "aa": "AA",
    "bb": "B", "cc": "K", "dd": "D", "ff": "F", "gg": "G", "ll": "L", "mm": "M", "nn": "N", "pp": "P",
    "rr": "R", "ss": "S", "tt": "T", "zz": "Z", "a": "AE", "b": "B", "c": "K", "d": "D", "e": "EH", "f": "F",
    "g": "G", "h": "HH", "i": "IH", "j": "JH", "k": "K", "l": "L", "m": "M", "n": "N", "o": "AA", "p": "P",
    "q": "K", "r": "R", "s": "S", "t": "T", "u": "AH", "v": "V", "w": "W", "x": "K S", "y": "Y", "z": "Z",
}  # fmt: skip
_LETTERS = {
    "a": "EY", "b": "B IY", "c": "S IY", "d": "D IY", "e": "IY", "f": "EH F", "g": "JH IY", "h": "EY CH",
    "i": "AY", "j": "JH EY", "k": "K EY", "l": "EH L", "m": "EH M", "n": "EH N", "o": "OW", "p": "P IY",
    "q": "K Y UW", "r": "AA R", "s": "EH S", "t": "T IY", "u": "Y UW", "v": "V IY",
    "w": "D AH B AH L Y UW", "x": "EH K S", "y": "W AY", "z": "Z IY",
}  # fmt: skip
_LONG = {"a": "EY", "e": "IY", "i": "AY", "o": "OW", "u": "UW"}
_END_VOWELS = {"y": "IY", "a": "AH", "e": "", "i": "IY", "o": "OW"}
_LONGEST = max(map(len, _RULES))
_VOWELS = frozenset("aeiouy")


def spell(word: str) -> str:
    """The phones of a word by rule: never empty for a word of the letters a to z.

    A word without a vowel is read letter by letter (``bmw``). Raises ``ValueError`` for other characters.
    """
    if not word or not all("a" <= letter <= "z" for letter in word):
        raise ValueError(f"cannot spell {word!r}: letters a to z only")
    if not _VOWELS & set(word) or len(word) == 1:
        return " ".join(_LETTERS[letter] for letter in word)
    phones: list[str] = []
    place = 0
    while place < len(word):
        rest = len(word) - place
        letter = word[place]
        if rest == 1 and letter in _END_VOWELS and _VOWELS & set(word[:place]):
            phones.append(_END_VOWELS[letter])
            break
        if rest == 1 and letter in _LONG:
            phones.append(_LONG[letter])
            break
        # A final e after one consonant makes the vowel before it long: "pace", "note".
        if rest == 3 and letter in _LONG and word[-1] == "e" and word[-2] not in "aeiouyrwx":
            soft = {"c": "S", "g": "JH", "s": "Z"}.get(word[-2], _RULES[word[-2]])
            phones += [_LONG[letter], soft]
            break
        for length in range(min(_LONGEST, rest), 0, -1):
            part = word[place : place + length]
            if part in _RULES and not (length > 1 and part in {"ce", "ge"} and rest == 2 and place == 0):
                phones.append(_RULES[part])
                place += length
                break
    spoken = " ".join(phone for phone in phones if phone)
    return spoken or " ".join(_LETTERS[letter] for letter in word)


@lru_cache(maxsize=2)
def read_dictionary(path: Path) -> dict[str, tuple[str, ...]]:
    """A CMUdict file: word to its pronunciations, the likeliest first."""
    found: dict[str, list[str]] = {}
    with path.open(encoding="utf-8") as lines:
        for line in lines:
            word, _, phones = line.strip().partition(" ")
            if word and phones:
                found.setdefault(word.split("(")[0], []).append(phones.strip())
    return {word: tuple(ways) for word, ways in found.items()}


def pronounce(word: str, dictionary: dict[str, tuple[str, ...]]) -> tuple[str, ...]:
    """The pronunciations of a word (letters a to z and apostrophes), by dictionary or else by rule."""
    if word in dictionary:
        return dictionary[word]
    return (spell(word.replace("'", "")),)
