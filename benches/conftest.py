"""Pictures shared by the benches: frames of real video, and one thread for every peer."""

import itertools
import os

import av
import cv2
import pytest
from benches.clip import clip_path


@pytest.fixture(scope="session", autouse=True)
def one_core() -> None:
    """Everybody has the same one core, whatever threads they start."""
    cv2.setNumThreads(1)
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})


def real_frame(width: int, height: int) -> av.VideoFrame:
    """A frame of the demo clip in yuv420p."""
    with av.open(clip_path()) as container:
        frame = next(itertools.islice(container.decode(video=0), 60, None))
        return frame.reformat(width, height, "yuv420p", interpolation="BICUBIC")


@pytest.fixture(scope="session")
def model_frame() -> av.VideoFrame:
    """1280x704: what a model takes."""
    return real_frame(1280, 704)


@pytest.fixture(scope="session")
def camera_frame() -> av.VideoFrame:
    """1920x1080: what a camera gives."""
    return real_frame(1920, 1080)
