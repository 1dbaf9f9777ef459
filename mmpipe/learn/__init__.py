"""The contrastive trainer: a shop's own training (``mmpipe train``), on which the starter's recipe in
``training/`` is built too."""
