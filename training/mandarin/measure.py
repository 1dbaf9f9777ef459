"""What the shipped recogniser makes of spoken queries: voices and sentences that no training saw.

The sentences are of the sample catalogue's words; its titles are the vocabulary, as a shop's are.
"""

from __future__ import annotations

import difflib
import random

import numpy as np

from examples.catalogue.palette import COLOURS
from examples.catalogue.products import SampleProduct, generate_products
from mmpipe.encoders.base import AudioClip
from mmpipe.encoders.starter.sounds import SAMPLE_RATE
from mmpipe.speech.bilingual import BilingualRecognizer
from training.mandarin.voices import HELD_OUT, disturb, need_espeak, speak

_PRODUCTS = 600
_ASKED = ("", "我想买", "有没有", "帮我找", "来一件")


def spoken_queries(count: int, seed: int) -> list[tuple[str, str, int, int]]:
    """Text, voice, speed and pitch of queries: a category, or its colour too, asked for in some way."""
    rng = random.Random(seed)  # noqa: S311  draws queries, guards nothing
    products = generate_products(3, _PRODUCTS)
    return [
        (rng.choice(_ASKED) + _query(rng.choice(products), rng), rng.choice(HELD_OUT), rng.randint(120, 200),
         rng.randint(25, 75))
        for _ in range(count)
    ]  # fmt: skip


def _query(product: SampleProduct, rng: random.Random) -> str:
    return rng.choice((product.category_zh, COLOURS[product.colour].zh + product.category_zh))


def vocabulary() -> list[str]:
    """What a recogniser of the sample catalogue is adapted to."""
    return [text for p in generate_products(3, _PRODUCTS) for text in (p.title_en, p.title_zh, p.category_zh)]


def understood(recognizer: BilingualRecognizer, count: int) -> dict[str, float]:
    """Shares of queries heard as Chinese, heard letter for letter, and of characters that are right;
    ``noisy`` with rooms and noise at 3 to 40 dB."""
    program, rng = need_espeak(), np.random.default_rng(37)
    found: dict[str, float] = {}
    for kind in ("clean", "noisy"):
        chinese = exact = 0
        right = wanted = 0
        for text, voice, speed, pitch in spoken_queries(count, 31):
            wave = speak(program, text, "cmn", voice, speed, pitch)
            heard = recognizer.transcribe(
                AudioClip(wave if kind == "clean" else disturb(wave, rng), SAMPLE_RATE)
            )
            chinese += heard.language == "zh"
            exact += heard.text == text
            blocks = difflib.SequenceMatcher(None, text, heard.text, autojunk=False).get_matching_blocks()
            right += sum(block.size for block in blocks)
            wanted += len(text)
        found |= {f"{kind} chinese": chinese / count, f"{kind} exact": exact / count,
                  f"{kind} characters": right / wanted}  # fmt: skip
    return found
