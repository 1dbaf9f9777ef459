"""How many replicas of each deployment run, as Serve's controller knows it."""

from __future__ import annotations

from mmpipe.schemas.status import Replicas
from mmpipe.serve.ray.names import APP_NAME, INDEXER_APP_NAME


def counted() -> list[Replicas] | None:
    """Of both applications, by name; None where the controller does not answer. Blocks."""
    from ray import serve
    from ray.exceptions import RayError
    from ray.serve.exceptions import RayServeException

    try:
        applications = serve.status().applications
    except (RayError, RayServeException):
        return None
    found = []
    for name in (APP_NAME, INDEXER_APP_NAME):
        held = applications.get(name)
        for deployment, status in sorted(() if held is None else held.deployments.items()):
            states = {str(getattr(state, "value", state)): n for state, n in status.replica_states.items()}
            found.append(
                Replicas(name=deployment, running=states.get("RUNNING", 0), wanted=sum(states.values()))
            )
    return found
