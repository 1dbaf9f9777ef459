"""mmpipe: multimodal product search and recommendation over object storage.

Rooms, in the order of the data's way: ``events`` and ``dispatch`` (what happened, who does it),
``catalogue``, ``media``, ``speech``, ``encoders``, ``fusion`` (a feed row to a product and its vectors),
``indexing`` (all of that to table rows), ``lake`` (the tables), ``search`` and ``recommend`` (a version
asked), ``serve`` (over HTTP). Each room's ``__init__`` says what it gives to the others;
``docs/architecture.md`` how they meet.
"""
