//! What is sent, and when: pictures and sound to packets, repair within a budget, all at the pace of the path.

mod ahead;
mod forward;
mod history;
mod key_frames;
mod losses;
mod pacer;
mod repair;
mod senders;
mod split;
mod stats;
mod stream;
mod tuning;

pub use pacer::{Class, Pacer, Turn};
pub use senders::Senders;
pub use stats::{OutboundStats, RemoteInboundStats};
pub use tuning::SendTuning;
