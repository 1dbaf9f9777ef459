"""Rejects tried again by the indexer, which has the models at hand: one HTTP call each."""

from __future__ import annotations

from pydantic import ValidationError

from mmpipe.dispatch.http import Answer, HttpClient
from mmpipe.dispatch.tokens import token_source
from mmpipe.errors import DispatchUnavailable, InvalidRequest, NotFound
from mmpipe.schemas.work import ReplayOrder, ReplayOutcome
from mmpipe.settings import DispatchSettings

REPLAY_PATH = "/internal/v1/replay"


class IndexerReplays:
    """``POST {indexer_url}/internal/v1/replay`` with the dispatch token."""

    def __init__(self, settings: DispatchSettings) -> None:
        token = token_source(settings.token, settings.token_secret)
        self._http = HttpClient(settings.indexer_url, token, settings.timeout_seconds)

    def replay(self, order: ReplayOrder) -> ReplayOutcome:
        """What became of it. Blocks. Raises ``NotFound`` for an unknown reject, ``InvalidRequest`` where
        there is nothing that could be tried again, ``DispatchUnavailable``."""
        answer = self._http.request("POST", REPLAY_PATH, order.model_dump(mode="json"))
        if answer.status == 404 and _field(answer, "type") == "urn:mmpipe:problem:not-found":
            raise NotFound(_field(answer, "detail"))
        if answer.status in (400, 413, 422):
            field, detail = _field(answer, "field") or "reject", _field(answer, "detail")
            raise InvalidRequest(field, detail.removeprefix(f"{field}: "))
        if not answer.ok:
            raise DispatchUnavailable(f"the indexer refused: {answer.summary()}")
        try:
            return ReplayOutcome.model_validate(answer.json())
        except ValidationError as error:
            raise DispatchUnavailable("the indexer's answer is no outcome of a replay") from error


def _field(answer: Answer, name: str) -> str:
    told = answer.json()
    return str(told.get(name) or "") if isinstance(told, dict) else ""
