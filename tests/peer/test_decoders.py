"""The video decoders: what they hand out, and what they do not."""

from __future__ import annotations

import random
from collections.abc import Container, Iterator

import pytest

from realtime_fast.peer.codecs.decoders import DamagedPictureError, VideoDecoder
from realtime_fast.peer.codecs.encoders import video_encoder
from realtime_fast.peer.codecs.pictures import EncodedPicture

from tests.reference import video

CODECS = ["vp8", "h264"]
SIZE = 320, 176


def encoded(
    codec: str, count: int = 30, key_at: Container[int] = (), size: tuple[int, int] = SIZE
) -> Iterator[EncodedPicture]:
    encoder = video_encoder(codec, 1_000_000)  # so that none is left out
    pictures = video.clip(*size)
    for index in range(count):
        made = encoder.encode(video.frame(video.picture(pictures, index), index), index in key_at)
        assert made is not None
        yield made


@pytest.mark.parametrize("codec", CODECS)
def test_each_picture_comes_out_as_soon_as_it_is_in(codec: str) -> None:
    decoder = VideoDecoder(codec)
    assert decoder.waiting
    for index, picture in enumerate(encoded(codec)):
        (frame,) = decoder.decode(picture.data, (1 << 33) + 3600 * index)
        assert frame.pts == (1 << 33) + 3600 * index
        assert frame.time_base == video.TIME_BASE
        assert (frame.width, frame.height, frame.format.name) == (*SIZE, "yuv420p")
        assert video.psnr(frame.to_ndarray(), video.clip(*SIZE)[index]) > 27
    assert not decoder.waiting


@pytest.mark.parametrize("codec", CODECS)
def test_the_size_may_change(codec: str) -> None:
    decoder = VideoDecoder(codec)
    for size in (SIZE, (640, 352), (322, 182), SIZE):
        for picture in encoded(codec, 5, size=size):
            (frame,) = decoder.decode(picture.data, 0)
            assert (frame.width, frame.height) == size


@pytest.mark.parametrize("codec", CODECS)
def test_nothing_comes_before_a_key_frame(codec: str) -> None:
    decoder = VideoDecoder(codec)
    shown: list[int] = []
    for index, picture in enumerate(encoded(codec, key_at=(10, 20))):
        if index == 0:
            continue
        if index == 15:
            decoder.wait_for_key_frame()
        shown += [index] * len(decoder.decode(picture.data, index))
    assert shown == [*range(10, 15), *range(20, 30)]


def damage(data: bytes, how: str) -> bytes:
    if how == "cut":
        return data[: len(data) // 2]
    if how == "junk":
        return b"\1" + random.Random(1).randbytes(2000)
    return b""


def test_nearly_all_holes_in_h264_are_found() -> None:
    """What follows a hole may happen to be codes again, and then as many as the picture has blocks."""
    pictures = list(encoded("h264", 21))
    told = 0
    for damaged in range(2, 20):
        decoder = VideoDecoder("h264")
        for picture in pictures[:damaged]:
            decoder.decode(picture.data, 0)
        data = pictures[damaged].data
        try:
            decoder.decode(data[: len(data) // 3] + data[len(data) // 3 + 200 :], 0)
        except DamagedPictureError:
            told += 1
            assert decoder.waiting
            assert decoder.decode(pictures[damaged + 1].data, 0) == []
    assert told >= 16


@pytest.mark.parametrize(
    ("codec", "how"), [("h264", "cut"), ("h264", "junk"), ("vp8", "junk"), ("vp8", "empty")]
)
def test_a_damaged_picture_is_told_and_none_that_follows_from_it_is_shown(codec: str, how: str) -> None:
    decoder = VideoDecoder(codec)
    shown: list[int] = []
    for index, picture in enumerate(encoded(codec, key_at=(20,))):
        if index == 12:
            with pytest.raises(
                DamagedPictureError, match=f"{codec} picture of RTP time 43200 .*ask for a key frame"
            ):
                decoder.decode(damage(picture.data, how), 3600 * index)
            assert decoder.waiting
            continue
        shown += [index] * len(decoder.decode(picture.data, 3600 * index))
    assert shown == [*range(12), *range(20, 30)]


def test_a_damaged_h264_key_frame_is_not_shown() -> None:
    decoder = VideoDecoder("h264")
    first, *rest = encoded("h264", 5)
    with pytest.raises(DamagedPictureError):
        decoder.decode(damage(first.data, "cut"), 0)
    assert [decoder.decode(picture.data, 0) for picture in rest] == [[]] * 4


@pytest.mark.parametrize("codec", CODECS)
def test_random_damage_raises_nothing_else(codec: str) -> None:
    rng = random.Random(codec)
    decoder = VideoDecoder(codec)
    for picture in encoded(codec, 100, key_at=range(0, 100, 10)):
        data = bytearray(picture.data)
        for _ in range(rng.randrange(6)):
            data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
        try:
            for frame in decoder.decode(bytes(data), 0):
                assert not frame.is_corrupt
        except DamagedPictureError:
            assert decoder.waiting


def test_a_picture_of_absurd_size_is_taken_for_damage() -> None:
    (key,) = encoded("vp8", 1)
    huge = (0x3FFF).to_bytes(2, "little")
    with pytest.raises(DamagedPictureError):
        VideoDecoder("vp8").decode(key.data[:6] + huge + huge + key.data[10:], 0)


def test_closed_and_unknown() -> None:
    decoder = VideoDecoder("vp8")
    decoder.close()
    decoder.close()
    with pytest.raises(RuntimeError, match="was closed"):
        decoder.decode(b"", 0)
    with pytest.raises(ValueError, match="not for av1"):
        VideoDecoder("av1")
