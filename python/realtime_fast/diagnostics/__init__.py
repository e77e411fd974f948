"""What watches a session: latency, stalls, telemetry."""
