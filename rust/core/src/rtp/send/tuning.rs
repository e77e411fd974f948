//! The figures of what is sent, in one place: tests change them to show what each is for.

use crate::rtp::rate::ControllerTuning;
use std::time::Duration;

/// How media and repair are sent. The defaults are what real streams get.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SendTuning {
    /// Control of the rate.
    pub controller: ControllerTuning,
    /// What repair may take of the rate. More would cost new pictures more than it mends of old ones, and where it is
    /// congestion that loses packets it would feed it.
    pub repair_share: f64,
    /// What repair does not use is kept for this long: losses come in bursts.
    pub repair_saved: Duration,
    /// Repair that takes longer than this is too late: a key frame is quicker.
    pub longest_repair: Duration,
    /// No packet is sent again sooner than this after the last time ...
    pub repair_apart: Duration,
    /// ... nor than so many round trips: the far side cannot know before that it is missing.
    pub repair_apart_round_trips: u32,
    /// No packet is sent again later than this after the first time, or three round trips: it would not be shown.
    pub repair_age: Duration,
    /// From one key frame asked of an encoder to the next.
    pub key_frames_apart: Duration,
    /// A key frame is asked for without waiting for the far side to do so where repair is too much, or fails.
    pub offers_key_frames: bool,
    /// Pictures that wait behind others for longer than this are left out where a key frame follows them.
    pub stale: Duration,
    /// What would take longer than this to leave is given up, and a key frame asked for: the path has become so narrow
    /// that the pictures that wait were made for another one.
    pub hopeless: Duration,
    /// What is asked for is sent this often, while there is plenty left for repair and no queue that
    /// it could make longer. With one packet in twenty lost this takes a quarter off the latency of the slowest pictures.
    pub repair_copies: u32,
    /// Pictures are sent twice from the second share of packets on that the path loses by itself, down to the first ...
    pub ahead_loss: (f64, f64),
    /// ... where the round trip is no shorter than this: else repair is quick ...
    pub ahead_round_trip: Duration,
    /// ... and as far as they keep this rate, in bit/s: below it they had better be good.
    pub ahead_above: f64,
    /// What is passed on leaves this much faster than what is encoded here: it was paced already where it was.
    pub forwarding: f64,
    /// Packets leave together that are due within so much of each other, where the path carries more than will ever be
    /// sent: each timer costs processor time. Where it does not, bursts would fill its queue.
    pub together: Duration,
    /// There is room for another picture while everything that waits leaves within this.
    pub room: Duration,
}

impl Default for SendTuning {
    fn default() -> Self {
        Self {
            controller: ControllerTuning::default(),
            repair_share: 0.2,
            repair_saved: Duration::from_secs(1),
            longest_repair: Duration::from_millis(200),
            repair_apart: Duration::from_millis(20),
            repair_apart_round_trips: 1,
            repair_age: Duration::from_secs(1),
            key_frames_apart: Duration::from_millis(300),
            offers_key_frames: true,
            stale: Duration::from_millis(100),
            hopeless: Duration::from_secs(1),
            repair_copies: 2,
            ahead_loss: (0.01, 0.02),
            ahead_round_trip: Duration::from_millis(30),
            ahead_above: 800_000.0,
            forwarding: 2.0,
            together: Duration::from_millis(20),
            room: Duration::from_millis(80),
        }
    }
}
