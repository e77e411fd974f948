"""VP8, H.264 and Opus on FFmpeg's libraries: one file a codec, with what was measured for it."""
