"""What a review says of which side of a product: quality, fit, price …, well or badly, in Chinese or English.

``sentences`` cuts a text into sentences and clauses; ``lexicon`` reads a clause by lists of words, with
negation; ``classifier`` is a linear model of hashed word and character n-grams, which ``training/reviews``
makes; ``extract`` weighs the two against each other. docs/reviews.md has what each is worth. Nothing is
read, written or asked: a text goes in, spans come out.
"""

from __future__ import annotations

from mmpipe.opinions.extract import opinions_of
from mmpipe.opinions.sentences import Span, sentences

__all__ = ["Span", "opinions_of", "sentences"]
