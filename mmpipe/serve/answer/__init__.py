"""What a query replica does, without HTTP: ``service`` is its calls, ``query_encoder`` who encodes for it,
``query_media`` and ``voice`` what it is shown and told, ``interactions`` what it stores, ``watch`` whether it
answers as it should.
"""
