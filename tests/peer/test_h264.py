"""The H.264 encoder that replaces aiortc's, against aiortc's decoder; and that peers use it."""

from __future__ import annotations

import time
from fractions import Fraction

import numpy as np
import pytest
from aiortc.codecs.h264 import H264Decoder, H264Encoder, h264_depayload
from aiortc.jitterbuffer import JitterFrame
from av import VideoFrame

from realtime_fast.peer.h264 import FastH264Encoder


def pictures(count, width=640, height=360):
    rows, columns = np.mgrid[0:height, 0:width]
    for index in range(count):
        luma = ((rows + columns + 4 * index) % 256).astype(np.uint8)
        frame = VideoFrame.from_ndarray(np.dstack([luma] * 3), format="rgb24").reformat(format="yuv420p")
        frame.pts, frame.time_base = index * 3000, Fraction(1, 90000)
        yield frame


def decode(decoder, payloads, timestamp):
    return decoder.decode(JitterFrame(b"".join(map(h264_depayload, payloads)), timestamp))


def test_pictures_survive_and_the_codec_is_kept_until_something_changes():
    encoder, decoder = FastH264Encoder(), H264Decoder()
    codecs, seen = [], []
    for frame in pictures(20):
        payloads, timestamp = encoder.encode(frame)
        codecs.append(encoder.codec)
        seen += decode(decoder, payloads, timestamp)
    assert len({id(codec) for codec in codecs}) == 1
    assert len(seen) == 20
    assert [frame.pts for frame in seen] == [3000 * n for n in range(20)]
    error = seen[-1].to_ndarray()[:360].astype(int) - list(pictures(20))[-1].to_ndarray()[:360]
    assert np.abs(error).mean() < 12
    encoder.target_bitrate = int(encoder.target_bitrate * 1.05)
    encoder.encode(frame)
    assert encoder.codec is codecs[-1]
    encoder.target_bitrate = 2_500_000
    encoder.encode(frame)
    assert encoder.codec is not codecs[-1]
    assert encoder.codec.bit_rate == 2_500_000
    for small in pictures(1, 320, 180):
        encoder.encode(small)
    assert (encoder.codec.width, encoder.codec.height) == (320, 180)


@pytest.mark.slow
def test_it_takes_a_fraction_of_the_time():
    def spent(encoder):
        started = time.process_time()
        for frame in frames:
            encoder.encode(frame)
        return time.process_time() - started

    frames = list(pictures(30, 1280, 704))
    assert spent(FastH264Encoder()) < 0.7 * spent(H264Encoder())
