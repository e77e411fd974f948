"""Arguments that several commands share."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Annotated
from urllib.parse import urlsplit

import typer

from realtime_fast.cli.secret_arguments import API_KEY_VARIABLE, resolved
from realtime_fast.errors import InvalidInputError

MODEL = "lucy-restyle-2"
URL_VARIABLE = "REALTIME_URL"

ApiKey = Annotated[
    str | None,
    typer.Option(
        envvar=API_KEY_VARIABLE,
        show_envvar=True,
        help="The key; - reads it from standard input. Arguments are visible to all users of the machine. A service "
        "on this machine takes any.",
    ),
]
ModelName = Annotated[str, typer.Option("--model", help="The model's name.")]
TransportName = Annotated[str, typer.Option("--transport", help="webrtc, ivs, livekit or auto.")]
Input = Annotated[
    str,
    typer.Option(help="A video file or URL, a camera such as 0 or /dev/video0, 'screen', or 'synthetic'."),
]
Prompt = Annotated[str | None, typer.Option(help="The prompt to begin with; none passes pictures through.")]
Image = Annotated[str | None, typer.Option(help="A reference image: a file or URL.")]
ProbeInterval = Annotated[
    float, typer.Option(min=0, help="Milliseconds between two markers; 0 marks every frame.")
]
Output = Annotated[
    str | None,
    typer.Option(
        envvar="REALTIME_OUTPUT",
        show_envvar=True,
        help="Record the result to this mp4 or webm, or send it live to an rtmp:// or srt:// URL. A stream's key in an "
        "argument is in the process list.",
    ),
]
Json = Annotated[
    bool, typer.Option("--json", help="Print the figures as JSON and nothing else, for programs to read.")
]


def is_local(url: str) -> bool:
    """Whether a service is on this machine."""
    host = urlsplit(url).hostname or ""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def key_for(url: str, api_key: str | None) -> str:
    """The key to use with a service; one on this machine takes any, unless it was started with keys of its own.

    Raises:
        InvalidInputError: There is none, and the service is not on this machine.
    """
    if api_key:
        return resolved(api_key, name="API key", variable=API_KEY_VARIABLE)
    if is_local(url):
        return "local"
    raise InvalidInputError(
        f"There is no API key for {urlsplit(url).hostname or 'the service'}: set {API_KEY_VARIABLE}"
    )
