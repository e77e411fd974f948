//! Real-time media over RTP (RFC 3550): state machines without I/O, clock or threads.
//!
//! Bytes, pictures and the time go in; datagrams, pictures, wishes to the encoder and the next deadline come out.
//!
//! - [`time`] and [`seq`]: monotonic microseconds, and counters that wrap made to ones that do not.
//! - [`wire`]: RTP, header extensions, RTCP and transport-wide feedback. What is parsed borrows the datagram; what
//!   is written is appended to a `Vec`. Nothing that comes from the network panics.
//! - [`payload`]: pictures and sound to payloads that fit a packet, and back; [`trailer`]: what a picture says of itself
//!   behind its bytes.
//! - [`config`] and [`event`]: what was agreed on, and what there is to say.
//! - [`rate`]: how fast to send; [`send`]: what is sent, and when.
//! - [`adapt`]: which size and frame rate to encode.
//! - [`receive`]: packets to pictures and sound, repair, reports.
//! - [`endpoint`]: all of it together, one for each transport.
//! - [`link`]: a seeded model of the network between two endpoints, for simulations and for a relay of real
//!   datagrams.
//! - [`random`]: the one source of chance, seeded from outside.

pub mod adapt;
pub mod config;
pub mod endpoint;
pub mod event;
pub mod link;
pub mod payload;
pub mod random;
pub mod rate;
pub mod receive;
pub mod send;
pub mod seq;
pub mod time;
pub mod trailer;
pub mod wire;

pub use time::Time;

use std::fmt;

/// A setting that cannot be worked with: what it is, what was expected, and what came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invalid {
    /// Which setting.
    pub what: &'static str,
    /// What it has to be.
    pub expected: &'static str,
    /// What it was.
    pub got: String,
}

impl Invalid {
    /// `what` should have been `expected`, and was `got`.
    pub fn new(what: &'static str, expected: &'static str, got: impl fmt::Display) -> Self {
        Self { what, expected, got: got.to_string() }
    }
}

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: expected {}, got {}", self.what, self.expected, self.got)
    }
}

impl std::error::Error for Invalid {}
