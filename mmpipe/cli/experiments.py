"""``mmpipe experiments``: define, list, stop, report."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any, cast, get_args

import typer
from pydantic import ValidationError

from mmpipe.cli.console import console, emit, output, plain, table
from mmpipe.cli.options import (
    DEFAULT_FOLDER,
    AsJson,
    CollectionName,
    Folder,
    LakeUri,
    open_collection,
    refused,
    settings_for_lake,
)
from mmpipe.errors import InvalidRequest

if TYPE_CHECKING:
    from mmpipe.experiments import Arm, Experiment, ExperimentBook, Report
    from mmpipe.experiments.report import ArmReport, Comparison, Estimate, Preference
    from mmpipe.lake import Collection

experiments_app = typer.Typer(
    help="A/B tests: shoppers by arms, and what came of it, however often it is looked at.",
    no_args_is_help=True,
)

ExperimentName = Annotated[str, typer.Argument(help="lower-case letters, digits and -", show_default=False)]


@experiments_app.command()
def define(
    name: ExperimentName,
    arm: Annotated[
        list[str],
        typer.Option(
            "--arm", help="NAME or NAME=WEIGHT, the control first; twice or more", show_default=False
        ),
    ],
    change: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            help="ARM.SETTING=VALUE, as in bold.taste=0.4; of taste, diversity, explore, model, sponsored",
            show_default=False,
        ),
    ] = None,
    interleave: Annotated[
        bool, typer.Option("--interleave", help="merge the two arms' lists instead of splitting shoppers")
    ] = False,
    traffic: Annotated[float, typer.Option(help="share of the shoppers that takes part")] = 1.0,
    goal: Annotated[str, typer.Option(help="what decides: click or conversion")] = "conversion",
    alpha: Annotated[float, typer.Option(help="how often an arm without effect may seem to have one")] = 0.05,
    window_hours: Annotated[
        float, typer.Option(help="hours after the first exposure in which what a shopper does counts")
    ] = 24.0,
    start: Annotated[
        str | None, typer.Option(help="ISO 8601 with a zone; default: now", show_default=False)
    ] = None,
    stop: Annotated[
        str | None, typer.Option(help="likewise; default: when it is stopped", show_default=False)
    ] = None,
    lake: LakeUri = None,
    collection: CollectionName = None,
    folder: Folder = DEFAULT_FOLDER,
    as_json: AsJson = False,
) -> None:
    """Define an experiment; or of one that runs, change weights, traffic and stop."""
    from mmpipe.experiments.definition import Goal

    if goal not in get_args(Goal):
        raise InvalidRequest("goal", "click or conversion")
    made = _book(open_collection(settings_for_lake(lake, folder), collection)).define(
        name,
        _arms(arm, change or []),
        now=datetime.now(UTC),
        design="interleave" if interleave else "split",
        traffic=traffic,
        goal=cast("Goal", goal),
        alpha=alpha,
        window_hours=window_hours,
        start=_moment("start", start),
        stop=_moment("stop", stop),
    )
    _show(made, as_json)


@experiments_app.command("list")
def list_experiments(
    lake: LakeUri = None,
    collection: CollectionName = None,
    folder: Folder = DEFAULT_FOLDER,
    as_json: AsJson = False,
) -> None:
    """List experiments in the order of their definition."""
    now = datetime.now(UTC)
    held = _book(open_collection(settings_for_lake(lake, folder), collection)).read().experiments
    if as_json:
        emit([_public(each, now) for each in held])
        return
    shown = table("", ["name", "state", "arms", "traffic", "goal", "since", "until"])
    for each in held:
        arms = ", ".join(f"{arm.name} {arm.weight:g}" for arm in each.arms)
        until = "" if each.stop is None else f"{each.stop:%Y-%m-%d %H:%M}"
        cells = (each.name, _state(each, now), arms, f"{each.traffic:.0%}", each.goal)
        shown.add_row(*(plain(cell) for cell in cells), f"{each.start:%Y-%m-%d %H:%M}", until)
    output.print(shown)


@experiments_app.command()
def stop(
    name: ExperimentName,
    lake: LakeUri = None,
    collection: CollectionName = None,
    folder: Folder = DEFAULT_FOLDER,
    as_json: AsJson = False,
) -> None:
    """End an experiment: everybody is answered by the service's own settings within a second or two."""
    held = open_collection(settings_for_lake(lake, folder), collection)
    _show(_book(held).stop(name, now=datetime.now(UTC)), as_json)


@experiments_app.command("report")
def report_experiment(
    name: ExperimentName,
    lake: LakeUri = None,
    collection: CollectionName = None,
    folder: Folder = DEFAULT_FOLDER,
    as_json: AsJson = False,
) -> None:
    """What an experiment has shown so far. Look as often as you like: the intervals hold at every look."""
    from mmpipe.experiments import report

    held = open_collection(settings_for_lake(lake, folder), collection)
    found = report(held, _book(held).get(name), datetime.now(UTC))
    if as_json:
        emit(found.model_dump(mode="json", exclude={"experiment": {"salt"}}))
        return
    _print(found)


def _book(held: Collection) -> ExperimentBook:
    from mmpipe.experiments import ExperimentBook

    return ExperimentBook(held.store, held.uri)


def _arms(named: list[str], changes: list[str]) -> tuple[Arm, ...]:
    from mmpipe.experiments import Arm

    given: dict[str, dict[str, Any]] = {}
    for each in named:
        name, has_weight, weight = each.partition("=")
        if name in given:
            raise InvalidRequest("arm", f"{name!r} is named twice")
        given[name] = {"name": name, "weight": weight if has_weight else 1.0, "settings": {}}
    for each in changes:
        target, _, value = each.partition("=")
        name, _, setting = target.partition(".")
        if name not in given or not setting or not value:
            raise InvalidRequest("set", f"{each!r}: write ARM.SETTING=VALUE, of an arm that is named")
        given[name]["settings"][setting] = _value(value)
    try:
        return tuple(Arm.model_validate(arm) for arm in given.values())
    except ValidationError as error:
        raise refused(error, "arm") from error


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def _moment(field: str, text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise InvalidRequest(field, "write ISO 8601, as in 2026-03-01T09:00+01:00") from error
    if moment.tzinfo is None:
        raise InvalidRequest(field, "name the zone, as in 2026-03-01T09:00Z")
    return moment


def _state(experiment: Experiment, now: datetime) -> str:
    if experiment.runs(now):
        return "running"
    return "planned" if now < experiment.start else "ended"


def _public(experiment: Experiment, now: datetime) -> dict[str, Any]:
    return experiment.model_dump(mode="json", exclude={"salt"}) | {"state": _state(experiment, now)}


def _show(experiment: Experiment, as_json: bool) -> None:
    now = datetime.now(UTC)
    if as_json:
        emit(_public(experiment, now))
    else:
        console.print(f"{plain(experiment.name)} is {_state(experiment, now)}")


def _print(found: Report) -> None:
    state = "running" if found.running else "not running"
    output.print(f"[bold]{plain(found.experiment.name)}[/] {state}", soft_wrap=True)
    if found.preference is not None:
        _print_preference(found.preference)
        return
    shown = table("", ["arm", "shoppers", "waiting", "exposures", "CTR", "clicked", "bought"])
    for arm in found.arms:
        shown.add_row(plain(arm.name), *_cells(arm))
    output.print(shown)
    compared = table("", ["arm", "by", "lift", "p", "verdict"])
    for each in found.comparisons:
        compared.add_row(*_compared(each))
    output.print(compared)
    if found.mismatch:
        output.print(
            "[bold red]The arms' numbers of shoppers do not fit their weights"
            f" (p = {found.sample_ratio_p:.1e}).[/] Something else decides who is counted: believe none of"
            " this before you know what.",
            soft_wrap=True,
        )
    if found.crossed:
        output.print(f"{found.crossed} shoppers saw several arms; they count for their first", style="dim")


def _cells(arm: ArmReport) -> tuple[str, ...]:
    numbers = (arm.shoppers, arm.pending, arm.exposures)
    shares = (arm.ctr, arm.click, arm.conversion)
    return (*(f"{number:,}" for number in numbers), *(_percent(share) for share in shares))


def _compared(each: Comparison) -> tuple[str, ...]:
    p = "" if each.p_value is None else f"{each.p_value:.3g}"
    metric = f"{each.metric} (goal)" if each.goal else each.metric
    return plain(each.arm), metric, _percent(each.lift, sign="+"), p, each.verdict


def _print_preference(each: Preference) -> None:
    shown = table("", ["preferred", "shoppers"])
    for name, count in (
        (each.control, each.control_won),
        (each.other, each.other_won),
        ("neither", each.ties),
    ):
        shown.add_row(plain(name), f"{count:,}")
    output.print(shown)
    share, p = _percent(each.share), f"p = {each.p_value:.3g}"
    output.print(plain(f"{each.other} by {share} of those who preferred one, {p}: {each.verdict}"))


def _percent(each: Estimate, *, sign: str = "") -> str:
    if each.value is None:
        return "–"
    # Unbounded, or too early to tell.
    low, high = ("…" if bound is None else f"{bound:{sign}.2%}" for bound in (each.low, each.high))
    return f"{each.value:{sign}.2%} ({low} to {high})"
