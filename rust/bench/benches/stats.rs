//! One statistics sample from JSON text of a browser's size: `browser_report()` of `tests/reference/reports.py`.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use realtime_fast_core::stats::{Parser, json};
use std::hint::black_box;

const REPORT: &str = include_str!("report.json");

fn benches(criterion: &mut Criterion) {
    let mut parser = Parser::default();
    let sample = json::parse(&mut parser, REPORT, 1.0).expect("a report");
    assert_eq!(sample.video.map(|video| video.bytes_received), Some(625_000));
    let mut group = criterion.benchmark_group("one stats sample");
    group.throughput(Throughput::Bytes(REPORT.len() as u64));
    group.bench_function("from JSON", |bencher| {
        bencher.iter(|| json::parse(&mut parser, black_box(REPORT), 1.0));
    });
    group.finish();
}

criterion_group!(stats, benches);
criterion_main!(stats);
