"""Bridges to other tools; each module needs that tool."""
