"""What a query replica does, without HTTP: ``service`` is its calls, ``query_encoder`` who encodes for it,
``source`` where answers come from, ``sharded`` and ``sharded_source`` where shards hold the collections,
``query_media`` and ``voice`` what it is shown and told, ``interactions`` what it stores, ``people`` what is
handed out of that or erased, ``watch`` whether it answers as it should.
"""
