"""The commands, gathered. A command's module, and all that it needs, is imported when the command is run."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from importlib.metadata import version
from typing import Annotated, Any, NamedTuple

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command

from realtime_fast.cli.exit_codes import HELP as EXIT_CODES


class Entry(NamedTuple):
    """A command: what it does in a line, and the constant of its module that its help ends with."""

    does: str
    epilog: str | None = None


COMMANDS: Mapping[str, Entry] = {
    "demo": Entry("Send a video through an embedded service and back, and measure it."),
    "serve": Entry("Run a local stand-in for the hosted service until interrupted.", "FAULTS"),
    "connect": Entry("Stream to a service and back; each line that is typed becomes the prompt."),
    "measure": Entry("Measure a service: the latency of every frame, statistics and quality."),
    "report": Entry("Make a report of a measurement: one HTML page that needs nothing else."),
    "load": Entry("Open many sessions with a service, and say what became of each."),
    "doctor": Entry("Check what realtime video needs on this machine, in this network and at a service."),
    "watch": Entry("Watch a participant of a stage until they leave, or until interrupted."),
}
"""Each is the function of this name in the module of this name."""


class _Deferred(TyperCommand):
    """A command that is not imported yet: enough of it for the list of commands."""

    def make_context(self, info_name: str | None, args: list[str], parent: Any = None, **extra: Any) -> Any:
        return _load(self.name or "").make_context(info_name, args, parent, **extra)


class _Commands(TyperGroup):
    def list_commands(self, ctx: Any) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> TyperCommand | None:
        entry = COMMANDS.get(cmd_name)
        return None if entry is None else _Deferred(cmd_name, help=entry.does, short_help=entry.does)


def _load(name: str) -> Any:
    """The command itself."""
    module = importlib.import_module(f"realtime_fast.cli.{name}")
    entry = COMMANDS[name]
    alone = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)
    epilog = None if entry.epilog is None else getattr(module, entry.epilog)
    alone.command(name, epilog=epilog, context_settings=_CONTEXT)(getattr(module, name))
    return get_command(alone)


def _print_version(wanted: bool) -> None:
    if wanted:
        print(version("realtime-fast"))
        raise typer.Exit


_CONTEXT = {"max_content_width": 100, "help_option_names": ["-h", "--help"]}

app = typer.Typer(
    name="realtime-fast",
    cls=_Commands,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings=_CONTEXT,
    epilog=EXIT_CODES,
)


@app.callback()
def _commands(
    show_version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit."),
    ] = False,
) -> None:
    """Realtime AI video over WebRTC and Amazon IVS: try it, measure it, watch it.

    \b
      realtime-fast demo                         everything on this machine, measured
      realtime-fast serve                        a service to develop against
      realtime-fast measure ws://127.0.0.1:8890  how late its pictures are, with a report

    REALTIME_URL and REALTIME_API_KEY stand for the service and the key.
    """  # noqa: D301 - the escape is click's
