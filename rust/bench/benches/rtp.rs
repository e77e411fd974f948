//! One picture through the wire's formats: cut and written to datagrams; read and joined again. And what comes back:
//! a report, a NACK and the arrivals of a hundred packets.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use realtime_fast_core::rtp::Time;
use realtime_fast_core::rtp::payload::{Codec, Packetizer};
use realtime_fast_core::rtp::wire::feedback::{FeedbackNames, write_feedback};
use realtime_fast_core::rtp::wire::rtcp::{self, NackPair, ReportBlock, Rtcp};
use realtime_fast_core::rtp::wire::{ExtensionIds, ExtensionValues, Header, Packet};
use std::hint::black_box;

/// A picture of 1280x704 at 2.5 Mbit/s and 25 frames a second.
const PICTURE_BYTES: usize = 12_500;
const BUDGET: usize = 1200;
const IDS: ExtensionIds = ExtensionIds {
    mid: Some(1),
    abs_send_time: Some(3),
    transport_cc: Some(4),
    audio_level: None,
    video_orientation: None,
    playout_delay: None,
    capture_time: None,
};

/// A picture without start codes inside, as its codec begins it.
fn picture(codec: Codec) -> Vec<u8> {
    let head: &[u8] = if codec == Codec::H264 { &[0, 0, 0, 1, 0x41, 0x9a] } else { &[0x31] };
    let body = (0..PICTURE_BYTES - head.len()).map(|i| (i % 251) as u8 | 2);
    head.iter().copied().chain(body).collect()
}

/// Writes the datagrams of payloads one after the other; tells where each ends.
fn write(payloads: &[Vec<u8>], out: &mut Vec<u8>, ends: &mut Vec<usize>) {
    out.clear();
    ends.clear();
    for (index, payload) in payloads.iter().enumerate() {
        let header = Header {
            marker: index + 1 == payloads.len(),
            payload_type: 96,
            sequence_number: index as u16,
            timestamp: 90_000,
            ssrc: 1,
        };
        let values = ExtensionValues {
            mid: Some("1"),
            abs_send_time: Some(1),
            transport_cc: Some(index as u16),
            ..ExtensionValues::default()
        };
        header.write(&IDS, &values, &[payload], 0, out);
        ends.push(out.len());
    }
}

/// Reads datagrams and joins the picture in them.
fn read(codec: Codec, datagrams: &[u8], ends: &[usize], out: &mut Vec<u8>) -> u32 {
    out.clear();
    let starts = std::iter::once(&0).chain(ends);
    let packets = starts.zip(ends).map(|(start, end)| Packet::parse(&datagrams[*start..*end]));
    let mut numbers = 0;
    let payloads = packets.flatten().map(|packet| {
        numbers += u32::from(ExtensionValues::read(packet.extensions, &IDS).transport_cc.unwrap_or(0));
        numbers += u32::from(codec.inspect(packet.payload).is_ok_and(|fragment| fragment.starts));
        packet.payload
    });
    codec.assemble(payloads, out).expect("a picture");
    numbers
}

fn pictures(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("one picture of 12.5 kB");
    group.throughput(Throughput::Bytes(PICTURE_BYTES as u64));
    for codec in [Codec::Vp8, Codec::H264] {
        let picture = picture(codec);
        let mut packetizer = Packetizer::new(codec, 0);
        let (mut payloads, mut datagrams, mut ends, mut joined) =
            (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        packetizer.packetize(&picture, BUDGET, &mut payloads).expect("a picture");
        write(&payloads, &mut datagrams, &mut ends);
        read(codec, &datagrams, &ends, &mut joined);
        assert_eq!(joined, picture);

        group.bench_function(format!("{codec:?}, cut and written"), |bencher| {
            let (mut datagrams, mut ends) = (Vec::new(), Vec::new());
            bencher.iter(|| {
                payloads.clear();
                packetizer.packetize(black_box(&picture), BUDGET, &mut payloads).expect("a picture");
                write(&payloads, &mut datagrams, &mut ends);
            });
        });
        group.bench_function(format!("{codec:?}, read and joined"), |bencher| {
            bencher.iter(|| read(codec, black_box(&datagrams), &ends, &mut joined));
        });
    }
}

fn feedback(criterion: &mut Criterion) {
    let arrivals: Vec<_> = (0..100_u64)
        .filter(|number| number % 20 != 7)
        .map(|number| (number, Time::from_micros(1_000_000 + number * 900)))
        .collect();
    let write = |out: &mut Vec<u8>| {
        out.clear();
        rtcp::write_receiver_report(1, &[ReportBlock::default()], out);
        rtcp::write_nack(1, 2, [7, 27, 47, 67, 87], out);
        write_feedback(FeedbackNames::default(), 0, &arrivals, out)
    };
    let read = |datagram: &[u8]| {
        let things = rtcp::packets(datagram).map(|packet| match packet {
            Ok(Rtcp::ReceiverReport { reports, .. }) => reports.iter().count(),
            Ok(Rtcp::Nack { pairs, .. }) => pairs.iter().flat_map(NackPair::sequence_numbers).count(),
            Ok(Rtcp::TransportFeedback(feedback)) => {
                feedback.packets().filter(|(_, arrival)| arrival.is_some()).count()
            }
            _ => 0,
        });
        things.sum::<usize>()
    };
    let mut datagram = Vec::new();
    assert_eq!(write(&mut datagram), arrivals.len());
    assert_eq!(read(&datagram), 1 + 5 + arrivals.len());
    let mut group = criterion.benchmark_group("one report of 100 packets");
    group.bench_function("written", |bencher| {
        let mut out = Vec::new();
        bencher.iter(|| write(black_box(&mut out)));
    });
    group.bench_function("read", |bencher| bencher.iter(|| read(black_box(&datagram))));
}

criterion_group!(rtp, pictures, feedback);
criterion_main!(rtp);
