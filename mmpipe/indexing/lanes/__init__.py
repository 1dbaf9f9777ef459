"""Who runs the pipeline: the warm indexer, Ray, processes, this process."""
