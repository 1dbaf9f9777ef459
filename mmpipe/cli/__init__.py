"""``mmpipe …``: every error that mmpipe raises on purpose becomes one clear line and an exit code."""

from mmpipe.cli.app import app, main, run

__all__ = ["app", "main", "run"]
