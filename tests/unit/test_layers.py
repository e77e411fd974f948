"""Imports run one way: between the rooms of the package by the table below, within a room without a circle."""

from __future__ import annotations

import ast
import importlib
from graphlib import CycleError, TopologicalSorter
from importlib.util import find_spec
from pathlib import Path
from types import FunctionType

import pytest

import realtime_fast
from realtime_fast.peer.aiortc_seams import Seam

PACKAGE = Path(realtime_fast.__file__).parent

PAGE = Path(__file__).parents[2] / "docs" / "architecture.md"

VOCABULARY = {"errors", "redaction", "models", "options", "events", "stats"}
PICTURES = {"_native", "frames", "marker", "stamps", "latency"}
ENGINE = {"aio", "control", "media", "peer"}
CLIENT = {"client", "diagnostics", "session", "transports", "ivs", "livekit"}

MAY_IMPORT: dict[str, set[str]] = {
    "errors": set(),
    "redaction": {"errors"},
    "_native": set(),
    "models": {"errors"},
    "options": {"errors", "models"},
    "stats": {"errors", "_native"},
    "frames": {"errors", "_native"},
    "marker": {"errors", "_native"},
    "stamps": set(),
    "events": {"errors", "options", "stats"},
    "latency": {"events", "marker", "stamps", "_native"},
    "aio": {"errors", "redaction"},
    "control": VOCABULARY | {"aio"},
    "media": {"errors", "frames", "stamps", "aio", "_native"},
    "peer": VOCABULARY | {"frames", "marker", "stamps", "aio", "control", "media", "_native"},
    "ivs": VOCABULARY | {"aio", "media", "peer"},
    "livekit": VOCABULARY | {"aio", "control", "media", "peer"},
    "transports": VOCABULARY | {"aio", "control", "media", "peer", "ivs", "livekit"},
    "diagnostics": VOCABULARY | PICTURES | {"aio", "control"},
    "session": VOCABULARY | PICTURES | ENGINE | {"diagnostics", "transports"},
    "client": VOCABULARY | PICTURES | ENGINE | {"diagnostics", "session", "transports"},
    "report": {"errors", "events", "diagnostics"},
    "contrib": VOCABULARY | PICTURES | ENGINE | CLIENT | {"report"},
    "compat": VOCABULARY | {"control", "client", "frames", "media"},
    "server": VOCABULARY | PICTURES | ENGINE | {"ivs", "livekit"},
    "cli": VOCABULARY | PICTURES | ENGINE | CLIENT | {"report", "contrib", "server"},
    "__init__": VOCABULARY | PICTURES | ENGINE | CLIENT | {"compat"},
    "__main__": {"compat"},
}
"""Which room may import which; docs/architecture.md prints it."""

SERVER_MAY_IMPORT: dict[str, set[str]] = {
    "bodies": set(),
    "faults": set(),
    "network": set(),
    "model": set(),
    "inference": {"faults", "network", "model"},
    "forwarding": {"network"},
    "stage": {"bodies", "faults", "network", "model", "forwarding"},
    "room": {"faults", "network", "model", "forwarding"},
    "http": {"bodies", "faults", "network", "inference", "stage", "room"},
    "__init__": {"faults", "network", "http"},
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


@pytest.mark.skipif(not PAGE.exists(), reason="the docs are not beside these tests")
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


FENCE = PACKAGE / "peer" / "aiortc_seams.py"
TESTS = Path(__file__).parents[1]

NAMED_ON_PURPOSE = {Path(__file__), TESTS / "peer" / "test_aiortc_seams.py"}
"""What proves the fence has to name what is behind it."""

OF_OURS = {
    "tests/client/test_parts_that_die.py: _source",
    "tests/client/test_parts_that_die.py: _track",
    "tests/ivs/support.py: _connection",
    "tests/ivs/support.py: _host",
}
"""Spelt like names of theirs: the connection of our own websocket, the track of our own stream."""


def is_private(name: str) -> bool:
    return name.startswith("_") and not name.endswith("__") and name != "_"


def private_names(library: str) -> set[str]:
    """The attributes, methods and globals that the library's source gives a leading underscore, as compiled."""
    spec = find_spec(library)
    assert spec is not None
    assert spec.origin is not None
    found: set[str] = set()
    for path in Path(spec.origin).parent.rglob("*.py"):
        tree = ast.parse(path.read_text())
        found |= {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and is_private(node.id)}
        for owner in (node for node in ast.walk(tree) if isinstance(node, ast.ClassDef)):
            for node in ast.walk(owner):
                name = getattr(node, "attr", getattr(node, "name", None))
                if isinstance(name, str) and is_private(name):
                    found.add(f"_{owner.name.lstrip('_')}{name}" if name.startswith("__") else name)
    return found


@pytest.fixture(scope="module")
def foreign() -> set[str]:
    return private_names("aiortc") | private_names("aioice")


def trespasses(path: Path, foreign: set[str]) -> set[str]:
    """Private names of the libraries in `path`: of another object than `self`, mangled, or as a string."""
    tree = ast.parse(path.read_text())
    own = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}
    found: set[str] = set()
    for node in ast.walk(tree):
        match node:
            case ast.Constant(value=str(name)):
                found.add(name)
            case (
                ast.Attribute(attr=name)
                | ast.FunctionDef(name=name)
                | ast.AsyncFunctionDef(name=name)
                | ast.Name(id=name)
            ) if "__" in name[1:]:
                found.add(name)
            case (
                ast.Attribute(value=ast.Name(id="self" | "cls"))
                | ast.Attribute(value=ast.Call(func=ast.Name(id="super")))
            ):
                pass
            case ast.Attribute(attr=name) if name not in own:
                found.add(name)
    return found & foreign


def test_private_names_of_aiortc_stay_behind_the_fence(foreign: set[str]) -> None:
    assert {"_RTCRtpSender__loop", "_nominated", "_TurnTransport__inner_protocol"} <= foreign
    wrong = {
        f"{path.relative_to(top.parent)}: {name}"
        for top in (PACKAGE, TESTS)
        for path in top.rglob("*.py")
        if path != FENCE and path not in NAMED_ON_PURPOSE
        for name in trespasses(path, foreign)
    }
    assert wrong == OF_OURS
    assert trespasses(FENCE, foreign) <= {seam.attribute for seam in Seam.ALL}, "what is used is checked"


@pytest.mark.parametrize(
    "line",
    [
        "transport._send_rtp(data)",
        "vars(sender)['_RTCRtpSender__loop'] = loop",
        "getattr(transport, '_get_stats')",
        "self._RTCPeerConnection__connect()",
        "async def _RTCPeerConnection__connect(self): pass",
        "first().second._nominated[1] = None",
    ],
)
def test_the_rule_of_the_fence_finds(line: str, foreign: set[str], tmp_path: Path) -> None:
    path = tmp_path / "one.py"
    path.write_text(line)
    assert trespasses(path, foreign)


def names_of(kind: type) -> set[str]:
    """The private names that a class has or its methods mention."""
    methods = [member for member in vars(kind).values() if isinstance(member, FunctionType)]
    mentioned = {name for method in methods for name in method.__code__.co_names}
    return {name for name in mentioned | set(vars(kind)) if is_private(name) and name != "_abc_impl"}


def test_subclasses_share_no_private_name_with_what_they_inherit_from_aiortc() -> None:
    shared: set[str] = set()
    for name in MODULES:
        # Locust patches the sockets of the process that imports it.
        if name.endswith(("__main__", "contrib.locust")) or MODULES[name] == FENCE:
            continue
        for kind in vars(importlib.import_module(name)).values():
            if isinstance(kind, type) and kind.__module__ == name:
                for base in kind.__mro__[1:]:
                    if base.__module__.startswith(("aiortc.", "aioice.")):
                        shared |= {f"{kind.__name__}: {one}" for one in names_of(kind) & names_of(base)}
    assert shared == set()
