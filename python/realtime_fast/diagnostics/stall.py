"""When received video counts as stalled (docs/protocol.md, Diagnostics). Pure."""

from __future__ import annotations

STALL_FPS = 0.5
"""Frames per second below which video is stalled."""


class StallDetector:
    """Watches a frame rate; reports the beginning and the end of each stall."""

    def __init__(self) -> None:
        self._since: float | None = None

    @property
    def stalled(self) -> bool:
        """Whether video is stalled."""
        return self._since is not None

    def update(self, fps: float, now: float) -> tuple[bool, float] | None:
        """Update with the current frame rate.

        Returns:
            `(True, 0)` when a stall begins, `(False, seconds it lasted)` when it ends, else None.
        """
        if self._since is None and fps < STALL_FPS:
            self._since = now
            return True, 0.0
        if self._since is not None and fps >= STALL_FPS:
            since, self._since = self._since, None
            return False, now - since
        return None
