//! The pixel marker: a number written into the picture's bottom-left corner, and its readers.
//!
//! [`code`] is the layout in bits, [`stamp()`] writes it on the planes of a picture, [`read_hard()`] is the
//! reference reader and [`read_soft()`] the one for real channels, which weighs the [`Evidence`] of a corner.

mod belief;
mod cells;
pub mod code;
mod evidence;
mod levels;
mod middles;
mod probes;
mod read_hard;
mod sampler;
mod soft;
mod stamp;

pub use code::{CELLS, ROWS, Reading};
pub use evidence::Evidence;
pub use levels::{Cell, Levels};
pub use probes::{Arrival, Outcome, Probes};
pub use read_hard::read_hard;
pub use soft::{SoftReading, read_soft};
pub use stamp::stamp;
