"""How long to wait before something is tried again. Pure."""

from __future__ import annotations

from collections.abc import Sequence


class Backoff:
    """Delays that grow with every attempt until one has lived for a while.

    Coming up is not enough to begin anew: a far side that accepts and hangs up at once would be dialled without a
    pause.

    Args:
        delays: Seconds before each attempt after the first; the last one repeats.
        enough: Seconds that an attempt must have lived for the delays to begin anew.
    """

    def __init__(self, delays: Sequence[float], *, enough: float) -> None:
        self._delays = delays
        self._enough = enough
        self._step = 0

    def after(self, lived: float) -> float:
        """Seconds to wait after an attempt that lived for so many seconds, 0 if it never came up."""
        if lived >= self._enough:
            self._step = 0
        delay = self._delays[min(self._step, len(self._delays) - 1)]
        self._step += 1
        return delay
