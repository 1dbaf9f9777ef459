"""Shopping agents."""

from __future__ import annotations

from urllib.parse import urlsplit

from pydantic import Field, model_validator

from mmpipe.settings.section import Section


class UcpSettings(Section):
    """The doors for shopping agents (Universal Commerce Protocol): see docs/agents.md."""

    enabled: bool = Field(default=True, description="whether agents are answered at all")
    public_url: str | None = Field(
        default=None,
        max_length=500,
        description="the address that agents reach the service by, as in https://shop.example; told in the"
        " profile. Unless given, what the request for the profile was sent to",
    )
    collection: str | None = Field(
        default=None,
        max_length=63,
        description="the collection that agents ask; the lake's only one unless given",
    )
    open: bool = Field(
        default=False,
        description="agents need no API key where there are keys; everything else still takes one",
    )
    require_agent: bool = Field(
        default=False, description="requests that do not say whose agent asks (`UCP-Agent`) are refused"
    )
    agent_hosts: tuple[str, ...] = Field(
        default=(),
        description="hosts whose agents' profiles are fetched, as cdn.shop.com, *.shop.com, or * for every"
        " public host; without any none is fetched",
    )
    media_url: str | None = Field(
        default=None,
        max_length=500,
        description="the public address of the collection's folder, to which media that a feed names by a"
        " relative key belong; without it they are handed out below `public_url` where everybody may ask,"
        " else left out",
    )

    @model_validator(mode="after")
    def _addresses(self) -> UcpSettings:
        for name, address in (("public_url", self.public_url), ("media_url", self.media_url)):
            if address is None:
                continue
            parts = urlsplit(address)
            local = parts.hostname in ("localhost", "127.0.0.1", "::1")
            if not parts.hostname or parts.scheme not in (("http", "https") if local else ("https",)):
                raise ValueError(f"{name} must be https://host, http:// on this machine alone")
            if parts.query or parts.fragment or address.endswith("/"):
                raise ValueError(f"{name} must end without a slash, query or fragment")
        return self
