"""The Serve deployments, one class a file. How many run is decided in :mod:`mmpipe.serve.ray.scaling`."""
