"""Realtime AI video over WebRTC and Amazon IVS."""
