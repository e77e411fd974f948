//! What an incoming stream asks of the far side, and tells it; and its figures.

use super::InboundStats;
use super::stream::{Delivery, Incoming};
use super::sync::Position;
use crate::rtp::time::Time;
use crate::rtp::wire::rtcp::{ReportBlock, SenderInfo};
use std::time::Duration;

/// What is asked of the far side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyFrameRequest {
    /// By PLI.
    Pli,
    /// By FIR, with the number of this request.
    Fir(u8),
}

impl Incoming {
    /// Puts into `missing`, in order, the sequence numbers to ask for at `now`.
    pub fn missing(&mut self, now: Time, missing: &mut Vec<u64>) {
        let useful = match &self.delivery {
            Delivery::Pictures(pictures) => pictures.useful(),
            Delivery::Sound(_) | Delivery::Packets => 0,
        };
        self.gaps.requests(useful, now, missing);
        self.stats.nack_count += u64::from(!missing.is_empty());
    }

    /// How to ask for a key frame at `now`, if that is due and was agreed.
    pub fn key_frame_request(&mut self, now: Time) -> Option<KeyFrameRequest> {
        if !self.key_frames.request(&self.tuning, self.gaps.round_trip(), self.latest, now) {
            return None;
        }
        if self.config.feedback.pli {
            self.stats.pli_count += 1;
            Some(KeyFrameRequest::Pli)
        } else if self.config.feedback.fir {
            self.stats.fir_count += 1;
            Some(KeyFrameRequest::Fir(self.stats.fir_count as u8))
        } else {
            None
        }
    }

    /// A key frame is needed, whatever came: the decoder has failed, or a forwarder was asked for one.
    pub fn need_key_frame(&mut self, now: Time) {
        if let Delivery::Pictures(pictures) = &mut self.delivery {
            pictures.require_key_frame();
            if !pictures.need_key_frame(now) {
                return;
            }
        }
        self.key_frames.need(&self.tuning, now);
    }

    /// Takes the far side's report of what it has sent.
    pub fn sender_report(&mut self, info: SenderInfo, now: Time) {
        self.reception.reported(info, now);
    }

    /// Takes the round trip of the path.
    pub fn set_round_trip(&mut self, round_trip: Duration) {
        self.gaps.set_path_round_trip(round_trip);
    }

    /// Changes how long media is held back to smooth jitter.
    pub fn set_delay(&mut self, min: Duration, max: Duration) {
        self.playout.set_bounds(min, max);
    }

    /// Changes what synchronisation adds to that.
    pub fn set_extra_delay(&mut self, extra: Duration) {
        self.playout.set_extra(extra);
    }

    /// How far behind its capture the stream is handed out; `None` before the far side has told the time.
    #[must_use]
    pub fn position(&self) -> Option<Position> {
        let (info, _) = self.reception.sender().0?;
        let due = self.playout.due(self.timeline.peek(info.timestamp)?)?;
        let captured = (info.ntp >> 32) as f64 + f64::from(info.ntp as u32) / (1_u64 << 32) as f64;
        Some(Position { behind: due.micros() as f64 / 1e6 - captured, extra: self.playout.extra() })
    }

    /// The report of what came since the last one; `None` if nothing ever did.
    pub fn report(&mut self, now: Time) -> Option<ReportBlock> {
        self.reception.report(self.stats.ssrc?, now)
    }

    /// Figures of the stream.
    #[must_use]
    pub fn stats(&self) -> InboundStats {
        let (sender, remote_reports) = self.reception.sender();
        let (dropped, lost) = match &self.delivery {
            Delivery::Pictures(pictures) => (pictures.dropped(), 0),
            Delivery::Sound(order) => (0, order.lost()),
            Delivery::Packets => (0, 0),
        };
        InboundStats {
            packets_lost: self.lost_before + self.reception.lost(),
            jitter: self.reception.jitter() / f64::from(self.clock_rate.max(1)),
            last_packet: (self.stats.packets_received > 0).then_some(self.latest),
            frames_dropped: dropped,
            sounds_lost: lost,
            remote_packets_sent: sender.map(|(info, _)| info.packets),
            remote_bytes_sent: sender.map(|(info, _)| info.bytes),
            remote_reports,
            ..self.stats.clone()
        }
    }
}
