"""An even pace; standard library only, as `benches.answers`."""

import asyncio
import itertools
import time
from collections.abc import AsyncIterator


async def ticks(fps: float) -> AsyncIterator[int]:
    """0, 1, 2 and so on, so many a second, and never faster to make up for lost time."""
    due = 0.0
    for number in itertools.count():
        now = time.monotonic()
        due = max(due + 1 / fps, now)
        await asyncio.sleep(due - now)
        yield number
