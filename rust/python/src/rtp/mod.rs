//! The media path: an endpoint for each transport, the adaptation of pictures, and a model of the network for relays.
//!
//! Times are seconds of one monotonic clock, passed in. Nothing here is long enough to leave the interpreter for.

mod adaptation;
mod config;
mod endpoint;
mod event;
mod link;
mod stats;

pub use adaptation::Adaptation;
pub use endpoint::RtpEndpoint;
pub use event::{RtpPacket, RtpPicture, RtpSound};
pub use link::NetworkLink;

use crate::args::number;
use crate::error::invalid;
use pyo3::prelude::*;
use realtime_fast_core::rtp::{Invalid, Time};
use std::time::Duration;

/// The exception for a setting that the core refuses.
fn refused(error: Invalid) -> PyErr {
    invalid(error.to_string())
}

/// A span in seconds by the name of its argument.
fn span(name: &str, obj: &Bound<'_, PyAny>) -> PyResult<Duration> {
    const EXPECTED: &str = "seconds, at least 0";
    let seconds: f64 = number(name, EXPECTED, obj)?;
    // A float never is a whole number of nanoseconds; the core counts microseconds.
    let micros = (seconds * 1e6).round();
    if (0.0..u64::MAX as f64).contains(&micros) {
        return Ok(Duration::from_micros(micros as u64));
    }
    Err(invalid(format!("{name}: expected {EXPECTED}, got {seconds}")))
}

/// The time by the caller's clock.
fn time(obj: &Bound<'_, PyAny>) -> PyResult<Time> {
    Ok(Time::ZERO + span("now", obj)?)
}

/// A time for Python.
fn seconds(time: Time) -> f64 {
    time.micros() as f64 / 1e6
}

/// An integer of at most so many bits by the name of its argument.
trait Whole: for<'a, 'py> FromPyObject<'a, 'py, Error = PyErr> {
    const EXPECTED: &str;
}

impl Whole for u8 {
    const EXPECTED: &str = "an integer of 0 to 255";
}

impl Whole for u32 {
    const EXPECTED: &str = "an integer of 0 to 4294967295";
}

impl Whole for u64 {
    const EXPECTED: &str = "an integer of 0 to 18446744073709551615";
}

fn whole<T: Whole>(name: &str, obj: &Bound<'_, PyAny>) -> PyResult<T> {
    number(name, T::EXPECTED, obj)
}

/// Such an integer, or `None`.
fn maybe_whole<T: Whole>(name: &str, obj: Option<&Bound<'_, PyAny>>) -> PyResult<Option<T>> {
    obj.map(|obj| whole(name, obj)).transpose()
}
