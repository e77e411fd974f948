//! The one error of this crate: what was expected, and what came.

use std::fmt;

/// A picture or argument that cannot be worked on. Sizes are width and height in pixels.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Error {
    /// A side is zero or too long.
    Size {
        /// The longest side there may be, in pixels.
        longest: usize,
        /// The size that came.
        got: (usize, usize),
    },
    /// Rows of a plane would overlap.
    Stride {
        /// Which plane.
        plane: &'static str,
        /// Bytes of picture in a row: the least possible stride.
        row_bytes: usize,
        /// The stride that came, in bytes.
        got: usize,
    },
    /// The memory given for a plane does not hold all its rows.
    Length {
        /// Which plane.
        plane: &'static str,
        /// Bytes needed: `stride * (rows - 1) + row_bytes`.
        expected: usize,
        /// Bytes that came.
        got: usize,
    },
    /// The format and size of a picture call for a plane of another shape.
    PlaneShape {
        /// Which plane.
        plane: &'static str,
        /// Rows and bytes of picture per row that the format calls for.
        expected: (usize, usize),
        /// Rows and bytes of picture per row that came.
        got: (usize, usize),
    },
    /// A picture came with too few or too many planes.
    PlaneCount {
        /// The format of the picture.
        format: &'static str,
        /// Planes that format has.
        expected: usize,
        /// Planes that came.
        got: usize,
    },
    /// Two pictures must have the same size.
    SizeMismatch {
        /// The size of the first.
        expected: (usize, usize),
        /// The size of the second.
        got: (usize, usize),
    },
    /// A cell of a marker is none that there are.
    CellSide {
        /// The longest side, in pixels.
        longest: usize,
        /// The side that came.
        got: usize,
    },
    /// There is no memory for a picture in between.
    Memory {
        /// Bytes that it takes.
        bytes: usize,
    },
    /// The picture cannot hold a marker.
    TooSmall {
        /// The least size.
        least: (usize, usize),
        /// The size that came.
        got: (usize, usize),
    },
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Size { longest, got: (width, height) } => {
                write!(f, "expected a picture of 1x1 to {longest}x{longest} pixels, got {width}x{height}")
            }
            Self::Stride { plane, row_bytes, got } => {
                write!(f, "{plane} plane: expected a stride of at least {row_bytes} bytes, got {got}")
            }
            Self::Length { plane, expected, got } => {
                write!(f, "{plane} plane: expected at least {expected} bytes, got {got}")
            }
            Self::PlaneShape { plane, expected, got } => write!(
                f,
                "{plane} plane: expected {} rows of {} bytes, got {} rows of {} bytes",
                expected.0, expected.1, got.0, got.1
            ),
            Self::PlaneCount { format, expected, got } => {
                write!(f, "expected {expected} plane(s) for {format}, got {got}")
            }
            Self::SizeMismatch { expected, got } => write!(
                f,
                "expected a picture of {}x{} pixels, got {}x{}",
                expected.0, expected.1, got.0, got.1
            ),
            Self::Memory { bytes } => write!(f, "expected {bytes} bytes of memory to be free"),
            Self::CellSide { longest, got } => {
                write!(f, "expected a cell of 1 to {longest} pixels, got {got}")
            }
            Self::TooSmall { least, got } => write!(
                f,
                "expected a picture of at least {}x{} pixels for the marker, got {}x{}",
                least.0, least.1, got.0, got.1
            ),
        }
    }
}

impl std::error::Error for Error {}
