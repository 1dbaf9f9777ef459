"""Stock: what is sold out though shoppers ask for it, what to offer instead, and what will run out.

:func:`substitutes` gives products for the same need that can be bought now.
"""

from mmpipe.recommend.stock.substitutes import Substitutes, substitutes

__all__ = ["Substitutes", "substitutes"]
