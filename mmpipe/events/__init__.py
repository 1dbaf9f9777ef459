"""Queue messages to typed events, and events to work.

:func:`parse_message` reads a queue message's body (S3's notification, EventBridge's, either inside SNS's, or
S3's test event, which is no event) into ``CatalogueEvent``s; what is none of these is an ``InvalidEvent``.
:func:`place_of` says what a key means in a bucket's layout, :func:`plan` which work follows from an event.
Object keys are URL-decoded here and nowhere else.

A removed feed removes no product: only the removal of one of its versions for good is an event
(``feed_removed``), for it may reveal another. What a lifecycle rule expires is no event.
"""

from mmpipe.events.layout import Place, place_of
from mmpipe.events.parse import parse_message
from mmpipe.events.plan import plan

__all__ = ["Place", "parse_message", "place_of", "plan"]
