"""The streams of a connection: made when media may flow, each run by a task of the connection."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from aiortc import RTCDtlsTransport
from anyio.abc import TaskGroup

from realtime_fast.options import SendOptions
from realtime_fast.peer import aiortc_seams as seams
from realtime_fast.peer.halves import TrackReceiver, TrackSender
from realtime_fast.peer.link_events import LinkDiagnostic, LinkEvent, StreamFailed
from realtime_fast.peer.media_transport import MAX_BITRATE, MediaTransport, Rates
from realtime_fast.peer.receiver import ReceiveStream
from realtime_fast.peer.sender import AudioSendStream, SendStream, VideoSendStream


class Streams:
    """Makes what sends and receives on a connection."""

    def __init__(
        self,
        tasks: TaskGroup,
        report: Callable[[LinkEvent], None],
        sending: SendOptions,
        min_delay: float | None,
    ) -> None:
        """Begin without any.

        Args:
            tasks: Where they run.
            report: Told of changes of size, and of what a stream died of.
            sending: See `open_peer`.
            min_delay: See `open_peer`.
        """
        self._tasks = tasks
        self._report = report
        self._sending = sending
        self._min_delay = min_delay
        self._media: dict[RTCDtlsTransport, MediaTransport] = {}

    def sending(self, sender: TrackSender, config: dict[str, Any]) -> SendStream[Any]:
        """A stream for a sender whose transport is up, running."""
        media = self._media_of(sender.transport)

        def is_wanted() -> bool:
            return seams.sending_enabled.of(sender)

        stream: SendStream[Any]
        if sender.kind == "audio":
            stream = AudioSendStream(media, config, sender.encoding, is_wanted)
        else:
            stream = VideoSendStream(
                media,
                config,
                sender.encoding,
                is_wanted,
                preference=self._sending.degradation_preference,
                bounded_by_size=self._sending.max_bitrate is None,
                resized=self._resized,
            )
        self._tasks.start_soon(stream.run, self._failed)
        return stream

    def receiving(self, receiver: TrackReceiver, config: dict[str, Any]) -> ReceiveStream:
        """A stream for a receiver whose transport is up, running."""
        assert receiver.track is not None
        stream = ReceiveStream(
            self._media_of(receiver.transport),
            receiver.kind,
            config,
            receiver.track,
            min_delay=self._min_delay,
        )
        self._tasks.start_soon(stream.run)
        return stream

    def stats(self, dtls: RTCDtlsTransport) -> dict[str, Any]:
        """Figures of a transport's media (see `MediaTransport.stats`); empty while it has none."""
        return self._media[dtls].stats() if dtls in self._media else {}

    def close(self) -> None:
        """Let go of the transports."""
        for media in self._media.values():
            media.close()

    def _media_of(self, dtls: RTCDtlsTransport) -> MediaTransport:
        if dtls not in self._media:
            options = self._sending
            most = options.max_bitrate or max(options.start_bitrate, MAX_BITRATE)
            rates = Rates(options.start_bitrate, options.min_bitrate, most)
            self._media[dtls] = MediaTransport(dtls, rates)
        return self._media[dtls]

    def _resized(self, width: int, height: int, fps: float, reason: str) -> None:
        self._report(
            LinkDiagnostic(
                "videoResolution", {"width": width, "height": height, "fps": fps, "reason": reason}
            )
        )

    def _failed(self, error: Exception) -> None:
        self._report(StreamFailed(error))
