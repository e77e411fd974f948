//! The constants of loss repair, in one place: tests change them to show what each is for.

use std::time::Duration;

/// How loss is repaired, and when it is not.
///
/// The defaults are what real streams get. Round trips are those that repair takes, measured.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tuning {
    /// How often one packet is asked for at most.
    pub max_requests: u8,
    /// The first so many follow each other as soon as an answer should have come: requests are lost as packets are.
    pub eager_requests: u8,
    /// After them, each wait for an answer is so much longer than the one before.
    pub backoff: f64,
    /// A key frame is asked for when a gap is as old as this many round trips ...
    pub gap_round_trips: u32,
    /// ... and this much on top of them, which pacing and queues may take ...
    pub gap_allowance: Duration,
    /// ... but never earlier than this ...
    pub min_gap_age: Duration,
    /// ... and never later than this.
    pub max_gap_age: Duration,
    /// A gap may still be closed until it is so many times as old: then it is given up.
    pub lost_gap_age: u32,
    /// After a key frame that came, another is asked for no sooner than this after the last time.
    pub min_key_frame_interval: Duration,
    /// While none comes, the waits from one request to the next grow up to this.
    pub max_key_frame_interval: Duration,
}

impl Default for Tuning {
    fn default() -> Self {
        Self {
            max_requests: 8,
            eager_requests: 4,
            backoff: 1.5,
            gap_round_trips: 3,
            gap_allowance: Duration::from_millis(120),
            min_gap_age: Duration::from_millis(120),
            max_gap_age: Duration::from_millis(700),
            lost_gap_age: 2,
            min_key_frame_interval: Duration::from_millis(300),
            max_key_frame_interval: Duration::from_secs(2),
        }
    }
}

impl Tuning {
    /// The age of a gap at which a key frame is asked for, where repair takes this long.
    #[must_use]
    pub fn gap_age(&self, round_trip: Duration) -> Duration {
        // Not `clamp`, which panics where a test sets the least above the most.
        (round_trip * self.gap_round_trips + self.gap_allowance).max(self.min_gap_age).min(self.max_gap_age)
    }
}
