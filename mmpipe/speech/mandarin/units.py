"""What the network tells apart: the initials and finals of Mandarin, without tones, and speech that is none.

A syllable is written as pypinyin writes it without tones (``v`` for ü); ``y`` and ``w`` are spellings of
finals that have no initial. The vowel of ``zhi`` and ``zi`` is a final of its own, ``ih``: it sounds like no
other ``i``.
"""

from __future__ import annotations

from functools import lru_cache

INITIALS = (
    "b", "p", "m", "f", "d", "t", "n", "l", "g", "k", "h", "j", "q", "x", "zh", "ch", "sh", "r", "z",
    "c", "s",
)  # fmt: skip
FINALS = (
    "a", "o", "e", "ai", "ei", "ao", "ou", "an", "en", "ang", "eng", "er", "ih", "i", "ia", "ie", "iao", "iu",
    "ian", "in", "iang", "ing", "iong", "u", "ua", "uo", "uai", "ui", "uan", "un", "uang", "ong", "v", "ve",
    "van", "vn",
)  # fmt: skip
BLANK = 0
FOREIGN = 1
"""A syllable of speech that is not Mandarin."""
_FIRST = 2
_INITIAL = {name: _FIRST + place for place, name in enumerate(INITIALS)}
_FINAL = {name: _FIRST + len(INITIALS) + place for place, name in enumerate(FINALS)}
COUNT = _FIRST + len(INITIALS) + len(FINALS)
_APICAL = ("zh", "ch", "sh", "r", "z", "c", "s")
_Y = {
    "yi": "i", "ya": "ia", "ye": "ie", "yao": "iao", "you": "iu", "yan": "ian", "yin": "in", "yang": "iang",
    "ying": "ing", "yong": "iong", "yu": "v", "yue": "ve", "yuan": "van", "yun": "vn", "yo": "o", "yai": "ia",
}  # fmt: skip
_W = {
    "wu": "u", "wa": "ua", "wo": "uo", "wai": "uai", "wei": "ui", "wan": "uan", "wen": "un", "wang": "uang",
    "weng": "uang",
}  # fmt: skip


def is_initial(unit: int) -> bool:
    """Whether a final has to follow."""
    return _FIRST <= unit < _FIRST + len(INITIALS)


@lru_cache(maxsize=2_048)
def units_of(syllable: str) -> tuple[int, ...] | None:
    """The one or two units of a syllable; None for what is no syllable of Mandarin."""
    alone = _Y.get(syllable) or _W.get(syllable)
    if alone is not None:
        return (_FINAL[alone],)
    initial = next((name for name in (syllable[:2], syllable[:1]) if name in _INITIAL), "")
    final = syllable[len(initial) :]
    if initial in ("j", "q", "x") and final.startswith("u"):
        final = "v" + final[1:]
    if initial in _APICAL and final == "i":
        final = "ih"
    final = {"ue": "ve"}.get(final, final) if initial in ("n", "l") else final
    if final not in _FINAL:
        return None
    return (_INITIAL[initial], _FINAL[final]) if initial else (_FINAL[final],)
