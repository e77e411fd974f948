"""Loads reference images from any source, as base64 text for the service."""

from __future__ import annotations

import base64
import binascii
import os
import stat
from functools import partial
from pathlib import Path
from typing import IO, Any
from urllib.parse import unquote_to_bytes, urlsplit

from realtime_fast.aio.http import HttpError, Request, open_http
from realtime_fast.aio.origins import never_less_secure
from realtime_fast.aio.threads import in_own_thread
from realtime_fast.control.messages import is_file_id
from realtime_fast.errors import InvalidInputError
from realtime_fast.redaction import Secrets

MAX_IMAGE_BYTES = 16 * 1024 * 1024
"""Size limit of an image, before base64."""

MAX_TEXT = MAX_IMAGE_BYTES * 3
"""Characters of a data URL or of base64 text that are looked at: a data URL may need three for a byte."""

MAX_PATH = 4096
"""Characters that a path may have; longer texts are not looked for among the files."""

FETCH_TIMEOUT = 20.0
"""Seconds that fetching an image may take, redirects and body included."""


async def load_image(image: Any) -> str:
    """Read an image.

    Args:
        image: Bytes, a path, a binary file object, a data URL, an http(s) URL, base64 text, or the id of a file that
            was uploaded to the service (`file_…`). Another string that is no URL is a path if that file exists.

    Returns:
        The image as base64 text, or the id as it is.

    Raises:
        InvalidInputError: It cannot be read, is empty, or is over `MAX_IMAGE_BYTES`.
    """
    match image:
        case bytes() | bytearray() | memoryview():
            return _encoded(image)
        case str():
            return await _from_text(image)
        case os.PathLike():
            return _encoded(await in_own_thread("read-image", partial(_read_file, Path(image))))
        case _ if callable(getattr(image, "read", None)):
            return _encoded(await in_own_thread("read-image", partial(_read_object, image)))
    raise InvalidInputError(
        "image must be bytes, a path, a binary file, a data URL, an http(s) URL or base64 text, "
        f"not {type(image).__name__}"
    )


async def _from_text(text: str) -> str:
    if len(text) > MAX_TEXT:
        raise InvalidInputError(
            f"The image is a text of {len(text)} characters; at most {MAX_TEXT} are allowed"
        )
    if is_file_id(text):
        return text
    scheme = text[:8].partition(":")[0].lower()
    if scheme == "data":
        return _encoded(_data_url(text))
    if scheme in ("http", "https"):
        return _encoded(await _fetch(text))
    if 0 < len(text) < MAX_PATH and await in_own_thread("read-image", partial(_exists, text)):
        return _encoded(await in_own_thread("read-image", partial(_read_file, Path(text))))
    return _encoded(_decoded(text, "image must be a URL, the path of a file that exists, or base64 text"))


def _encoded(data: bytes | bytearray | memoryview) -> str:
    size = memoryview(data).nbytes
    if not size:
        raise InvalidInputError("The image is empty")
    if size > MAX_IMAGE_BYTES:
        raise InvalidInputError(f"The image has {size} bytes; at most {MAX_IMAGE_BYTES} are allowed")
    return base64.b64encode(bytes(data)).decode()


def _decoded(text: str, expected: str) -> bytes:
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError):
        raise InvalidInputError(expected) from None


def _data_url(url: str) -> bytes:
    """The content of a data URL (RFC 2397)."""
    head, comma, body = url.partition(",")
    if not comma:
        raise InvalidInputError("The image's data URL has no comma before its content")
    if head.lower().endswith(";base64"):
        return _decoded(body, "The content of the image's data URL is not base64")
    return unquote_to_bytes(body)


async def _fetch(url: str) -> bytes:
    try:
        parts = urlsplit(url)
        host = parts.hostname
    except ValueError:
        host = None
    if not host:
        raise InvalidInputError("The image's URL has no host")
    if "@" in parts.netloc:
        raise InvalidInputError(f"The URL of the image at {host} must not hold a user name or a password")
    # What signs a URL is in its path and query.
    secrets = Secrets(parts.path, parts.query)
    try:
        async with open_http() as http:
            response = await http.send(
                Request("GET", url, {"Accept": "image/*, */*;q=0.5"}),
                far_side=f"The server of the image at {host}",
                secrets=secrets,
                max_bytes=MAX_IMAGE_BYTES,
                within=FETCH_TIMEOUT,
                may_follow=never_less_secure,
            )
    except HttpError as error:
        raise InvalidInputError(str(error)) from error.__cause__
    if response.status != 200:
        raise InvalidInputError(f"Fetching the image from {host} failed with HTTP {response.status}")
    return response.body


def _exists(text: str) -> bool:
    try:
        return Path(text).exists()
    except (OSError, ValueError):
        return False


def _read_file(path: Path) -> bytes:
    """The content of a regular file: reading a pipe or a device may never end, and opening one has effects."""
    try:
        # Without waiting: opening a pipe blocks until somebody writes to it.
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise InvalidInputError(f"The image {path} is no regular file")
        with open(descriptor, "rb") as file:
            return _limited(file)
    except OSError as error:
        raise InvalidInputError(f"The image {path} cannot be read: {error.strerror or error}") from error


def _read_object(file: Any) -> bytes:
    data = _limited(file)
    if not isinstance(data, bytes):
        raise InvalidInputError("The image's file object must be opened in binary mode")
    return data


def _limited(file: IO[bytes]) -> bytes:
    """Read at most one byte over the limit, so that an endless source ends."""
    return file.read(MAX_IMAGE_BYTES + 1)
