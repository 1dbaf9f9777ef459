"""Who runs the pipeline: the warm indexer, Ray, processes, this process.

``warm`` takes many small orders (``tasks``) into one commit. ``feed`` takes one large feed: ``chunks`` of it
go past what whoever reads it can settle alone (``sifting``) to workers (``worker``, on ``ray``, in
``processes`` or here, ``files``), and what these hand back is kept by ``staging`` until the one commit.
"""
