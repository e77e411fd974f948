"""A Locust user that streams: Locust's distributed mode carries the load past one machine.

    # locustfile.py
    from realtime_fast.contrib.locust import RealtimeUser

    class Viewer(RealtimeUser):
        seconds = 60

    $ REALTIME_API_KEY=… locust --headless -u 20 -r 2 --host wss://api3.decart.ai

Each session is a process of its own: Locust's users are greenlets, which a media path would block. It reports the
requests `connect`, `first picture`, and `latency` for each picture that was measured; a session that fails is a failed
`session` with the error's code.
"""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
from typing import Any

from locust import User, task

from realtime_fast.contrib.load_spec import OK, LoadSpec


class SessionFailedError(Exception):
    """A session that ended with an error."""


class RealtimeUser(User):
    """Opens one session after the other; subclass it and set what differs.

    Attributes:
        model: The model's name.
        size: Width and height in pixels to send; None for those of the model.
        fps: Pictures a second to send; None for those of the model.
        seconds: How long a session streams.
        transport: How media travels.
        probe_interval_ms: Milliseconds between two marked pictures.
        local: Whether the service is on the same machine, so that no STUN server is asked.
    """

    abstract = True
    model = "lucy-2.1"
    size: tuple[int, int] | None = None
    fps: int | None = None
    seconds = 30.0
    transport = "webrtc"
    probe_interval_ms = 500.0
    local = False

    @task
    def session(self) -> None:
        """One session, from connecting to its end."""
        spec = LoadSpec(
            url=self.host or os.environ.get("REALTIME_URL", ""),
            api_key=os.environ.get("REALTIME_API_KEY", "local"),
            seconds=self.seconds,
            model=self.model,
            size=self.size,
            fps=self.fps,
            transport=self.transport,
            probe_interval_ms=self.probe_interval_ms,
            local=self.local,
        )
        done = subprocess.run(
            [sys.executable, "-m", "realtime_fast.contrib.load"],
            input=json.dumps(dataclasses.asdict(spec)) + "\n",
            capture_output=True,
            text=True,
            check=False,
        )
        lines = done.stdout.splitlines()
        result = json.loads(lines[0]) if lines else {"outcome": "PROCESS_DIED", "message": done.stderr[-300:]}
        self._report(result)

    def _report(self, result: dict[str, Any]) -> None:
        failed = result["outcome"] != OK
        error = SessionFailedError(f"{result['outcome']}: {result['message']}") if failed else None
        self._fire("session", 1000 * self.seconds, error)
        for name, key in (("connect", "connect_ms"), ("first picture", "first_frame_ms")):
            if (value := result.get(key)) is not None:
                self._fire(name, value)
        for latency in result.get("latencies_ms", ()):
            self._fire("latency", latency)

    def _fire(self, name: str, took_ms: float, error: Exception | None = None) -> None:
        self.environment.events.request.fire(
            request_type=self.transport,
            name=name,
            response_time=took_ms,
            response_length=0,
            exception=error,
            context={},
        )
