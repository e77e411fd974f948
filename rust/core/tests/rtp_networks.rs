//! Networks that nobody thought of: whatever they do, the picture moves on, and soon.

#![cfg(not(miri))]

mod simulation;

use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use realtime_fast_core::rtp::config::Feedback;
use realtime_fast_core::rtp::link::{Conditions, Schedule};
use simulation::world::{Setup, World};
use std::time::Duration;

/// How long each network is simulated, in seconds.
const LENGTH: u64 = 40;
/// When it is as it stays.
const SETTLED: u64 = 20;

fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// A network with at most so much loss, in bursts of so many packets.
fn conditions(loss: f64, burst: f64) -> impl Strategy<Value = Conditions> {
    let rate = prop_oneof![Just(None), (17.0..23.0_f64).prop_map(|log| Some(log.exp2() as u64))];
    let chances = (0.0..loss, 0.0..loss, 1.5..burst, 0.0..0.03, 0.0..0.03);
    let spans = (1_u64..150, 0_u64..40, 150_u64..800);
    (rate, chances, spans).prop_map(|(rate, (loss, burst_loss, burst_length, reorder, duplicate), spans)| {
        Conditions {
            loss,
            burst_loss,
            burst_length,
            reorder,
            duplicate,
            rate,
            delay: ms(spans.0),
            jitter: ms(spans.1),
            queue: ms(spans.2),
        }
    })
}

/// Two networks one after the other, and between them nothing for a while.
#[derive(Clone, Debug)]
struct Network {
    first: Conditions,
    then: Conditions,
    outage: u64,
}

impl Network {
    fn schedule(&self) -> Schedule {
        let nothing = Conditions { loss: 1.0, ..self.first };
        let mut changes = vec![(ms(SETTLED * 1000 / 2), self.then)];
        if self.outage > 0 {
            changes.insert(0, (ms(SETTLED * 1000 / 2 - self.outage), nothing));
        }
        Schedule::new(self.first, changes).expect("in order")
    }
}

fn network(loss: f64, burst: f64) -> impl Strategy<Value = Network> {
    let outage = prop_oneof![Just(0), 200_u64..3000];
    (conditions(loss, burst), conditions(loss, burst), outage).prop_map(|(first, then, outage)| Network {
        first,
        then,
        outage,
    })
}

fn setup() -> impl Strategy<Value = Setup> {
    let feedback = (any::<bool>(), any::<bool>(), any::<bool>(), any::<bool>());
    (feedback, any::<bool>(), prop_oneof![Just(0), 20_u64..300]).prop_map(
        |((transport_cc, remb, pli, reduced_size), audio, max_delay)| {
            let setup = Setup::default();
            // One of each kind must be there: control of the rate by loss alone is slow, and without key frames nothing helps.
            let feedback =
                Feedback { transport_cc, remb: remb || !transport_cc, pli, reduced_size, ..setup.feedback };
            Setup { feedback, audio, max_delay: ms(max_delay), ..setup }
        },
    )
}

fn config() -> ProptestConfig {
    let default = ProptestConfig { failure_persistence: None, ..ProptestConfig::default() };
    let rng_seed = match default.rng_seed {
        RngSeed::Random => RngSeed::Fixed(1),
        chosen => chosen,
    };
    ProptestConfig { rng_seed, ..default }
}

proptest! {
    // The same networks each time: of thousands, one may break a bound by some. PROPTEST_RNG_SEED gives others.
    #![proptest_config(config())]

    #[test]
    // Bursts are of packets, and feedback has few: a long one would be an outage of seconds for it.
    fn the_picture_moves_on(seed in any::<u64>(), up in network(0.08, 8.0), down in network(0.08, 3.0), setup in setup()) {
        let mut world = World::new(seed, up.schedule(), down.schedule(), &[setup]);
        world.run(LENGTH as f64);
        let pair = &world.pairs[0];
        prop_assert_eq!(pair.player.broken, 0, "broken pictures");
        let view = world.view(2.0, LENGTH as f64);
        let trip = [up.first, up.then, down.first, down.then].map(|c| c.delay + c.jitter + c.queue).into_iter().max();
        let trip = trip.unwrap_or_default() * 2;
        let outage = ms(up.outage.max(down.outage));
        prop_assert!(view.longest_gap <= outage + trip * 2 + ms(2000), "the picture stood: {:?}", view);
        let settled = world.view(SETTLED as f64, LENGTH as f64);
        prop_assert!(settled.p95 <= trip + ms(1000), "late: {:?}", settled);
        prop_assert!(settled.fps >= 3.0, "{:?}", settled);
        prop_assert!(pair.near.transport_stats(world.now).pacer_delay < ms(1500));
        let wanted = pair.key_frames_wanted;
        prop_assert!(u64::from(wanted) < LENGTH * 2, "{} key frames", wanted);
    }
}
