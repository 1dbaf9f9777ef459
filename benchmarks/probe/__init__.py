"""Parts of benchmarks/engine.py that run inside a process of whichever build is on the path.

    PYTHONPATH=BUILD:benchmarks python -P -m probe.PART JOB

``JOB`` is JSON; each part prints one JSON line. Only ``adapter`` knows in what builds differ.
"""
