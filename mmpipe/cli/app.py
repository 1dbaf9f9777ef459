"""The command tree and what becomes of errors."""

from __future__ import annotations

import sys
from collections.abc import Callable

import typer
from pydantic import ValidationError

from mmpipe.cli.analytics import analytics
from mmpipe.cli.ask import ask
from mmpipe.cli.audit import audit
from mmpipe.cli.console import console, fail
from mmpipe.cli.costs import costs
from mmpipe.cli.dlq import dlq_app
from mmpipe.cli.doctor import doctor
from mmpipe.cli.evaluate import eval_app
from mmpipe.cli.experiments import experiments_app
from mmpipe.cli.formats import formats
from mmpipe.cli.index import index
from mmpipe.cli.keys import keys_app
from mmpipe.cli.live import live_app
from mmpipe.cli.mcp import mcp
from mmpipe.cli.models import models_app
from mmpipe.cli.query import search, similar
from mmpipe.cli.rejects import rejects_app
from mmpipe.cli.reviews import reviews_app
from mmpipe.cli.rules import rules_app
from mmpipe.cli.serve import serve
from mmpipe.cli.sponsored import sponsored_app
from mmpipe.cli.statistics import statistics
from mmpipe.cli.status import status
from mmpipe.cli.stock import stock
from mmpipe.cli.suggest import suggest
from mmpipe.cli.synonyms import synonyms_app
from mmpipe.cli.train import train_app
from mmpipe.cli.up import up
from mmpipe.cli.users import users_app
from mmpipe.errors import InvalidRequest, MmpipeError

app = typer.Typer(
    name="mmpipe",
    help="Index a product catalogue and search it by text, photo, voice or clip, in Chinese or English.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command()(up)
app.command()(index)
app.command()(formats)
app.command()(serve)
app.command()(mcp)
app.command()(search)
app.command()(similar)
app.command()(suggest)
app.command()(ask)
app.command()(status)
app.command()(doctor)
app.command()(costs)
app.command()(stock)
app.command()(statistics)
app.command()(analytics)
app.command()(audit)
app.add_typer(rejects_app, name="rejects")
app.add_typer(dlq_app, name="dlq")
app.add_typer(live_app, name="live")
app.add_typer(models_app, name="models")
app.add_typer(users_app, name="users")
app.add_typer(keys_app, name="keys")
app.add_typer(eval_app, name="eval")
app.add_typer(train_app, name="train")
app.add_typer(sponsored_app, name="sponsored")
app.add_typer(experiments_app, name="experiments")
app.add_typer(synonyms_app, name="synonyms")
app.add_typer(rules_app, name="rules")
app.add_typer(reviews_app, name="reviews")


def main() -> None:
    """The ``mmpipe`` command."""
    run(app)


def run(command: Callable[[], object]) -> None:
    """Run a command line. Exits with 1 for what went wrong, 2 for what the caller must change."""
    try:
        command()
    except MmpipeError as error:
        fail(str(error))
        sys.exit(2 if isinstance(error, InvalidRequest) else 1)
    except ValidationError as error:
        # Settings are read in every command; their names are what the user has to change.
        for fault in error.errors(include_url=False, include_input=False):
            name = "MMPIPE_" + "__".join(str(part).upper() for part in fault["loc"])
            fail(f"{name}: {fault['msg']}")
        sys.exit(2)
    except KeyboardInterrupt:
        console.print("interrupted")
        sys.exit(130)
