//! A plane is rows of bytes, a stride apart. Its geometry is checked here, once; whoever holds a plane
//! may take any row below [`Plane::rows`] and gets exactly [`Plane::row_bytes`] bytes.
//!
//! Strides and row lengths are in bytes; the last row needs no padding after it.

use crate::error::Error;
use std::ops::Deref;

/// Bytes from the start of the first row to the end of the last, `None` if that overflows.
fn span(row_bytes: usize, rows: usize, stride: usize) -> Option<usize> {
    match rows {
        0 => Some(0),
        _ => stride.checked_mul(rows - 1)?.checked_add(row_bytes),
    }
}

fn check(name: &'static str, got: usize, row_bytes: usize, rows: usize, stride: usize) -> Result<(), Error> {
    if rows > 1 && stride < row_bytes {
        return Err(Error::Stride { plane: name, row_bytes, got: stride });
    }
    match span(row_bytes, rows, stride) {
        Some(expected) if got >= expected => Ok(()),
        expected => Err(Error::Length { plane: name, expected: expected.unwrap_or(usize::MAX), got }),
    }
}

/// Memory of a plane: `&[u8]` to read, `&mut [u8]` to write.
pub trait Bytes: Default + Deref<Target = [u8]> {
    /// The first `at` bytes, and the rest.
    ///
    /// # Panics
    /// If there are fewer.
    fn split(self, at: usize) -> (Self, Self);
}

impl Bytes for &[u8] {
    fn split(self, at: usize) -> (Self, Self) {
        self.split_at(at)
    }
}

impl Bytes for &mut [u8] {
    fn split(self, at: usize) -> (Self, Self) {
        self.split_at_mut(at)
    }
}

/// Rows of bytes, a stride apart. Bytes between the rows belong to it but are never written.
#[derive(Clone, Copy, Debug, Default)]
pub struct PlaneView<B> {
    data: B,
    row_bytes: usize,
    rows: usize,
    stride: usize,
}

/// A plane to read from.
pub type Plane<'a> = PlaneView<&'a [u8]>;

/// A plane to write to.
pub type PlaneMut<'a> = PlaneView<&'a mut [u8]>;

impl<B: Bytes> PlaneView<B> {
    /// Views `data` as `rows` rows of `row_bytes` bytes, `stride` bytes apart. `name` is for the error.
    ///
    /// # Errors
    /// [`Error::Stride`] if rows would overlap, [`Error::Length`] if `data` is too short.
    #[inline]
    pub fn new(
        name: &'static str,
        data: B,
        row_bytes: usize,
        rows: usize,
        stride: usize,
    ) -> Result<Self, Error> {
        check(name, data.len(), row_bytes, rows, stride)?;
        Ok(Self { data, row_bytes, rows, stride })
    }

    /// Bytes of picture in a row.
    #[inline]
    pub fn row_bytes(&self) -> usize {
        self.row_bytes
    }

    /// Number of rows.
    #[inline]
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// The same rows, for reading.
    #[inline]
    pub fn as_plane(&self) -> Plane<'_> {
        Plane { data: &self.data, row_bytes: self.row_bytes, rows: self.rows, stride: self.stride }
    }

    /// Where row `y` starts.
    #[inline]
    fn start(&self, y: usize) -> usize {
        assert!(y < self.rows, "row {y} of a plane of {} rows", self.rows);
        y * self.stride
    }
}

impl<'a> Plane<'a> {
    /// Row `y`, without padding.
    ///
    /// # Panics
    /// If `y` is not below [`PlaneView::rows`].
    #[inline]
    pub fn row(&self, y: usize) -> &'a [u8] {
        let start = self.start(y);
        &self.data[start..start + self.row_bytes]
    }
}

impl PlaneMut<'_> {
    /// Rows `top` to `top + rows`, which must exist.
    pub(crate) fn rows_mut(&mut self, top: usize, rows: usize) -> PlaneMut<'_> {
        assert!(rows > 0 && top + rows <= self.rows, "rows {top} to {} of {}", top + rows, self.rows);
        PlaneMut {
            data: &mut self.data[top * self.stride..],
            row_bytes: self.row_bytes,
            rows,
            stride: self.stride,
        }
    }

    /// Row `y`, without padding.
    ///
    /// # Panics
    /// If `y` is not below [`PlaneView::rows`].
    #[inline]
    pub fn row_mut(&mut self, y: usize) -> &mut [u8] {
        let start = self.start(y);
        &mut self.data[start..start + self.row_bytes]
    }

    /// Rows `y` and `y + 1`; the second is `None` below the last row.
    ///
    /// # Panics
    /// If `y` is not below [`PlaneView::rows`].
    #[inline]
    pub fn row_pair_mut(&mut self, y: usize) -> (&mut [u8], Option<&mut [u8]>) {
        if y + 1 >= self.rows {
            return (self.row_mut(y), None);
        }
        let start = y * self.stride;
        let (first, second) = self.data[start..].split_at_mut(self.stride);
        (&mut first[..self.row_bytes], Some(&mut second[..self.row_bytes]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_row_needs_no_padding() {
        let data = [0; 10 * 2 + 4];
        let plane = Plane::new("Y", &data, 4, 3, 10).unwrap();
        assert_eq!(plane.row(2).len(), 4);
        assert_eq!(
            Plane::new("Y", &data[1..], 4, 3, 10).unwrap_err(),
            Error::Length { plane: "Y", expected: 24, got: 23 }
        );
    }

    #[test]
    fn one_row_has_any_stride() {
        assert!(Plane::new("Y", &[0; 4], 4, 1, 0).is_ok());
        assert_eq!(
            Plane::new("Y", &[0; 8], 4, 2, 3).unwrap_err(),
            Error::Stride { plane: "Y", row_bytes: 4, got: 3 }
        );
    }

    #[test]
    fn absurd_strides_do_not_overflow() {
        for (row_bytes, rows, stride) in [(4, 3, usize::MAX), (usize::MAX, 2, usize::MAX), (usize::MAX, 1, 0)]
        {
            let error = Plane::new("U", &[0; 8], row_bytes, rows, stride).unwrap_err();
            assert_eq!(error, Error::Length { plane: "U", expected: usize::MAX, got: 8 });
        }
    }

    #[test]
    fn row_pairs_end_with_a_single_row() {
        let mut data = [0; 5 * 2 + 3];
        let mut plane = PlaneMut::new("Y", &mut data, 3, 3, 5).unwrap();
        for y in 0..3 {
            let (first, second) = plane.row_pair_mut(y);
            first.fill(y as u8 + 1);
            assert_eq!(second.map(|row| row.len()), (y < 2).then_some(3));
        }
        assert_eq!(data, [1, 1, 1, 0, 0, 2, 2, 2, 0, 0, 3, 3, 3]);
    }
}
