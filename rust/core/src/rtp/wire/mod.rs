//! What goes over the network, byte by byte: RTP, header extensions, RTCP and transport-wide feedback.
//!
//! Parsing borrows the datagram and checks everything that an iterator over the result relies on. Writing appends
//! to a `Vec<u8>` and cannot fail: what has no place in the format is said in each function's text.

mod extensions;

mod packet;
pub mod rtcp;

pub use extensions::{
    AudioLevel, CaptureTime, ExtensionIds, ExtensionValues, Extensions, PlayoutDelay, abs_send_micros,
    abs_send_time,
};
pub use packet::{Header, Packet};
pub use rtcp::feedback;

use std::fmt;

/// Bytes that are not what they should be: what they were taken for, what was expected, and what came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed {
    /// What was read.
    pub what: &'static str,
    /// What it should have been.
    pub expected: &'static str,
    /// What it was: a length in bytes, or the value itself.
    pub got: usize,
}

impl Malformed {
    pub(crate) const fn new(what: &'static str, expected: &'static str, got: usize) -> Self {
        Self { what, expected, got }
    }
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: expected {}, got {}", self.what, self.expected, self.got)
    }
}

impl std::error::Error for Malformed {}

/// Whether a datagram is RTCP, not RTP: they share a transport (RFC 5761 section 4).
#[must_use]
pub fn is_rtcp(datagram: &[u8]) -> bool {
    matches!(datagram, [_, 192..=223, ..])
}

/// The `N` bytes at `at`, if they are there.
fn array<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..)?.first_chunk().copied()
}

pub(super) fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    array(bytes, at).map(u16::from_be_bytes)
}

fn u24_at(bytes: &[u8], at: usize) -> Option<u32> {
    array(bytes, at).map(|[a, b, c]| u32::from_be_bytes([0, a, b, c]))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    array(bytes, at).map(u32::from_be_bytes)
}

fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    array(bytes, at).map(u64::from_be_bytes)
}
