"""The query service: FastAPI on Ray Serve.

``build_app`` and ``app_builder`` make the Serve application, ``serve`` and ``running`` run it on one machine;
``create_app`` is the HTTP application alone, without Ray.
"""

from mmpipe.serve.app import app_builder, build_app
from mmpipe.serve.run import base_url, ray_cluster, running, serve

__all__ = ["app_builder", "base_url", "build_app", "ray_cluster", "running", "serve"]
