"""The video meter's figures, as a statistics report shows them."""

from realtime_fast._native import VideoMeter
from realtime_fast.stats import StatsParser


def test_a_steady_track() -> None:
    meter = VideoMeter()
    assert meter.inbound(0.0)["framesDecoded"] == 0
    for index in range(60):
        meter.add(index / 30, 1280, 704)
    now = 59 / 30 + 0.01
    assert (meter.frames, meter.width, meter.height, meter.rate(now)) == (60, 1280, 704, 30)
    video = (
        StatsParser().parse({"v": {"type": "inbound-rtp", "kind": "video"} | meter.inbound(now)}, now).video
    )
    assert video is not None
    assert (video.frames_decoded, video.frames_received, video.frames_per_second) == (60, 0, 30)
    assert (video.frame_width, video.frame_height, video.freeze_count) == (1280, 704, 0)
    assert round(video.avg_inter_frame_delay_ms, 3) == round(1000 * (59 / 30) / 60, 3)
    assert meter.outbound(now) == {
        "framesSent": 60,
        "framesPerSecond": 30,
        "frameWidth": 1280,
        "frameHeight": 704,
    }


def test_a_freeze() -> None:
    meter = VideoMeter()
    for now in (0.0, 0.1, 0.2, 0.3, 1.3, 1.4):
        meter.add(now, 64, 36)
    entry = meter.inbound(1.4)
    assert entry["freezeCount"] == 1
    assert round(entry["totalFreezesDuration"], 9) == 1.0
    assert round(entry["totalInterFrameDelay"], 9) == 1.4
