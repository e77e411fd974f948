//! Stamping and reading at 1280x704 in every format; what was stamped must be what is read.

use criterion::{Criterion, criterion_group, criterion_main};
use realtime_fast_core::format::PixelFormat;
use realtime_fast_core::frame::{Frame, FrameMut};
use realtime_fast_core::marker::{Cell, Evidence, Levels, Probes, Reading, read_hard, stamp};
use realtime_fast_core::size::Size;
use std::hint::black_box;
use std::time::Duration;

const SEQ: u16 = 0x5a3c;
const IN_FLIGHT: u16 = 64;

fn benches(criterion: &mut Criterion) {
    let size = Size::new(1280, 704).expect("a size in bounds");
    // Sent a frame apart; the oldest has just come.
    let mut probes = Probes::new(60.0);
    while probes.stamp(0.0).0 != SEQ - 1 {}
    probes.drop_in_flight();
    (0..IN_FLIGHT).for_each(|order| _ = probes.stamp(f64::from(order) / 30.0));
    for format in PixelFormat::ALL {
        let levels = if format.is_rgb() { Levels::FULL } else { Levels::LIMITED };
        let mut data = vec![90; format.packed_bytes(size)];
        let mut group = criterion.benchmark_group(format!("marker in {format}"));

        let mut frame = FrameMut::packed(format, size, &mut data).expect("enough bytes");
        stamp(&mut frame, levels, Cell::PIXEL, SEQ).expect("room for a marker");
        group.bench_function("stamp", |bencher| {
            bencher.iter(|| stamp(black_box(&mut frame), levels, Cell::PIXEL, black_box(SEQ)));
        });

        let frame = Frame::packed(format, size, &data).expect("enough bytes");
        let first = frame.planes()[0];
        let hard = || read_hard(black_box(first), format, size, levels, Cell::PIXEL).expect("the first plane");
        let mut soft = || {
            let evidence =
                Evidence::new(black_box(first), format, size, levels, Cell::PIXEL, Some(size)).expect("the first plane");
            probes.read(&evidence, f64::from(IN_FLIGHT) / 30.0).reading
        };
        assert_eq!((hard(), soft()), (Reading::Number(SEQ), Reading::Number(SEQ)), "{format}");
        group.bench_function("hard", |bencher| bencher.iter(hard));
        group.bench_function("soft, 64 in flight", |bencher| bencher.iter(&mut soft));
        group.finish();
    }
}

criterion_group! {
    name = markers;
    config = Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(100))
        .measurement_time(Duration::from_millis(300));
    targets = benches
}
criterion_main!(markers);
