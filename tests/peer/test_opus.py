"""Sound to Opus packets: the ladder, loss, silence, time."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

import numpy as np
import pytest
from av import AudioFrame
from numpy.typing import NDArray

from realtime_fast.peer.codecs.decoders import OpusDecoder
from realtime_fast.peer.codecs.encoders import OpusEncoder
from realtime_fast.peer.codecs.opus import LADDER, SAMPLES

TICK = Fraction(1, 48000)
DELAY = 312
"""Samples libopus is late by."""


def tone(count: int, start: int = 0) -> NDArray[np.int16]:
    """Stereo, two tones a side, in packets of 20 ms."""
    time = np.arange(start * SAMPLES, (start + count) * SAMPLES) / 48000
    left = 6000 * np.sin(2 * np.pi * 440 * time) + 2000 * np.sin(2 * np.pi * 1250 * time)
    right = 5000 * np.sin(2 * np.pi * 660 * time)
    return np.stack([left, right], axis=1).astype(np.int16)


def frames(samples: NDArray[np.int16], start: int = 0) -> Iterator[AudioFrame]:
    for index in range(len(samples) // SAMPLES):
        piece = samples[index * SAMPLES : (index + 1) * SAMPLES]
        frame = AudioFrame.from_ndarray(
            np.ascontiguousarray(piece).reshape(1, -1), format="s16", layout="stereo"
        )
        frame.sample_rate, frame.time_base, frame.pts = 48000, TICK, (start + index) * SAMPLES
        yield frame


def test_packets_of_20_ms_keep_the_sources_time() -> None:
    encoder, decoder = OpusEncoder(), OpusDecoder()
    packets = [packet for frame in frames(tone(50), 100) for packet in encoder.encode(frame)]
    assert [packet.timestamp for packet in packets] == [SAMPLES * n for n in range(100, 150)]
    decoded = [frame for packet in packets for frame in decoder.decode(packet.data, packet.timestamp)]
    assert [frame.pts for frame in decoded] == [packet.timestamp for packet in packets]
    assert {(f.format.name, f.layout.name, f.sample_rate, f.samples) for f in decoded} == {
        ("s16", "stereo", 48000, SAMPLES)
    }
    heard = np.concatenate([frame.to_ndarray().reshape(-1, 2) for frame in decoded])[DELAY:]
    error = heard.astype(int) - tone(50)[: len(heard)]
    assert np.abs(error[2000:]).mean() < 150


def test_other_sound_is_brought_to_48_khz_stereo_in_20_ms() -> None:
    encoder = OpusEncoder()
    times = []
    for index in range(12):
        frame = AudioFrame.from_ndarray(np.full((1, 160), 500, np.int16), format="s16", layout="mono")
        frame.sample_rate, frame.time_base = 16000, Fraction(1, 16000)
        frame.pts = index * 160 + (16000 if index >= 6 else 0)  # a second is missing
        times += [packet.timestamp for packet in encoder.encode(frame)]
    assert times[:3] == [0, 960, 1920]
    assert times[3] >= 48000
    assert len(times) == 5


def average(encoder: OpusEncoder, count: int = 100, start: int = 0) -> float:
    sizes = [len(p.data) for frame in frames(tone(count, start), start) for p in encoder.encode(frame)]
    return 8 * sum(sizes) / (count / 50)


@pytest.mark.parametrize("rate", LADDER)
def test_the_rate_is_kept(rate: int) -> None:
    assert average(OpusEncoder(rate)) < 1.15 * rate


def test_the_ladder_is_climbed_with_reserve_and_left_at_once() -> None:
    encoder = OpusEncoder(64_000)
    steps = [
        (64_000, 64_000),
        (63_000, 48_000),
        (66_000, 48_000),
        (71_000, 64_000),
        (10_000, 24_000),
        (35_000, 24_000),
    ]
    for asked, rung in steps:
        encoder.set_bitrate(asked)
        assert encoder.bitrate == rung, asked
    assert OpusEncoder(1_000).bitrate == LADDER[0]


@pytest.mark.parametrize("rates", [(64_000, 48_000), (24_000, 64_000)])
def test_a_change_of_rate_does_not_click(rates: tuple[int, int]) -> None:
    """A click bends the curve sharply: without the sound before it, a new codec makes three to six times the bend."""

    def bends(changes: tuple[int, int]) -> float:
        encoder, decoder = OpusEncoder(changes[0]), OpusDecoder()
        parts = []
        for index, frame in enumerate(frames(tone(80))):
            encoder.set_bitrate(changes[index >= 40])
            for packet in encoder.encode(frame):
                parts += [
                    f.to_ndarray().reshape(-1, 2) for f in decoder.decode(packet.data, packet.timestamp)
                ]
        bent = np.diff(np.concatenate(parts)[:, 0].astype(int), 2)[38 * SAMPLES : 44 * SAMPLES]
        return float(np.abs(bent).max())

    assert bends(rates) < 1.5 * bends((64_000, 64_000))


def test_expected_loss_turns_forward_error_correction_on() -> None:
    """FEC lives in the SILK layer: configurations below 16 (RFC 6716, table 2)."""

    def configurations(encoder: OpusEncoder, start: int) -> set[int]:
        return {p.data[0] >> 3 for frame in frames(tone(30, start), start) for p in encoder.encode(frame)}

    encoder = OpusEncoder(48_000)
    assert min(configurations(encoder, 0)) >= 16
    encoder.set_loss(0.12)
    assert max(configurations(encoder, 30)) < 16
    encoder.set_loss(0.07)
    assert max(configurations(encoder, 60)) < 16, "half of it is not yet less"
    encoder.set_loss(0.01)
    configurations(encoder, 90)
    assert min(configurations(encoder, 120)) >= 16


def test_silence_is_not_sent_with_dtx() -> None:
    sound = np.concatenate([tone(5), np.full((60 * SAMPLES, 2), 9, np.int16), tone(5)])
    always, encoder, decoder = OpusEncoder(), OpusEncoder(dtx=True), OpusDecoder()
    assert sum(len(always.encode(frame)) for frame in frames(sound)) == 70
    sent = [packet for frame in frames(sound) for packet in encoder.encode(frame)]
    quiet = [packet for packet in sent if len(packet.data) == 1]
    assert [packet.timestamp // SAMPLES for packet in quiet] == [15, 35, 55]
    assert [packet.timestamp // SAMPLES for packet in sent[-5:]] == [65, 66, 67, 68, 69]
    for packet in sent:
        assert sum(frame.samples for frame in decoder.decode(packet.data, packet.timestamp)) == SAMPLES
    assert decoder.damaged == 0


def test_what_cannot_be_encoded_is_refused() -> None:
    encoder = OpusEncoder()
    (frame,) = frames(tone(1))
    frame.pts = None
    with pytest.raises(ValueError, match="needs a time"):
        encoder.encode(frame)
    encoder.close()
    encoder.close()
    frame.pts = 0
    with pytest.raises(RuntimeError, match="was closed"):
        encoder.encode(frame)


def test_a_lost_packet_is_concealed_with_what_was_heard_before() -> None:
    encoder, decoder = OpusEncoder(), OpusDecoder()
    assert decoder.conceal(0) == [], "nothing was heard yet"
    volume = []
    for index, frame in enumerate(frames(tone(60))):
        (packet,) = encoder.encode(frame)
        lost = 30 <= index < 36
        made = decoder.conceal(packet.timestamp) if lost else decoder.decode(packet.data, packet.timestamp)
        assert [f.samples for f in made] == [SAMPLES]
        assert made[0].pts == packet.timestamp
        volume.append(np.abs(made[0].to_ndarray()).mean())
    assert volume[30] > 0.8 * volume[29]
    assert volume[35] < 0.7 * volume[29], "it fades"
    assert volume[45] == pytest.approx(volume[29], rel=0.1)


def test_a_damaged_packet_is_concealed_and_counted() -> None:
    encoder, decoder = OpusEncoder(), OpusDecoder()
    for frame in frames(tone(5)):
        (packet,) = encoder.encode(frame)
        decoder.decode(packet.data, packet.timestamp)
    for count, data in enumerate((b"\x7f\xff\xff", b"")):
        made = decoder.decode(data, 5 * SAMPLES)
        assert [f.samples for f in made] == [SAMPLES]
        assert made[0].to_ndarray().any()
        assert decoder.damaged == count + 1
    assert decoder.decode(packet.data, 6 * SAMPLES)
    decoder.close()
    decoder.close()
    with pytest.raises(RuntimeError, match="was closed"):
        decoder.decode(packet.data, 0)
