"""The model's stand-in on single pictures."""

from __future__ import annotations

from fractions import Fraction

import av
import numpy as np
import pytest

from realtime_fast.server.model.effect import Effect, Grade, ImageError, Inset, canvas, planes

from tests.server.client import png


def noisy(width: int, height: int, pix_fmt: str = "yuv420p") -> av.VideoFrame:
    frame = av.VideoFrame(width, height, "yuv420p")
    random = np.random.default_rng(1)
    for plane in planes(frame):
        plane[:] = random.integers(0, 256, plane.shape, np.uint8)
    frame.pts, frame.time_base = 7, Fraction(1, 90000)
    frame.color_range, frame.colorspace = 2, 1
    return frame if pix_fmt == "yuv420p" else frame.reformat(format=pix_fmt)


def copies(frame: av.VideoFrame) -> list[bytes]:
    return [plane.tobytes() for plane in planes(frame)]


SIZES = [(1280, 704), (25, 5), (1281, 705), (2, 2), (1, 1), (24, 4)]


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_the_source_stays_as_it_is_and_the_rest_is_kept(width: int, height: int) -> None:
    source = noisy(width, height)
    before = copies(source)
    drawn = Effect("a prompt", Inset.decode(png())).draw(source)
    assert copies(source) == before
    assert (drawn.width, drawn.height, drawn.pts, drawn.time_base) == (width, height, 7, Fraction(1, 90000))
    assert (drawn.color_range, drawn.colorspace, drawn.format.name) == (2, 1, "yuv420p")
    assert copies(drawn) != before


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_the_empty_look_copies(width: int, height: int) -> None:
    source = noisy(width, height)
    drawn = Effect().draw(source)
    assert drawn is not source
    assert copies(drawn) == copies(source)


def test_the_grade_follows_from_the_prompt() -> None:
    source = noisy(64, 64)
    pictures = {prompt: copies(Effect(prompt).draw(source)) for prompt in ("red", "blue", "", "ä\ud800"[:1])}
    assert copies(Effect("red").draw(source)) == pictures["red"]
    assert len({b"".join(p) for p in pictures.values()}) == 4


@pytest.mark.parametrize("prompt", [str(n) for n in range(50)])
def test_no_grade_overflows(prompt: str) -> None:
    grade = Grade.of(prompt)
    ramp = np.arange(256, dtype=np.uint8).reshape(16, 16)
    source = (ramp, ramp, ramp)
    target = (ramp.copy(), ramp.copy(), ramp.copy())
    grade.draw(source, target)
    for plane in target:
        assert (np.diff(plane.ravel().astype(int)) >= 0).all()  # a wrapped sum would jump down


def test_the_image_is_inset_top_right_and_nowhere_else() -> None:
    source = canvas(320, 192)
    drawn = Effect(None, Inset.decode(png((255, 0, 0)))).draw(source)
    plain, red = planes(source)[2], planes(drawn)[2]
    rows, columns = np.nonzero(plain != red)
    assert rows.max() < 192 // 2 // 4
    assert columns.min() >= 160 * 3 // 4
    assert red[2, -4] > 200
    assert (plain[48:, :] == red[48:, :]).all()


@pytest.mark.parametrize("size", [(1, 1), (3, 999), (999, 3), (64, 64)])
def test_images_of_any_shape_fit(size: tuple[int, int]) -> None:
    Effect(None, Inset.decode(png(size=size))).draw(canvas(322, 194))


@pytest.mark.parametrize("pix_fmt", ["nv12", "rgb24", "yuvj420p"])
def test_other_formats_are_taken(pix_fmt: str) -> None:
    source = noisy(64, 32, pix_fmt)
    drawn = Effect("p").draw(source)
    assert (drawn.width, drawn.height, drawn.pts) == (64, 32, 7)
    assert drawn.format.name in ("yuv420p", "yuvj420p")


@pytest.mark.parametrize("data", [b"", b"not an image", png()[:40]])
def test_what_is_no_image_is_refused(data: bytes) -> None:
    with pytest.raises(ImageError, match="could not be read"):
        Inset.decode(data)


def test_an_image_that_would_fill_the_memory_is_refused() -> None:
    bomb = bytearray(png())
    bomb[16:24] = (60000).to_bytes(4) * 2  # width and height in the header; its checksum is wrong now
    with pytest.raises(ImageError):
        Inset.decode(bytes(bomb))
