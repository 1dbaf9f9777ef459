"""On a real Ray: minutes of starting it, so they have a target of their own, `make test-cluster`."""
