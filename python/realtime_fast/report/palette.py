"""The colours of charts: as they are for PNG, and as CSS variables for SVG, which thus follows light and dark."""

from __future__ import annotations

from collections.abc import Mapping

LIGHT: Mapping[str, str] = {
    "text": "#1c2430",
    "muted": "#5c6773",
    "grid": "#e3e7ec",
    "paper": "#ffffff",
    "a": "#1f66b0",
    "b": "#b7530f",
    "lost": "#b3202c",
    "corrupted": "#8a5a00",
    "band": "#b9c0c9",
    "good": "#2b8a57",
    "fair": "#c79a12",
    "poor": "#d4691e",
    "critical": "#ad1f2d",
}

DARK: Mapping[str, str] = {
    "text": "#e8ecf1",
    "muted": "#9aa5b1",
    "grid": "#2c343e",
    "paper": "#12161b",
    "a": "#6db0f2",
    "b": "#f2a065",
    "lost": "#ff7a83",
    "corrupted": "#e6b450",
    "band": "#4b5561",
    "good": "#4fbf85",
    "fair": "#e0bd4a",
    "poor": "#ef9350",
    "critical": "#f26d78",
}

MARKED: Mapping[str, str] = {name: f"#fe00{number:02x}" for number, name in enumerate(LIGHT)}
"""Colours that stand for names until `themed` puts CSS variables in their place."""


def themed(svg: str) -> str:
    """An SVG drawn in `MARKED` colours, with CSS variables instead."""
    for name, mark in MARKED.items():
        svg = svg.replace(mark, f"var(--{name})")
    return svg


def variables(palette: Mapping[str, str]) -> str:
    """The palette as CSS declarations."""
    return " ".join(f"--{name}: {colour};" for name, colour in palette.items())
