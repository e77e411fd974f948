from __future__ import annotations

import asyncio
import base64
import io
import logging
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import anyio
import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response, StreamingResponse
from starlette.routing import Route

from realtime_fast.client import image_loader
from realtime_fast.client.image_loader import load_image
from realtime_fast.errors import InvalidInputError

DATA = bytes(range(256))
TEXT = base64.b64encode(DATA).decode()


@pytest.mark.parametrize(
    "image",
    [
        DATA,
        bytearray(DATA),
        memoryview(DATA),
        TEXT,
        f"{TEXT[:76]}\n{TEXT[76:]}",
        io.BytesIO(DATA),
        f"data:image/png;base64,{TEXT}",
        "data:," + "".join(f"%{byte:02x}" for byte in DATA),
    ],
    ids=lambda image: type(image).__name__,
)
async def test_forms_of_one_image(image: object) -> None:
    assert await load_image(image) == TEXT


@pytest.mark.parametrize("image", ["file_2kD9", "file_" + "a" * 200])
async def test_the_id_of_an_uploaded_file_stays_what_it_is(image: str) -> None:
    assert await load_image(image) == image


@pytest.mark.parametrize("image", ["file_", "file_a.png", "file_a/b", "file_" + "a" * 201])
async def test_what_only_begins_like_an_id_is_looked_for(image: str) -> None:
    with pytest.raises(InvalidInputError):
        await load_image(image)


async def test_files_by_path_and_by_name(tmp_path: Path) -> None:
    path = tmp_path / "image"
    path.write_bytes(DATA)
    assert await load_image(path) == TEXT
    assert await load_image(str(path)) == TEXT


@pytest.mark.parametrize(
    ("image", "words"),
    [
        (b"", "empty"),
        ("", "empty"),
        ("/no/such/file.png", "path of a file that exists"),
        (Path("/no/such/file.png"), "cannot be read"),
        (Path("/"), "no regular file"),
        ("/dev/zero", "no regular file"),
        ("http://user:pa55word@host/", "must not hold"),
        ("A" * (image_loader.MAX_TEXT + 1), "characters; at most"),
        ("nul\0byte", "path of a file"),
        ("data:image/png;base64", "no comma"),
        ("data:image/png;base64,***", "not base64"),
        ("http://", "no host"),
        ("https://[", "no host"),
        (io.StringIO("text"), "binary mode"),
        (7, "not int"),
        (b"x" * (image_loader.MAX_IMAGE_BYTES + 1), "at most"),
        (io.BytesIO(b"x" * (image_loader.MAX_IMAGE_BYTES + 1)), "at most"),
    ],
    ids=lambda value: str(value)[:20],
)
async def test_what_is_no_image_says_why(image: object, words: str) -> None:
    with pytest.raises(InvalidInputError, match=words):
        await load_image(image)


@pytest.fixture
async def web() -> AsyncIterator[str]:
    async def huge(request: Request) -> Response:
        async def chunks() -> AsyncIterator[bytes]:
            for _ in range(100):
                yield b"x" * 65536

        return StreamingResponse(chunks())

    async def never(request: Request) -> Response:
        while not await request.is_disconnected():
            await anyio.sleep(0.01)
        return Response()

    app = Starlette(
        routes=[
            Route("/image", lambda request: Response(DATA)),
            Route("/moved", lambda request: RedirectResponse("/image")),
            Route("/local", lambda request: RedirectResponse("file:///etc/passwd")),
            Route("/circle", lambda request: RedirectResponse("/circle")),
            Route("/huge", huge),
            Route("/never", never),
        ]
    )
    config = uvicorn.Config(
        app, port=0, log_level="warning", lifespan="off", ws="none", timeout_graceful_shutdown=0
    )
    server = uvicorn.Server(config)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(server._serve)
        while not server.started:
            await anyio.sleep(0.01)
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
        server.should_exit = server.force_exit = True


async def test_fetching(web: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert await load_image(f"{web}/image") == TEXT
    assert await load_image(f"{web}/moved") == TEXT
    for path, words in {
        "/gone": "HTTP 404",
        "/local": "redirects to where",
        "/circle": "redirects more than 5 times",
        "/never": "did not answer within",
    }.items():
        with pytest.raises(InvalidInputError, match=words):
            await load_image(web + path)
    with monkeypatch.context() as hurried:
        hurried.setattr(image_loader, "FETCH_TIMEOUT", 0.3)
        with pytest.raises(InvalidInputError, match=r"did not answer within"):
            await load_image(f"{web}/never")
    monkeypatch.setattr(image_loader, "MAX_IMAGE_BYTES", 100_000)
    with pytest.raises(InvalidInputError, match="more than 100000 bytes"):
        await load_image(f"{web}/huge")


@pytest.mark.parametrize("form", [Path, str, lambda path: Path(f"{path}-link")])
async def test_a_pipe_is_no_image_and_is_never_waited_for(tmp_path: Path, form: Any) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    Path(f"{pipe}-link").symlink_to(pipe)
    with anyio.fail_after(5), pytest.raises(InvalidInputError, match="no regular file"):
        await load_image(form(pipe))


def test_a_read_that_hangs_keeps_neither_its_caller_nor_the_interpreter() -> None:
    program = """
import anyio, os
from realtime_fast.client.image_loader import load_image
async def main():
    with anyio.move_on_after(0.2):
        await load_image(os.fdopen(os.pipe()[0], "rb"))
anyio.run(main)
"""
    done = subprocess.run([sys.executable, "-c", program], timeout=30, check=False, capture_output=True)
    assert (done.returncode, done.stderr) == (0, b"")


async def test_a_file_object_that_raises_anything_raises_in_the_caller() -> None:
    class Cancelled:
        def read(self, _: int) -> bytes:
            raise asyncio.CancelledError

    with anyio.fail_after(5), pytest.raises(RuntimeError, match="CancelledError"):
        await load_image(Cancelled())


async def test_a_presigned_url_is_in_no_log_and_in_no_error(
    web: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    signature = "X-Amz-Signature=4f1c8a7d9e"
    await load_image(f"{web}/image?{signature}")
    with pytest.raises(InvalidInputError) as caught:
        await load_image(f"{web}/gone?{signature}")
    # The server of this test is not ours, and logs what it likes.
    told = [record.getMessage() for record in caplog.records if not record.name.startswith("uvicorn")]
    assert signature not in "".join([*told, str(caught.value)])
