//! The one error of this crate: what was expected, and what came.

use crate::frame::{MAX_SIDE, PixelFormat, Size};
use std::fmt;

/// A picture or argument that cannot be worked on.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Error {
    /// A side is zero or above [`MAX_SIDE`].
    Size {
        /// The width that came, in pixels.
        width: usize,
        /// The height that came, in pixels.
        height: usize,
    },
    /// Rows of a plane would run into each other.
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
    /// A plane has another shape than its picture's format and size ask for.
    PlaneShape {
        /// Which plane.
        plane: &'static str,
        /// Rows and bytes of picture per row that the format asks for.
        expected: (usize, usize),
        /// Rows and bytes of picture per row that came.
        got: (usize, usize),
    },
    /// A picture came with too few or too many planes.
    PlaneCount {
        /// The format of the picture.
        format: PixelFormat,
        /// Planes that format has.
        expected: usize,
        /// Planes that came.
        got: usize,
    },
    /// Two pictures must have the same size.
    SizeMismatch {
        /// The size of the first.
        expected: Size,
        /// The size of the second.
        got: Size,
    },
    /// The picture cannot hold a marker.
    TooSmall {
        /// The least size.
        least: Size,
        /// The size that came.
        got: Size,
    },
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Size { width, height } => {
                write!(f, "expected a picture of 1x1 to {MAX_SIDE}x{MAX_SIDE} pixels, got {width}x{height}")
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
            Self::SizeMismatch { expected, got } => {
                write!(f, "expected a picture of {expected} pixels, got {got}")
            }
            Self::TooSmall { least, got } => {
                write!(f, "expected a picture of at least {least} pixels for the marker, got {got}")
            }
        }
    }
}

impl std::error::Error for Error {}
