"""From handlers to work."""

from __future__ import annotations

from pydantic import Field, SecretStr

from mmpipe.settings.section import Section


class DispatchSettings(Section):
    """Where handlers send work."""

    indexer_url: str = Field(
        default="http://127.0.0.1:8000", description="Serve's address; warm work goes to /internal/v1/work"
    )
    jobs_url: str = Field(
        default="http://127.0.0.1:8265",
        description="Ray's dashboard address; batch work goes to its Jobs API",
    )
    token: SecretStr = Field(default=SecretStr(""), description="shared secret of handlers and indexer")
    ray_token: SecretStr = Field(
        default=SecretStr(""), description="Ray's cluster token (RAY_AUTH_MODE=token)"
    )
    token_secret: str | None = Field(
        default=None,
        min_length=1,
        description="the Secrets Manager secret (ARN or name) whose text handlers use as the token instead",
    )
    ray_token_secret: str | None = Field(
        default=None, min_length=1, description="likewise, of Ray's cluster token"
    )
    timeout_seconds: float = Field(default=60.0, gt=0, description="for one dispatch call")
    queue_url: str | None = Field(
        default=None,
        description="the upload queue, for handlers, which have its messages come back after seconds, and for"
        " `mmpipe dlq`; unset: found as the dead-letter queue's source",
    )
    dlq_url: str | None = Field(
        default=None,
        description="its dead-letter queue, for `mmpipe dlq`; unset: found as the upload queue's own",
    )
