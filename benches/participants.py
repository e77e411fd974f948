"""Processor time of a participant of a LiveKit room, beside PyPI's `livekit`: `python -m benches.participants`.

Two participants of a kind send each other 1280x704 pictures at 30 fps and 1 Mbit/s of VP8 through a real server, from
and to NumPy; one of them is measured. The kinds take turns. Needs `make livekit` and `make interop`.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median

import anyio
import numpy as np
from benches.answers import Counts, ask, per_picture
from benches.streamer import pictures
from benches.turns import ROOT

from realtime_fast.server.room import Grant

from tests.interop.deployment import KEYS, SERVER, deployed

THEIRS = ROOT / ".interop" / "0.2.4" / "bin" / "python"
KINDS = {
    "ours": [sys.executable, "-m", "benches.participant"],
    "livekit": [str(THEIRS), "-m", "benches.participant_livekit"],
}
ENOUGH = 90
"""Pictures that have come before anything is measured."""


@contextlib.contextmanager
def joined(kind: str, url: str, identity: str, room: str, path: Path) -> Iterator[subprocess.Popen[str]]:
    """A participant in the room; it answers."""
    token = KEYS.issue(Grant(identity=identity, room=room), 600)
    command = [*KINDS[kind], url, token, str(path)]
    with subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def turn(kind: str, url: str, room: str, path: Path, seconds: float) -> Counts:
    with (
        joined(kind, url, "measured", room, path) as measured,
        joined(kind, url, "other", room, path) as other,
    ):
        while min(ask(measured)["received"], ask(other)["received"]) < ENOUGH:
            time.sleep(0.2)
        before = ask(measured)
        time.sleep(seconds)
        return per_picture(before, ask(measured))


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=8.0)
    given = parser.parse_args()
    for needed, how in ((SERVER, "make livekit"), (THEIRS, "make interop")):
        if not needed.exists():
            raise SystemExit(f"There is no {needed.relative_to(ROOT)}: {how}")
    costs: dict[str, list[float]] = {kind: [] for kind in KINDS}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "pictures.npy"
        np.save(path, np.stack(list(itertools.islice(pictures(), 58))))
        print("| turn | participant | ms a picture | fps sent | fps received |\n|---|---|---|---|---|")
        async with deployed() as url:
            for number, kind in itertools.product(range(given.turns), KINDS):
                seen = await anyio.to_thread.run_sync(
                    turn, kind, url, f"{kind}-{number}", path, given.seconds
                )
                costs[kind].append(1000 * seen["cpu"])
                rates = f"{seen['sent']:.1f} | {seen['received']:.1f}"
                print(f"| {number} | {kind} | {costs[kind][-1]:.2f} | {rates} |", flush=True)
    ours, theirs = (median(costs[kind]) for kind in KINDS)
    print(f"\nmedians: {ours:.2f} and {theirs:.2f} ms, ratio {ours / theirs:.2f}")


if __name__ == "__main__":
    anyio.run(main)
