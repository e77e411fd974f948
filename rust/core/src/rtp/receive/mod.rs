//! The receiving half: packets in; complete pictures, sound in order, and what the far side is told out.
//!
//! [`Incoming`] is one stream. It is made of parts that each know one thing: [`Gaps`] what is missing and when to ask
//! for it, [`Order`] which picture is complete, [`SoundOrder`] the same of sound, [`Playout`] when to hand it out,
//! [`KeyFrameRequests`] when to ask for a key frame, [`Reception`] what to report. [`Arrivals`] and [`Estimate`] are of
//! the whole transport: feedback for the far side's rate control.

mod answers;
mod arrivals;
mod estimate;
mod feedback;
mod gaps;
mod key_frames;
mod order;
mod pictures;
mod playout;
mod reception;
mod sound;
mod stats;
mod stream;
mod sync;
mod timeline;
mod tuning;

pub use arrivals::Arrivals;
pub use estimate::Estimate;
pub use feedback::KeyFrameRequest;
pub use gaps::Gaps;
pub use key_frames::KeyFrameRequests;
pub use order::{Order, Part, Slot};
pub use playout::Playout;
pub use reception::{Reception, Verdict};
pub use sound::SoundOrder;
pub use stats::InboundStats;
pub use stream::Incoming;
pub use sync::{Position, align};
pub use tuning::Tuning;
