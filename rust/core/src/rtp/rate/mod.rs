//! How fast to send: congestion control in the manner of GCC (draft-ietf-rmcat-gcc-02).
//!
//! A path that is sent too much first delays packets, then loses them. [`DelayControl`] sees the delay grow from
//! times of sending and arrival and keeps the rate just below what the path carries; [`LossControl`] sees losses
//! that come of sending too much, and leaves those alone that come anyway; [`Prober`] asks from time to time, with
//! a short burst, whether the path carries more. [`Controller`] makes one rate of it, from transport-wide feedback
//! or from a far side's estimate (REMB) and receiver reports.
//!
//! Rates are bit/s of whole RTP packets, headers included. Arrival times are of the far side's clock: only their
//! differences mean something.

mod acked;
mod aimd;
mod controller;
mod delay;
mod groups;
mod loss;
mod probe;
mod queue;
mod reports;
mod sent;
mod trendline;

pub use acked::ReceivedRate;
pub use aimd::{Aimd, AimdTuning};
pub use controller::{Controller, ControllerTuning};
pub use delay::{DelayControl, DelayTuning};
pub use groups::{Groups, Variation};
pub use loss::{LossControl, LossTuning};
pub use probe::{Probe, ProbeTuning, Prober};
pub use queue::QueueDelay;
pub use reports::ReportControl;
pub use sent::SentLog;
pub use trendline::{Trendline, TrendlineTuning};

use crate::rtp::time::Time;

/// What became of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PacketResult {
    /// When it was sent.
    pub sent: Time,
    /// Bytes of the whole RTP packet.
    pub bytes: usize,
    /// When it arrived, by the far clock; `None` if it was lost.
    pub arrived: Option<Time>,
    /// The probe that it was part of.
    pub probe: Option<u32>,
}

/// What the delay of packets says about the rate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Usage {
    /// The path carries what is sent.
    #[default]
    Normal,
    /// A queue grows: more is sent than the path carries.
    Over,
    /// A queue drains.
    Under,
}
