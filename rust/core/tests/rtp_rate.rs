//! Control of the rate over a simulated bottleneck: how fast it finds what the path carries, gives way, and shares.

#[path = "rate/bench.rs"]
mod bench;

use bench::{Flow, Report, path, run};
use proptest::prelude::*;
use realtime_fast_core::rtp::link::Conditions;
use std::time::Duration;

fn alone(base: Conditions, rates: &[(u64, u64)], seconds: u64) -> Report {
    run(path(base, rates), vec![Flow::starting(1, 0)], seconds).remove(0)
}

fn steady(kbits: u64) -> Report {
    alone(Conditions::default(), &[(0, kbits)], 60)
}

#[test]
fn uses_a_narrow_path_and_leaves_its_queue_short() {
    for kbits in [1_000, 600, 300] {
        let report = steady(kbits);
        let used = report.received(10, 60) / 1e3 / kbits as f64;
        assert!((0.85..0.98).contains(&used), "{kbits}: {used}{report}");
        assert_eq!(report.dropped(5, 60), 0, "{kbits}{report}");
        // A picture takes 40 ms to leave over a path that it just fits, and 40 to travel.
        let latency = report.latency(0.95, 10, 60);
        assert!(latency < 160.0, "{kbits}: {latency} ms{report}");
        assert!(report.gap(10, 60) < 200, "{kbits}: {} ms{report}", report.gap(10, 60));
    }
}

#[test]
fn is_at_the_highest_rate_within_seconds_where_nothing_bounds_it() {
    let report = steady(100_000);
    assert!(report.received(1, 60) > 2.3e6, "{report}");
    assert!(report.latency(0.95, 2, 60) < 100.0, "{report}");
    assert!(report.padding(2, 60) < 10e3, "{} bit/s of padding{report}", report.padding(2, 60));
}

#[test]
fn follows_a_path_down_within_two_seconds_and_up_within_ten() {
    let report = alone(Conditions::default(), &[(0, 2_000), (20, 400), (40, 2_000)], 60);
    assert!(report.received(5, 20) > 1.6e6, "{report}");
    assert!(report.gap(15, 40) < 500, "{} ms{report}", report.gap(15, 40));
    assert_eq!(report.dropped(21, 60), 0, "{report}");
    assert!(report.latency(1.0, 22, 40) < 200.0, "{report}");
    assert!(report.received(22, 40) > 0.8 * 400e3, "{report}");
    assert!(report.received(50, 60) > 1.6e6, "{report}");
}

#[test]
fn random_loss_does_not_starve_it() {
    for (loss, kbits) in [(0.05, 1_000), (0.05, 100_000)] {
        let report = alone(Conditions { loss, ..Conditions::default() }, &[(0, kbits)], 60);
        let wanted = 0.7 * f64::min(kbits as f64 * 1e3, 2.5e6);
        assert!(report.received(10, 60) > wanted, "{loss} of {kbits}{report}");
    }
    let bursts = Conditions { burst_loss: 0.1, ..Conditions::default() };
    let report = alone(bursts, &[(0, 100_000)], 60);
    assert!(report.received(10, 60) > 700e3, "{report}");
}

#[test]
fn a_path_that_drops_without_delaying_is_not_flooded() {
    let shallow = Conditions { queue: Duration::from_millis(15), ..Conditions::default() };
    let report = alone(shallow, &[(0, 800)], 60);
    let (received, dropped) = (report.received(10, 60), report.dropped(10, 60));
    assert!(received > 400e3, "{received}{report}");
    // Some 90 packets a second are sent. Loss that does not change with the rate would be let pass up to 15 %.
    assert!(dropped < 50 * 90 * 15 / 100, "{dropped} packets{report}");
}

#[test]
fn jitter_is_no_queue() {
    let jitter = Conditions { jitter: Duration::from_millis(30), ..Conditions::default() };
    let report = alone(jitter, &[(0, 2_000)], 60);
    assert!(report.received(10, 60) > 1.4e6, "{report}");
}

#[test]
fn a_sender_that_is_not_at_its_rate_finds_it_when_it_needs_it() {
    let mut flow = Flow::starting(1, 0);
    flow.share = 0.1;
    let report = run(path(Conditions::default(), &[(0, 100_000)]), vec![flow], 30).remove(0);
    assert!(report.received(5, 30) > 0.1 * 2.3e6, "held down by what it does not use{report}");
}

/// Jain's index: 1 where all have the same, 1/n where one has everything.
fn fairness(reports: &[Report], from: u64, to: u64) -> f64 {
    let rates: Vec<f64> = reports.iter().map(|report| report.received(from, to)).collect();
    let (sum, squares) =
        rates.iter().fold((0.0, 0.0), |(sum, squares), rate| (sum + rate, squares + rate * rate));
    sum * sum / (rates.len() as f64 * squares)
}

#[test]
fn flows_share_a_path() {
    for (kbits, count) in [(1_000, 2), (3_500, 2), (3_500, 3)] {
        let flows = (0..count).map(|n| Flow::starting(n + 1, n * 10)).collect();
        let reports = run(path(Conditions::default(), &[(0, kbits)]), flows, 120);
        let fairness = fairness(&reports, 60, 120);
        let shown: String = reports.iter().map(ToString::to_string).collect();
        assert!(fairness > 0.93, "{kbits} for {count}: {fairness}{shown}");
        let used: f64 = reports.iter().map(|report| report.received(40, 120)).sum();
        assert!(used > 0.85 * kbits as f64 * 1e3, "{used}{shown}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever the path is like, what is sent settles below what it carries, and its queue empties.
    #[test]
    fn settles_on_any_path(
        kbits in 250_u64..5_000,
        then in 250_u64..5_000,
        jitter in 0_u64..25,
        loss in 0.0..0.04,
    ) {
        let base = Conditions { jitter: Duration::from_millis(jitter), loss, ..Conditions::default() };
        let report = alone(base, &[(0, kbits), (20, then)], 45);
        for (from, to, kbits) in [(8, 20, kbits), (32, 45, then)] {
            let most = (kbits as f64 * 1e3).min(2.5e6);
            let received = report.received(from, to);
            prop_assert!(received > 0.45 * most, "{} of {}{}", received, most, report);
            let latency = report.latency(0.9, from, to);
            prop_assert!(latency < 260.0, "{} ms{}", latency, report);
        }
    }
}
