"""Text to full-text tokens, the same for products and queries, Chinese and English.

The lake indexes the joined tokens with a plain whitespace tokenizer, so this one function decides what
matches what: NFKC, lower case, accents removed, English possessives dropped and plural endings folded
(Harman's S-stemmer, "How effective is suffixing?", JASIS 42(1), 1991, with -es after a sibilant besides),
Chinese, Japanese and Korean runs as overlapping character bigrams (a lone character stays).
"""

from __future__ import annotations

import re
import unicodedata

_CJK = "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\u3040-\u30ff\uac00-\ud7af"
_RUNS = re.compile(rf"[{_CJK}]+|[^\W_{_CJK}]+")
_POSSESSIVE = re.compile(r"(?<=\w)['\u2019]s\b")
_FIRST_CJK = re.compile(rf"[{_CJK}]")
MAX_TOKEN_CHARACTERS = 40


def tokens(text: str) -> list[str]:
    """Tokens of ``text`` in order, repeated as often as they occur; none for text without word characters."""
    folded = unicodedata.normalize("NFKC", text).lower()
    if not folded.isascii():
        decomposed = unicodedata.normalize("NFD", folded)
        folded = unicodedata.normalize("NFC", "".join(c for c in decomposed if not "\u0300" <= c <= "\u036f"))
    found: list[str] = []
    for run in _RUNS.findall(_POSSESSIVE.sub("", folded)):
        if _FIRST_CJK.match(run):
            found += [run[i : i + 2] for i in range(len(run) - 1)] or [run]
        else:
            found.append(_singular(run[:MAX_TOKEN_CHARACTERS]))
    return found


def _singular(word: str) -> str:
    if len(word) < 4 or not word.endswith("s"):
        return word
    if word.endswith("ies") and word[-4] not in "ae":
        return word[:-3] + "y"
    if word.endswith(("sses", "shes", "ches", "xes", "zes")):
        return word[:-2]
    if word.endswith("es") and word[-3] not in "aeo":
        return word[:-1]
    if word[-2] not in "us":
        return word[:-1]
    return word
