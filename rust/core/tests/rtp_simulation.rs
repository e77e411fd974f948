//! The networks that people have, minute by minute: the picture keeps moving, and soon.

#![cfg(not(miri))]

mod simulation;

use realtime_fast_core::rtp::config::Feedback;
use realtime_fast_core::rtp::link::{Conditions, Schedule};
use simulation::loss::lose;
use simulation::player::View;
use simulation::world::{Setup, World};
use std::time::Duration;

const DELAY: u64 = 40;
/// The median latency without a limit: a picture is spread over some 25 ms.
const PATH: u64 = DELAY + 15;
const FULL: (u32, u32) = (1280, 704);
const SEEDS: std::ops::RangeInclusive<u64> = 1..=3;

fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// The path of the table: 40 ms each way, 300 ms of queue.
fn path(rate: Option<u64>) -> Conditions {
    Conditions { delay: ms(DELAY), rate, ..Conditions::default() }
}

/// What far sides tell: arrival times, or an estimate of their own and reports.
fn setups() -> [(&'static str, Setup); 2] {
    let all = Setup::default();
    let remb = Feedback { transport_cc: false, ..all.feedback };
    [("transport-cc", all), ("REMB", Setup { feedback: remb, ..all })]
}

/// A network that is the same in both directions. But bursts are of packets: where only reports go, ten in a row would
/// be half a second without any, which no network with pictures in both directions has.
fn world(seed: u64, conditions: Conditions, setup: Setup) -> World {
    let schedule = |conditions| Schedule::constant(conditions).expect("within bounds");
    let down = Conditions { burst_length: 1.0, ..conditions };
    World::new(seed, schedule(conditions), schedule(down), &[setup])
}

/// What a minute looks like after a run-in of ten seconds, for each kind of feedback and some seeds.
fn minutes(conditions: Conditions, check: impl Fn(&str, &World, View)) {
    for (name, setup) in setups() {
        for seed in SEEDS {
            let mut world = world(seed, conditions, setup);
            world.run(70.0);
            let view = world.view(10.0, 70.0);
            let case = format!("{name}, seed {seed}: {view:?}");
            println!("{case}");
            assert_eq!(world.pairs[0].player.broken, 0, "a broken picture: {case}");
            check(&case, &world, view);
        }
    }
}

/// At least so many pictures a second, no gap and no 95th percentile of the latency above so many milliseconds.
fn row(conditions: Conditions, fps: f64, gap: u64, latency: u64) {
    minutes(conditions, |case, _, view| {
        assert!(view.fps >= fps && view.longest_gap <= ms(gap) && view.p95 <= ms(latency), "{case}");
    });
}

#[test]
fn no_limit() {
    minutes(path(None), |case, world, view| {
        assert!(view.fps >= 24.9 && view.p95 <= ms(PATH + 60), "{case}");
        assert_eq!(world.pairs[0].encoder.size, FULL, "{case}");
        assert!(view.bitrate > 2_000_000.0, "{case}");
    });
}

#[test]
fn one_megabit() {
    row(path(Some(1_000_000)), 24.0, 300, PATH + 150);
}

#[test]
fn six_hundred_kilobits() {
    row(path(Some(600_000)), 22.0, 400, PATH + 250);
}

#[test]
fn three_hundred_kilobits() {
    row(path(Some(300_000)), 15.0, 1000, PATH + 250);
}

#[test]
fn down_and_up_again() {
    let (narrow, wide) = (path(Some(400_000)), path(Some(2_000_000)));
    let schedule = Schedule::new(wide, vec![(ms(20_000), narrow), (ms(40_000), wide)]).expect("in order");
    for (name, setup) in setups() {
        for seed in SEEDS {
            let mut world = World::new(seed, schedule.clone(), schedule.clone(), &[setup]);
            world.run(60.0);
            let (fall, low, high) = (world.view(19.9, 23.0), world.view(22.0, 40.0), world.view(55.0, 60.0));
            let case = format!("{name}, seed {seed}\nfall: {fall:?}\nlow: {low:?}\nhigh: {high:?}");
            println!("{case}");
            assert_eq!(world.pairs[0].player.broken, 0, "a broken picture: {case}");
            assert!(fall.longest_gap <= ms(700), "{case}");
            assert!(low.p95 <= ms(PATH + 150) && low.fps >= 15.0, "{case}");
            assert!(high.fps >= 24.0, "{case}");
            assert_eq!(world.pairs[0].encoder.size, FULL, "full size again within 15 s: {case}");
        }
    }
}

/// A picture is some six packets, and one in four misses something. Copies that are sent ahead make that one in sixty:
/// only what is lost twice waits for a round trip.
#[test]
fn five_percent_loss() {
    row(Conditions { loss: 0.05, ..path(None) }, 24.5, 300, PATH + 40);
}

#[test]
fn ten_percent_loss_in_bursts() {
    row(Conditions { burst_loss: 0.1, ..path(None) }, 20.0, 1000, 500);
}

#[test]
fn a_packet_and_its_retransmission_lost() {
    for packet in 1..=12 {
        let mut world = world(1, path(Some(2_000_000)), Setup::default());
        world.run(10.0);
        // As ICE's checks show it: who only receives is told by no report.
        world.pairs[0].far.set_round_trip(ms(2 * DELAY));
        world.run(20.0);
        // Again and again, so that no answer shows the round trip by itself.
        for from in (20..40).step_by(2) {
            // All that answers the first request: a sender with room to spare answers with more than one.
            world.lose = Some(Box::new(lose(world.now, packet, ms(DELAY))));
            world.run(f64::from(from + 2));
            let view = world.view(f64::from(from), f64::from(from + 2));
            // It stands from the picture before, and is back within two round trips and 100 ms.
            let most = 40 + 4 * DELAY + 100;
            assert!(view.longest_gap <= ms(most), "packet {packet}, {from} s: {:?}", view.longest_gap);
            assert!(view.longest_gap > ms(2 * DELAY), "packet {packet} was not lost");
            assert_eq!(view.keys, 0, "no key frame is needed for that");
        }
    }
}

#[test]
fn a_packet_that_cannot_be_repaired() {
    for packet in 1..=12 {
        let mut world = world(1, path(Some(2_000_000)), Setup::default());
        world.run(20.0);
        world.lose = Some(Box::new(lose(world.now, packet, Duration::MAX)));
        world.run(23.0);
        let view = world.view(20.0, 23.0);
        assert!(view.longest_gap <= ms(800), "packet {packet}: {:?}", view.longest_gap);
        assert_eq!((view.keys, world.pairs[0].player.broken), (1, 0));
    }
}
