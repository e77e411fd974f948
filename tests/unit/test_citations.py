"""Every page and section of the docs that code or docs cite exists."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CITATION = re.compile(r"docs/([a-z-]+\.md)(?:, ([A-Z][A-Za-z ]+?))?(?= and [A-Z]|[.,:;)`\]]|\n|$| \()")
FILES = [
    *(ROOT / "python").rglob("*.py"),
    *(ROOT / "tests").rglob("*.py"),
    *(ROOT / "rust").glob("*/src/**/*.rs"),
    *ROOT.glob("*.md"),
]


def headings(page: Path) -> set[str]:
    return {line.lstrip("#").strip() for line in page.read_text().splitlines() if line.startswith("#")}


def citations() -> list[tuple[str, str, str]]:
    return [
        (str(path.relative_to(ROOT)), page, section)
        for path in FILES
        if path != Path(__file__)
        for page, section in CITATION.findall(path.read_text())
    ]


@pytest.mark.skipif(not (ROOT / "docs").is_dir(), reason="the docs are not beside these tests")
def test_what_is_cited_exists() -> None:
    found = citations()
    assert len(found) > 20
    wrong = []
    for where, page, section in found:
        path = ROOT / "docs" / page
        if not path.is_file() or (section and section.strip() not in headings(path)):
            wrong.append(f"{where}: docs/{page}, {section}")
    assert wrong == []
