//! Width and height of a picture.

use crate::error::Error;
use std::fmt;

/// The longest side of a picture, in pixels.
pub const MAX_SIDE: usize = 65_535;

/// Width and height in pixels. Only [`Size::new`] makes one.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Size {
    /// Pixels per row.
    pub width: usize,
    /// Rows.
    pub height: usize,
}

impl Size {
    /// A size with both sides in `1..=MAX_SIDE`.
    ///
    /// # Errors
    /// [`Error::Size`] otherwise.
    pub fn new(width: usize, height: usize) -> Result<Self, Error> {
        let fits = |side| (1..=MAX_SIDE).contains(&side);
        if fits(width) && fits(height) {
            Ok(Self { width, height })
        } else {
            Err(Error::Size { longest: MAX_SIDE, got: (width, height) })
        }
    }

    /// The size of a plane with one sample for 2x2 pixels.
    pub fn halved(self) -> Self {
        Self { width: self.width.div_ceil(2), height: self.height.div_ceil(2) }
    }
}

impl From<Size> for (usize, usize) {
    fn from(size: Size) -> Self {
        (size.width, size.height)
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}x{}", self.width, self.height)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sides_are_bounded() {
        for (width, height) in [(0, 0), (0, 1), (1, 0), (100_000, 1), (1, MAX_SIDE + 1), (usize::MAX, 2)] {
            let refused = Error::Size { longest: MAX_SIDE, got: (width, height) };
            assert_eq!(Size::new(width, height), Err(refused));
        }
        assert!(Size::new(MAX_SIDE, 1).is_ok());
    }
}
