"""The pages of the docs, and the code blocks in them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sybil import Example, Sybil
from sybil.parsers.markdown import CodeBlockParser

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PYTHON, SHELL = ("python",), ("sh", "console")

here = pytest.mark.skipif(not DOCS.is_dir(), reason="the docs are not beside these tests")


def pages() -> list[Path]:
    """README and docs, as far as they are beside these tests."""
    return [path for path in (ROOT / "README.md", *sorted(DOCS.rglob("*.md"))) if path.is_file()]


def blocks(languages: tuple[str, ...]) -> Iterator[Example]:
    """The code blocks in one of these languages, page by page."""
    for path in pages():
        yield from Sybil([CodeBlockParser(language) for language in languages]).parse(path)


def name_of(block: Example) -> str:
    """Where a block is, as the name of its test."""
    return f"{Path(block.path).relative_to(ROOT)}:{block.line}"
