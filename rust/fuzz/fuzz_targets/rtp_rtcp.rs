//! RTCP from any bytes: what is read of each packet, written again, is read the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use realtime_fast_core::rtp::Time;
use realtime_fast_core::rtp::wire::feedback::{FeedbackNames, TransportFeedback, write_feedback};
use realtime_fast_core::rtp::wire::rtcp::*;
use std::collections::BTreeSet;

fuzz_target!(|datagram: &[u8]| {
    for packet in packets(datagram).flatten() {
        if let Rtcp::TransportFeedback(feedback) = packet {
            arrivals_survive(feedback);
            continue;
        }
        let mut out = Vec::new();
        write(packet, &mut out);
        let again: Vec<_> = packets(&out).map(|packet| contents(packet.expect("what was written"))).collect();
        // What counts more than 31 is written as several packets; nothing makes none.
        assert_eq!(again.concat(), contents(packet));
    }
});

fn write(packet: Rtcp<'_>, out: &mut Vec<u8>) {
    match packet {
        Rtcp::SenderReport { ssrc, info, reports } => {
            write_sender_report(ssrc, &info, &reports.iter().collect::<Vec<_>>(), out);
        }
        Rtcp::ReceiverReport { ssrc, reports } => {
            write_receiver_report(ssrc, &reports.iter().collect::<Vec<_>>(), out);
        }
        Rtcp::Descriptions(descriptions) => {
            for (ssrc, name) in descriptions.names() {
                if let Ok(name) = std::str::from_utf8(name) {
                    write_sdes(ssrc, name, out);
                }
            }
        }
        Rtcp::Bye { ssrcs } => write_bye(&ssrcs.iter().collect::<Vec<_>>(), out),
        Rtcp::Nack { sender_ssrc, media_ssrc, pairs } => {
            let missed: BTreeSet<u16> = pairs.iter().flat_map(NackPair::sequence_numbers).collect();
            write_nack(sender_ssrc, media_ssrc, missed, out);
        }
        Rtcp::Pli { sender_ssrc, media_ssrc } => write_pli(sender_ssrc, media_ssrc, out),
        Rtcp::Fir { sender_ssrc, requests } => {
            write_fir(sender_ssrc, &requests.iter().collect::<Vec<_>>(), out);
        }
        Rtcp::Remb { sender_ssrc, bitrate, ssrcs } => {
            write_remb(sender_ssrc, bitrate, &ssrcs.iter().collect::<Vec<_>>(), out);
        }
        Rtcp::Extended { ssrc, blocks } => {
            for block in blocks.iter() {
                match block {
                    ExtendedBlock::ReferenceTime(ntp) => write_reference_time(ssrc, ntp, out),
                    ExtendedBlock::SinceReference(answers) => {
                        write_since_reference(ssrc, &answers.iter().collect::<Vec<_>>(), out);
                    }
                }
            }
        }
        Rtcp::TransportFeedback(_) => unreachable!("by itself"),
    }
}

/// Everything that a packet says, one thing a line; as much of it as is written.
fn contents(packet: Rtcp<'_>) -> Vec<String> {
    fn lines(things: impl Iterator<Item = impl std::fmt::Debug>) -> Vec<String> {
        things.map(|thing| format!("{thing:?}")).collect()
    }
    match packet {
        Rtcp::SenderReport { ssrc, info, reports } => {
            [vec![format!("{ssrc} {info:?}")], lines(reports.iter())].concat()
        }
        Rtcp::ReceiverReport { ssrc, reports } => lines(reports.iter().map(|report| (ssrc, report))),
        Rtcp::Descriptions(descriptions) => {
            lines(descriptions.names().filter(|(_, name)| std::str::from_utf8(name).is_ok()))
        }
        Rtcp::Bye { ssrcs } => lines(ssrcs.iter()),
        Rtcp::Nack { sender_ssrc, media_ssrc, pairs } => {
            // Each number once: what is written is ascending.
            let missed: BTreeSet<u16> = pairs.iter().flat_map(NackPair::sequence_numbers).collect();
            lines(missed.into_iter().map(|seq| (sender_ssrc, media_ssrc, seq)))
        }
        Rtcp::Pli { .. } => vec![format!("{packet:?}")],
        Rtcp::Fir { sender_ssrc, requests } => lines(requests.iter().map(|request| (sender_ssrc, request))),
        Rtcp::Remb { sender_ssrc, bitrate, ssrcs } => {
            // More than 18 bits are a rate beyond 64 bits.
            let bitrate = if bitrate == u64::MAX { u64::MAX << 46 } else { bitrate };
            [vec![format!("{sender_ssrc} {bitrate}")], lines(ssrcs.iter().take(31))].concat()
        }
        Rtcp::Extended { ssrc, blocks } => blocks
            .iter()
            .flat_map(|block| match block {
                ExtendedBlock::ReferenceTime(ntp) => vec![format!("{ssrc} {ntp}")],
                ExtendedBlock::SinceReference(answers) => lines(answers.iter().map(|answer| (ssrc, answer))),
            })
            .collect(),
        Rtcp::TransportFeedback(_) => unreachable!("by itself"),
    }
}

/// The arrivals of a message, told in as many messages as it takes, are the same.
fn arrivals_survive(feedback: TransportFeedback<'_>) {
    // So late that no arrival is before the clock's start.
    let reference = (u64::from(feedback.reference) + (1 << 24)) * TransportFeedback::REFERENCE_MICROS;
    let base = u64::from(feedback.base);
    let arrivals: Vec<_> = (base..)
        .zip(feedback.packets())
        .filter_map(|(number, (_, at))| Some((number, Time::from_micros(reference.checked_add_signed(at?)?))))
        .collect();
    let (mut rest, mut base) = (&arrivals[..], base);
    while let [(first, _), ..] = rest {
        let names = FeedbackNames { sender_ssrc: 1, media_ssrc: 2, number: 3 };
        let mut out = Vec::new();
        let taken = write_feedback(names, base, rest, &mut out);
        assert!(taken > 0 && out.len() <= 1200);
        let Some(Ok(Rtcp::TransportFeedback(again))) = packets(&out).next() else {
            panic!("what was written at {first}: {out:?}")
        };
        // The reference wraps; the times before it were those of the wrap before.
        let wrap = TransportFeedback::REFERENCE_MICROS << 24;
        let told = again.packets().filter_map(|(number, at)| Some((number, at?)));
        let told: Vec<_> = told
            .map(|(number, at)| {
                let reference = u64::from(again.reference) * TransportFeedback::REFERENCE_MICROS + wrap;
                (number, reference.checked_add_signed(at).expect("after the start") % wrap)
            })
            .collect();
        let expected: Vec<_> =
            rest[..taken].iter().map(|(number, at)| (*number as u16, at.micros() % wrap)).collect();
        assert_eq!(told, expected);
        base = rest[taken - 1].0 + 1;
        rest = &rest[taken..];
    }
}
