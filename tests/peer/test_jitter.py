"""Packets to pictures: complete with the last packet, whatever the order; never piled up."""

from __future__ import annotations

import random
from fractions import Fraction

import pytest
from aiortc.rtp import RtpPacket
from av import VideoFrame

from realtime_fast._native import VideoMeter
from realtime_fast.peer import aiortc_seams as seams
from realtime_fast.peer.jitter import FrameQueue, PromptJitterBuffer, Timing


def packets(sizes: list[int], *, first: int = 65530, marked: bool = True) -> list[RtpPacket]:
    """Pictures of so many packets each, numbered across the wrap of 16 bits."""
    made: list[RtpPacket] = []
    for picture, size in enumerate(sizes):
        for part in range(size):
            packet = RtpPacket(
                sequence_number=(first + len(made)) % 65536,
                timestamp=picture * 3000,
                marker=int(marked and part == size - 1),
            )
            seams.depayloaded.put(packet, f"{picture}.{part} ".encode())
            made.append(packet)
    return made


def content(picture: int, size: int) -> bytes:
    return b"".join(f"{picture}.{part} ".encode() for part in range(size))


def test_a_picture_comes_with_its_last_packet() -> None:
    buffer = PromptJitterBuffer(Timing())
    got = [buffer.add(packet)[1] for packet in packets([3, 1, 2])]
    assert [frame and (frame.timestamp, frame.data) for frame in got] == [
        None,
        None,
        (0, content(0, 3)),
        (3000, content(1, 1)),
        None,
        (6000, content(2, 2)),
    ]


def test_without_marks_the_next_timestamp_ends_a_picture() -> None:
    buffer = PromptJitterBuffer(Timing())
    got = [buffer.add(packet)[1] for packet in packets([2, 2, 1], marked=False)]
    assert [frame and frame.data for frame in got] == [None, None, content(0, 2), None, content(1, 2)]


def test_padding_after_a_picture_is_no_picture() -> None:
    """As senders that probe the path do: empty packets, with the timestamp of what is gone already."""
    buffer = PromptJitterBuffer(Timing())
    stream = packets([2, 0, 2])
    padding = [RtpPacket(timestamp=0) for _ in range(3)]
    for one in padding:
        seams.depayloaded.put(one, b"")
    arriving = [*stream[:2], *padding, *stream[2:]]
    for number, packet in enumerate(arriving):
        packet.sequence_number = number
    got = [frame.data for packet in arriving if (frame := buffer.add(packet)[1]) is not None]
    assert got == [content(0, 2), content(2, 2)]


@pytest.mark.parametrize("seed", range(30))
def test_disorder_and_duplicates_change_nothing(seed: int) -> None:
    dice = random.Random(seed)
    sizes = [dice.randint(2, 6) for _ in range(40)]
    stream = packets(sizes)
    order = sorted(range(1, len(stream)), key=lambda index: index + dice.uniform(0, 8))
    arriving = [stream[0], *(stream[index] for index in order)]
    for _ in range(10):
        spot = dice.randrange(1, len(arriving))
        arriving.insert(spot, arriving[spot - 1])
    buffer = PromptJitterBuffer(Timing())
    got = [frame for packet in arriving if (frame := buffer.add(packet)[1]) is not None]
    data = [frame.data for frame in got]
    assert data == [content(picture, sizes[picture]) for picture in range(len(data))]
    assert len(data) >= len(sizes) - 4, "the last may still wait for its turn"


def test_a_hole_holds_back_and_a_long_one_asks_for_a_key_frame() -> None:
    buffer = PromptJitterBuffer(Timing())
    stream = packets([2] * 400, first=0)
    assert buffer.add(stream[0]) == (False, None)
    asked = [buffer.add(packet)[0] for packet in stream[2:]]
    assert True in asked
    after = [buffer.add(packet)[1] for packet in packets([2] * 3, first=800)]
    assert any(frame is not None for frame in after)


def test_the_time_of_waiting_and_decoding_is_summed() -> None:
    timing = Timing()
    buffer = PromptJitterBuffer(timing)
    frames = [frame for packet in packets([2, 2]) if (frame := buffer.add(packet)[1]) is not None]
    assert timing.emitted == 2
    for frame in frames:
        frame.timestamp += 7  # as aiortc maps it
    begin = timing._decoding[-1][2]
    timing.decode(3007, begin + 0.25)
    assert timing.decoded == 1, "the first never came out of the decoder"
    assert timing.decoding == pytest.approx(0.25)
    assert timing.processing >= timing.decoding
    for timestamp in range(1000):
        timing.arrived(timestamp, 1.0)
        timing.emit(frames[0], 1.0)
    assert len(timing._arrivals) <= 64 >= len(timing._decoding)


def picture(pts: int) -> VideoFrame:
    frame = VideoFrame(32, 16, "yuv420p")
    frame.pts, frame.time_base = pts, Fraction(1, 1000)
    return frame


async def test_frames_that_nobody_reads_do_not_pile_up() -> None:
    meter = VideoMeter()
    queue = FrameQueue(4, meter, Timing())
    for pts in range(10):
        await queue.put(picture(pts))
    await queue.put(None)
    kept = [queue.get_nowait() for _ in range(queue.qsize())]
    assert [frame and frame.pts for frame in kept] == [6, 7, 8, 9, None]
    assert (meter.frames, meter.width) == (10, 32)
