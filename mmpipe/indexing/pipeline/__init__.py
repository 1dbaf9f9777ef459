"""Rows to changes of a table: what is due, its media, its vectors.

``pipeline.Pipeline`` is the whole of it: ``preparation`` (``due``, ``held``, ``sift``, ``media``, ``speech``:
everything without models) and ``encoding`` (``encode``), which the batch lane runs in processes of their own.
``result`` is what comes out. A modality whose content is as it was is copied, never encoded; a product that
is as it was altogether moves its order on and costs nothing else.

Of a product's photos the first four count, as the normalised mean of their vectors. A medium inside a feed
stands for its whole modality. A host that fails for now is a retryable reject, and what the table holds of
that medium stays; a failing object store sends the whole order back.
"""
