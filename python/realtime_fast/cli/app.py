"""The commands, gathered."""

from __future__ import annotations

import typer

from realtime_fast.cli.demo import demo
from realtime_fast.cli.measure import measure
from realtime_fast.cli.report import report
from realtime_fast.cli.serve import FAULTS, serve
from realtime_fast.cli.watch import watch

app = typer.Typer(
    name="realtime-fast",
    help="Realtime AI video over WebRTC and Amazon IVS.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


@app.callback()
def _commands() -> None:
    """Realtime AI video over WebRTC and Amazon IVS."""


app.command(epilog=FAULTS)(serve)
app.command()(demo)
app.command()(measure)
app.command()(report)
app.command()(watch)
