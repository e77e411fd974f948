"""Loads reference images from any source, as base64 text for the service."""

from __future__ import annotations

import asyncio
import base64
import binascii
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import unquote_to_bytes, urlsplit

import anyio
import httpx2

from realtime_fast.errors import InvalidInputError

MAX_IMAGE_BYTES = 16 * 1024 * 1024
"""Size limit of an image, before base64."""

FETCH_TIMEOUT = 20.0
"""Seconds that fetching an image may take, redirects and body included."""

MAX_REDIRECTS = 5


async def load_image(image: Any) -> str:
    """Read an image.

    Args:
        image: Bytes, a path, a binary file object, a data URL, an http(s) URL, or base64 text. A string
            that is no URL is a path if that file exists.

    Returns:
        The image as base64 text.

    Raises:
        InvalidInputError: It cannot be read, is empty, or is over `MAX_IMAGE_BYTES`.
    """
    match image:
        case bytes() | bytearray() | memoryview():
            return _encoded(bytes(image))
        case str():
            return await _from_text(image)
        case os.PathLike():
            return _encoded(await _off_loop(_read_file, Path(image)))
        case _ if callable(getattr(image, "read", None)):
            return _encoded(await _off_loop(_read_object, image))
    raise InvalidInputError(
        "image must be bytes, a path, a binary file, a data URL, an http(s) URL or base64 text, "
        f"not {type(image).__name__}"
    )


async def _from_text(text: str) -> str:
    scheme = text[:8].partition(":")[0].lower()
    if scheme == "data":
        return _encoded(_data_url(text))
    if scheme in ("http", "https"):
        return _encoded(await _fetch(text))
    if len(text) < 4096 and await _off_loop(_is_file, text):
        return _encoded(await _off_loop(_read_file, Path(text)))
    return _encoded(_decoded(text, "image must be a URL, the path of a file that exists, or base64 text"))


def _encoded(data: bytes) -> str:
    if not data:
        raise InvalidInputError("The image is empty")
    if len(data) > MAX_IMAGE_BYTES:
        raise InvalidInputError(f"The image has {len(data)} bytes; at most {MAX_IMAGE_BYTES} are allowed")
    return base64.b64encode(data).decode()


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
        host = urlsplit(url).hostname
    except ValueError:
        host = None
    if not host:
        raise InvalidInputError("The image's URL has no host")
    try:
        with anyio.fail_after(FETCH_TIMEOUT):
            async with (
                httpx2.AsyncClient(
                    follow_redirects=True, max_redirects=MAX_REDIRECTS, timeout=FETCH_TIMEOUT
                ) as client,
                client.stream("GET", url) as response,
            ):
                if response.status_code != 200:
                    raise InvalidInputError(
                        f"Fetching the image from {host} failed with HTTP {response.status_code}"
                    )
                data = bytearray()
                async for chunk in response.aiter_bytes():
                    data += chunk
                    if len(data) > MAX_IMAGE_BYTES:
                        raise InvalidInputError(f"The image at {host} is over {MAX_IMAGE_BYTES} bytes")
                return bytes(data)
    except TimeoutError as error:
        raise InvalidInputError(f"The image at {host} did not arrive within {FETCH_TIMEOUT:g} s") from error
    except (httpx2.HTTPError, httpx2.InvalidURL) as error:
        raise InvalidInputError(f"The image at {host} cannot be fetched: {type(error).__name__}") from error


async def _off_loop(read: Any, source: Any) -> Any:
    """Read in a thread that ends with the read; a pool's thread would outlive the caller."""
    thread = ThreadPoolExecutor(1, thread_name_prefix="read-image")
    try:
        return await asyncio.get_running_loop().run_in_executor(thread, read, source)
    finally:
        thread.shutdown(wait=False)


def _is_file(text: str) -> bool:
    try:
        return Path(text).is_file()
    except (OSError, ValueError):
        return False


def _read_file(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return _limited(file)
    except OSError as error:
        raise InvalidInputError(f"The image {path} cannot be read: {error.strerror or error}") from error


def _read_object(file: Any) -> bytes:
    data = _limited(file)
    if not isinstance(data, bytes):
        raise InvalidInputError("The image's file object must be opened in binary mode")
    return data


def _limited(file: Any) -> bytes:
    """Read at most one byte over the limit, so that an endless source ends."""
    data: bytes = file.read(MAX_IMAGE_BYTES + 1)
    return data
