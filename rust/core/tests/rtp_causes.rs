//! What made a session on a narrow path die, put back one by one: the simulation notices each.

#![cfg(not(miri))]

mod simulation;

use realtime_fast_core::rtp::config::Rates;
use realtime_fast_core::rtp::link::{Conditions, Schedule};
use realtime_fast_core::rtp::receive::Tuning;
use realtime_fast_core::rtp::send::SendTuning;
use realtime_fast_core::rtp::wire::rtcp::write_nack;
use realtime_fast_core::rtp::wire::{Packet, is_rtcp};
use simulation::world::{Setup, World};
use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

const NEVER: Duration = Duration::from_secs(1_000);

fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn path(kbits: u64) -> Conditions {
    Conditions { delay: ms(40), rate: Some(kbits * 1_000), ..Conditions::default() }
}

/// A path of 600 kbit/s to a far side that asks for each of the last 60 packets again each 20 ms, as some do that keep no
/// account of what they have asked for.
fn greedy(send: SendTuning) -> (World, f64) {
    let schedule = Schedule::constant(path(600)).expect("within bounds");
    let mut world = World::new(1, schedule.clone(), schedule, &[Setup { send, ..Setup::default() }]);
    let newest = Rc::new(Cell::new(None));
    let seen = newest.clone();
    world.lose = Some(Box::new(move |_, _, datagram| {
        let video = Packet::parse(datagram).ok().filter(|packet| packet.header.payload_type == 96);
        if let Some(packet) = video {
            seen.set(Some((packet.header.ssrc, packet.header.sequence_number)));
        }
        false
    }));
    for step in 1..2_000 {
        world.run(f64::from(step) * 0.02);
        if let Some((ssrc, newest)) = newest.get() {
            let mut nack = Vec::new();
            write_nack(1, ssrc, (0..60).rev().map(|back| newest.wrapping_sub(back)), &mut nack);
            let now = world.now;
            world.pairs[0].near.receive(&nack, now);
        }
    }
    let stats = world.pairs[0].near.sender_stats(world.pairs[0].video).expect("it was added");
    let repair = stats.retransmitted_bytes_sent as f64 / stats.bytes_sent as f64;
    (world, repair)
}

/// A path of 2 Mbit/s on which one packet is lost each time it is sent. How long the picture stands.
fn hopeless(tuning: Tuning, send: SendTuning) -> Duration {
    let schedule = Schedule::constant(path(2_000)).expect("within bounds");
    let mut world = World::new(1, schedule.clone(), schedule, &[Setup { tuning, send, ..Setup::default() }]);
    world.run(10.0);
    let mut chosen = None;
    world.lose = Some(Box::new(move |_, up, datagram| {
        let Some(packet) = Packet::parse(datagram).ok().filter(|_| up && !is_rtcp(datagram)) else {
            return false;
        };
        let number = packet.header.sequence_number.to_be_bytes();
        match packet.header.payload_type {
            96 => *chosen.get_or_insert(number) == number,
            97 => chosen.is_some_and(|chosen| packet.payload.starts_with(&chosen)),
            _ => false,
        }
    }));
    world.run(20.0);
    world.view(10.0, 20.0).longest_gap
}

/// A path that loses a twentieth. Key frames among the pictures of half a minute.
fn lossy(tuning: Tuning, send: SendTuning) -> u32 {
    let schedule = Schedule::constant(Conditions { loss: 0.05, ..path(1_000) }).expect("within bounds");
    let mut world = World::new(1, schedule.clone(), schedule, &[Setup { tuning, send, ..Setup::default() }]);
    world.run(40.0);
    world.view(10.0, 40.0).keys
}

/// A path of 300 kbit/s.
fn narrow(setup: Setup, adapts: bool) -> World {
    let schedule = Schedule::constant(path(300)).expect("within bounds");
    let mut world = World::new(1, schedule.clone(), schedule, &[setup]);
    if !adapts {
        world.pairs[0].encoder.adaptation = None;
    }
    world.run(40.0);
    world
}

#[test]
fn repair_without_a_budget() {
    let (world, repair) = greedy(SendTuning::default());
    let view = world.view(10.0, 39.0);
    assert!(
        repair < 0.25 && view.keys < 35 && view.fps > 22.0 && view.longest_gap < ms(400),
        "{repair}, {view:?}"
    );
    // Asking is all that counts: no share, no time that it may take, no account of what has just been sent.
    let (world, repair) = greedy(SendTuning {
        repair_share: 1_000.0,
        longest_repair: NEVER,
        repair_apart: Duration::ZERO,
        repair_apart_round_trips: 0,
        ..SendTuning::default()
    });
    let view = world.view(10.0, 39.0);
    assert!(repair > 0.5 && view.fps < 10.0, "{repair}, {view:?}");
}

#[test]
fn gaps_that_are_never_given_up() {
    assert!(hopeless(Tuning::default(), SendTuning::default()) < ms(700));
    // Neither by the one who waits for it, nor by the one who is asked for it.
    let tuning = Tuning { min_gap_age: NEVER, max_gap_age: NEVER, ..Tuning::default() };
    let send = SendTuning { repair_age: NEVER, offers_key_frames: false, ..SendTuning::default() };
    assert!(hopeless(tuning, send) > ms(5_000));
}

#[test]
fn a_key_frame_for_each_loss() {
    let keys = lossy(Tuning::default(), SendTuning::default());
    assert!(keys < 10, "{keys}");
    let tuning = Tuning {
        min_gap_age: Duration::ZERO,
        max_gap_age: Duration::ZERO,
        min_key_frame_interval: Duration::ZERO,
        max_key_frame_interval: ms(20),
        ..Tuning::default()
    };
    let send = SendTuning { key_frames_apart: Duration::ZERO, ..SendTuning::default() };
    let keys = lossy(tuning, send);
    assert!(keys > 30, "{keys}");
}

#[test]
fn a_high_floor_or_one_size() {
    let view = narrow(Setup::default(), true).view(10.0, 40.0);
    assert!(view.fps > 22.0 && view.p95 < ms(250), "{view:?}");
    let rates = Rates { min: 500_000, ..Setup::default().rates };
    let view = narrow(Setup { rates, ..Setup::default() }, true).view(10.0, 40.0);
    assert!(view.fps < 15.0 && view.p95 > ms(250), "{view:?}");
    let view = narrow(Setup::default(), false).view(10.0, 40.0);
    assert!(view.fps < 15.0, "{view:?}");
}
