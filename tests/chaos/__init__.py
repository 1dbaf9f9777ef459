"""The product under what a bad day brings, against the oracle of ``tests/integration/world.py``.

``make test-chaos SEED=… SECONDS=…``: not a part of ``make test``.
"""
