"""``python -m examples.demo``, from the checkout's own folder."""

import typer

from examples.demo.command import demo
from mmpipe.cli import run

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
app.command(context_settings={"help_option_names": ["-h", "--help"]})(demo)

if __name__ == "__main__":
    run(app)
