//! A download next to the call: TCP Reno as far as it matters to others, with selective acknowledgements.

use realtime_fast_core::rtp::Time;
use std::collections::BTreeMap;
use std::time::Duration;

/// Bytes of a segment with all headers, and of an acknowledgement.
pub const SEGMENT: usize = 1500;
pub const ACKNOWLEDGEMENT: usize = 60;

/// Later segments that arrive before a missing one counts as lost.
const REORDERING: u64 = 3;
const TIMEOUT: Duration = Duration::from_secs(1);

/// When a download runs.
#[derive(Clone, Copy, Debug)]
pub struct Download {
    pub start: Duration,
    /// Segments until it is complete; `None` goes on for ever.
    pub segments: Option<u64>,
    /// When complete, it begins again after this.
    pub pause: Duration,
}

/// The sender of one download.
#[derive(Debug)]
pub struct Tcp {
    download: Download,
    /// Segments that may be on their way.
    window: f64,
    threshold: f64,
    next: u64,
    /// Segments on their way, and when they were sent.
    flying: BTreeMap<u64, Time>,
    /// Losses of segments below this are answered already.
    recovered: u64,
    remaining: Option<u64>,
    pub begin: Time,
    pub acknowledged: u64,
}

impl Tcp {
    pub fn new(download: Download, start: Time) -> Self {
        Self {
            download,
            window: 10.0,
            threshold: f64::INFINITY,
            next: 0,
            flying: BTreeMap::new(),
            recovered: 0,
            remaining: download.segments,
            begin: start + download.start,
            acknowledged: 0,
        }
    }

    /// The next segment that may leave at `now`.
    pub fn send(&mut self, now: Time) -> Option<u64> {
        if let Some((&first, &sent)) = self.flying.first_key_value()
            && now - sent > TIMEOUT
        {
            self.flying.clear();
            (self.threshold, self.window) = ((self.window / 2.0).max(2.0), 1.0);
            self.recovered = self.next.max(first);
        }
        if now < self.begin || self.flying.len() as f64 >= self.window || self.remaining == Some(0) {
            return None;
        }
        self.remaining = self.remaining.map(|remaining| remaining - 1);
        let segment = self.next;
        self.next += 1;
        self.flying.insert(segment, now);
        Some(segment)
    }

    /// When something may be due without an acknowledgement.
    pub fn deadline(&self) -> Option<Time> {
        let timeout =
            self.flying.first_key_value().map(|(_, &sent)| sent + TIMEOUT + Duration::from_millis(1));
        timeout.or(Some(self.begin).filter(|_| self.remaining != Some(0)))
    }

    /// Takes an acknowledgement.
    pub fn acknowledge(&mut self, segment: u64, now: Time) {
        if self.flying.remove(&segment).is_none() {
            return;
        }
        self.acknowledged += 1;
        self.window += if self.window < self.threshold { 1.0 } else { 1.0 / self.window };
        let lost: Vec<u64> =
            self.flying.range(..segment.saturating_sub(REORDERING)).map(|(&lost, _)| lost).collect();
        for lost in lost {
            self.flying.remove(&lost);
            self.remaining = self.remaining.map(|remaining| remaining + 1);
            if lost >= self.recovered {
                self.threshold = (self.window / 2.0).max(2.0);
                self.window = self.threshold;
                self.recovered = self.next;
            }
        }
        if self.remaining == Some(0) && self.flying.is_empty() {
            let again = Download { start: Duration::ZERO, ..self.download };
            let acknowledged = self.acknowledged;
            *self = Self { acknowledged, ..Self::new(again, now + self.download.pause) };
        }
    }
}
