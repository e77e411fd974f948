//! RTCP on its way out: compounds as the far side expects them (RFC 3550, 6.1; RFC 5506).

use crate::rtp::config::ReceiveConfig;
use crate::rtp::wire::rtcp::{write_receiver_report, write_sdes};
use std::collections::VecDeque;

/// A datagram of reports is not filled beyond this, so that it fits any path with what SRTP adds.
pub const MAX_BYTES: usize = 1100;

/// Datagrams that leave before anything else.
#[derive(Debug, Default)]
pub struct Outbox {
    datagrams: VecDeque<Vec<u8>>,
}

impl Outbox {
    /// Puts in the feedback that `write` appends, behind a report if that is what was agreed.
    pub fn feedback(&mut self, config: &ReceiveConfig, write: impl FnOnce(&mut Vec<u8>)) {
        let mut datagram = Vec::new();
        if !config.feedback.reduced_size {
            write_receiver_report(config.own_ssrc, &[], &mut datagram);
            write_sdes(config.own_ssrc, &config.cname, &mut datagram);
        }
        let report = datagram.len();
        write(&mut datagram);
        if datagram.len() > report {
            self.datagrams.push_back(datagram);
        }
    }

    /// Puts in a datagram.
    pub fn push(&mut self, datagram: Vec<u8>) {
        self.datagrams.push_back(datagram);
    }

    /// Takes the next datagram out.
    pub fn pop(&mut self) -> Option<Vec<u8>> {
        self.datagrams.pop_front()
    }

    /// Whether nothing is in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.datagrams.is_empty()
    }
}
