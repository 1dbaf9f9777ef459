"""Other engines that answer the question of benchmarks/peers.py, one module each.

    PYTHONPATH=benchmarks PYTHON -P -m rivals.ENGINE FOLDER

``FOLDER`` is what benchmarks/peers.py wrote. Nothing of mmpipe is imported. Prints one JSON line; an engine
that is not installed says so.
"""
