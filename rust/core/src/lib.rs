//! Frame conversion, pixel markers, RTC statistics and RTP: the part of realtime_fast where time is spent.
//!
//! Nothing in this crate knows Python, reads a clock or does I/O.
//!
//! A picture is a [`frame::Frame`] over [`plane::Plane`]s: borrowed rows of bytes a stride apart, whose
//! geometry is checked when the view is made and never again. [`convert::convert`] takes it from one pixel
//! format to another, [`resize::resize`] to another size as well.
//!
//! Modules import one way: no two of them need each other, `tests/modules.rs` makes sure of it.

pub mod color;
pub mod convert;
pub mod error;
pub mod format;
pub mod frame;
mod kernels;
pub mod level;
pub mod marker;
pub mod meter;
pub mod plane;
pub mod resize;
pub mod rtp;
pub mod size;
pub mod stats;

pub use error::Error;
