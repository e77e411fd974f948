//! Rates and encoders as they come, against the shapes that follow.

use super::*;

const SOURCE: Source = Source { width: 1280, height: 704, fps: 25.0 };

fn at(millis: u64) -> Time {
    Time::from_micros(millis * 1_000)
}

fn adaptation(preference: Preference, source: Source, bitrate: u64) -> Adaptation {
    Adaptation::new(AdaptTuning::default(), Codec::Vp8, preference, source, bitrate, at(0))
}

/// An encoder: what a picture costs it at a shape and a rate.
type Encoder = fn(Shape, f64) -> Encoded;

fn encoder(_: Shape, rate: f64) -> Encoded {
    Encoded { bytes: (rate / 200.0) as usize, quantizer: Some(60.0), time: Duration::from_millis(8) }
}

/// Runs from one second to another at the rates of each; when the shape changed, and to what.
fn run(
    adaptation: &mut Adaptation,
    (from, to): (u64, u64),
    rate: impl Fn(u64) -> f64,
    encoder: Encoder,
) -> Vec<(u64, Shape)> {
    let mut changes = Vec::new();
    for now in (from * 1_000..to * 1_000).step_by(40) {
        let rate = rate(now);
        adaptation.rate(rate as u64, at(now));
        adaptation.encoded(encoder(adaptation.shape(), rate), at(now));
        if adaptation.update(at(now)) {
            changes.push((now, adaptation.shape()));
        }
    }
    changes
}

fn widths(changes: &[(u64, Shape)]) -> Vec<u32> {
    changes.iter().map(|(_, shape)| shape.width).collect()
}

#[test]
fn begins_with_what_the_rate_suffices_for() {
    for (rate, width) in [(1_000_000, 1280), (700_000, 960), (450_000, 640), (230_000, 480), (100_000, 320)] {
        let shape = adaptation(Preference::Balanced, SOURCE, rate).shape();
        assert_eq!((shape.width, shape.width % 2, shape.height % 2), (width, 0, 0), "{rate}");
    }
    let shape = adaptation(Preference::Balanced, SOURCE, 20_000).shape();
    assert_eq!((shape.width, shape.fps), (320, 12.5));
}

#[test]
fn each_preference_gives_up_what_it_may() {
    let shape = |preference| adaptation(preference, SOURCE, 100_000).shape();
    assert_eq!(shape(Preference::MaintainBoth), Shape { width: 1280, height: 704, fps: 25.0 });
    let resolution = shape(Preference::MaintainResolution);
    assert_eq!((resolution.width, resolution.fps), (1280, 3.125));
    let framerate = shape(Preference::MaintainFramerate);
    assert_eq!((framerate.width, framerate.fps), (320, 25.0));
    let small = Source { width: 320, height: 192, fps: 15.0 };
    let small = adaptation(Preference::Balanced, small, 30_000).shape();
    assert_eq!((small.width, small.fps), (320, 7.5), "nothing is smaller than it need be");
}

#[test]
fn a_falling_rate_is_followed_at_once_and_a_rising_one_later() {
    let mut adaptation = adaptation(Preference::Balanced, SOURCE, 1_900_000);
    let rate = |now| if (20_000..40_000).contains(&now) { 250e3 } else { 1.7e6 };
    let changes = run(&mut adaptation, (0, 60), rate, encoder);
    assert_eq!(widths(&changes), [480, 1280]);
    assert!(changes[0].0 <= 20_300, "{changes:?}");
    assert!((41_000..46_000).contains(&changes[1].0), "{changes:?}");
    let [none, cpu, bandwidth] = adaptation.durations(at(60_000));
    assert!(none + bandwidth == Duration::from_secs(60) && cpu.is_zero());
    assert!((21..=26).contains(&bandwidth.as_secs()), "{bandwidth:?}");
}

#[test]
fn short_dips_and_small_waves_change_nothing() {
    let mut adaptation = adaptation(Preference::Balanced, SOURCE, 1_000_000);
    let dips = |now: u64| if now % 4_000 < 150 { 600e3 } else { 900e3 };
    assert_eq!(run(&mut adaptation, (0, 60), dips, encoder), []);
    let waves = |now: u64| 830e3 + 80e3 * (now as f64 / 1e3).sin();
    assert!(run(&mut adaptation, (60, 120), waves, encoder).len() <= 1);
}

#[test]
fn a_coarse_picture_gets_smaller() {
    let mut adaptation = adaptation(Preference::Balanced, SOURCE, 1_000_000);
    // A picture with so much in it that only three quarters of the size come out well.
    let changes = run(
        &mut adaptation,
        (0, 200),
        |_| 900e3,
        |shape, rate| {
            let quantizer = Some(if shape.width > 960 { 110.0 } else { 70.0 });
            Encoded { quantizer, ..encoder(shape, rate) }
        },
    );
    assert_eq!(changes[0].1.width, 960);
    // Tried again, later each time.
    let ups: Vec<_> =
        changes.iter().filter(|(_, shape)| shape.width == 1280).map(|(at, _)| at / 1_000).collect();
    assert!((1..=6).contains(&ups.len()), "{ups:?}");
    assert!(changes.windows(2).all(|pair| pair[1].0 - pair[0].0 >= 5_000), "{changes:?}");
}

#[test]
fn an_encoder_beyond_its_rate_is_given_less() {
    let mut adaptation = adaptation(Preference::Balanced, SOURCE, 1_000_000);
    let changes = run(
        &mut adaptation,
        (0, 4),
        |_| 900e3,
        |shape, rate| Encoded {
            bytes: (rate / 200.0 * if shape.width > 960 { 1.8 } else { 1.0 }) as usize,
            quantizer: None,
            ..encoder(shape, rate)
        },
    );
    assert_eq!(widths(&changes), [960]);
    assert_eq!(adaptation.limitation(), Limitation::Bandwidth);
}

#[test]
fn a_rate_that_is_told_when_it_changes_holds_from_then_on() {
    let mut adaptation = adaptation(Preference::Balanced, SOURCE, 1_000_000);
    let mut rate = 1_000_000;
    for now in (0..30_000).step_by(40).map(at) {
        if now == at(8_000) {
            rate = 4_000_000;
            adaptation.rate(rate, now);
        }
        adaptation.encoded(encoder(adaptation.shape(), rate as f64), now);
        assert!(!adaptation.update(now), "{now:?}: {:?}", adaptation.shape());
    }
}

#[test]
fn a_processor_that_does_not_keep_up_gets_less_to_do() {
    let mut adaptation = adaptation(Preference::Balanced, SOURCE, 3_000_000);
    let slow: Encoder = |shape, rate| {
        let time = Duration::from_micros(u64::from(shape.width) * u64::from(shape.height) / 18);
        Encoded { time, ..encoder(shape, rate) }
    };
    let changes = run(&mut adaptation, (0, 60), |_| 2.5e6, slow);
    assert_eq!(widths(&changes), [960], "and there it stays");
    assert_eq!(adaptation.limitation(), Limitation::Cpu);
    let changes = run(&mut adaptation, (60, 90), |_| 2.5e6, encoder);
    assert_eq!(widths(&changes), [1280]);
    assert_eq!(adaptation.limitation(), Limitation::None);
}

#[test]
fn pictures_skipped_by_a_busy_encoder_count() {
    let mut adaptation = adaptation(Preference::MaintainResolution, SOURCE, 3_000_000);
    for n in 0..160 {
        adaptation.rate(2_500_000, at(n * 40));
        adaptation.skipped(Skip::Busy, at(n * 40));
        adaptation.update(at(n * 40));
    }
    assert!(adaptation.shape().fps < 25.0 && adaptation.limitation() == Limitation::Cpu);
}
