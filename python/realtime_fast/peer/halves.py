"""Sender and receiver as aiortc's connection wants them, with their media handed to the RTP core.

The connection negotiates, and says when a half may begin and must end. What is sent and received in between is the
business of `SendStream` and `ReceiveStream`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

from aiortc import MediaStreamTrack, RTCRtpReceiver, RTCRtpSender
from aiortc.rtcrtpparameters import RTCRtpReceiveParameters, RTCRtpSendParameters

from realtime_fast.peer import aiortc_seams as seams
from realtime_fast.peer.encoding import Encoding
from realtime_fast.peer.receiver import ReceiveStream
from realtime_fast.peer.remote_track import RemoteTrack
from realtime_fast.peer.sender import SendStream


class TrackSender(RTCRtpSender):
    """Sends its track by a stream of the RTP core.

    Attributes:
        stream: The stream, None until media may flow.
        encoding: How its track is sent.
    """

    stream: SendStream[Any] | None = None
    encoding: Encoding
    _begin: Callable[[TrackSender, RTCRtpSendParameters], SendStream[Any]]

    @classmethod
    def instead_of(
        cls, sender: RTCRtpSender, begin: Callable[[TrackSender, RTCRtpSendParameters], SendStream[Any]]
    ) -> TrackSender:
        """A sender with the identity of aiortc's own; `begin` makes its stream."""
        half = cls.__new__(cls)
        vars(half).update(vars(sender))
        half.encoding = Encoding()
        half._begin = begin
        return half

    async def send(self, parameters: RTCRtpSendParameters) -> None:
        """Begin to send; the connection calls it again with each negotiation."""
        if self.stream is None:
            self.stream = self._begin(self, parameters)
        self.stream.play(self.track)

    def replaceTrack(self, track: MediaStreamTrack | None) -> None:  # noqa: N802 - aiortc's name
        """Send another track from here on."""
        super().replaceTrack(track)
        if self.stream is not None:
            self.stream.play(track)

    async def stop(self) -> None:
        """End the stream, and say so to the far side."""
        if self.stream is not None:
            self.stream.close()


class TrackReceiver(RTCRtpReceiver):
    """Receives a stream of the RTP core into its track.

    Attributes:
        stream: The stream, None until media may flow.
    """

    stream: ReceiveStream | None = None
    _begin: Callable[[TrackReceiver, RTCRtpReceiveParameters], ReceiveStream]
    _remote: RemoteTrack | None = None

    @classmethod
    def instead_of(
        cls,
        receiver: RTCRtpReceiver,
        begin: Callable[[TrackReceiver, RTCRtpReceiveParameters], ReceiveStream],
    ) -> TrackReceiver:
        """A receiver with the identity of aiortc's own; `begin` makes its stream."""
        half = cls.__new__(cls)
        vars(half).update(vars(receiver))
        half._begin = begin
        return half

    @property
    def kind(self) -> Literal["audio", "video"]:
        """What it receives."""
        return "audio" if seams.receiver_kind.of(self) == "audio" else "video"

    @property
    def track(self) -> RemoteTrack | None:  # type: ignore[override]
        """The remote track, None until the far side's description has one."""
        negotiated = seams.remote_track.of(self)
        if self._remote is None and negotiated is not None:
            self._remote = RemoteTrack(self.kind, negotiated.id)
        return self._remote

    def renew(self, track_id: str) -> bool:
        """Receive another track from the next negotiation on, unless it is the one received already."""
        if self.track is None or self.track.id == track_id:
            return False
        if self.stream is not None:
            self.stream.close()
            self.stream = None
        self.track.stop()
        self._remote = RemoteTrack(self.kind, track_id)
        return True

    async def receive(self, parameters: RTCRtpReceiveParameters) -> None:
        """Begin to receive; the connection calls it again with each negotiation."""
        if self.stream is None and self.track is not None:
            self.stream = self._begin(self, parameters)

    async def stop(self) -> None:
        """End the stream and its track."""
        if self.stream is not None:
            self.stream.close()
        if self._remote is not None:
            self._remote.stop()
