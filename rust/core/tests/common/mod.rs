//! Pictures for tests: padded strides, shifted starts, and guard bytes that must survive.

#![allow(dead_code, reason = "each test binary uses its own part")]

pub mod marker;

use realtime_fast_core::format::PixelFormat;
use realtime_fast_core::frame::{Frame, FrameMut};
use realtime_fast_core::plane::{Plane, PlaneMut};
use realtime_fast_core::size::Size;

/// A small deterministic generator (SplitMix64).
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Something below `end`.
    pub fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }
}

const GUARD: u8 = 0xa5;

/// The memory of a picture: each plane with its own padding, start and guard bytes.
#[derive(Clone)]
pub struct Picture {
    pub format: PixelFormat,
    pub size: Size,
    pub padding: usize,
    pub shift: usize,
    planes: Vec<Vec<u8>>,
}

impl Picture {
    pub fn new(format: PixelFormat, size: Size, padding: usize, shift: usize) -> Self {
        let planes = (0..format.plane_names().len())
            .map(|index| {
                let (rows, row_bytes) = format.plane_shape(size, index);
                vec![GUARD; shift + rows * (row_bytes + padding) + 64]
            })
            .collect();
        Self { format, size, padding, shift, planes }
    }

    pub fn random(
        format: PixelFormat,
        size: Size,
        padding: usize,
        shift: usize,
        random: &mut Random,
    ) -> Self {
        let mut picture = Self::new(format, size, padding, shift);
        picture.fill(|| random.next() as u8);
        picture
    }

    /// Fills the rows, plane after plane.
    pub fn fill(&mut self, mut byte: impl FnMut() -> u8) {
        for plane in self.frame_mut().planes_mut() {
            for y in 0..plane.rows() {
                plane.row_mut(y).fill_with(&mut byte);
            }
        }
    }

    pub fn frame(&self) -> Frame<'_> {
        let planes: Vec<_> = self
            .planes
            .iter()
            .enumerate()
            .map(|(index, data)| {
                let (rows, row_bytes) = self.format.plane_shape(self.size, index);
                let name = self.format.plane_names()[index];
                Plane::new(name, &data[self.shift..], row_bytes, rows, row_bytes + self.padding).unwrap()
            })
            .collect();
        Frame::new(self.format, self.size, planes).unwrap()
    }

    pub fn frame_mut(&mut self) -> FrameMut<'_> {
        let (format, size, padding, shift) = (self.format, self.size, self.padding, self.shift);
        let planes = self.planes.iter_mut().enumerate().map(|(index, data)| {
            let (rows, row_bytes) = format.plane_shape(size, index);
            let name = format.plane_names()[index];
            PlaneMut::new(name, &mut data[shift..], row_bytes, rows, row_bytes + padding).unwrap()
        });
        FrameMut::new(format, size, planes).unwrap()
    }

    /// The bytes of the picture alone, plane after plane.
    pub fn bytes(&self) -> Vec<u8> {
        let frame = self.frame();
        frame
            .planes()
            .iter()
            .flat_map(|plane| (0..plane.rows()).flat_map(|y| plane.row(y).to_vec()))
            .collect()
    }

    /// Fails if a byte outside of the rows was written.
    pub fn assert_guards(&self, context: &str) {
        for (index, data) in self.planes.iter().enumerate() {
            let (rows, row_bytes) = self.format.plane_shape(self.size, index);
            let stride = row_bytes + self.padding;
            for (at, &byte) in data.iter().enumerate() {
                let inside = at
                    .checked_sub(self.shift)
                    .is_some_and(|at| at / stride < rows && at % stride < row_bytes);
                assert!(inside || byte == GUARD, "{context}: plane {index}, byte {at} was written");
            }
        }
    }
}
