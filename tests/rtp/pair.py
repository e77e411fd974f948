"""Two endpoints with two links between them, on a clock that is told."""

from collections.abc import Iterable
from typing import Any

from realtime_fast._native import NetworkLink, RtpEndpoint

VP8: dict[str, Any] = {
    "codec": "vp8",
    "payload_type": 96,
    "clock_rate": 90_000,
    "ssrc": 11,
    "rtx": (97, 12),
    "cname": "near",
    "mid": "0",
}
AGREED: dict[str, Any] = {
    "extensions": {"mid": 1, "abs_send_time": 3, "transport_cc": 4},
    "feedback": ["nack", "pli", "transport_cc"],
}
RECEIVE: dict[str, Any] = {
    "kind": "video",
    "codecs": [(96, "vp8", 90_000, 97)],
    "own_ssrc": 21,
    "cname": "far",
    "mid": "0",
    "ssrc": 11,
    "rtx_ssrc": 12,
}


def picture(number: int, size: int = 3000) -> bytes:
    """The first is a key frame of VP8, as far as a transport looks."""
    return bytes([0x10 if number == 0 else 0x11]) + number.to_bytes(2, "big") * (size // 2)


class Pair:
    """What `near` sends goes over `up` to `far`, and the other way over `down`."""

    def __init__(self, up: Any = None, down: Any = None) -> None:
        self.near, self.far = RtpEndpoint(1, 0.0), RtpEndpoint(2, 0.0)
        self.up, self.down = NetworkLink(3, 0.0, up), NetworkLink(4, 0.0, down)
        self.near_events: list[tuple[Any, ...]] = []
        self.far_events: list[tuple[Any, ...]] = []
        self.sent: list[bytes] = []
        self._deadlines: dict[str, float | None] = {"near": 0.0, "far": 0.0}

    def near_does(self, work: tuple[list[bytes], list[Any], float | None], now: float) -> None:
        datagrams, events, self._deadlines["near"] = work
        self.near_events += events
        self.sent += datagrams
        for datagram in datagrams:
            self.up.push(now, datagram)

    def far_does(self, work: tuple[list[bytes], list[Any], float | None], now: float) -> None:
        datagrams, events, self._deadlines["far"] = work
        self.far_events += events
        for datagram in datagrams:
            self.down.push(now, datagram)

    def run(self, now: float, end: float) -> None:
        """From one time to another, from deadline to deadline."""
        while True:
            pending = [self.up.deadline(), self.down.deadline(), *self._deadlines.values()]
            now = max(now, min(at for at in pending if at is not None))
            if now > end:
                return
            while (datagram := self.up.pop(now)) is not None:
                self.far_does(self.far.receive(datagram, now), now)
            while (datagram := self.down.pop(now)) is not None:
                self.near_does(self.near.receive(datagram, now), now)
            self.near_does(self.near.tick(now), now)
            self.far_does(self.far.tick(now), now)

    def send(self, sender: int, pictures: Iterable[bytes | memoryview], interval: float = 0.04) -> None:
        for number, data in enumerate(pictures):
            now = number * interval
            work = self.near.send(
                sender,
                data,
                int(now * 90_000),
                now,
                key=number == 0,
                width=1280,
                height=704,
                encode_time=0.005,
            )
            self.near_does(work, now)
            self.run(now, now + interval - 1e-6)
