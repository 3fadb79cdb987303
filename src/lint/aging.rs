//! Lines that were good once: they hit, or are right, much less often than before.
//!
//! It compares two halves of a time; which time is for others.

use std::collections::BTreeMap;

use super::measured::Sample;
use super::{by_hand, grouped, mails, warning};
use crate::diagnostic::Diagnostic;
use crate::dictionary::format::TeamFile;
use crate::dictionary::{Dictionaries, Rule};
use crate::learn::health::LineHealth;
use crate::learn::share::Share;

/// A line that hit fewer mails before has no habit to fall out of.
const HABIT: u64 = 20;
/// By how many standard deviations it must hit less often.
const FADES: f64 = 3.0;

/// What became of the lines from `whole`, a time, in `recent`, its second half.
#[must_use]
pub fn aging(
    dictionaries: &Dictionaries,
    whole: &Sample<'_>,
    recent: &Sample<'_>,
) -> Vec<Diagnostic> {
    let mut halves = whole.lines.iter().zip(recent.lines);
    let mails_before = whole.mails.saturating_sub(recent.mails);
    let mut found = BTreeMap::new();
    for file in dictionaries.files() {
        for ((section, rule), (whole, now)) in file.rules().zip(halves.by_ref()) {
            let halves = Halves { file, rule, whole, now };
            // A learned line's precision is not its own.
            let worse = by_hand(section).then(|| halves.worse()).flatten();
            let finding = worse.or_else(|| halves.fades(mails_before, recent));
            found.extend(finding.map(|finding| ((&file.file, rule.line), finding)));
        }
    }
    found.into_values().collect()
}

/// A line in the whole time, and in its second half.
struct Halves<'a> {
    file: &'a TeamFile,
    rule: &'a Rule,
    whole: &'a LineHealth,
    now: &'a LineHealth,
}

impl Halves<'_> {
    /// It is right much less often.
    fn worse(&self) -> Option<Diagnostic> {
        let (whole, now) = (self.whole.precision.share, self.now.precision.share);
        let before =
            Share::new(whole.hits - now.hits.min(whole.hits), whole.of - now.of.min(whole.of));
        let ((at_least, _), (_, at_most)) = (before.interval(), now.interval());
        (at_most < at_least).then(|| {
            let message = format!(
                "`{}` was right for {} of {}, and now is for {} of {}",
                self.rule.term,
                grouped(before.hits),
                mails(before.of),
                grouped(now.hits),
                grouped(now.of)
            );
            let help = "its words have come to mean something else: give it fewer points, or add \
                        words";
            self.warning(message).help(help)
        })
    }

    /// It hits much less often.
    fn fades(&self, mails_before: u64, recent: &Sample<'_>) -> Option<Diagnostic> {
        let before =
            Share::new(self.whole.mails - self.now.mails.min(self.whole.mails), mails_before);
        let now = Share::new(self.now.mails, recent.mails);
        // One that hits nothing any more may be dead, which is said elsewhere of a longer time.
        let fades = before.hits >= HABIT
            && now.of > 0
            && now.or_zero() * 2.0 < before.or_zero()
            && deviations(before, now) > FADES;
        fades.then(|| {
            let message = format!(
                "`{}` hit {} of {}, and now {} of {}",
                self.rule.term,
                grouped(before.hits),
                mails(before.of),
                grouped(now.hits),
                grouped(now.of)
            );
            let help = "people may say it otherwise by now; see what they write instead";
            self.warning(message).help(help)
        })
    }

    fn warning(&self, message: String) -> Diagnostic {
        warning(self.file, self.rule, &self.rule.term, "decaying-line", message)
    }
}

/// How many standard deviations one share is above another, if both are of the same mail.
#[allow(clippy::cast_precision_loss, reason = "a number of mails")]
fn deviations(one: Share, other: Share) -> f64 {
    let all = Share::new(one.hits + other.hits, one.of + other.of).or_zero();
    let spread = all * (1.0 - all) * (1.0 / one.of as f64 + 1.0 / other.of as f64);
    if spread > 0.0 { (one.or_zero() - other.or_zero()) / spread.sqrt() } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::classify::{Scratch, classify};
    use crate::dictionary::TeamId;
    use crate::learn::counts::Counts;
    use crate::lint::measured::tests::told;
    use crate::mail::Text;
    use crate::route::Policy;

    /// So many mails with this text, and the team that a person named.
    struct Many(usize, &'static str, Option<&'static str>);

    fn check(lines: &str, before: &[Many], now: &[Many]) -> Vec<String> {
        let files = BTreeMap::from([("a.dict".to_owned(), format!("team a\n{lines}"))]);
        let (dictionaries, _) = Dictionaries::build(&files).unwrap();
        let policy = Policy::default();
        let (whole, recent) =
            (Counts::new(&dictionaries, &policy, []), Counts::new(&dictionaries, &policy, []));
        let mut scratch = Scratch::default();
        let mut add = |counts: &[&Counts<'_>], many: &[Many]| -> u64 {
            for Many(times, text, team) in many {
                let text = Text::plain((*text).to_owned());
                let verdict = classify(&dictionaries, &mut scratch, "", &text);
                let team = team.map(|team| TeamId::parse(team).unwrap());
                for _ in 0..*times {
                    for counts in counts {
                        counts.add(&verdict, team.as_ref());
                    }
                }
            }
            many.iter().map(|many| many.0 as u64).sum()
        };
        let mails_before = add(&[&whole], before);
        let mails_now = add(&[&whole, &recent], now);
        let labelled = BTreeMap::new();
        let sample =
            |lines, mails| Sample { lines, mails, labelled: &labelled, enough: 20, which: "" };
        let (lines, recent_lines) = (whole.health(), recent.health());
        let whole = sample(lines.as_slice(), mails_before + mails_now);
        told(&aging(&dictionaries, &whole, &sample(recent_lines.as_slice(), mails_now)))
    }

    /// A name, the lines, the mail before, the mail now, and what is found.
    type Case<'a> = (&'a str, &'a str, &'a [Many], &'a [Many], &'a [&'a str]);

    #[test]
    fn what_time_does_to_lines() {
        let word = "[terms]\nword +4\n";
        let fades: &[&str] = &["a.dict:3:1 decaying-line `word`"];
        let often = || [Many(40, "word", None), Many(60, "else", None)];
        let cases: [Case<'_>; 7] = [
            ("as before", word, &often(), &often(), &[]),
            ("less often", word, &often(), &[Many(5, "word", None), Many(95, "else", None)], fades),
            (
                "a learned line too",
                "[learned]\nword +4\n",
                &often(),
                &[Many(5, "word", None), Many(95, "else", None)],
                fades,
            ),
            (
                "less mail as a whole",
                word,
                &often(),
                &[Many(8, "word", None), Many(12, "else", None)],
                &[],
            ),
            ("no mail now", word, &often(), &[], &[]),
            (
                "right less often",
                word,
                &[Many(20, "word", Some("a"))],
                &[Many(4, "word", Some("a")), Many(16, "word", Some("other"))],
                fades,
            ),
            (
                "hardly less often right",
                word,
                &[Many(20, "word", Some("a"))],
                &[Many(18, "word", Some("a")), Many(2, "word", Some("other"))],
                &[],
            ),
        ];
        for (name, lines, before, now, expected) in cases {
            assert_eq!(check(lines, before, now), expected, "{name}");
        }
    }
}
