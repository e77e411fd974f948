//! When reports go out, and what is in them (RFC 3550, 6.2 and 6.4).

use super::outbox::{MAX_BYTES, Outbox};
use super::receivers::Receivers;
use crate::rtp::random::Random;
use crate::rtp::send::Senders;
use crate::rtp::time::Time;
use crate::rtp::wire::rtcp::{
    MAX_REPORTS, ReportBlock, write_receiver_report, write_sdes, write_sender_report,
};
use std::time::Duration;

/// The first report goes early: the far side learns the round trip from it.
const FIRST: Duration = Duration::from_millis(100);
/// From one to the next, on average.
const INTERVAL: Duration = Duration::from_secs(1);
/// The same, where either side controls its rate by what is reported.
const SHORT_INTERVAL: Duration = Duration::from_millis(400);

/// The schedule of reports.
#[derive(Debug)]
pub struct Reports {
    due: Time,
    random: Random,
    /// Kept for its memory.
    blocks: Vec<ReportBlock>,
}

impl Reports {
    /// Begins at `now`.
    pub fn new(seed: u64, now: Time) -> Self {
        Self { due: now + FIRST, random: Random::new(seed), blocks: Vec::new() }
    }

    /// When the next reports are due.
    pub fn deadline(&self) -> Time {
        self.due
    }

    /// Puts the reports into `outbox` if they are due.
    pub fn tick(&mut self, now: Time, senders: &Senders, receivers: &mut Receivers, outbox: &mut Outbox) {
        if now < self.due {
            return;
        }
        let decide = receivers.reports_decide() || senders.rely_on_reports();
        let interval = if decide { SHORT_INTERVAL } else { INTERVAL };
        // Half of it to one and a half, so that those who began together do not report together for ever.
        self.due = now + interval.mul_f64(0.5 + self.random.unit());
        self.blocks.clear();
        receivers.reports(now, &mut self.blocks);
        let mut blocks = &self.blocks[..];
        let mut datagram = Vec::new();
        for (ssrc, cname, info) in senders.reports(now) {
            let (some, rest) = blocks.split_at(blocks.len().min(MAX_REPORTS));
            blocks = rest;
            if datagram.len() > MAX_BYTES / 2 {
                outbox.push(std::mem::take(&mut datagram));
            }
            write_sender_report(ssrc, &info, some, &mut datagram);
            write_sdes(ssrc, cname, &mut datagram);
        }
        if !blocks.is_empty()
            && let Some((ssrc, cname)) = receivers.reporter()
        {
            for some in blocks.chunks(MAX_REPORTS) {
                write_receiver_report(ssrc, some, &mut datagram);
                write_sdes(ssrc, cname, &mut datagram);
                outbox.push(std::mem::take(&mut datagram));
            }
        }
        if !datagram.is_empty() {
            outbox.push(datagram);
        }
    }
}
