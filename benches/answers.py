"""How a process under measurement tells its figures: a line of JSON for each line that it reads.

Standard library only: it serves environments in which this package is not installed.
"""

import asyncio
import json
import subprocess
import sys
import time

Counts = dict[str, float]
"""Pictures `sent` and `received`, and what else is measured."""


async def answer(counts: Counts) -> None:
    """Answer each line of standard input with the processor time used so far and the counts; returns at its end."""
    while await asyncio.to_thread(sys.stdin.readline):
        sys.stdout.write(json.dumps({"cpu": time.process_time(), **counts}) + "\n")
        sys.stdout.flush()


def ask(process: subprocess.Popen[str]) -> Counts:
    """The figures of a process that answers, and the `time` at which they came."""
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write("\n")
    process.stdin.flush()
    figures: Counts = json.loads(process.stdout.readline())
    return figures | {"time": time.perf_counter()}


def per_picture(before: Counts, after: Counts) -> Counts:
    """Processor time for a picture out and one in (`cpu`, seconds), and the frame rates `sent` and `received`."""
    took, cpu, sent, received = (after[name] - before[name] for name in ("time", "cpu", "sent", "received"))
    return {"cpu": 2 * cpu / (sent + received), "sent": sent / took, "received": received / took}
