"""Which of the words heard say something."""

from __future__ import annotations

from mmpipe.lexical import tokens

# Function words and the phrases of asking: noise is easily taken for them, and they name no product.
_EMPTY = frozenset(
    tokens(
        "a about an and any are as at be bit bring by can could do for from get give got have hello hey hi i"
        " i'd i'll in is it like little lot may me my need no not of off on one or our please show so some"
        " that the this to up us want was we what with would yes you your find look looking order search"
    )
)


def content_tokens(text: str) -> frozenset[str]:
    """The full-text tokens of ``text`` that are no function words."""
    return frozenset(tokens(text)) - _EMPTY
