//! Frame conversion, pixel markers and RTC statistics: the part of realtime_fast where time is spent.
//!
//! Nothing in this crate knows Python, reads a clock or does I/O.
