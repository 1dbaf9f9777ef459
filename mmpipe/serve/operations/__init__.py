"""What the shop's people do with their lake over HTTP: upload files and follow them, see and replay rejects,
see what is live and go back.

Nothing is kept here: an upload is an object of the bucket, and what became of it is in the run ledger and the
rejects of its collection; what is live is in ``live.json``. :class:`Operations` is what the routes call.
Which collections a caller has is asked in :func:`collections.opened` and :func:`collections.name_of`.
"""

from mmpipe.serve.operations.operations import Operations

__all__ = ["Operations"]
