//! From measured shares to places on a chart: what the SVG templates beside this file draw.
//!
//! It knows shares, counts and lengths. Colours are the page's, words are the templates'.

use std::fmt::{self, Write as _};

use crate::learn::measure::{Bin, CurvePoint, Evaluation};
use crate::learn::share::Share;

use super::figures::Percent;

/// A length or a place in a chart, in the units of its `viewBox`; a tenth is finer than any eye.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Px(f64);

impl fmt::Display for Px {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.1}", self.0)
    }
}

/// Where shares stand along an axis.
#[derive(Debug, Clone, Copy)]
struct Axis {
    /// The share at its beginning; it ends with the whole.
    least: f64,
    begin: f64,
    end: f64,
}

impl Axis {
    fn at(self, share: f64) -> Px {
        let along = (share.clamp(self.least, 1.0) - self.least) / (1.0 - self.least);
        Px(self.begin + along * (self.end - self.begin))
    }

    /// So many ticks of equal distance, with both ends.
    fn ticks(self, steps: u32) -> Vec<Tick> {
        let share =
            |step: u32| self.least + (1.0 - self.least) * f64::from(step) / f64::from(steps);
        (0..=steps)
            .map(share)
            .map(|share| Tick { at: self.at(share), share: share.into() })
            .collect()
    }
}

/// A labelled place on an axis.
#[derive(Debug)]
pub(super) struct Tick {
    pub(super) at: Px,
    pub(super) share: Percent,
}

/// Left and right edge of both charts' plots, with room for labels at the left.
const ACROSS: (f64, f64) = (50.0, 384.0);
/// Lower and upper edge of the plots.
const UPWARD: (f64, f64) = (260.0, 12.0);
/// Lower and upper edge of the strip of counts below the reliability diagram.
const STRIP: (f64, f64) = (352.0, 312.0);

fn across() -> Axis {
    Axis { least: 0.0, begin: ACROSS.0, end: ACROSS.1 }
}

fn upward(least: f64) -> Axis {
    Axis { least, begin: UPWARD.0, end: UPWARD.1 }
}

/// How far what the dictionaries are sure of is what comes true.
#[derive(Debug)]
pub(super) struct Reliability {
    pub(super) across: Vec<Tick>,
    pub(super) upward: Vec<Tick>,
    /// Confidences from the least; those of no mail are left out.
    pub(super) bins: Vec<BinMark>,
}

/// Mails of about the same confidence.
#[derive(Debug)]
pub(super) struct BinMark {
    pub(super) from: Percent,
    pub(super) to: Percent,
    pub(super) confidence: Percent,
    pub(super) right: Percent,
    pub(super) low: Percent,
    pub(super) high: Percent,
    pub(super) mails: u64,
    /// Where its point stands.
    pub(super) x: Px,
    pub(super) y: Px,
    /// The ends of its interval.
    pub(super) y_low: Px,
    pub(super) y_high: Px,
    /// Its bar in the strip of counts.
    pub(super) bar: Bar,
}

/// An upright bar.
#[derive(Debug)]
pub(super) struct Bar {
    pub(super) x: Px,
    pub(super) y: Px,
    pub(super) width: Px,
    pub(super) height: Px,
    pub(super) middle: Px,
}

impl Reliability {
    pub(super) fn of(bins: &[Bin]) -> Self {
        let most = bins.iter().map(|bin| bin.right.of).max().unwrap_or(0);
        let filled = bins.iter().filter(|bin| bin.right.of > 0);
        Self {
            across: across().ticks(5),
            upward: upward(0.0).ticks(5),
            bins: filled.map(|bin| BinMark::of(bin, most)).collect(),
        }
    }
}

impl BinMark {
    fn of(bin: &Bin, most: u64) -> Self {
        let (low, high) = bin.right.interval();
        let (across, upward) = (across(), upward(0.0));
        let (left, right) = (across.at(bin.from).0, across.at(bin.to).0);
        let height = Share::new(bin.right.of, most).or_zero() * (STRIP.0 - STRIP.1);
        Self {
            from: bin.from.into(),
            to: bin.to.into(),
            confidence: bin.confidence.into(),
            right: bin.right.or_zero().into(),
            low: low.into(),
            high: high.into(),
            mails: bin.right.of,
            x: across.at(bin.confidence),
            y: upward.at(bin.right.or_zero()),
            y_low: upward.at(low),
            y_high: upward.at(high),
            bar: Bar {
                x: Px(left + 1.0),
                y: Px(STRIP.0 - height),
                width: Px(right - left - 2.0),
                height: Px(height),
                middle: Px(f64::midpoint(left, right)),
            },
        }
    }
}

/// What share is routed, and what share of that is right, as the threshold falls.
#[derive(Debug)]
pub(super) struct Coverage {
    pub(super) across: Vec<Tick>,
    pub(super) upward: Vec<Tick>,
    /// The path of the curve.
    pub(super) line: String,
    /// The path around where it lies with 95%.
    pub(super) band: String,
    pub(super) marks: Vec<Mark>,
    /// What the thresholds in force make of it; `None` if they route nothing.
    pub(super) now: Option<(Px, Px)>,
    /// Some of its points, for the table.
    pub(super) rows: Vec<CurveRow>,
}

/// A precision that is asked for, and what can be routed at it.
#[derive(Debug)]
pub(super) struct Mark {
    pub(super) precision: Percent,
    pub(super) routed: Percent,
    /// The height of the precision.
    pub(super) level: Px,
    /// The place of its name: above the line of the higher precision, below that of the lower, so
    /// that they never meet.
    pub(super) name: Px,
    /// Where the curve last has it; `None` if it never does.
    pub(super) at: Option<(Px, Px)>,
}

/// A threshold, and what comes of it.
#[derive(Debug)]
pub(super) struct CurveRow {
    pub(super) threshold: Percent,
    pub(super) routed: Percent,
    pub(super) precision: Percent,
}

/// The table beside the curve has about so many rows.
const ROWS: usize = 12;

impl Coverage {
    pub(super) fn of(evaluation: &Evaluation) -> Self {
        let curve = &evaluation.curve;
        let lowest = curve.iter().map(|point| point.precision).fold(0.9, f64::min);
        let lowest = if evaluation.auto_routed > 0.0 {
            lowest.min(evaluation.auto_precision)
        } else {
            lowest
        };
        let (tenths, steps) = steps_down_to(lowest);
        let (across, upward) = (across(), upward(1.0 - f64::from(tenths) / 10.0));
        let place = |routed, precision| (across.at(routed), upward.at(precision));
        let mark = |(target, name): (f64, f64), routed: f64| {
            let level = upward.at(target);
            Mark {
                precision: target.into(),
                routed: routed.into(),
                level,
                name: Px(level.0 + name),
                at: (routed > 0.0).then(|| place(routed, precision_at(curve, routed))),
            }
        };
        let (upper, lower) = ((0.98, -3.0), (0.95, 11.0));
        let covered = |name: &str| evaluation.coverage.get(name).copied().unwrap_or_default();
        Self {
            across: across.ticks(5),
            upward: upward.ticks(steps),
            line: path(curve.iter().map(|point| place(point.routed, point.precision))),
            band: band(evaluation, place),
            marks: vec![mark(lower, covered("0.95")), mark(upper, covered("0.98"))],
            now: (evaluation.auto_routed > 0.0)
                .then(|| place(evaluation.auto_routed, evaluation.auto_precision)),
            rows: rows(curve),
        }
    }
}

/// How many tenths of all are shown so that a share is among them, and in how many steps of 5, 10
/// or 20 percent.
fn steps_down_to(lowest: f64) -> (u32, u32) {
    match (1..10).find(|tenths| 1.0 - f64::from(*tenths) / 10.0 <= lowest).unwrap_or(10) {
        few @ 1..=2 => (few, few * 2),
        some @ 3..=6 => (some, some),
        many => (many.next_multiple_of(2), many.div_ceil(2)),
    }
}

/// The precision at a share routed, between the points of the curve.
fn precision_at(curve: &[CurvePoint], routed: f64) -> f64 {
    let next = curve.partition_point(|point| point.routed < routed);
    let after = curve.get(next).or(curve.last());
    let before = next.checked_sub(1).and_then(|last| curve.get(last)).or(after);
    let (Some(before), Some(after)) = (before, after) else { return 0.0 };
    let width = after.routed - before.routed;
    let along = if width > 0.0 { (routed - before.routed) / width } else { 0.0 };
    before.precision + along.clamp(0.0, 1.0) * (after.precision - before.precision)
}

/// Once along the upper ends of the intervals, and back along the lower ones.
fn band(evaluation: &Evaluation, place: impl Fn(f64, f64) -> (Px, Px)) -> String {
    #[allow(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a share of a number of mails"
    )]
    let interval = |point: &CurvePoint| {
        let routed = (point.routed * evaluation.n as f64).round();
        Share::new((point.precision * routed).round() as u64, routed as u64).interval()
    };
    let upper = evaluation.curve.iter().map(|point| place(point.routed, interval(point).1));
    let lower = evaluation.curve.iter().rev().map(|point| place(point.routed, interval(point).0));
    path(upper.chain(lower))
}

/// An SVG path of straight lines.
fn path(points: impl Iterator<Item = (Px, Px)>) -> String {
    let mut path = String::new();
    for (x, y) in points {
        let pen = if path.is_empty() { 'M' } else { 'L' };
        // Writing to a string never fails.
        let _ = write!(path, "{pen}{x} {y}");
    }
    path
}

fn rows(curve: &[CurvePoint]) -> Vec<CurveRow> {
    let step = curve.len().div_ceil(ROWS).max(1);
    let last = curve.len().saturating_sub(1);
    let kept = curve.iter().enumerate().filter(|(number, _)| (last - number).is_multiple_of(step));
    kept.map(|(_, point)| CurveRow {
        threshold: point.threshold.into(),
        routed: point.routed.into(),
        precision: point.precision.into(),
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_stand_where_they_belong() {
        let axis = upward(0.5);
        for (share, expected) in [(0.5, "260.0"), (1.0, "12.0"), (0.75, "136.0"), (0.2, "260.0")] {
            assert_eq!(axis.at(share).to_string(), expected, "{share}");
        }
        let labels: Vec<String> = axis.ticks(5).iter().map(|tick| tick.share.whole()).collect();
        assert_eq!(labels, ["50%", "60%", "70%", "80%", "90%", "100%"]);
    }

    #[test]
    fn a_mark_lies_on_the_curve() {
        let point = |routed, precision| CurvePoint { threshold: 0.5, routed, precision };
        let curve = [point(0.2, 1.0), point(0.4, 0.9), point(0.8, 0.7)];
        for (routed, expected) in [(0.1, 1.0), (0.2, 1.0), (0.3, 0.95), (0.6, 0.8), (1.0, 0.7)] {
            let found = precision_at(&curve, routed);
            assert!((found - expected).abs() < 1e-9, "{routed}: {found}");
        }
        assert!(precision_at(&[], 0.5) == 0.0, "no curve, no precision");
    }

    #[test]
    fn steps_are_of_round_numbers() {
        for (lowest, expected) in
            [(0.97, (1, 2)), (0.8, (2, 4)), (0.65, (4, 4)), (0.3, (8, 4)), (0.0, (10, 5))]
        {
            assert_eq!(steps_down_to(lowest), expected, "{lowest}");
        }
    }

    #[test]
    fn a_path_goes_from_point_to_point() {
        let points = [(Px(1.0), Px(2.25)), (Px(3.0), Px(4.0))];
        assert_eq!(path(points.into_iter()), "M1.0 2.2L3.0 4.0");
    }
}
