"""The stage client against the embedded stage: real sockets, real encoders."""

import anyio
import numpy as np
import pytest
from aiortc import MediaStreamTrack

from realtime_fast.ivs import Stage


async def mean_colour(track: MediaStreamTrack) -> np.ndarray:
    frame = await track.recv()
    return frame.to_ndarray(format="rgb24").reshape(-1, 3).mean(axis=0)


@pytest.mark.parametrize("codec", ["h264", "vp8"])
async def test_what_one_publishes_another_sees_and_hears(stage_token, camera, microphone, codec):
    async with Stage(stage_token(user_id="camera"), video_codec=codec) as alice, Stage(stage_token()) as bob:
        video, audio = camera((30, 30, 220)), microphone()
        await alice.publish(video=video, audio=audio)
        publisher = await bob.wait_publishing()
        assert publisher.id == alice.participant_id
        assert publisher.user_id == "camera"
        stream = await bob.subscribe(publisher.id)
        with anyio.fail_after(10):
            for _ in range(10):
                colour = await mean_colour(stream.video)
            sound = await stream.audio.recv()
        assert abs(colour - (30, 30, 220)).max() < 12
        assert sound.sample_rate == 48000
        assert video.readyState == audio.readyState == "live"
