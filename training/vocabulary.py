"""Choose which text features get a row in the table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from mmpipe.encoders.starter.features import Vocabulary, feature_key, named_features
from mmpipe.encoders.starter.glossary import load_glossary
from mmpipe.learn.data import Item
from mmpipe.learn.draws import draws
from mmpipe.learn.views import attribute_query, choose_fields, translated_title

# The least number of different texts a feature must be in, by its kind.
_LEAST = {"c": 1, "w": 2, "z": 2, "g": 4, "b": 4}
_ORDER = "cwzgb"


def build_vocabulary(items: Sequence[Item], extra: Iterable[str], rows: int, seed: int) -> Vocabulary:
    """At most ``rows`` features: concepts, words, Chinese, n-grams, pairs, the frequent ones first."""
    glossary = load_glossary()
    rng = draws(seed, "vocabulary")
    texts: set[str] = set(extra)
    for item in items:
        texts.add(item.title)
        if item.title_zh is not None:
            texts.add(item.title_zh)
        if rng.random() < 0.3:
            texts.add(translated_title(item.title, 1.0, rng))
            fields = choose_fields(item, rng)
            texts.update(attribute_query(item, fields, language, rng) for language in ("en", "zh"))
    # Twice each, so that every surface and its pieces are above the least count.
    surfaces = [s for term in glossary.terms for s in (*term.en, *term.zh)] * 2
    counts: Counter[str] = Counter()
    for text in [*sorted(texts), *surfaces]:
        counts.update({name for name, _, _ in named_features(text, glossary)})
    kept = [(name, n) for name, n in counts.items() if n >= _LEAST[name[0]]]
    kept.sort(key=lambda pair: (_ORDER.index(pair[0][0]) if pair[0][0] in "cw" else 2, -pair[1], pair[0]))
    return Vocabulary(list(dict.fromkeys(feature_key(name) for name, _ in kept[:rows])))
