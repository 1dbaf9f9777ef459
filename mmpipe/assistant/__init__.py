"""The shopping assistant: turns of a conversation answered from a catalogue, sentence by sentence.

Rules read a turn and templates word the answer; in between is the search engine's own meaning of words, its
searches, and the products' own texts. Pure: who answers turns brings a :class:`Shop` and :class:`Reviews`
along. In the order of a turn: ``state`` (what the conversation has come to) → ``reading`` (what the turn is
about; ``aspects`` and ``topics`` are what may be asked) → ``wishes``, ``references`` (what is looked for,
which products are meant) → ``finding``, ``comparing``, ``telling`` (products, amounts, ``evidence``) →
``draft``, ``wording`` (claims in words) → ``asking``.

All that an answer says of a product is a claim: a value, and the words of one field that it stands in.
"""

from mmpipe.assistant.assistant import Assistant
from mmpipe.assistant.evidence import field_text
from mmpipe.assistant.shop import Found, Hit, NoReviews, Reviews, ReviewSentence, Shop

__all__ = ["Assistant", "Found", "Hit", "NoReviews", "ReviewSentence", "Reviews", "Shop", "field_text"]
