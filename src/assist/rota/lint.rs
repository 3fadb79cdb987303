//! What could be better in a rota that is right: weeks and days that fall to the group.
//!
//! That is no mistake, since the group is there for it; it is for people who ask before it happens.

use jiff::civil::Date;

use super::{Planned, Rota, Week};
use crate::diagnostic::Diagnostic;
use crate::directory::{Directory, Present};

impl Rota {
    /// What falls to the group, from a week on: gaps before the last week that is anybody's, and
    /// the end, if it comes before three weeks have passed.
    #[must_use]
    pub fn gaps(&self, from: Week, directory: &Directory, present: &Present) -> Vec<Diagnostic> {
        let mut findings = Vec::new();
        let mut next = from;
        for week in self.weeks.range(from..).map(|(week, _)| *week) {
            if next < week {
                findings.push(self.nobodys(next, week.before()));
            }
            findings.extend(self.uncovered(&self.plan(week, directory, present)));
            next = week.next();
        }
        if next <= from.next().next() {
            let message =
                format!("nobody has a week from {next} on, so that `{}` has all", self.fallback);
            let help = "add the next joiners, as `kim@callwise.example,Kim,2026-11-25`";
            findings.push(self.finding("end-of-rota", message).help(help));
        }
        findings
    }

    fn nobodys(&self, first: Week, last: Week) -> Diagnostic {
        let weeks = if first == last { first.to_string() } else { format!("{first} to {last}") };
        let message = format!("nobody has {weeks}, so that `{}` has it", self.fallback);
        let help = "give it to somebody with a line that has `week`";
        self.finding("nobodys-week", message).help(help)
    }

    /// Working days are from Monday to Friday here: that nobody is there on a Sunday is no news.
    fn uncovered(&self, planned: &Planned) -> Option<Diagnostic> {
        let friday = planned.week.days().nth(4)?;
        let days: Vec<Date> =
            planned.uncovered.iter().copied().filter(|day| *day <= friday).collect();
        let names: Vec<String> = days.iter().map(|day| day.strftime("%a").to_string()).collect();
        let message = format!(
            "nobody who has {} is there on {}, so that `{}` has it",
            planned.week,
            names.join(", "),
            self.fallback
        );
        let finding = self.finding("nobody-there", message);
        let help = "add somebody to the week, or give whoever is away another `week`";
        (!days.is_empty()).then(|| finding.help(help))
    }

    fn finding(&self, code: &'static str, message: String) -> Diagnostic {
        let file = self.source.as_deref().unwrap_or("[assist]");
        Diagnostic::error(file, code, message).warning()
    }
}
