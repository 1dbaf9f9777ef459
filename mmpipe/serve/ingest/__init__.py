"""What the indexer does, without HTTP: ``warm_work`` runs the pipeline, ``uploads`` tells how it went,
``addresses`` what an order may name."""
