"""An answer's text in the making: own words, and values of the catalogue, each with its claim."""

from __future__ import annotations

from mmpipe.assistant.evidence import Evidence
from mmpipe.schemas.assistant import Claim


class Draft:
    """What is added is text of the service's own; what is cited becomes a claim, whose value stands in the
    text where it is cited."""

    def __init__(self) -> None:
        self._parts: list[str] = []
        self._length = 0
        self.claims: list[Claim] = []

    @property
    def text(self) -> str:
        """All of it so far."""
        return "".join(self._parts)

    def add(self, text: str) -> Draft:
        """Own words."""
        self._parts.append(text)
        self._length += len(text)
        return self

    def cite(self, evidence: Evidence) -> Claim:
        """A value of the catalogue, as it is written there."""
        start = self._length
        self.add(evidence.value)
        claim = Claim(
            id=f"c{len(self.claims) + 1}",
            product_id=evidence.product_id,
            field=evidence.field,
            quote=evidence.quote,
            value=evidence.value,
            start=start,
            end=self._length,
        )
        self.claims.append(claim)
        return claim

    def say(self, template: str, **given: Evidence | str) -> Draft:
        """A template, in which ``{name}`` is evidence that is cited, or text that is added."""
        rest = template
        while rest:
            before, brace, rest = rest.partition("{")
            self.add(before)
            if brace:
                name, _, rest = rest.partition("}")
                value = given[name]
                if isinstance(value, Evidence):
                    self.cite(value)
                else:
                    self.add(value)
        return self
