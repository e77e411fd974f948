"""`realtime-fast measure`: how late the pictures of a service are, for as long as wanted, and a report of it."""

from __future__ import annotations

from contextlib import nullcontext
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from realtime_fast.cli.arguments import (
    MODEL,
    URL_VARIABLE,
    ApiKey,
    Image,
    Input,
    Json,
    ModelName,
    Output,
    ProbeInterval,
    Prompt,
    TransportName,
    is_local,
    key_for,
)
from realtime_fast.cli.exit_codes import Debug, reported
from realtime_fast.cli.measuring import Service, run_measured
from realtime_fast.cli.streaming import Streaming
from realtime_fast.options import ReconnectPolicy


def measure(
    url: Annotated[
        str,
        typer.Argument(
            metavar="URL",
            envvar=URL_VARIABLE,
            show_envvar=True,
            help="The service, such as ws://127.0.0.1:8890.",
        ),
    ],
    seconds: Annotated[
        float | None, typer.Option(min=1, help="How long to measure; until Ctrl-C by default.")
    ] = None,
    report: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Where to write; a new folder by default.")
    ] = None,
    model: ModelName = MODEL,
    transport: TransportName = "webrtc",
    input: Input = "synthetic",  # noqa: A002 - the option's name
    prompt: Prompt = None,
    image: Image = None,
    probe_interval_ms: ProbeInterval = 0.0,
    output: Output = None,
    api_key: ApiKey = None,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Measure a service: the latency of every frame, statistics and quality, and a report at the end.

    Everything is written as it happens: if the process is killed, the command `report` shows what there is.

    \b
    Examples:
      realtime-fast measure ws://127.0.0.1:8890 --seconds 60
      realtime-fast measure wss://api3.decart.ai --seconds 3600 --report monday
    """  # noqa: D301 - the escape is typer's
    with reported(debug):
        settings = Streaming(
            input=input,
            model=model,
            prompt=prompt,
            image=image,
            transport=transport,
            probe_interval_ms=probe_interval_ms,
            seconds=seconds,
            output=output,
            reconnect=ReconnectPolicy(),
            local=is_local(url),
            integration="measure",
        )
        folder = report or Path(f"measured-{datetime.now():%Y%m%d-%H%M%S}")
        service = Service(lambda: nullcontext(url), url, key_for(url, api_key))
        run_measured(settings, service, folder, as_json=as_json)
