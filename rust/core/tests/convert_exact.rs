//! Every formula against real numbers, for every input.

use realtime_fast_core::color::{Color, Matrix, Range};
use realtime_fast_core::convert::convert;
use realtime_fast_core::format::PixelFormat;
use realtime_fast_core::frame::{Frame, FrameMut};
use realtime_fast_core::size::Size;

/// The standard in real numbers, written down apart from the code under test.
struct Real {
    kr: f64,
    kg: f64,
    kb: f64,
    black: f64,
    luma: f64,
    chroma: f64,
}

impl Real {
    fn new(color: Color) -> Self {
        let (kr, kb) = match color.matrix {
            Matrix::Bt601 => (0.299, 0.114),
            Matrix::Bt709 => (0.2126, 0.0722),
        };
        let (black, luma, chroma) = match color.range {
            Range::Limited => (16.0, 219.0, 224.0),
            Range::Full => (0.0, 255.0, 255.0),
        };
        Self { kr, kg: 1.0 - kr - kb, kb, black, luma, chroma }
    }

    fn rgb(&self, y: f64, u: f64, v: f64) -> [f64; 3] {
        let luma = (y - self.black) / self.luma;
        let (cb, cr) = ((u - 128.0) / self.chroma, (v - 128.0) / self.chroma);
        let red = luma + 2.0 * (1.0 - self.kr) * cr;
        let blue = luma + 2.0 * (1.0 - self.kb) * cb;
        let green = (luma - self.kr * red - self.kb * blue) / self.kg;
        [red, green, blue].map(|channel| (channel * 255.0).round().clamp(0.0, 255.0))
    }

    fn yuv(&self, [r, g, b]: [f64; 3]) -> [f64; 3] {
        let luma = (self.kr * r + self.kg * g + self.kb * b) / 255.0;
        let cb = (b / 255.0 - luma) / (2.0 * (1.0 - self.kb));
        let cr = (r / 255.0 - luma) / (2.0 * (1.0 - self.kr));
        [self.black + self.luma * luma, 128.0 + self.chroma * cb, 128.0 + self.chroma * cr]
            .map(|code| code.round().clamp(0.0, 255.0))
    }
}

/// Counts of exact and of near results; anything else fails at once.
#[derive(Default, Debug)]
struct Tally {
    exact: u64,
    near: u64,
}

impl Tally {
    fn add(&mut self, got: u8, real: f64, context: impl Fn() -> String) {
        let apart = (f64::from(got) - real).abs();
        assert!(apart <= 1.0, "{}: got {got}, in real numbers {real}", context());
        if apart == 0.0 { self.exact += 1 } else { self.near += 1 }
    }

    fn assert_mostly_exact(&self, share: f64) {
        assert!(self.exact as f64 >= share * (self.exact + self.near) as f64, "{self:?}");
    }
}

const ROW: usize = 512;

#[test]
#[cfg_attr(miri, ignore = "too many for an interpreter")]
fn yuv_to_rgb_is_within_one_level_for_every_input() {
    // A picture for each V: every pair of Y and U, doubled in both directions by the shared chroma.
    let size = Size::new(ROW, 512).unwrap();
    for color in Color::ALL {
        let real = Real::new(color);
        let mut tally = Tally::default();
        let mut yuv = vec![0; PixelFormat::Yuv420p.packed_bytes(size)];
        let mut rgb = vec![0; PixelFormat::Rgb24.packed_bytes(size)];
        for y in 0..512 {
            for x in 0..ROW {
                yuv[y * ROW + x] = (y / 2) as u8;
            }
        }
        let (luma, chroma) = (ROW * 512, ROW / 2 * 256);
        for y in 0..256 {
            for x in 0..256 {
                yuv[luma + y * 256 + x] = x as u8;
            }
        }
        for v in 0..=255u8 {
            yuv[luma + chroma..].fill(v);
            let src = Frame::packed(PixelFormat::Yuv420p, size, &yuv).unwrap();
            convert(&src, &mut FrameMut::packed(PixelFormat::Rgb24, size, &mut rgb).unwrap(), color).unwrap();
            for y in 0..=255u8 {
                for u in 0..=255u8 {
                    let at = (usize::from(y) * 2 * ROW + usize::from(u) * 2) * 3;
                    let expected = real.rgb(f64::from(y), f64::from(u), f64::from(v));
                    for channel in 0..3 {
                        let context = || format!("{color:?}, YUV {y} {u} {v}, channel {channel}");
                        tally.add(rgb[at + channel], expected[channel], context);
                    }
                }
            }
        }
        tally.assert_mostly_exact(0.98);
    }
}

#[test]
#[cfg_attr(miri, ignore = "too many for an interpreter")]
fn rgb_to_yuv_is_within_one_level_for_every_input() {
    // Blocks of 2x2 equal pixels, so that chroma is of one colour.
    let size = Size::new(ROW, 512).unwrap();
    for color in Color::ALL {
        let real = Real::new(color);
        let mut tally = Tally::default();
        let mut rgb = vec![0; PixelFormat::Rgb24.packed_bytes(size)];
        let mut yuv = vec![0; PixelFormat::Yuv420p.packed_bytes(size)];
        let (luma, chroma) = (ROW * 512, ROW / 2 * 256);
        for b in 0..=255u8 {
            for (at, pixel) in rgb.chunks_exact_mut(3).enumerate() {
                pixel.copy_from_slice(&[(at / ROW / 2) as u8, (at % ROW / 2) as u8, b]);
            }
            let src = Frame::packed(PixelFormat::Rgb24, size, &rgb).unwrap();
            convert(&src, &mut FrameMut::packed(PixelFormat::Yuv420p, size, &mut yuv).unwrap(), color)
                .unwrap();
            for r in 0..=255u8 {
                for g in 0..=255u8 {
                    let (y, x) = (usize::from(r), usize::from(g));
                    let got =
                        [yuv[y * 2 * ROW + x * 2], yuv[luma + y * 256 + x], yuv[luma + chroma + y * 256 + x]];
                    let expected = real.yuv([r, g, b].map(f64::from));
                    for code in 0..3 {
                        let context = || format!("{color:?}, RGB {r} {g} {b}, code {code}");
                        tally.add(got[code], expected[code], context);
                    }
                }
            }
        }
        tally.assert_mostly_exact(0.98);
    }
}
