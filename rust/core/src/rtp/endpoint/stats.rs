//! Figures of a transport.

use std::time::Duration;

/// What is known of the path, and what has gone over it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TransportStats {
    /// Datagrams received.
    pub datagrams_received: u64,
    /// Bytes in these.
    pub bytes_received: u64,
    /// Datagrams that could not be read, or belong to no stream.
    pub datagrams_discarded: u64,
    /// Datagrams handed out to be sent.
    pub datagrams_sent: u64,
    /// Bytes in these.
    pub bytes_sent: u64,
    /// The latest round trip, once measured (`currentRoundTripTime`).
    pub round_trip: Option<Duration>,
    /// What can be sent, in bit/s (`availableOutgoingBitrate`).
    pub available_outgoing_bitrate: Option<u64>,
    /// What can be received, in bit/s, where that is estimated here (`availableIncomingBitrate`).
    pub available_incoming_bitrate: Option<u64>,
    /// Time that packets wait to be sent, now.
    pub pacer_delay: Duration,
}
