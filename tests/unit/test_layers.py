"""A module imports only from its own layer or a lower one."""

from __future__ import annotations

import ast
from pathlib import Path

import realtime_fast

PACKAGE = Path(realtime_fast.__file__).parent

LAYERS = [
    {"errors", "options", "models", "events", "_native"},
    {"wire", "link", "states", "acks", "retry", "tokens", "endpoints", "mailbox", "whip", "stats", "latency"}
    | {"telemetry", "marker", "frames", "scopes", "stall"},
    {"core", "hub", "media", "connecting", "tracking"},
    {"websocket", "control", "peer", "images", "reporting", "ivs"},
    {"transports", "attempt"},
    {"manager"},
    {"session"},
    {"handle", "client", "subscribe"},
    {"__init__", "__main__", "accelerate", "cli", "server"},
]
LEVEL = {name: level for level, names in enumerate(LAYERS) for name in names}
UPWARD_IN_TYPES_ONLY = {("events", "stats")}


def imports(path: Path) -> set[str]:
    tree = ast.parse(path.read_text())
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {
                name.name.split(".")[1] for name in node.names if name.name.startswith("realtime_fast.")
            }
        elif isinstance(node, ast.ImportFrom) and node.module == "realtime_fast":
            found |= {name.name for name in node.names}
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("realtime_fast."):
            found.add(node.module.split(".")[1])
    return found


def test_imports_go_down() -> None:
    wrong = []
    for path in sorted(PACKAGE.rglob("*.py")):
        relative = path.relative_to(PACKAGE)
        module = relative.parts[0].removesuffix(".py")
        assert module in LEVEL, f"{relative} has no layer"
        wrong += [
            f"{relative} imports {name}"
            for name in imports(path)
            if name in LEVEL and LEVEL[name] > LEVEL[module] and (module, name) not in UPWARD_IN_TYPES_ONLY
        ]
    assert wrong == []


def test_only_the_peer_knows_the_engine() -> None:
    for path in PACKAGE.rglob("*.py"):
        text = path.read_text()
        if path.parent.name != "peer":
            assert "RTCPeerConnection" not in text, path
