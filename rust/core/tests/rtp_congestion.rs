//! RFC 8867: test cases for evaluating congestion control. One-way delay 50 ms, a drop-tail queue of 300 ms.

#![cfg(not(miri))]

mod simulation;

use realtime_fast_core::rtp::config::Rates;
use realtime_fast_core::rtp::link::{Conditions, Schedule};
use simulation::tcp::Download;
use simulation::world::{Setup, World};
use std::time::Duration;

fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn path(megabits: f64) -> Conditions {
    Conditions { delay: ms(50), rate: Some((megabits * 1e6) as u64), ..Conditions::default() }
}

/// A path whose capacity in Mbit/s changes at these seconds.
fn varying(first: f64, changes: &[(u64, f64)]) -> Schedule {
    let changes = changes.iter().map(|&(at, megabits)| (seconds(at), path(megabits))).collect();
    Schedule::new(path(first), changes).expect("in order")
}

fn flow() -> Setup {
    Setup { audio: false, rates: Rates { max: 4_000_000, ..Rates::default() }, ..Setup::default() }
}

/// Checks what each pair got between two seconds: a share of the capacity, in time.
fn check(world: &World, from: f64, to: f64, megabits: f64, shares: std::ops::Range<f64>, latency: u64) {
    let views: Vec<_> = (0..world.pairs.len()).map(|pair| world.view_of(pair, from, to)).collect();
    let share = views.iter().map(|view| view.bitrate).sum::<f64>() / megabits / 1e6;
    println!("{from} to {to} s, {megabits} Mbit/s: {share:.2} of it; {views:#?}");
    assert!(shares.contains(&share), "{from} to {to} s: {share} of the capacity");
    for view in views {
        assert!(view.p95 <= ms(latency), "{from} to {to} s: a latency of {:?}", view.p95);
    }
}

fn unbroken(world: &World) {
    assert!(world.pairs.iter().all(|pair| pair.player.broken == 0), "a broken picture");
}

/// How even shares are: 1 if all are the same, one over their number if one has everything (Jain's index).
fn fairness(world: &World, from: f64, to: f64) -> f64 {
    let rates: Vec<f64> = (0..world.pairs.len()).map(|pair| world.view_of(pair, from, to).bitrate).collect();
    println!("{from} to {to} s: {rates:?}");
    rates.iter().sum::<f64>().powi(2)
        / (rates.len() as f64 * rates.iter().map(|rate| rate * rate).sum::<f64>())
}

#[test]
fn variable_capacity_single_flow() {
    let up = varying(1.0, &[(40, 2.5), (60, 0.6), (80, 1.0)]);
    let mut world = World::new(1, up, varying(10.0, &[]), &[flow()]);
    world.run(100.0);
    unbroken(&world);
    check(&world, 10.0, 40.0, 1.0, 0.6..1.0, 250);
    check(&world, 50.0, 60.0, 2.5, 0.6..1.0, 250);
    check(&world, 63.0, 80.0, 0.6, 0.5..1.0, 300);
    check(&world, 90.0, 100.0, 1.0, 0.6..1.0, 250);
    let stands = world.view(60.0, 63.0).longest_gap;
    assert!(stands < ms(700), "the picture stood for {stands:?}");
}

#[test]
fn variable_capacity_multiple_flows() {
    let up = varying(4.0, &[(25, 2.0), (50, 3.5), (75, 1.0), (100, 2.0)]);
    let mut world = World::new(2, up, varying(10.0, &[]), &[flow(), flow()]);
    world.run(125.0);
    unbroken(&world);
    for (from, to, megabits) in
        [(10.0, 25.0, 4.0), (35.0, 50.0, 2.0), (60.0, 75.0, 3.5), (80.0, 100.0, 1.0), (110.0, 125.0, 2.0)]
    {
        check(&world, from, to, megabits, 0.5..1.0, 300);
        assert!(fairness(&world, from, to) > 0.75);
    }
}

#[test]
fn congested_feedback() {
    let up = varying(2.0, &[(20, 1.0), (40, 0.5), (60, 2.0)]);
    let down = varying(2.0, &[(35, 0.8), (70, 2.0)]);
    let mut world = World::new(3, up, down, &[flow(), Setup { reverse: true, ..flow() }]);
    world.run(100.0);
    unbroken(&world);
    for (pair, from, to, megabits) in
        [(0, 5.0, 20.0, 2.0), (0, 25.0, 40.0, 1.0), (0, 44.0, 60.0, 0.5), (1, 40.0, 70.0, 0.8)]
    {
        let view = world.view_of(pair, from, to);
        let share = view.bitrate / megabits / 1e6;
        println!("{pair}, {from} to {to} s: {share} of {megabits} Mbit/s, {view:?}");
        assert!((0.5..1.0).contains(&share), "{share}");
        assert!(view.p95 < ms(350), "{:?}", view.p95);
    }
}

#[test]
fn competing_flows_of_the_same_kind() {
    let starts = [0, 20, 40].map(|start| Setup { start: seconds(start), ..flow() });
    let mut world = World::new(4, varying(3.5, &[]), varying(10.0, &[]), &starts);
    world.run(120.0);
    unbroken(&world);
    check(&world, 60.0, 120.0, 3.5, 0.6..1.0, 300);
    let fairness = fairness(&world, 80.0, 120.0);
    assert!(fairness > 0.8, "{fairness}");
}

#[test]
fn fairness_of_round_trips() {
    let flows = [(0, 10), (10, 25), (20, 50), (30, 100), (40, 150)];
    let flows = flows.map(|(start, delay)| Setup { start: seconds(start), delay: ms(delay), ..flow() });
    let direct =
        |megabits| Schedule::constant(Conditions { delay: Duration::ZERO, ..path(megabits) }).expect("good");
    let mut world = World::new(5, direct(4.0), direct(10.0), &flows);
    world.run(300.0);
    unbroken(&world);
    check(&world, 100.0, 300.0, 4.0, 0.6..1.0, 450);
    let fairness = fairness(&world, 150.0, 300.0);
    assert!(fairness > 0.7, "{fairness}");
}

#[test]
fn next_to_a_long_download() {
    for queue in [300, 1000] {
        let narrow = Conditions { queue: ms(queue), ..path(2.0) };
        let up = Schedule::constant(narrow).expect("good");
        let mut world = World::new(6, up, varying(10.0, &[]), &[flow()]);
        world.download(Download { start: seconds(10), segments: None, pause: Duration::ZERO });
        world.run(120.0);
        unbroken(&world);
        let view = world.view(30.0, 120.0);
        println!("queue {queue} ms: {view:?}, download {}", world.downloads[0].acknowledged * 12_000 / 110);
        assert!(view.bitrate > 80_000.0, "starved: {} bit/s", view.bitrate);
        assert!(view.longest_gap < ms(1500 + queue), "{:?}", view.longest_gap);
    }
}

#[test]
fn next_to_short_downloads() {
    let mut world = World::new(7, varying(2.0, &[]), varying(10.0, &[]), &[flow(), flow()]);
    for index in 0..10 {
        world.download(Download {
            start: seconds(5 + 7 * index),
            segments: Some(100 + 40 * index),
            pause: seconds(12),
        });
    }
    world.run(300.0);
    unbroken(&world);
    // Ten downloads leave little, and fill the queue whenever they begin; but the pictures move on.
    for pair in 0..2 {
        let view = world.view_of(pair, 20.0, 300.0);
        println!("{pair}: {view:?}");
        assert!(view.bitrate > 60_000.0 && view.fps > 8.0, "starved: {view:?}");
        assert!(view.longest_gap < ms(2000), "{:?}", view.longest_gap);
    }
}

#[test]
fn a_flow_pauses_and_resumes() {
    let flows = [flow(), flow(), Setup { pause: Some((seconds(40), seconds(60))), ..flow() }];
    let mut world = World::new(8, varying(3.5, &[]), varying(10.0, &[]), &flows);
    world.run(120.0);
    unbroken(&world);
    check(&world, 20.0, 40.0, 3.5, 0.6..1.0, 300);
    let others: f64 = (0..2).map(|pair| world.view_of(pair, 50.0, 60.0).bitrate).sum();
    assert!(others > 2_000_000.0, "they take what is left: {others}");
    check(&world, 80.0, 120.0, 3.5, 0.6..1.0, 300);
    assert!(fairness(&world, 90.0, 120.0) > 0.7);
}
