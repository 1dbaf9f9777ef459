"""``make demo``: stack up, sample catalogue uploaded and indexed, searched, shown, stack down."""

from __future__ import annotations

import time
import webbrowser
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from mmpipe.cli.console import console, emit, end_on_sigterm, fail, hits_table, log_to, table
from mmpipe.cli.options import DEFAULT_FOLDER, AsJson, Folder, ProfileName, reach_local_cloud, settings_with

if TYPE_CHECKING:
    from examples.demo.report import DemoReport
    from examples.demo.shopper import ShopperOutcome

_SHOWN_HITS = 3


def demo(
    folder: Folder = DEFAULT_FOLDER,
    profile: ProfileName = None,
    products: Annotated[int, typer.Option(min=100, max=20_000, help="size of the sample catalogue")] = 600,
    keep: Annotated[bool, typer.Option("--keep", help="leave everything running until Ctrl-C")] = False,
    open_page: Annotated[
        bool, typer.Option("--open/--no-open", help="show the results page in a browser")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Start the stack, upload a sample catalogue, search it by text, photo and both, check every answer."""
    from examples.demo.page import write_page
    from examples.demo.run import Drawing, progress_bars, run_demo
    from mmpipe.cli.up import hold, show_addresses
    from mmpipe.local import Stack

    end_on_sigterm()
    reach_local_cloud()
    log_to(folder / "stack.log")
    settings = settings_with(profile=profile)
    # Small commits, so that the progress bar moves; a large catalogue would not want them.
    indexing = settings.indexing.model_copy(update={"commit_rows": 128})
    settings = settings.model_copy(update={"indexing": indexing})
    began = time.monotonic()
    with progress_bars() as bars:
        tasks = {
            "stack": bars.add_task("starting the stack", total=3),
            "draw": bars.add_task("drawing a catalogue", total=products),
            "upload": bars.add_task("uploading to S3", total=None, visible=False),
            "index": bars.add_task("indexing", total=None, visible=False),
            "search": bars.add_task("searching", total=None, visible=False),
        }
        starting = iter(range(3))
        stack = Stack(
            settings, folder, progress=lambda _: bars.update(tasks["stack"], completed=next(starting))
        )

        def drawn(done: int, total: int) -> None:
            bars.update(tasks["draw"], completed=done, total=total)

        with Drawing(folder / "demo", products, drawn) as drawing:
            stack.start()
            bars.update(tasks["stack"], completed=3)
            try:
                report, manifest = run_demo(stack, drawing, bars, tasks)
            except BaseException:
                stack.stop()
                raise
    with stack:
        report.seconds = time.monotonic() - began
        page = write_page(folder / "demo" / "results.html", report, manifest)
        _show(report)
        if as_json:
            emit(report.to_json(manifest.products))
        _next_steps(page, folder, keep)
        if open_page:
            webbrowser.open(page.resolve().as_uri())
        if keep:
            show_addresses(stack)
            hold(stack)
    if report.trouble():
        raise typer.Exit(1)


def _show(report: DemoReport) -> None:
    for search in report.searches:
        mark = "[green]✓[/]" if search.ok else "[red]✗[/]"
        title = f"{mark} {escape(search.query.label)}  [dim]{search.query.kind}, {search.took_ms:.0f} ms[/]"
        console.print(hits_table(title, search.hits[:_SHOWN_HITS]))
        console.print()
    if report.shopper is not None:
        _show_shopper(report.shopper)
    shown = table("turned away, as planted", ["", "row", "product", "field", "reason"])
    for fault in report.faults:
        wanted = fault.expected
        reason = "not rejected" if fault.reject is None else fault.reject.reason
        cells = (str(wanted.row), wanted.product_id or "", wanted.field, reason)
        shown.add_row(
            "[red]✗[/]" if fault.reject is None else "[green]✓[/]", *(escape(cell) for cell in cells)
        )
    console.print(shown)
    found = sum(search.ok for search in report.searches)
    caught = sum(fault.reject is not None for fault in report.faults)
    console.print(
        f"\n{report.uploaded} rows uploaded, {report.indexed} products searchable,"
        f" {caught} of {len(report.faults)} planted faults turned away,"
        f" {found} of {len(report.searches)} searches as expected, in {report.seconds:.0f} s",
        style="bold",
    )
    for line in report.trouble():
        fail(line)


def _show_shopper(shopper: ShopperOutcome) -> None:
    seen = ", ".join(product.title_en for product in shopper.clicked)
    when = "never" if shopper.seconds is None else f"{shopper.seconds * 1e3:.0f} ms later"
    console.print(f"a new shopper clicks [bold]{escape(seen)}[/]")
    changed = table(f"recommended before, and {when}", ["before", "after", "why"])
    for former, now in zip(shopper.before, shopper.after, strict=False):
        why = max(now.why, key=lambda each: each.part).text if now.why else ""
        changed.add_row(escape(former.title), escape(now.title), escape(why))
    console.print(changed)
    console.print()


def _next_steps(page: Path, folder: Path, keep: bool) -> None:
    console.print(f"\n  results page   {page.resolve().as_uri()}", soft_wrap=True)
    if keep:
        flag = "" if folder == DEFAULT_FOLDER else f" --folder {folder}"
        console.print(
            f"  search         mmpipe search 'red dress'{escape(flag)}   (in another terminal)",
            soft_wrap=True,
        )
    else:
        console.print(
            "  try it         make demo ARGS=--keep   leaves the API with its /docs running", soft_wrap=True
        )
