"""Pictures and sound on their way in and out: sources, tracks, meters, sinks."""
