"""One module per container: bytes to records under the file's own names, in constant memory.

See :class:`~mmpipe.catalogue.rows.Record`.
"""
