"""The hosted service's browser SDK on the rows of `benches.network`, and on the networks that have a name.

    python -m benches.network_browser [--seconds 60]

Needs `make browser`. Unmodified `@decartai/sdk` in a headless Chromium sends the bundled clip to the embedded service.
It reports no latency; `full size` is when pictures of the whole size first came back.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import av
from benches.clip import clip_path
from benches.networks import Row, serving

from realtime_fast import models

from tests.browser.conftest import missing, open_browser

MODEL = models.realtime("mirage_v2")
PROFILES = ("wifi", "lte", "3g", "transatlantic", "lossy", "600k")


def camera(path: Path, frames: int = 250) -> None:
    """Write the clip as Chromium's fake camera wants it."""
    with av.open(clip_path()) as clip, av.open(path, "w", format="yuv4mpegpipe") as out:
        stream = out.add_stream("wrapped_avframe", rate=25)
        stream.width, stream.height, stream.pix_fmt = MODEL.width, MODEL.height, "yuv420p"
        for frame in itertools.islice(clip.decode(video=0), frames):
            out.mux(stream.encode(frame.reformat(MODEL.width, MODEL.height, "yuv420p")))
        out.mux(stream.encode(None))


async def run(row: Row, fake: Path, seconds: float) -> str:
    """One row of the table."""
    arrivals: list[float] = []
    sizes: list[tuple[float, int]] = []
    async with serving(row) as url, open_browser(fake) as browser:
        await browser.open("page", url, model="mirage_v2")
        began = time.monotonic()
        while time.monotonic() - began < row.run_in + seconds:
            await asyncio.sleep(0.25)
            seen = await browser.do("look", "page")
            arrivals += seen["arrivals"]
            sizes.append((time.monotonic() - began, seen["size"][0]))
    start = arrivals[0] + row.run_in * 1000
    window = [at for at in arrivals if at >= start]
    gaps = [after - before for before, after in itertools.pairwise(window)]
    full = next((f"{at:.0f} s" for at, width in sizes if width == MODEL.width), "never")
    inbound, outbound = seen["inbound"] or {}, seen["outbound"] or {}
    width, height = seen["size"]
    return (
        f"| {row.name} | {len(window) / seconds:.1f} | {max(gaps, default=0):.0f} | {width}x{height} "
        f"| {full} | {inbound.get('packetsLost')} | {inbound.get('pliCount')} "
        f"| {outbound.get('retransmittedPacketsSent')} |"
    )


async def table(rows: Sequence[Row], seconds: float) -> None:
    """Print a row for each network; or why there is no browser for it."""
    if reason := missing():
        print(reason)
        return
    print("| network | fps | gap ms | size | full size | lost | PLI | resent |")
    print("|---|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        fake = Path(folder) / "clip.y4m"
        camera(fake)
        for row in rows:
            print(await run(row, fake, seconds), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60)
    asyncio.run(table([Row(name, name, 0, 0, None) for name in PROFILES], parser.parse_args().seconds))


if __name__ == "__main__":
    main()
