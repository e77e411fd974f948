//! The ledger on times and readings made up.

use super::reading::{EARLIER, MIN_PASSED, PASSED};
use super::*;
use crate::format::PixelFormat;
use crate::frame::FrameMut;
use crate::marker::{Cell, Evidence, Levels, stamp};
use crate::plane::Plane;
use crate::size::Size;

fn lost(probes: &mut Probes, now: f64) -> Vec<u16> {
    std::iter::from_fn(|| probes.next_lost(now)).collect()
}

/// Takes a number that was read; the number it is counted as, and whether that is out of order.
fn arrive(probes: &mut Probes, seq: u16, now: f64) -> Option<(u16, bool)> {
    let outcomes: Vec<Outcome> = probes.observe(Reading::Number(seq), now).collect();
    assert!(outcomes.len() < 2);
    outcomes[..].first().and_then(|outcome| outcome.arrival).map(|arrival| (arrival.seq, arrival.reordered))
}

/// Shows a picture with this number in it, or a plain one, and returns what is then known: the numbers that count
/// with their latencies, and `None` for each corrupted marker.
fn show(probes: &mut Probes, seq: Option<u16>, now: f64) -> Vec<Option<(u16, f64)>> {
    let size = Size::new(32, 8).unwrap();
    let mut grey = [90; 32 * 8];
    if let Some(seq) = seq {
        stamp(
            &mut FrameMut::packed(PixelFormat::Gray8, size, &mut grey).unwrap(),
            Levels::LIMITED,
            Cell::PIXEL,
            seq,
        )
        .unwrap();
    }
    let plane = Plane::new("gray", &grey, 32, 8, 32).unwrap();
    let evidence =
        Evidence::new(plane, PixelFormat::Gray8, size, Levels::LIMITED, Cell::PIXEL, Some(size)).unwrap();
    let reading = probes.read(&evidence, now).reading;
    assert_eq!(reading, seq.map_or(Reading::Absent, Reading::Number));
    let outcomes = probes.observe(reading, now);
    outcomes.map(|outcome| outcome.arrival.map(|found| (found.seq, found.latency))).collect()
}

const FRAME: f64 = 1.0 / 32.0;

/// A stream in which each picture is marked; it comes back three pictures later.
struct Stream {
    probes: Probes,
    at: f64,
}

impl Stream {
    fn new() -> Self {
        let mut stream = Self { probes: Probes::new(60.0), at: 0.0 };
        for _ in 0..3 {
            stream.send();
        }
        stream
    }

    fn send(&mut self) -> u16 {
        self.at += FRAME;
        self.probes.stamp(self.at).0
    }

    /// Sends a picture, and shows what `of` makes of the number that is due.
    fn step(&mut self, of: impl FnOnce(u16) -> Option<u16>) -> Vec<Option<(u16, f64)>> {
        let due = self.send() - 3;
        show(&mut self.probes, of(due), self.at)
    }
}

#[test]
fn a_number_that_was_left_standing_is_no_latency() {
    let mut stream = Stream::new();
    assert_eq!(stream.step(Some), [], "held until the next picture");
    assert_eq!(stream.step(Some), [Some((1, 3.0 * FRAME)), Some((2, 3.0 * FRAME))]);
    for seq in 3..40 {
        assert_eq!(stream.step(Some), [Some((seq, 3.0 * FRAME))]);
    }
    for late in 1..5 {
        for _ in 0..late {
            assert_eq!(stream.step(|_| None), []);
        }
        assert_eq!(stream.step(|due| Some(due - late)), [], "legible, but {late} pictures late");
        let next = stream.step(Some);
        assert_eq!(next[0], None);
        assert_eq!(next[1..].iter().map(|one| one.unwrap().1).collect::<Vec<_>>(), [3.0 * FRAME]);
    }
}

#[test]
fn no_number_is_believed_before_latency_is_known() {
    let mut stream = Stream::new();
    // An encoder that starts at a low rate refreshes the corner now and then.
    for _ in 0..2 {
        assert_eq!(stream.step(|_| None), []);
        assert_eq!(stream.step(|_| None), []);
        assert_eq!(stream.step(|due| Some(due - 2)), []);
        assert_eq!(stream.step(|_| None), [None]);
    }
    assert_eq!(stream.step(Some), []);
    let known = stream.step(Some);
    assert_eq!(known.iter().map(|one| one.unwrap().1).collect::<Vec<_>>(), [3.0 * FRAME; 2]);
}

#[test]
fn a_number_of_an_unread_picture_needs_the_next_one_even_where_latency_fits() {
    let mut stream = Stream::new();
    for _ in 0..30 {
        stream.step(Some);
    }
    // Pictures catch up by one; the corner of the one between is left over.
    assert_eq!(stream.step(|_| None), []);
    assert_eq!(show(&mut stream.probes, Some(32), stream.at + 0.001), [], "what the unread one carried");
    assert_eq!(stream.step(|_| None), [None]);
}

#[test]
fn a_latency_that_did_change_is_measured() {
    let mut stream = Stream::new();
    for _ in 0..30 {
        stream.step(Some);
    }
    // Held up by five pictures, the first of them damaged.
    for _ in 0..5 {
        stream.send();
    }
    assert_eq!(stream.step(|_| None), []);
    assert_eq!(stream.step(|due| Some(due - 5)), []);
    let known = stream.step(|due| Some(due - 5));
    assert_eq!(known.iter().map(|one| one.unwrap().1).collect::<Vec<_>>(), [8.0 * FRAME; 2]);
    assert_eq!(stream.step(|due| Some(due - 5)).len(), 1);
}

#[test]
fn a_lone_marker_needs_no_second() {
    let mut probes = Probes::new(60.0);
    for round in 0..5 {
        let at = f64::from(round) * 0.1875;
        let seq = probes.stamp(at).0;
        assert_eq!(show(&mut probes, None, at + 0.02), []);
        assert_eq!(show(&mut probes, Some(seq), at + 0.0625 + at / 16.0), [Some((seq, 0.0625 + at / 16.0))]);
    }
}

#[test]
#[cfg_attr(miri, ignore = "too many for an interpreter")]
fn a_jump_is_found_among_many_in_flight() {
    let mut probes = Probes::new(60.0);
    let stamp_at = |probes: &mut Probes, index: i32| probes.stamp(f64::from(index) * FRAME).0;
    let newest = (0..600).map(|index| stamp_at(&mut probes, index)).last().unwrap();
    let mut measured = Vec::new();
    for index in 0..200 {
        stamp_at(&mut probes, 600 + index);
        // 600 pictures late, then 300.
        let late = if index < 100 { 600 } else { 300 };
        let seq = newest + 1 + index as u16 - late;
        measured.extend(show(&mut probes, Some(seq), f64::from(600 + index) * FRAME));
    }
    assert_eq!(measured.len(), 200);
    assert!(measured.iter().flatten().all(|(_, latency)| [600.0 * FRAME, 300.0 * FRAME].contains(latency)));
    assert!(measured.iter().flatten().count() > 195);
}

#[test]
#[cfg_attr(miri, ignore = "too many for an interpreter")]
fn order_is_serial_across_the_wrap() {
    let mut probes = Probes::new(60.0);
    for _ in 0..65_534 {
        let (seq, _) = probes.stamp(0.0);
        arrive(&mut probes, seq, 0.0);
    }
    let seqs: Vec<u16> = (0..4).map(|_| probes.stamp(1.0).0).collect();
    assert_eq!(seqs, [65_535, 0, 1, 2]);
    let reordered = |probes: &mut Probes, seq| arrive(probes, seq, 2.0).map(|(_, reordered)| reordered);
    assert_eq!(reordered(&mut probes, 65_535), Some(false));
    assert_eq!(reordered(&mut probes, 1), Some(false));
    assert_eq!(reordered(&mut probes, 0), Some(true));
    assert_eq!(reordered(&mut probes, 0), None);
    assert_eq!(reordered(&mut probes, 2), Some(false));
}

#[test]
fn a_probe_is_lost_once_its_time_is_over() {
    let mut probes = Probes::new(60.0);
    for at in 0..3 {
        probes.stamp(f64::from(at));
    }
    arrive(&mut probes, 2, 5.0);
    assert_eq!(lost(&mut probes, 59.9), []);
    assert_eq!(lost(&mut probes, 62.0), [1, 3]);
    assert_eq!(probes.pending(), 0);
}

#[test]
fn a_corrupted_marker_ends_one_probe_at_once() {
    let mut probes = Probes::new(60.0);
    assert_eq!(probes.observe(Reading::Corrupted, 0.0).count(), 0, "nothing is in flight");
    for at in 0..3 {
        probes.stamp(f64::from(at));
    }
    assert_eq!(arrive(&mut probes, 1, 2.5), Some((1, false)));
    let corrupted: Vec<Outcome> = probes.observe(Reading::Corrupted, 3.0).collect();
    assert_eq!(corrupted, [Outcome { at: 3.0, arrival: None }]);
    assert_eq!(probes.pending(), 1);
    assert_eq!(arrive(&mut probes, 2, 3.1), None, "it was the one after the newest, and has ended");
    assert_eq!(lost(&mut probes, 62.0), [3]);
    assert_eq!((probes.pending(), probes.observe(Reading::Corrupted, 70.0).count()), (0, 0));
}

#[test]
fn unread_frames_account_for_the_numbers_that_are_passed_over() {
    let mut probes = Probes::new(60.0);
    for at in 0..6 {
        probes.stamp(f64::from(at));
    }
    arrive(&mut probes, 2, 7.0);
    let (grey, size) = ([90; 24 * 8], Size::new(24, 8).unwrap());
    let plane = Plane::new("gray", &grey, 24, 8, 24).unwrap();
    let nothing = Evidence::new(plane, PixelFormat::Gray8, size, Levels::LIMITED, Cell::PIXEL, None).unwrap();
    // Powers are not exact to the last bit everywhere.
    let rounded = |order: f32| (order * 1e4).round() / 1e4;
    let orders = |probes: &mut Probes| {
        probes
            .candidates(&nothing, 9.0)
            .iter()
            .map(|candidate| (candidate.seq, rounded(candidate.order)))
            .collect::<Vec<_>>()
    };
    let expected = |later: [f32; 4]| {
        [(2, 1.0), (1, EARLIER)].into_iter().chain((3..).zip(later)).collect::<Vec<(u16, f32)>>()
    };
    assert_eq!(orders(&mut probes), expected([1.0, PASSED, MIN_PASSED, MIN_PASSED]));
    for _ in 0..2 {
        assert_eq!(probes.read(&nothing, 8.0).reading, Reading::Absent);
    }
    assert_eq!(orders(&mut probes), expected([1.0, 1.0, 1.0, PASSED]));
    arrive(&mut probes, 3, 9.0);
    assert_eq!(orders(&mut probes)[3..], [(4, 1.0), (5, PASSED), (6, MIN_PASSED)]);
}

#[test]
#[cfg_attr(miri, ignore = "too many for an interpreter")]
fn the_window_is_bounded() {
    let mut probes = Probes::new(f64::INFINITY);
    for _ in 0..MAX_WINDOW {
        assert_eq!(probes.stamp(0.0).1, None);
    }
    assert_eq!(probes.stamp(0.0).1, Some(1));
    assert_eq!(probes.pending(), MAX_WINDOW);
    assert_eq!(probes.in_flight().next(), Some(2));
}
