//! Conversion at 1080p on every level, beside the `yuv` crate and, with `--features libyuv`, libyuv.
//!
//! Before a peer is timed its picture is compared with ours: a fast path that is wrong cannot win.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use realtime_fast_bench::PEERS;
use realtime_fast_core::color::{Color, Matrix, Range};
use realtime_fast_core::convert::convert_with;
use realtime_fast_core::format::PixelFormat;
use realtime_fast_core::frame::{Frame, FrameMut};
use realtime_fast_core::level::Level;
use realtime_fast_core::size::Size;
use std::time::Duration;

const COLOR: Color = Color { matrix: Matrix::Bt601, range: Range::Limited };
const WIDTH: usize = 1920;
const HEIGHT: usize = 1080;

fn size() -> Size {
    Size::new(WIDTH, HEIGHT).expect("a size in bounds")
}

fn ours(level: Level, from: PixelFormat, src: &[u8], to: PixelFormat, dst: &mut [u8]) {
    let src = Frame::packed(from, size(), src).expect("enough bytes");
    let mut dst = FrameMut::packed(to, size(), dst).expect("enough bytes");
    convert_with(level, &src, &mut dst, COLOR).expect("equal sizes");
}

/// A picture with slopes, edges and some noise, in `format`.
fn picture(format: PixelFormat) -> Vec<u8> {
    let mut rgb = Vec::with_capacity(WIDTH * HEIGHT * 3);
    for y in 0..HEIGHT {
        for x in 0..WIDTH {
            let noise = (x * 2_654_435_761 + y * 40_503) >> 7 & 7;
            let edge = if (x / 90 + y / 70) % 2 == 0 { 60 } else { 0 };
            for code in [x * 180 / WIDTH + edge, y * 180 / HEIGHT + edge, 200 - x * 180 / WIDTH] {
                rgb.push((code + noise) as u8);
            }
        }
    }
    let mut data = vec![0; format.packed_bytes(size())];
    ours(Level::SCALAR, PixelFormat::Rgb24, &rgb, format, &mut data);
    data
}

fn assert_alike(got: &[u8], expected: &[u8], who: &str) {
    let apart: u64 = got.iter().zip(expected).map(|(a, b)| u64::from(a.abs_diff(*b))).sum();
    let mean = apart as f64 / got.len() as f64;
    assert!(mean < 1.5, "{who} makes another picture: {mean:.2} levels apart on average");
}

fn benches(criterion: &mut Criterion) {
    let rgb = [PixelFormat::Rgb24, PixelFormat::Bgr24, PixelFormat::Rgba, PixelFormat::Bgra];
    let yuv = [PixelFormat::Yuv420p, PixelFormat::Nv12];
    let pairs = yuv.into_iter().flat_map(|yuv| rgb.into_iter().flat_map(move |rgb| [(yuv, rgb), (rgb, yuv)]));
    for (from, to) in pairs {
        let src = picture(from);
        let mut expected = picture(to);
        ours(Level::SCALAR, from, &src, to, &mut expected);
        let mut dst = vec![0; expected.len()];
        let mut group = criterion.benchmark_group(format!("{from} to {to}"));
        group.throughput(Throughput::Elements((WIDTH * HEIGHT) as u64));
        for level in Level::available() {
            dst.fill(0);
            ours(level, from, &src, to, &mut dst);
            assert!(dst == expected, "{level:?} makes another picture than scalar");
            group.bench_function(level.name(), |bencher| {
                bencher.iter(|| ours(level, from, &src, to, &mut dst));
            });
        }
        for (name, peer) in PEERS {
            dst.fill(0);
            if peer(size(), from, &src, to, &mut dst).is_some() {
                assert_alike(&dst, &expected, name);
                group
                    .bench_function(*name, |bencher| bencher.iter(|| peer(size(), from, &src, to, &mut dst)));
            }
        }
        group.finish();
    }
}

criterion_group! {
    name = conversion;
    config = Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(200))
        .measurement_time(Duration::from_millis(600));
    targets = benches
}
criterion_main!(conversion);
