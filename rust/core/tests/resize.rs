//! Scaling against real numbers, on every level, and fused with conversion.

mod common;

use common::{Picture, Random};
use realtime_fast_core::color::Color;
use realtime_fast_core::convert::convert;
use realtime_fast_core::format::PixelFormat;
use realtime_fast_core::level::Level;
use realtime_fast_core::resize::{Filter, resize, resize_with};
use realtime_fast_core::size::Size;

const FILTERS: [Filter; 2] = [Filter::Bilinear, Filter::Area];

/// Weights of an axis in real numbers: for each output sample, of every input sample.
fn weights(from: usize, to: usize, filter: Filter) -> Vec<Vec<f64>> {
    let step = from as f64 / to as f64;
    (0..to)
        .map(|at| {
            let centre = ((at as f64 + 0.5) * step - 0.5).clamp(0.0, (from - 1) as f64);
            let (start, end) = (at as f64 * step, (at + 1) as f64 * step);
            (0..from)
                .map(|index| {
                    if filter == Filter::Area && from > to {
                        ((index as f64 + 1.0).min(end) - (index as f64).max(start)).max(0.0) / step
                    } else {
                        (1.0 - (centre - index as f64).abs()).max(0.0)
                    }
                })
                .collect()
        })
        .collect()
}

/// A plane of `channels` interleaved samples, scaled in real numbers.
fn scale(data: &[u8], from: Size, to: Size, channels: usize, filter: Filter) -> Vec<f64> {
    let (across, down) = (weights(from.width, to.width, filter), weights(from.height, to.height, filter));
    let mut out = Vec::new();
    for down in &down {
        for across in &across {
            for channel in 0..channels {
                let mut sum = 0.0;
                for (y, weight) in down.iter().enumerate().filter(|(_, weight)| **weight > 0.0) {
                    for (x, share) in across.iter().enumerate().filter(|(_, share)| **share > 0.0) {
                        sum += weight * share * f64::from(data[(y * from.width + x) * channels + channel]);
                    }
                }
                out.push(sum);
            }
        }
    }
    out
}

fn sizes() -> impl Iterator<Item = (Size, Size)> {
    [
        ((1, 1), (1, 2)),
        ((1, 1), (7, 5)),
        ((2, 3), (1, 1)),
        ((37, 21), (13, 9)),
        ((37, 21), (36, 20)),
        ((37, 21), (75, 43)),
        ((37, 21), (12, 40)),
        ((100, 3), (9, 2)),
        ((64, 48), (32, 24)),
        ((5, 4), (5, 3)),
        ((150, 11), (101, 7)),
        ((61, 7), (150, 11)),
    ]
    .into_iter()
    .map(|(a, b)| (Size::new(a.0, a.1).unwrap(), Size::new(b.0, b.1).unwrap()))
}

#[test]
#[cfg_attr(miri, ignore = "too many for an interpreter")]
fn scaled_planes_are_rounded_real_numbers() {
    let mut random = Random(7);
    for (from, to) in sizes() {
        for filter in FILTERS {
            for (format, channels) in
                [(PixelFormat::Gray8, 1), (PixelFormat::Rgb24, 3), (PixelFormat::Bgra, 4)]
            {
                let src = Picture::random(format, from, 3, 1, &mut random);
                let mut dst = Picture::new(format, to, 5, 2);
                resize(&src.frame(), &mut dst.frame_mut(), Color::ALL[0], filter).unwrap();
                let context = format!("{format}, {from} to {to}, {filter:?}");
                dst.assert_guards(&context);
                let real = scale(&src.bytes(), from, to, channels, filter);
                for (at, (got, real)) in dst.bytes().into_iter().zip(real).enumerate() {
                    let apart = (f64::from(got) - real).abs();
                    assert!(apart <= 0.5 + 1e-4, "{context}: byte {at} is {got}, in real numbers {real}");
                }
            }
        }
    }
}

#[test]
#[cfg_attr(miri, ignore = "too many for an interpreter")]
fn constant_pictures_stay_constant() {
    for (from, to) in sizes() {
        for filter in FILTERS {
            for value in [0, 1, 127, 254, 255] {
                let mut src = Picture::new(PixelFormat::Yuv420p, from, 0, 0);
                for plane in src.frame_mut().planes_mut() {
                    for y in 0..plane.rows() {
                        plane.row_mut(y).fill(value);
                    }
                }
                let mut dst = Picture::new(PixelFormat::Yuv420p, to, 0, 0);
                resize(&src.frame(), &mut dst.frame_mut(), Color::ALL[0], filter).unwrap();
                assert!(
                    dst.bytes().into_iter().all(|byte| byte == value),
                    "{from} to {to}, {filter:?}, {value}"
                );
            }
        }
    }
}

#[test]
fn every_level_scales_alike() {
    let mut random = Random(8);
    for (from, to) in sizes().take(if cfg!(miri) { 3 } else { usize::MAX }) {
        for format in PixelFormat::ALL {
            for target in [PixelFormat::Yuv420p, PixelFormat::Rgb24, format] {
                for filter in FILTERS {
                    let src = Picture::random(format, from, 2, 1, &mut random);
                    let context = format!("{format} {from} to {target} {to}, {filter:?}");
                    let outputs = Level::available().into_iter().map(|level| {
                        let mut dst = Picture::new(target, to, 1, 1);
                        resize_with(level, &src.frame(), &mut dst.frame_mut(), Color::ALL[1], filter)
                            .unwrap();
                        dst.assert_guards(&format!("{context}, {level:?}"));
                        dst.bytes()
                    });
                    let outputs: Vec<_> = outputs.collect();
                    assert!(outputs.windows(2).all(|pair| pair[0] == pair[1]), "{context}");
                }
            }
        }
    }
}

#[test]
#[cfg_attr(miri, ignore = "too many for an interpreter")]
fn fused_is_scaling_then_converting() {
    let mut random = Random(9);
    for (from, to) in sizes().chain([(Size::new(90, 70).unwrap(), Size::new(61, 47).unwrap())]) {
        for (format, target) in [
            (PixelFormat::Yuv420p, PixelFormat::Rgb24),
            (PixelFormat::Nv12, PixelFormat::Bgra),
            (PixelFormat::Rgb24, PixelFormat::Yuv420p),
            (PixelFormat::Bgra, PixelFormat::Nv12),
            (PixelFormat::Rgba, PixelFormat::Yuyv422),
            (PixelFormat::Gray8, PixelFormat::Rgb24),
        ] {
            let src = Picture::random(format, from, 2, 1, &mut random);
            let mut fused = Picture::new(target, to, 3, 0);
            resize(&src.frame(), &mut fused.frame_mut(), Color::ALL[2], Filter::Area).unwrap();
            fused.assert_guards("fused");
            let mut scaled = Picture::new(format, to, 0, 0);
            resize(&src.frame(), &mut scaled.frame_mut(), Color::ALL[2], Filter::Area).unwrap();
            let mut converted = Picture::new(target, to, 0, 0);
            convert(&scaled.frame(), &mut converted.frame_mut(), Color::ALL[2]).unwrap();
            assert_eq!(fused.bytes(), converted.bytes(), "{format} {from} to {target} {to}");
        }
    }
}
