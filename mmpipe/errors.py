"""Every error mmpipe raises on purpose.

::

    MmpipeError
    ├── RetryableError          the same call may succeed later; the work goes back to its queue
    │   ├── StorageUnavailable      object store timed out, throttled or answered 5xx
    │   ├── DispatchUnavailable     indexer or Ray's Jobs API did not take the work
    │   ├── BatchLaneNeeded         a feed turned out to be more than the warm lane takes
    │   ├── CommitConflict          another writer committed first, more often than we retry
    │   │   └── LiveMoved               readers were moved to another table or version meanwhile
    │   └── NotReady                a replica has no live version loaded yet
    └── PermanentError          repeating the call cannot help; the caller must change something
        ├── InvalidEvent            an event payload that is not an S3 notification
        ├── InvalidFeed             a feed file that cannot be read at all
        │   └── FeedTooLarge            more bytes, after decompression, than are allowed
        ├── InvalidRow              one feed row; names the field and the remedy
        │   ├── StockWithoutProduct     the stock of a product that is not there (yet)
        │   └── InvalidVector           a model made a vector of it that nobody can search
        ├── InvalidMedia            one image, clip or recording; names the field and the remedy
        │   ├── MediaNotFound           nothing at that address (yet)
        │   ├── MediaNotAllowed         the address is outside what the shop allows
        │   └── MediaTooLarge           over the limit on bytes, pixels or seconds
        ├── InvalidRequest          an HTTP or CLI request; names the parameter and the remedy
        │   ├── Outdated                it would replace what was replaced by another meanwhile
        │   └── RequestTooLarge         a body over the limit
        ├── NotFound
        │   ├── UnknownCollection
        │   ├── UnknownProduct
        │   └── ObjectNotFound          no object at that key
        ├── ProfileMismatch         a query model that did not encode the table it is asked to search
        ├── ModelUnavailable        weights missing, tampered with, or not loadable here
        └── PublishRejected         a version failed its checks; the old one stays live
            └── TooManyDeleted          an upload that would delete too large a part of a catalogue

The first split decides what a queue does with a message: a ``RetryableError`` returns it, a
``PermanentError`` is recorded (a reject, a failed run) and acknowledged.
"""

from __future__ import annotations


class MmpipeError(Exception):
    """Root of the tree. ``str(error)`` is written for the person who has to act on it."""


class RetryableError(MmpipeError):
    """The same call may succeed later."""


class StorageUnavailable(RetryableError):
    """The object store timed out, throttled or answered with a server error."""


class DispatchUnavailable(RetryableError):
    """The indexer or Ray's Jobs API did not accept the work."""


class BatchLaneNeeded(RetryableError):
    """A feed holds more than the warm lane takes, which its size did not tell; nothing of it was written."""


class CommitConflict(RetryableError):
    """Other writers kept committing first; nothing was written."""


class LiveMoved(CommitConflict):
    """Readers were moved to another table, or rolled back, while something was written for what was live."""


class NotReady(RetryableError):
    """This replica has no live version to answer from yet."""


class PermanentError(MmpipeError):
    """Repeating the call cannot help."""


class InvalidEvent(PermanentError):
    """A queue message that is no S3 notification."""


class InvalidFeed(PermanentError):
    """A feed file that cannot be read at all (one bad row is an :class:`InvalidRow`)."""


class FeedTooLarge(InvalidFeed):
    """A feed holds more bytes, after decompression, than are allowed."""


class _FieldError(PermanentError):
    """An error about one named field. ``str`` gives ``field: reason``."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(f"{field}: {reason}")
        self.field = field
        self.reason = reason

    def __reduce__(self) -> tuple[type[_FieldError], tuple[str, str]]:
        # Exception's own pickling passes the one formatted argument, which breaks Ray's transport.
        return type(self), (self.field, self.reason)


class InvalidRow(_FieldError):
    """One feed row cannot become a product."""


class StockWithoutProduct(InvalidRow):
    """The stock of a product that is not there (yet), or is another item group's; replayed once it is."""


class InvalidVector(InvalidRow):
    """A model made a vector that is not finite, or not of unit length; the field is what was encoded."""


class InvalidMedia(_FieldError):
    """One image, clip or recording cannot be used."""


class MediaNotFound(InvalidMedia):
    """Nothing is stored at that address (yet); an upload event for it replays the row."""


class MediaNotAllowed(InvalidMedia):
    """The address is outside what this shop allows (scheme, host, private network, other collection)."""


class MediaTooLarge(InvalidMedia):
    """Over the limit on bytes, pixels, seconds or frames."""


class InvalidRequest(_FieldError):
    """A request parameter the caller must change."""


class Outdated(InvalidRequest):
    """What a request is to replace was replaced by another in the meantime."""


class RequestTooLarge(InvalidRequest):
    """A request body over the limit."""


class NotFound(PermanentError):
    """The thing asked for does not exist."""


class UnknownCollection(NotFound):
    """No such collection in this lake."""


class UnknownProduct(NotFound):
    """No such product in the live version of the collection."""


class ObjectNotFound(NotFound):
    """No object at that key."""


class ProfileMismatch(PermanentError):
    """A table asked with another model profile than the one that encoded it."""


class ModelUnavailable(PermanentError):
    """Weights are missing, tampered with, or need an extra that is not installed."""


class PublishRejected(PermanentError):
    """A new version failed its checks; the version that was live stays live."""


class TooManyDeleted(PublishRejected):
    """An upload would delete a larger part of a catalogue than may go at once; nothing of it was written."""
