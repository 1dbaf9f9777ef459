"""Chinese as it is typed: by pypinyin (MIT, https://github.com/mozillazg/python-pinyin), which knows the
readings of characters by the phrases that they stand in.

Its tables take some 55 MB and half a second, so they are loaded with the first Chinese text.
"""

from __future__ import annotations

import re

_HAN = re.compile("[\u3400-\u4dbf\u4e00-\u9fff]+")
# In the names of goods it is long far oftener than it is grown-up.
_OF_GOODS = {"长": "chang"}


def read(run: str) -> list[str] | None:
    """The syllables of a run of simplified characters, one for each, without tones and with ``v`` for ü; None
    where it holds anything else, or a character that has none."""
    if not _HAN.fullmatch(run):
        return None
    from pypinyin import lazy_pinyin

    syllables = lazy_pinyin(run)
    if len(syllables) != len(run):
        return None
    found = [_OF_GOODS.get(char, syllable) for char, syllable in zip(run, syllables, strict=True)]
    return found if all(syllable.isascii() and syllable for syllable in found) else None
