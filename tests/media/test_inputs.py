"""Media as it is out there: each file in `cases` stands for a kind of fault."""

from __future__ import annotations

import os
import shutil
import stat
import time
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import av
import numpy as np
import pytest
from av import AudioFrame, VideoFrame

from realtime_fast.errors import InvalidInputError
from realtime_fast.media import inputs
from realtime_fast.media.decode import Timed, decoded
from realtime_fast.media.inputs import Input, open_input
from realtime_fast.media.picture import as_sent, turned
from realtime_fast.media.sources import open_source
from realtime_fast.peer.codecs.decoders import VideoDecoder
from realtime_fast.peer.codecs.encoders import video_encoder

CASES = Path(__file__).parent / "cases"


def played(
    path: str | Path, **options: Any
) -> tuple[list[tuple[float, VideoFrame]], list[tuple[float, AudioFrame]]]:
    timed: list[Timed] = list(decoded(open_input(str(path)), **options))
    return (
        [(at, frame) for at, frame in timed if isinstance(frame, VideoFrame)],
        [(at, frame) for at, frame in timed if isinstance(frame, AudioFrame)],
    )


def times(frames: list[Any]) -> np.ndarray:
    return np.array([at for at, _ in frames])


def test_b_frames_in_matroska_begin_at_the_beginning_in_step_with_the_sound() -> None:
    order = list(decoded(open_input(str(CASES / "bframes.mkv"))))
    first = next(n for n, (_, frame) in enumerate(order) if isinstance(frame, VideoFrame))
    assert first < 10, "no second of sound comes before it"
    video, _ = played(CASES / "bframes.mkv")
    assert len(video) == 122
    assert times(video)[0] < 0.1
    assert np.diff(times(video)) == pytest.approx([1 / 30] * 120 + [0.1], abs=0.005)
    heard, behind = 0.0, 0.0
    for at, frame in order:
        heard, behind = (at, behind) if isinstance(frame, AudioFrame) else (heard, max(behind, heard - at))
    assert behind < 0.5


def test_a_programme_that_is_spliced_on_plays_without_a_stop() -> None:
    video, audio = played(CASES / "concat.ts")
    assert len(video) == 100
    assert np.diff(times(video)) == pytest.approx([0.04] * 99, abs=0.06)
    assert np.diff(times(video)).min() > 0
    assert times(video)[-1] == pytest.approx(3.96, abs=0.15)
    assert abs(times(audio)[-1] - times(video)[-1]) < 0.2


def test_pictures_without_a_time_are_all_there() -> None:
    video, _ = played(CASES / "x264.avi")
    assert len(video) == 50
    assert np.diff(times(video)).min() > 0.01
    assert np.diff(times(video)).max() < 0.2


def rgb(frame: VideoFrame) -> np.ndarray:
    """The middle of a picture as a receiver shows it: BT.601 of limited range, whatever it says."""
    shown = (
        VideoFrame.from_ndarray(frame.to_ndarray(), format="yuv420p").reformat(format="rgb24").to_ndarray()
    )
    middle: np.ndarray = shown[shown.shape[0] // 2, shown.shape[1] // 2].astype(int)
    return middle


@pytest.mark.parametrize("codec", ["vp8", "h264"])
@pytest.mark.parametrize(
    ("name", "colour"),
    [("red709.mp4", (255, 0, 0)), ("dark_mjpeg.avi", (31, 31, 31)), ("grey_pc.avi", (74, 74, 74))],
)
def test_colours_come_through_encoder_and_decoder(
    codec: Any, name: str, colour: tuple[int, int, int]
) -> None:
    """`grey_pc.avi` was made of full range, luma 80, and says so nowhere: its MPEG-4 header has no video_signal_type,
    which means limited range (ISO/IEC 14496-2, 6.3.2), where luma 80 is grey 74."""
    (_, picture), *_ = played(CASES / name)[0]
    encoder, decoder = video_encoder(codec, 2_000_000), VideoDecoder(codec)
    shown: list[VideoFrame] = []
    for index in range(5):
        coded = encoder.encode(as_sent(picture, picture.width, picture.height), False)
        if coded is not None:
            shown += decoder.decode(coded.data, 3600 * index)
    encoder.close()
    decoder.close()
    assert rgb(shown[-1]) == pytest.approx(np.array(colour), abs=3)


@pytest.mark.parametrize("pix_fmt", ["yuv420p", "yuv422p", "nv12", "yuv444p", "yuv420p10le"])
@pytest.mark.parametrize(("space", "range_"), [(1, 1), (1, 2), (6, 2), (6, 1), (5, 1)])
def test_every_matrix_and_range_becomes_what_receivers_expect(pix_fmt: str, space: int, range_: int) -> None:
    colour = np.array((200, 60, 30), np.uint8)
    source = VideoFrame.from_ndarray(np.tile(colour, (48, 64, 1)), format="rgb24")
    frame = source.reformat(format=pix_fmt, dst_colorspace=space, dst_color_range=range_)
    frame.colorspace, frame.color_range = space, range_
    assert rgb(as_sent(frame, 64, 48)) == pytest.approx(colour.astype(int), abs=5)
    assert rgb(as_sent(frame, 32, 24)) == pytest.approx(colour.astype(int), abs=5)


def test_a_picture_on_its_side_is_turned_upright() -> None:
    video, _ = played(CASES / "rot90.mp4")
    with av.open(str(CASES / "rot90.mp4")) as container:
        lying = next(container.decode(video=0))
    assert (video[0][1].width, video[0][1].height) == (240, 320)
    expected = np.rot90(lying.to_ndarray(format="rgb24"), 1)
    got = video[0][1].to_ndarray(format="rgb24")
    assert np.abs(got.astype(int) - expected).mean() < 4
    sized, _ = played(CASES / "rot90.mp4", size=(120, 160))
    assert (sized[0][1].width, sized[0][1].height) == (120, 160)


@pytest.mark.parametrize(
    ("degrees", "corner"), [(0, (0, 0)), (90, (-1, 0)), (180, (-1, -1)), (-90, (0, -1)), (7, (0, 0))]
)
def test_turning_is_counterclockwise(degrees: int, corner: tuple[int, int]) -> None:
    luma = np.full((36, 64), 16, np.uint8)
    luma[:8, :8] = 235
    frame = VideoFrame.from_ndarray(np.vstack([luma, np.full((18, 64), 128, np.uint8)]), format="yuv420p")
    out = turned(frame, degrees)
    plane = out.to_ndarray()[: out.height]
    assert plane[corner] == 235
    assert (plane == 235).sum() == 64


def written(path: Path, width: int, height: int, count: int = 5, **more: Any) -> Path:
    with av.open(str(path), "w", format=more.get("format")) as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        if "aspect" in more:
            stream.codec_context.sample_aspect_ratio = more["aspect"]
        for n in range(count):
            frame = VideoFrame(width, height, "yuv420p")
            frame.pts = n
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def test_pixels_become_square(tmp_path: Path) -> None:
    video, _ = played(written(tmp_path / "pal.mkv", 180, 144, aspect=Fraction(64, 45)))
    assert (video[0][1].width, video[0][1].height) == (256, 144)


@pytest.mark.parametrize(
    "name", ["a:b.mp4", "http:x.mp4", "100%d.mp4", "%03d.mkv", "concat:a|b.mp4", "pipe:0.mp4"]
)
def test_a_file_is_one_whatever_its_name(tmp_path: Path, name: str) -> None:
    plain = written(tmp_path / f"plain{Path(name).suffix}", 64, 36)
    shutil.move(plain, tmp_path / name)
    assert len(played(tmp_path / name)[0]) == 5
    before = Path.cwd()
    os.chdir(tmp_path)
    try:
        assert len(played(name)[0]) == 5
    finally:
        os.chdir(before)


def test_the_picture_on_the_cover_is_no_video(tmp_path: Path) -> None:
    path = tmp_path / "song.mp4"
    with av.open(str(path), "w") as container:
        cover = container.add_stream("mjpeg", rate=1)
        cover.width, cover.height, cover.pix_fmt = 320, 320, "yuvj420p"
        cover.disposition = av.stream.Disposition.attached_pic
        sound = container.add_stream("aac", rate=48000, layout="mono")
        container.mux(cover.encode(VideoFrame(320, 320, "yuvj420p")))
        frame = AudioFrame.from_ndarray(np.zeros((1, 4800), np.int16), "s16", "mono")
        frame.sample_rate = 48000
        container.mux(sound.encode(frame))
        container.mux(sound.encode(None))
    with pytest.raises(InvalidInputError, match="has no video in it"):
        open_input(str(path))


def test_a_stream_without_a_decoder_is_a_clear_error() -> None:
    class Container:
        def __init__(self) -> None:
            video = SimpleNamespace(disposition=0, codec_context=None)
            self.streams = SimpleNamespace(video=[video], audio=[])
            self.format = SimpleNamespace(name="mp4")
            self.closed = False

        def close(self) -> None:
            self.closed = True

    container = Container()
    with pytest.raises(InvalidInputError, match="no decoder"):
        inputs._chosen(container, "odd.mp4", is_live=False)  # type: ignore[arg-type]
    assert container.closed


def changing(*parts: tuple[str, int, int, str, int, str]) -> Input:
    """Frames that change in the middle, as a decoder gives them."""

    class Packet:
        size = 1

        def __init__(self, index: int, time_: float, frame: VideoFrame | AudioFrame) -> None:
            self.stream = SimpleNamespace(index=index)
            self.dts, self.pts, self.time_base = round(time_ * 1000), None, Fraction(1, 1000)
            self._frame = frame

        def decode(self) -> list[VideoFrame | AudioFrame]:
            return [self._frame]

    def packets(_: object) -> Any:
        for n, (pix_fmt, width, height, sample_format, rate, layout) in enumerate(parts):
            picture = VideoFrame(width, height, pix_fmt)
            picture.pts, picture.time_base = n * 40, Fraction(1, 1000)
            yield Packet(0, n * 0.04, picture)
            sound = AudioFrame(sample_format, layout, rate // 25)
            sound.sample_rate = rate
            sound.pts, sound.time_base = n * 40, Fraction(1, 1000)
            yield Packet(1, n * 0.04, sound)

    class Container:
        demux = staticmethod(packets)

        def __enter__(self) -> None: ...

        def __exit__(self, *_: object) -> None: ...

    stream = SimpleNamespace(index=0, average_rate=25, guessed_rate=25, sample_aspect_ratio=None)
    return Input(Container(), stream, SimpleNamespace(index=1), is_live=False)  # type: ignore[arg-type]


def test_changes_of_size_format_rate_and_layout_go_on() -> None:
    one = ("yuv420p", 320, 240, "fltp", 44100, "stereo")
    other = ("yuv422p10le", 642, 361, "s16", 22050, "mono")
    third = ("rgb24", 64, 48, "s16p", 48000, "5.1")
    timed = list(decoded(changing(*[one] * 10, *[other] * 10, *[third] * 10)))
    video = [frame for _, frame in timed if isinstance(frame, VideoFrame)]
    assert [(f.width, f.height) for f in video] == [(320, 240)] * 10 + [(642, 360)] * 10 + [(64, 48)] * 10
    audio = [frame for _, frame in timed if isinstance(frame, AudioFrame)]
    assert {(f.sample_rate, f.layout.name, f.samples) for f in audio} == {(48000, "stereo", 960)}
    assert len(audio) > 50


@pytest.mark.parametrize(
    "url",
    [
        "rtsp://user:pa55word@127.0.0.1:9/cam",
        "rtmp://127.0.0.1:9/pa55word",
        "http://127.0.0.1:9/a.m3u8?k=pa55word",
    ],
)
@pytest.mark.sockets
def test_a_live_stream_that_is_not_there_is_one_sentence_without_its_secrets(url: str) -> None:
    began = time.monotonic()
    with pytest.raises(InvalidInputError, match=r"://127\.0\.0\.1 cannot be read as a live stream") as caught:
        open_source(url)
    assert "pa55word" not in str(caught.value)
    assert time.monotonic() - began < 15


@pytest.mark.sockets
def test_a_live_stream_is_played_as_it_comes() -> None:
    import threading
    from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            content = (CASES / "concat.ts").read_bytes()
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            source = open_input(f"http://127.0.0.1:{server.server_port}/live.ts")
            assert source.is_live
            assert sum(isinstance(frame, VideoFrame) for _, frame in decoded(source)) == 100
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.parametrize(
    ("name", "device", "driver"),
    [
        ("/dev/v4l/by-id/usb-cam-index0", "/dev/v4l/by-id/usb-cam-index0", "v4l2"),
        ("/dev/video0", "/dev/video0", "v4l2"),
        ("0", "/dev/video0", "v4l2"),
    ],
)
def test_a_camera_is_what_stat_says_it_is(
    monkeypatch: pytest.MonkeyPatch, name: str, device: str, driver: str
) -> None:
    asked: list[tuple[str, str | None, dict[str, str]]] = []

    def opened(
        what: str, shown: str, target: str, *, driver: str | None = None, options: dict[str, str]
    ) -> Any:
        asked.append((target, driver, options))
        raise InvalidInputError(f"no {what} {shown} today")

    real = Path.stat

    def looked(path: Path, **more: Any) -> Any:
        if str(path).startswith("/dev/v"):
            return SimpleNamespace(st_mode=stat.S_IFCHR)
        return real(path, **more)

    monkeypatch.setattr(inputs, "_opened", opened)
    monkeypatch.setattr(Path, "stat", looked)
    monkeypatch.setattr(Path, "exists", lambda path: False)
    with pytest.raises(InvalidInputError, match="no camera"):
        open_source(name, size=(1280, 720), fps=30)
    size = {"video_size": "1280x720", "framerate": "30"}
    assert asked == [(device, driver, {**size, "input_format": "mjpeg"}), (device, driver, size)]
    asked.clear()
    with pytest.raises(InvalidInputError):
        open_source(int(name) if name.isdecimal() else name, size=(640, 480), input_format="yuyv422")
    assert asked == [(device, driver, {"video_size": "640x480", "input_format": "yuyv422"})]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("97", "There is no camera at /dev/video97"),
        ("avfoundation:0", "cameras are for darwin"),
        ("dshow:video=Cam", "cameras are for win32"),
        ("no such\0file", "There is no video file"),
    ],
)
def test_what_is_no_input_says_so(name: str, words: str) -> None:
    with pytest.raises(InvalidInputError, match=words):
        open_source(name)


def test_a_pipe_is_neither_file_nor_camera(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(InvalidInputError, match="neither a file nor a camera"):
        open_source(tmp_path / "pipe")
