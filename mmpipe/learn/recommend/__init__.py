"""Models that recommend: trained on sequences of items, one a shopper, measured by ``mmpipe eval recommend``.

``sasrec`` is the network and its file, ``softmax`` its loss, ``train`` its loop; ``neighbours``, ``popular``,
``content`` and ``als`` are the plain ones, ``blend`` mixes them with the sequence model by what a validation
item tells. ``names`` makes one by its name.
"""
