"""Recording what a stage brings, from publishers as they are."""

from __future__ import annotations

from pathlib import Path

import anyio
import av
import numpy as np
import pytest
from aiortc.contrib.media import MediaPlayer
from av import VideoFrame

from realtime_fast.ivs import Stage
from realtime_fast.media import ReceivedTrack, Recorder
from realtime_fast.peer.rtp_clock import RtpClock

from tests.support import Issue, eventually


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    """One second of video at 25 fps."""
    path = tmp_path / "clip.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25, options={"preset": "ultrafast", "bf": "0"})
        stream.width, stream.height, stream.pix_fmt = 160, 120, "yuv420p"
        for index in range(25):
            picture = VideoFrame.from_ndarray(np.full((120, 160, 3), 8 * index, np.uint8), format="rgb24")
            container.mux(stream.encode(picture))
        container.mux(stream.encode(None))
    return path


def as_they_are(clock: RtpClock, own: float | None, _: float) -> int:
    """RTP timestamps straight from the frames, as plain aiortc sends them."""
    assert own is not None
    return (clock._base + round(own * 90_000)) & 0xFFFFFFFF


@pytest.mark.parametrize("publisher", ["ours", "plain"])
async def test_a_looped_player_makes_a_recording_that_plays(
    stage_token: Issue, clip: Path, tmp_path: Path, publisher: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if publisher == "plain":
        monkeypatch.setattr(RtpClock, "timestamp", as_they_are)
    player = MediaPlayer(str(clip), loop=True)
    path = tmp_path / "out.mp4"
    try:
        async with Stage(stage_token()) as alice, Stage(stage_token()) as bob, Recorder(path) as recorder:
            await alice.publish(video=player.video)
            stream = await bob.subscribe((await bob.wait_publishing()).id)
            assert isinstance(stream.video, ReceivedTrack)
            recorder.add(stream.video)
            began = anyio.current_time()
            await eventually(lambda: recorder.pictures > 80, 30)
            took = anyio.current_time() - began
    finally:
        assert player.video is not None
        player.video.stop()
    with av.open(str(path)) as recorded:
        times = [frame.time for frame in recorded.decode(video=0)]
    assert len(times) == recorder.pictures
    steps = np.diff([time for time in times if time is not None])
    assert steps.min() > 0
    assert steps.max() < 2
    # aiortc's player runs too fast from its second round on: our clock has none of it, while the file of a plain
    # publisher shows the pictures at the pace that it claims.
    assert took - 2 < sum(steps) < (took + 2 if publisher == "ours" else 20)
