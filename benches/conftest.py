"""Pictures shared by the benches: frames of real video, and one thread for every peer."""

import itertools

import av
import cv2
import pytest
from benches.clip import clip_path


@pytest.fixture(scope="session", autouse=True)
def one_thread():
    """Ratios are of one core each."""
    cv2.setNumThreads(1)


def real_frame(width, height):
    """A frame of the demo clip in yuv420p."""
    with av.open(clip_path()) as container:
        frame = next(itertools.islice(container.decode(video=0), 60, None))
        return frame.reformat(width, height, "yuv420p", interpolation="BICUBIC")


@pytest.fixture(scope="session")
def model_frame():
    """1280x704: what a model takes."""
    return real_frame(1280, 704)


@pytest.fixture(scope="session")
def camera_frame():
    """1920x1080: what a camera gives."""
    return real_frame(1920, 1080)
