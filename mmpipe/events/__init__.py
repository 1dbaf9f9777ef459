"""Queue messages to typed events, and events to work.

Object keys are URL-decoded here and nowhere else.
"""

from mmpipe.events.layout import Place, place_of
from mmpipe.events.parse import parse_message
from mmpipe.events.plan import plan

__all__ = ["Place", "parse_message", "place_of", "plan"]
