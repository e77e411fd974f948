"""Imports run one way: between the rooms of the package by the table below, within a room without a circle."""

from __future__ import annotations

import ast
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import realtime_fast

PACKAGE = Path(realtime_fast.__file__).parent

PAGE = Path(__file__).parents[2] / "docs" / "architecture.md"

VOCABULARY = {"errors", "models", "options", "events", "stats"}
PICTURES = {"_native", "frames", "marker", "latency"}
ENGINE = {"aio", "control", "media", "peer"}
CLIENT = {"client", "diagnostics", "session", "transports", "ivs"}

MAY_IMPORT: dict[str, set[str]] = {
    "errors": set(),
    "_native": set(),
    "models": {"errors"},
    "options": {"errors", "models"},
    "stats": {"errors", "_native"},
    "frames": {"errors", "_native"},
    "marker": {"errors", "_native"},
    "events": {"errors", "options", "stats"},
    "latency": {"events", "marker", "_native"},
    "aio": {"errors"},
    "control": VOCABULARY | {"aio"},
    "media": {"errors", "frames", "aio", "_native"},
    "peer": VOCABULARY | {"aio", "control", "media", "_native"},
    "ivs": VOCABULARY | {"aio", "media", "peer"},
    "transports": VOCABULARY | {"aio", "control", "media", "peer", "ivs"},
    "diagnostics": VOCABULARY | PICTURES | {"control"},
    "session": VOCABULARY | PICTURES | ENGINE | {"diagnostics", "transports"},
    "client": VOCABULARY | PICTURES | ENGINE | {"diagnostics", "session", "transports"},
    "compat": VOCABULARY | {"control", "client"},
    "server": VOCABULARY | PICTURES | ENGINE | {"ivs"},
    "cli": VOCABULARY | PICTURES | ENGINE | CLIENT | {"server"},
    "__init__": VOCABULARY | PICTURES | ENGINE | CLIENT | {"compat"},
    "__main__": {"compat"},
}
"""Which room may import which; docs/architecture.md prints it."""

SERVER_MAY_IMPORT: dict[str, set[str]] = {
    "faults": set(),
    "model": set(),
    "inference": {"faults", "model"},
    "stage": {"model"},
    "http": {"faults", "inference", "stage"},
    "__init__": {"faults", "http"},
}
"""The same within the embedded service."""


def modules(package: Path) -> dict[str, Path]:
    """The modules below `package` by their dotted names."""
    found = {}
    for path in sorted(package.rglob("*.py")):
        parts = ("realtime_fast", *path.relative_to(PACKAGE).with_suffix("").parts)
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


MODULES = modules(PACKAGE)


def imports(path: Path) -> set[str]:
    """The modules of the package that `path` imports, wherever in the file it does."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {name.name for name in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            within = {f"{node.module}.{name.name}" for name in node.names}
            submodules = within & set(MODULES) | within & {"realtime_fast._native"}
            found |= submodules or {node.module}
    return {name for name in found if name == "realtime_fast" or name.startswith("realtime_fast.")}


def room(module: str, depth: int) -> str:
    parts = module.split(".")
    return parts[depth] if len(parts) > depth else "__init__"


@pytest.mark.parametrize(
    ("prefix", "depth", "table"),
    [("realtime_fast", 1, MAY_IMPORT), ("realtime_fast.server", 2, SERVER_MAY_IMPORT)],
)
def test_rooms_import_by_the_table(prefix: str, depth: int, table: dict[str, set[str]]) -> None:
    wrong = []
    for module, path in MODULES.items():
        if module != prefix and not module.startswith(f"{prefix}."):
            continue
        own = room(module, depth)
        assert own in table, f"{module} belongs to no room of the table"
        for imported in imports(path):
            if not imported.startswith(f"{prefix}."):
                continue
            other = room(imported, depth)
            if other != own and other not in table[own]:
                wrong.append(f"{module} imports {imported}")
    assert wrong == []


def as_markdown(table: dict[str, set[str]]) -> str:
    order = list(table)
    rows = [
        f"| `{name}` | {', '.join(f'`{other}`' for other in order if other in allowed) or 'nothing'} |"
        for name, allowed in table.items()
    ]
    return "\n".join(["| room | may import |", "|---|---|", *rows])


@pytest.mark.parametrize("table", [MAY_IMPORT, SERVER_MAY_IMPORT])
def test_the_architecture_page_prints_the_table(table: dict[str, set[str]]) -> None:
    assert as_markdown(table) in PAGE.read_text(), f"docs/architecture.md should say\n\n{as_markdown(table)}"


@pytest.mark.parametrize("table", [MAY_IMPORT, SERVER_MAY_IMPORT])
def test_the_table_has_no_circle(table: dict[str, set[str]]) -> None:
    tuple(TopologicalSorter(table).static_order())


def test_modules_import_no_circle() -> None:
    graph = {}
    for module, path in MODULES.items():
        # A package names what its modules define; that its modules are imported with it is Python's doing.
        if path.name != "__init__.py":
            graph[module] = {
                name for name in imports(path) if name in MODULES and MODULES[name].name != "__init__.py"
            }
    try:
        tuple(TopologicalSorter(graph).static_order())
    except CycleError as error:
        raise AssertionError(" -> ".join(error.args[1])) from None


def test_nothing_imports_its_own_package_from_within() -> None:
    wrong = [
        f"{module} imports {package}"
        for module, path in MODULES.items()
        for package in imports(path)
        if package != "realtime_fast" and module.startswith(f"{package}.") and path.name != "__main__.py"
    ]
    assert wrong == []


def test_only_the_peer_knows_the_engine() -> None:
    for path in PACKAGE.rglob("*.py"):
        if path.parent.name != "peer":
            assert "RTCPeerConnection" not in path.read_text(), path
