"""Opus with libopus: 20 ms a packet, 48 kHz stereo, on a ladder of rates.

FFmpeg reads rate, expected loss and FEC when it opens libopus, so each change is a new codec. Without more, that
clicks: the new one knows nothing of the sound before it. It is therefore first given the last 160 ms, and what it makes
of them is thrown away; this takes 1 ms and leaves no step in the decoded sound.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

from av import AudioFrame, AudioResampler, CodecContext
from av.audio.codeccontext import AudioCodecContext

RATE = 48000
"""Samples per second, and ticks of the RTP clock (RFC 7587 4.1)."""
SAMPLES = RATE // 50
"""Samples a packet."""
LADDER = (24_000, 32_000, 48_000, 64_000)
"""Bits per second that are chosen from."""

_TIME_BASE = Fraction(1, RATE)
_RISE = 1.1
"""Factor by which the wanted rate must lie above a higher rung before it is taken."""
_LOSSES = (0, 5, 10, 20)
"""Percent of packets lost that libopus is told; from the second on it adds in-band FEC."""
_PRIMING = 8
_QUIET = 16
"""Greatest sample (of 32767) that counts as silence for DTX: -66 dBFS, where a muted microphone's noise lies."""
_HANGOVER, _REPEAT = 10, 20
"""Silent packets before DTX sets in, and from one sent in silence to the next: libopus's own 200 and 400 ms."""


@dataclass(frozen=True, slots=True)
class EncodedSound:
    """One Opus packet.

    Attributes:
        data: The packet (RFC 6716 3).
        timestamp: Of its first sample, in ticks of 1/48000 s of the source's time.
    """

    data: bytes
    timestamp: int


class OpusEncoder:
    """Turns sound into Opus packets, for one stream and from one thread at a time.

    Args:
        bitrate: Bits per second to begin with; the highest rung of `LADDER` within it is used.
        dtx: Send next to nothing in silence: one packet of a single byte each 400 ms, which decoders take as a pause
            (RFC 6716 3.2.1, code 0 with an empty frame). FFmpeg does not offer libopus's own, which also detects noise
            without speech; this one needs silence proper.
    """

    def __init__(self, bitrate: int = LADDER[-1], *, dtx: bool = False) -> None:
        self._rung = _rung(bitrate)
        self._loss = 0
        self._dtx = dtx
        self._codec: AudioCodecContext | None = None
        self._opened_for: tuple[int, int] | None = None
        self._closed = False
        self._resampler: AudioResampler | None = None
        self._heard: deque[AudioFrame] = deque(maxlen=_PRIMING)
        self._silent = 0
        self._pause = b""

    @property
    def bitrate(self) -> int:
        """The rung in use, in bits per second."""
        return self._rung

    def encode(self, frame: AudioFrame) -> list[EncodedSound]:
        """The packets that are complete with this sound; it may have any format, rate and length, and needs a time.

        Raises:
            ValueError: The sound has no time.
            RuntimeError: The encoder was closed.
        """
        if frame.pts is None:
            raise ValueError("Sound to encode needs a time (pts and time_base), this frame has none")
        if self._closed:
            raise RuntimeError("The Opus encoder was closed; make a new one")
        packets = []
        for piece in self._pieces(frame):
            assert piece.pts is not None, "the resampler keeps the time"
            data = self._encode(piece)
            if data:
                packets.append(EncodedSound(data, piece.pts))
        return packets

    def set_bitrate(self, bitrate: int) -> None:
        """Stay below so many bits per second, as far as the ladder goes; rungs are climbed with some reserve only."""
        if bitrate < self._rung:
            self._rung = _rung(bitrate)
        else:
            self._rung = max(self._rung, _rung(int(bitrate / _RISE)))

    def set_loss(self, share: float) -> None:
        """Prepare for this share of packets lost, 0 to 1, as receiver reports have it."""
        percent = 100 * share
        reached = max(step for step in _LOSSES if step <= max(percent, 0))
        if reached > self._loss or percent < self._loss / 2:
            self._loss = reached

    def close(self) -> None:
        """Free the codec; doing so again changes nothing."""
        self._closed = True
        self._codec = None
        self._heard.clear()

    def _pieces(self, frame: AudioFrame) -> Iterator[AudioFrame]:
        fits = (frame.format.name, frame.layout.name, frame.sample_rate, frame.samples, frame.time_base) == (
            "s16",
            "stereo",
            RATE,
            SAMPLES,
            _TIME_BASE,
        )
        if fits and self._resampler is None:
            yield frame
            return
        if self._resampler is None:
            self._resampler = AudioResampler(format="s16", layout="stereo", rate=RATE, frame_size=SAMPLES)
        for piece in self._resampler.resample(frame):
            if piece.samples == SAMPLES:
                yield piece

    def _encode(self, piece: AudioFrame) -> bytes:
        if self._dtx:
            samples = piece.to_ndarray()
            quiet = max(int(samples.max()), -int(samples.min())) <= _QUIET
            self._silent = self._silent + 1 if quiet else 0
            if self._pause and self._silent > _HANGOVER:
                return self._pause if (self._silent - _HANGOVER) % _REPEAT == 1 else b""
        data = b"".join(bytes(packet) for packet in self._fitting().encode(piece))
        self._pause = bytes([data[0] & 0xFC])
        self._heard.append(piece)
        return data

    def _fitting(self) -> AudioCodecContext:
        wanted = self._rung, self._loss
        if self._codec is None or self._opened_for != wanted:
            self._codec = self._open()
            self._opened_for = wanted
            for piece in self._heard:
                self._codec.encode(piece)
        return self._codec

    def _open(self) -> AudioCodecContext:
        codec = CodecContext.create("libopus", "w")
        codec.bit_rate = self._rung
        codec.format, codec.layout, codec.sample_rate = "s16", "stereo", RATE
        codec.time_base = _TIME_BASE
        codec.options = {
            "application": "audio",
            "frame_duration": "20",
            "vbr": "constrained",  # without, a steady tone takes nearly twice the rate
            "packet_loss": str(self._loss),
            "fec": "1" if self._loss else "0",
        }
        return codec


def _rung(bitrate: int) -> int:
    return max((rung for rung in LADDER if rung <= bitrate), default=LADDER[0])
