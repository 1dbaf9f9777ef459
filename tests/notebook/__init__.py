"""Jupyter for once: its packages are beside the project's (`make test-notebook`)."""
