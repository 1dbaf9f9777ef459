"""Both HTTP applications: ``api`` for queries, ``internal`` for the indexer; what guards, reads, measures and
answers their requests. The routes parse, make one call of a room below, and answer with bytes.
"""
