"""Live versions: parts of fragments, mapped from a folder that the processes of a node share (``fragment``,
``folder``), what stays in the table's files (``documents``), and which version answers (``store``)."""
