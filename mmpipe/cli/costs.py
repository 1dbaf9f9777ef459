"""``mmpipe costs``: a month's bill on AWS, from measured figures and a dated price list. No network."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from mmpipe.cli.console import console, emit, output, table
from mmpipe.cli.options import AsJson
from mmpipe.errors import InvalidRequest

if TYPE_CHECKING:
    from mmpipe.costs import Estimate, PriceList


def costs(
    products: Annotated[
        int | None, typer.Option("--products", help="products of the catalogue", show_default=False)
    ] = None,
    qps: Annotated[float, typer.Option("--qps", help="searches a second, day and night; 0 is idle")] = 0.0,
    uploads_per_day: Annotated[
        float | None,
        typer.Option(
            "--uploads-per-day", help="products that change a day; default: 1 %", show_default=False
        ),
    ] = None,
    profile: Annotated[str, typer.Option("--profile", help="starter or siglip2")] = "starter",
    environment: Annotated[str, typer.Option("--environment", help="dev or prod, as in infra/envs")] = "prod",
    gpu_items_per_second: Annotated[
        float | None,
        typer.Option(
            "--gpu-items-per-second",
            help="texts or photos that one GPU of yours encodes; without it everything runs on CPUs",
            show_default=False,
        ),
    ] = None,
    gpu: Annotated[str, typer.Option("--gpu", help="EC2 type with that GPU")] = "g6.xlarge",
    region: Annotated[str, typer.Option("--region", help="of the price list")] = "us-east-1",
    prices: Annotated[
        Path | None,
        typer.Option("--prices", help="a price list of your own, like costs/prices.json", show_default=False),
    ] = None,
    recommend_shape: Annotated[
        bool, typer.Option("--recommend-shape", help="the machines and settings only")
    ] = False,
    document: Annotated[
        bool, typer.Option("--document", help="the tables of docs/costs.md, in Markdown")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Estimate what a deployment costs a month, with every assumption and its source."""
    from mmpipe.costs import Workload, estimate, load_prices, shape, to_json
    from mmpipe.costs import document as tables

    listed = load_prices(region, prices)
    if document:
        typer.echo(tables(listed), nl=False)
        return
    if products is None:
        raise InvalidRequest("products", "say how many with --products")
    load = Workload(
        products=products,
        qps=qps,
        uploads_per_day=uploads_per_day,
        profile=profile,
        environment=environment,
        gpu_items_per_second=gpu_items_per_second,
        gpu=gpu,
    )
    found = estimate(load, listed)
    if as_json:
        emit(shape(found) if recommend_shape else to_json(found, listed))
    elif recommend_shape:
        _show_shape(found)
    else:
        _show(found, listed)
    if not as_json:
        for warning in found.plan.warnings:
            console.print(f"[yellow]note[/] {escape(str(warning))}", soft_wrap=True)


def _show(found: Estimate, prices: PriceList) -> None:
    load = found.load
    title = f"{load.products:,} products, {load.qps:,g} QPS, {load.profile}, {load.environment}, USD a month"
    shown = table(title, ["item", "what", "on demand", "workers on spot"])
    for line in found.lines:
        shown.add_row(line.item, escape(line.detail), f"{line.usd:,.2f}", f"{line.spot_usd:,.2f}")
    shown.add_row("[bold]together[/]", "", f"[bold]{found.usd:,.2f}[/]", f"[bold]{found.spot_usd:,.2f}[/]")
    output.print(shown)
    _show_shape(found)
    output.print(
        f"first load: {found.plan.load_hours:,.2f} h, {found.load_usd:,.2f} USD once; a search takes"
        f" {found.plan.query_ms:,.1f} ms of CPU",
        soft_wrap=True,
    )
    _show_figures(load.profile)
    output.print(f"{prices.region}: {prices.note}", style="dim", soft_wrap=True)


def _show_figures(profile: str) -> None:
    from mmpipe.costs import figures, number

    output.print("\n[bold]what this rests on[/]")
    for name, figure in figures(profile):
        text = f"  {name} {number(figure.value)} {figure.unit}, {figure.kind}: {figure.source}"
        output.print(text, markup=False, soft_wrap=True)


def _show_shape(found: Estimate) -> None:
    made = found.plan
    nodes = f", {made.nodes:,} × {made.node_type}" if made.node_type else ""
    replicas = "1 replica" if made.replicas == 1 else f"{made.replicas:,} replicas"
    gpus = f", {made.gpu_nodes:,} × {found.load.gpu}" if made.gpu_nodes else ""
    shared = f" and {made.shared_bytes / 1e9:,.1f} GB a node" if made.shared_bytes else ""
    output.print(
        f"machines: head {made.head_type}{nodes}{gpus}; {replicas} of {made.replica_bytes / 1e9:,.1f} GB"
        f"{shared}",
        soft_wrap=True,
    )
    from mmpipe.costs import shape

    for change in shape(found)["change"]:
        output.print(f"  change {escape(change)}", soft_wrap=True)
