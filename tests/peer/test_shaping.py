"""What the encoder gets: whose memory it is, and what is in it."""

from fractions import Fraction

import numpy as np
import pytest
from aiortc import MediaStreamTrack
from av import VideoFrame

from realtime_fast import VideoSource, marker
from realtime_fast.frames import to_ndarray
from realtime_fast.media.tracks import GivingTrack, SentTrack
from realtime_fast.peer.shaping import shaped
from realtime_fast.stamps import Stamp

from tests.reference.planes import rows


def picture(width: int, height: int, pix_fmt: str = "yuv420p") -> VideoFrame:
    frame = VideoFrame(width, height, pix_fmt)
    for index in range(len(frame.planes)):
        rows(frame, index)[:] = 90
    frame.pts, frame.time_base = 3000, Fraction(1, 90000)
    return frame


@pytest.mark.parametrize("number", [None, 777])
def test_what_is_somebody_elses_is_copied(number: int | None) -> None:
    frame = picture(64, 36)
    before = to_ndarray(frame, "yuv420p")
    made = shaped(frame, 64, 36, Stamp(number))
    assert made is not frame
    assert marker.read(made) == number
    assert (made.pts, made.time_base) == (3000, Fraction(1, 90000))
    rows(made)[:] = 1
    assert (to_ndarray(frame, "yuv420p") == before).all()


@pytest.mark.parametrize("number", [None, 777])
def test_what_was_given_away_is_used_in_place(number: int | None) -> None:
    frame = picture(64, 36)
    made = shaped(frame, 64, 36, Stamp(number), owned=True)
    assert made is frame
    assert marker.read(made) == number
    assert made.time == pytest.approx(3000 / 90000)


@pytest.mark.parametrize("pix_fmt", ["yuv420p", "rgb24", "yuv444p"])
def test_another_size_or_format_is_made_anew(pix_fmt: str) -> None:
    frame = picture(64, 36, pix_fmt)
    made = shaped(frame, 48, 26, Stamp(777), owned=True)
    assert (made.format.name, made.width, made.height, made.pts) == ("yuv420p", 48, 26, 3000)
    assert marker.read(made) == 777
    assert (rows(frame) == 90).all()


def test_cells_are_as_large_as_is_wanted_where_there_is_room() -> None:
    made = shaped(picture(192, 32), 192, 32, Stamp(777, cell=8))
    assert (marker.read(made, cell=8), marker.read(made)) == (777, None)
    small = shaped(picture(190, 32), 190, 32, Stamp(777, cell=8))
    assert (to_ndarray(small, "gray8") == to_ndarray(picture(190, 32), "gray8")).all()


async def test_a_source_of_arrays_gives_its_frames_away() -> None:
    source = VideoSource(64, 36)
    track = SentTrack(source)
    assert isinstance(track, GivingTrack)
    assert track.gives_frames
    array = np.full((36, 64, 3), 50, np.uint8)
    seen = []
    for value in (50, 60):
        array[:] = value
        source.push(array)
        frame = await track.recv()
        assert isinstance(frame, VideoFrame)
        seen.append(frame)
    rows(seen[0])[:] = 1
    assert abs(int(to_ndarray(seen[1], "rgb24")[0, 0, 0]) - 60) <= 1
    source.stop()


def test_a_track_that_does_not_say_so_keeps_its_frames() -> None:
    class Theirs(MediaStreamTrack):
        kind = "video"

        async def recv(self) -> VideoFrame:
            raise NotImplementedError

    assert not SentTrack(Theirs()).gives_frames
