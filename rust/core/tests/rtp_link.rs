//! The model of a network does what its conditions say: each by itself, over time, and the same again.

use proptest::prelude::*;
use realtime_fast_core::rtp::link::{Conditions, Link, PROFILES, Profile, Schedule};
use realtime_fast_core::rtp::time::Time;
use std::time::Duration;

const BYTES: usize = 1250; // 10 kbit

fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn at(millis: u64) -> Time {
    Time::ZERO + ms(millis)
}

fn link(conditions: Conditions) -> Link<u64> {
    Link::new(1, Schedule::constant(conditions).unwrap(), Time::ZERO)
}

/// Everything that comes out, and when, looking only when told to.
fn arrivals<T: Clone>(link: &mut Link<T>) -> Vec<(Time, T)> {
    let mut arrivals = Vec::new();
    while let Some(now) = link.deadline() {
        arrivals.extend(std::iter::from_fn(|| link.pop(now)).map(|item| (now, item)));
    }
    arrivals
}

/// Sends packets a millisecond apart; tells which came out.
fn through(conditions: Conditions, packets: u64) -> (Link<u64>, Vec<(Time, u64)>) {
    let mut link = link(conditions);
    let mut out = Vec::new();
    for i in 0..packets {
        link.push(at(i), BYTES, i);
        out.extend(std::iter::from_fn(|| link.pop(at(i))).map(|item| (at(i), item)));
    }
    out.extend(arrivals(&mut link));
    (link, out)
}

fn share(part: u64, all: u64) -> f64 {
    part as f64 / all as f64
}

#[test]
fn an_ideal_network_takes_no_time() {
    let mut link = link(Conditions::default());
    assert_eq!(link.deadline(), None);
    assert!(link.push(at(5), BYTES, 7));
    assert_eq!(link.deadline(), Some(at(5)));
    assert_eq!((link.pop(at(5)), link.pop(at(5))), (Some(7), None));
    assert_eq!(link.deadline(), None);
}

#[test]
fn delay_holds_each_packet_for_the_same_time() {
    let mut link = link(Conditions { delay: ms(40), ..Conditions::default() });
    link.push(at(0), BYTES, 0);
    link.push(at(3), BYTES, 1);
    assert_eq!(link.pop(at(39)), None);
    assert_eq!(arrivals(&mut link), [(at(40), 0), (at(43), 1)]);
}

#[test]
fn jitter_spreads_arrivals_and_keeps_the_order() {
    let (_, out) = through(Conditions { delay: ms(10), jitter: ms(30), ..Conditions::default() }, 4000);
    assert!(out.iter().map(|(_, i)| *i).eq(0..4000));
    let late: Vec<_> = out.iter().map(|(now, i)| *now - at(*i)).collect();
    assert!(late.iter().all(|late| (ms(10)..=ms(40)).contains(late)));
    assert!(late.iter().min() < Some(&ms(12)) && late.iter().max() > Some(&ms(38)));
    let mean = late.iter().sum::<Duration>() / 4000;
    assert!((ms(23)..ms(29)).contains(&mean), "{mean:?}");
}

#[test]
fn loss_takes_its_share() {
    for loss in [0.0, 0.05, 0.5, 1.0] {
        let (link, out) = through(Conditions { loss, ..Conditions::default() }, 10_000);
        assert!((share(link.figures().lost, 10_000) - loss).abs() < 0.02, "{loss}: {:?}", link.figures());
        assert_eq!(out.len() as u64, 10_000 - link.figures().lost);
    }
}

#[test]
fn bursts_take_their_share_and_have_their_length() {
    for (burst_loss, burst_length) in [(0.1, 5.0), (0.02, 1.0), (0.5, 20.0)] {
        let conditions = Conditions { burst_loss, burst_length, ..Conditions::default() };
        let (link, out) = through(conditions, 200_000);
        let lost = link.figures().lost;
        assert!((share(lost, 200_000) / burst_loss - 1.0).abs() < 0.1, "{burst_loss}: {lost}");
        let bursts = out.windows(2).filter(|pair| pair[1].1 > pair[0].1 + 1).count() as u64;
        assert!((share(lost, bursts) / burst_length - 1.0).abs() < 0.1, "{burst_length}: {lost} in {bursts}");
    }
}

#[test]
fn a_bottleneck_spaces_packets_and_its_queue_is_bounded() {
    // 10 kbit each 10 ms, of which 30 ms may wait.
    let mut link =
        link(Conditions { rate: Some(1_000_000), queue: ms(30), delay: ms(5), ..Conditions::default() });
    let taken: Vec<_> = (0..10).filter(|i| link.push(at(0), BYTES, *i)).collect();
    assert_eq!(taken, [0, 1, 2, 3]);
    assert_eq!(link.figures().dropped, 6);
    let times: Vec<_> = arrivals(&mut link).into_iter().map(|(now, _)| now).collect();
    assert_eq!(times, [at(15), at(25), at(35), at(45)]);
}

#[test]
fn a_bottleneck_without_a_queue_still_passes_its_rate() {
    let conditions = Conditions { rate: Some(1_000_000), queue: Duration::ZERO, ..Conditions::default() };
    let (link, _) = through(conditions, 1000);
    assert_eq!(link.figures().delivered, 100);
}

#[test]
fn what_waits_goes_on_at_the_new_rate() {
    let slow = Conditions { rate: Some(100_000), ..Conditions::default() };
    let fast = Conditions { rate: Some(1_000_000), ..slow };
    let schedule = Schedule::new(fast, vec![(ms(15), slow), (ms(70), fast)]).unwrap();
    let mut link = Link::new(1, schedule, at(1000));
    for i in 0..3 {
        assert!(link.push(at(1000), BYTES, i));
    }
    // The second is half done at the change, then takes 50 ms more; 5 % of the third are done at the next.
    assert_eq!(arrivals(&mut link), [(at(1010), 0), (at(1065), 1), (Time::from_micros(1_079_500), 2)]);
}

#[test]
fn what_waits_is_free_once_the_bottleneck_is_gone() {
    let slow = Conditions { rate: Some(1_000), ..Conditions::default() };
    let schedule = Schedule::new(slow, vec![(ms(50), Conditions::default())]).unwrap();
    let mut link = Link::new(1, schedule, at(0));
    link.push(at(0), BYTES, 0);
    assert_eq!(arrivals(&mut link), [(at(50), 0)]);
}

#[test]
fn another_schedule_can_begin_in_the_middle() {
    let slow = Conditions { rate: Some(100_000), ..Conditions::default() };
    let mut link = link(slow);
    link.push(at(0), BYTES, 0);
    link.change(at(50), Schedule::constant(Conditions { rate: Some(1_000_000), ..slow }).unwrap());
    link.push(at(50), BYTES, 1);
    assert_eq!(arrivals(&mut link), [(at(55), 0), (at(65), 1)]);
}

#[test]
fn a_detour_lets_others_overtake() {
    let (link, out) = through(Conditions { delay: ms(40), reorder: 0.1, ..Conditions::default() }, 10_000);
    assert!((share(link.figures().reordered, 10_000) - 0.1).abs() < 0.02);
    for (now, i) in &out {
        let late = *now - at(*i);
        assert!(late == ms(40) || (ms(60)..=ms(80)).contains(&late), "{i}: {late:?}");
    }
    assert!(out.windows(2).any(|pair| pair[1].1 < pair[0].1));
    assert!(out.is_sorted_by_key(|(now, _)| *now));
}

#[test]
fn some_packets_come_twice() {
    let (link, out) = through(Conditions { duplicate: 0.2, ..Conditions::default() }, 10_000);
    assert!((share(link.figures().duplicated, 10_000) - 0.2).abs() < 0.02);
    assert_eq!(out.len() as u64, 10_000 + link.figures().duplicated);
    assert_eq!(link.figures().delivered_bytes, (out.len() * BYTES) as u64);
}

#[test]
fn values_out_of_range_are_refused_by_name() {
    let ideal = Conditions::default();
    for (conditions, message) in [
        (Conditions { loss: 1.5, ..ideal }, "loss: expected a share of 0 to 1, got 1.5"),
        (Conditions { reorder: f64::NAN, ..ideal }, "reorder: expected a share of 0 to 1, got NaN"),
        (Conditions { duplicate: -0.1, ..ideal }, "duplicate: expected a share of 0 to 1, got -0.1"),
        (Conditions { burst_length: 0.5, ..ideal }, "burst_length: expected 1 packet or more, got 0.5"),
        (
            Conditions { burst_loss: 0.9, ..ideal },
            "burst_loss: expected a share of 0 to burst_length / (burst_length + 1), got 0.9",
        ),
        (Conditions { delay: ms(61_000), ..ideal }, "delay: expected at most 60 s, got 61 s"),
        (Conditions { rate: Some(999), ..ideal }, "rate: expected at least 1000 bit/s, or none, got 999"),
    ] {
        assert_eq!(Schedule::constant(conditions).unwrap_err().to_string(), message);
    }
    let unordered = Schedule::new(ideal, vec![(ms(10), ideal), (ms(10), ideal)]);
    assert_eq!(
        unordered.unwrap_err().to_string(),
        "schedule: expected times in ascending order, above 0, got 0.01 s after 0.01 s"
    );
    assert_eq!(
        Profile::named("5g").unwrap_err().to_string(),
        "network profile: expected wifi, lte, 3g, transatlantic, lossy or 600k, got \"5g\""
    );
}

#[test]
fn every_profile_has_its_name_and_makes_links() {
    for profile in PROFILES {
        assert_eq!(Profile::named(profile.name).unwrap(), profile);
        for conditions in [profile.up, profile.down] {
            let (link, out) = through(conditions, 1000);
            let figures = link.figures();
            assert_eq!(out.len() as u64, 1000 - figures.lost - figures.dropped, "{}", profile.name);
            assert!(out.len() > 50, "{}: {figures:?}", profile.name);
        }
    }
}

prop_compose! {
    fn any_conditions()(
        loss in 0.0..0.5, burst_loss in 0.0..0.5, burst_length in 1.0..20.0, delay in 0_u64..200, jitter in 0_u64..50,
        reorder in 0.0..0.5, duplicate in 0.0..0.5, rate in proptest::option::of(1_000_u64..5_000_000),
        queue in 0_u64..500,
    ) -> Conditions {
        Conditions {
            loss, burst_loss, burst_length, delay: ms(delay), jitter: ms(jitter), reorder, duplicate, rate,
            queue: ms(queue),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: if cfg!(miri) { 4 } else { 256 }, failure_persistence: None, ..ProptestConfig::default()
    })]

    /// Looking at every millisecond or only when told to: the same packets come out at the same times, none too
    /// early, none is left behind, and the books balance.
    #[test]
    fn how_often_one_looks_changes_nothing(
        seed: u64, first in any_conditions(), then in any_conditions(), bytes in proptest::collection::vec(1_usize..1500, 1..100)
    ) {
        prop_assume!([first, then].iter().all(|c| Schedule::constant(*c).is_ok()));
        let schedule = Schedule::new(first, vec![(ms(50), then)]).unwrap();
        let mut seldom = Link::new(seed, schedule.clone(), Time::ZERO);
        let mut often = Link::new(seed, schedule, Time::ZERO);
        let mut seen = Vec::new();
        for (i, bytes) in bytes.iter().enumerate() {
            let now = at(i as u64);
            while let Some(due) = often.deadline().filter(|due| *due < now) {
                seen.extend(std::iter::from_fn(|| often.pop(due)).map(|item| (due, item)));
            }
            prop_assert_eq!(often.push(now, *bytes, i), seldom.push(now, *bytes, i));
        }
        seen.extend(arrivals(&mut often));
        let mut late = Vec::new();
        while let Some(due) = seldom.deadline() {
            // Long after.
            late.extend(std::iter::from_fn(|| seldom.pop(due + ms(1000))));
        }
        prop_assert!(seen.iter().map(|(_, item)| item).eq(&late));
        for (now, i) in &seen {
            prop_assert!(*now >= at(*i as u64));
        }
        let figures = seldom.figures();
        prop_assert_eq!(often.figures(), figures);
        prop_assert_eq!(figures.delivered, figures.packets - figures.lost - figures.dropped + figures.duplicated);
    }
}
