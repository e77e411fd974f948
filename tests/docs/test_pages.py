"""What the pages say in tables and lists is what there is."""

from __future__ import annotations

import importlib
import re
from pathlib import Path

import pytest
from benches import marker_page

import realtime_fast
from realtime_fast.cli.exit_codes import EXIT_CODES
from realtime_fast.errors import RealtimeError

from tests.docs.pages import DOCS, ROOT, here, pages
from tests.test_errors import kinds

pytestmark = here


def code_in_docs(kind: type[RealtimeError]) -> str:
    """Without the name of a transport, which an ellipsis stands for."""
    return f"…_{kind._code}" if kind._of_transport else kind._code


def test_the_table_of_errors_has_each_code_once() -> None:
    rows = re.findall(
        r"^\| `([^`]+)` `(\w+)` \| .+ \| .+ \| (\d+) \|$", (DOCS / "errors.md").read_text(), re.MULTILINE
    )
    exits = {
        kind: next(code for base, code in EXIT_CODES.items() if issubclass(kind, base)) for kind in kinds()
    }
    assert sorted(rows) == sorted(
        (code_in_docs(kind), kind.__name__, str(code)) for kind, code in exits.items()
    )


def test_the_reference_has_every_public_name() -> None:
    text = "".join(page.read_text() for page in (DOCS / "api").glob("*.md"))
    named = set(re.findall(r"^\.\. auto(?!module)\w+:: (\w+)$", text, re.MULTILINE))
    modules = [
        importlib.import_module(name)
        for name in re.findall(r"^\.\. automodule:: ([\w.]+)$", text, re.MULTILINE)
    ]
    for module in modules:
        named |= {
            name
            for name, value in vars(module).items()
            if getattr(value, "__module__", "") == module.__name__
        }
    whole = {module.__name__.removeprefix("realtime_fast.") for module in modules}
    assert set(realtime_fast.__all__) - {"__version__"} <= named | whole


def test_the_tables_of_the_marker_are_those_of_its_data() -> None:
    page = marker_page.PAGE.read_text()
    assert marker_page.filled(page, marker_page.read(marker_page.DATA)) == page


@pytest.mark.parametrize("page", [pytest.param(page, id=str(page.relative_to(ROOT))) for page in pages()])
def test_commands_are_in_blocks_that_are_checked(page: Path) -> None:
    unchecked = r"(?:```\n|^ {4})(?:curl|export|make|npm|pip|python3?|realtime-fast) .*"
    assert re.findall(unchecked, page.read_text(), re.MULTILINE) == []


@pytest.mark.parametrize("page", [pytest.param(page, id=str(page.relative_to(ROOT))) for page in pages()])
def test_links_lead_somewhere(page: Path) -> None:
    """Sphinx follows those between pages, with their sections; this one also those of a code host."""
    targets = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text())
    assert [target for target in targets if not (page.parent / target).exists()] == []
