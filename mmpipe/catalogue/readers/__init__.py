"""One module per feed format: bytes to :class:`~mmpipe.catalogue.rows.SourceRow`, in constant memory."""
