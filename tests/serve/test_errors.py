from __future__ import annotations

import inspect

import pytest

from mmpipe import errors as tree
from mmpipe.serve.http.errors import MalformedRequest, Unauthorized, answer_for, problem_of

_STATUSES = {
    "StorageUnavailable": 503,
    "DispatchUnavailable": 503,
    "BatchLaneNeeded": 503,
    "CommitConflict": 503,
    "LiveMoved": 503,
    "NotReady": 503,
    "RetryableError": 503,
    "InvalidEvent": 422,
    "FeedTooLarge": 422,
    "InvalidFeed": 422,
    "InvalidRow": 422,
    "InvalidVector": 422,
    "StockWithoutProduct": 422,
    "InvalidMedia": 422,
    "MediaNotFound": 422,
    "MediaNotAllowed": 422,
    "MediaTooLarge": 413,
    "InvalidRequest": 422,
    "RequestTooLarge": 413,
    "NotFound": 404,
    "UnknownCollection": 404,
    "UnknownProduct": 404,
    "ObjectNotFound": 500,
    "ProfileMismatch": 503,
    "ModelUnavailable": 503,
    "PublishRejected": 409,
    "Outdated": 409,
    "TooManyDeleted": 409,
    "PermanentError": 500,
    "MmpipeError": 500,
}


def _classes() -> list[type[tree.MmpipeError]]:
    found = [c for _, c in inspect.getmembers(tree, inspect.isclass) if issubclass(c, tree.MmpipeError)]
    return [c for c in found if not c.__name__.startswith("_")]


@pytest.mark.parametrize("cls", _classes(), ids=lambda c: c.__name__)
def test_every_error_of_the_tree_has_its_status(cls: type[tree.MmpipeError]) -> None:
    assert int(answer_for(cls.__new__(cls)).status) == _STATUSES[cls.__name__]


def test_a_field_error_names_field_and_remedy() -> None:
    problem, headers = problem_of(
        tree.InvalidRequest("cursor", "belongs to another query; start from the first page")
    )
    assert (problem.status, problem.field) == (422, "cursor")
    assert "first page" in problem.detail
    assert problem.type == "urn:mmpipe:problem:invalid-request"
    assert problem.instance.startswith("urn:uuid:")
    assert headers == {}


def test_our_own_faults_show_nothing_of_the_inside(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("ERROR", logger="mmpipe.serve"):
        problem, _ = problem_of(RuntimeError("password=hunter2 at /srv/secret/path"))
    assert problem.status == 500
    assert "hunter2" not in problem.model_dump_json()
    assert "/srv" not in problem.model_dump_json()
    (record,) = caplog.records
    assert record.instance == problem.instance  # type: ignore[attr-defined]


def test_a_retryable_error_says_when() -> None:
    problem, headers = problem_of(tree.StorageUnavailable("https://bucket.internal timed out"))
    assert problem.status == 503
    assert int(headers["Retry-After"]) > 0
    assert "bucket.internal" not in problem.detail


def test_subclasses_of_the_boundary_keep_their_own_status() -> None:
    assert int(answer_for(MalformedRequest("body", "x")).status) == 400
    problem, headers = problem_of(Unauthorized("Authorization", "send a token"))
    assert problem.status == 401
    assert headers["WWW-Authenticate"] == "Bearer"
