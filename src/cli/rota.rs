//! `postroom rota`: who answers questions now and in the next weeks, as a table or for calendars, and
//! what could be better.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

use clap::{Args, Subcommand};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::Serialize;
use tokio::runtime::Runtime;

use super::moment::{When, tell_troubles};
use super::output::{drawn, json_line, report, table, text};
use super::{Failure, Global, explain};
use crate::assist::rota::{Duty, Group, Planned, Rota, Shift};
use crate::config::{Config, DirectorySettings, SqlSettings};
use crate::diagnostic::Diagnostic;
use crate::directory::{Directory, Present};
use crate::mail::EmailAddress;
use crate::rim::clock::SystemClock;
use crate::rim::directory::Calendars;
use crate::rim::watch::read_directory;
use crate::seams::Clock;
use crate::serve::rules;

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Options {
    #[command(subcommand)]
    command: Option<Command>,
    /// How many weeks to show
    #[arg(long, default_value_t = 8, value_name = "N")]
    weeks: usize,
    /// When, as 2026-12-24T10:00 by the configuration's clock, or with an offset; now, if not given
    #[arg(long, value_name = "TIME")]
    at: Option<When>,
    /// Print it as JSON
    #[arg(long)]
    json: bool,
    /// Print all weeks of the rota as an iCalendar text, for people's calendars
    #[arg(long, conflicts_with_all = ["json", "weeks", "at"])]
    ics: bool,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Say what is wrong with the rota, and which weeks and days fall to the group
    Lint {
        /// Print one JSON object a finding, a line each
        #[arg(long)]
        json: bool,
        /// Let warnings fail the check too
        #[arg(long)]
        strict: bool,
    },
}

/// The rota, and what is true at the moment that it is asked about.
pub(super) struct Asked {
    rota: Rota,
    directory: Directory,
    present: Present,
    warnings: Vec<Diagnostic>,
}

/// What `rota --json` prints.
#[derive(Debug, Serialize)]
struct Shown<'a> {
    duty: &'a Duty,
    fallback: &'a Group,
    weeks: &'a [Planned],
}

/// Runs the command.
pub(crate) fn run(global: &Global, options: &Options) -> Result<(), Failure> {
    let config = global.config()?;
    if config.assist.fallback.is_none() {
        let none = "the configuration has no rota; name one below `[assist]`, with a fallback";
        return Err(Failure::input(none));
    }
    let asked = ask(&config, &Runtime::new()?, options.at);
    if let Some(Command::Lint { json, strict }) = &options.command {
        return lint(asked, (*json, *strict));
    }
    let Some(asked) = asked? else { return Ok(()) };
    if options.ics {
        // A calendar's lines end as they have to, and nobody draws it.
        return drawn(&asked.rota.feed(SystemClock.now()));
    }
    let Asked { rota, directory, present, .. } = &asked;
    let first = Rota::week_at(present.now, directory);
    let weeks = std::iter::successors(Some(first), |week| Some(week.next())).take(options.weeks);
    let weeks: Vec<Planned> = weeks.map(|week| rota.plan(week, directory, present)).collect();
    let duty = rota.on_duty(directory, present);
    if options.json {
        return json_line(&Shown { duty: &duty, fallback: rota.fallback(), weeks: &weeks });
    }
    let at = present.now.to_zoned(directory.zone().clone());
    let mut out = format!("{}, {}\n", at.strftime("%a %Y-%m-%d %H:%M %Z"), duty.week);
    out += &on_duty(&duty, directory.zone());
    if !weeks.is_empty() {
        let mut rows = table(&["week", "from", "until", "who"], &[0, 1, 2]);
        for planned in &weeks {
            let (from, until) = (planned.week.monday(), planned.week.sunday());
            let who = who(planned, rota.fallback());
            rows.add_row([planned.week.to_string(), from.to_string(), until.to_string(), who]);
        }
        let _ = write!(out, "\n{rows}\n");
    }
    text(&out)
}

/// Reads the rota, our people, and the calendars of those on the rota; `None` if nobody was named to
/// answer questions.
pub(super) fn ask(
    config: &Config,
    runtime: &Runtime,
    when: Option<When>,
) -> Result<Option<Asked>, Failure> {
    if config.assist.fallback.is_none() {
        return Ok(None);
    }
    let directory = people(&config.directory)?;
    let (rota, warnings) = rules::rota(config, &directory).map_err(Failure::Findings)?;
    let Some(rota) = rota else { return Ok(None) };
    let now = SystemClock.now();
    let at = when.map_or(Ok(now), |when| when.moment(directory.zone()))?;
    let asked_about = rota.joiners().filter_map(|joiner| directory.listed(joiner)).cloned();
    let calendars = Calendars::new(config.directory.calendars.clone());
    let mut calendars = calendars.only(asked_about.collect());
    // Behind the last week of the rota there is nobody whose absence could matter.
    let end = rota.last_week().map(|week| week.next().monday().to_zoned(directory.zone().clone()));
    if let Some(Ok(end)) = end {
        calendars = calendars.until(end.timestamp());
    }
    runtime.block_on(calendars.refresh(&directory, at));
    tell_troubles(&calendars);
    let present = Present { calendars: Arc::new(calendars.absences()), ..Present::at(at) };
    Ok(Some(Asked { rota, directory, present, warnings }))
}

/// The directory without customers, who may be many and don't matter here.
fn people(settings: &DirectorySettings) -> Result<Directory, Failure> {
    let sql = settings.sql.clone().map(|sql| SqlSettings { customers: None, ..sql });
    let settings = DirectorySettings { customers: None, sql, ..settings.clone() };
    let built =
        read_directory(&settings).and_then(|files| Directory::build(&files, &settings.rules));
    built.map(|(directory, _)| directory).map_err(Failure::Findings)
}

impl Asked {
    /// Who is on duty, a line and further ones for those who are not there.
    pub(super) fn on_duty(&self) -> String {
        let duty = self.rota.on_duty(&self.directory, &self.present);
        on_duty(&duty, self.directory.zone())
    }
}

fn on_duty(duty: &Duty, zone: &TimeZone) -> String {
    let mut lines = match &duty.fallback {
        None => {
            let people: Vec<&str> = duty.people.iter().map(EmailAddress::as_str).collect();
            format!("on duty: {}\n", people.join(", "))
        }
        Some(fallback) => {
            format!("on duty: {}, since {}\n", fallback.group, fallback.why.reason())
        }
    };
    for absent in &duty.skipped {
        let _ = writeln!(lines, "  {}: {}", absent.person, explain::skipped(&absent.why, zone));
    }
    lines
}

/// Whose week it is, a line each.
fn who(planned: &Planned, group: &Group) -> String {
    let mut lines: Vec<String> = planned.shifts.iter().map(share).collect();
    let days = planned.uncovered.iter().map(|day| (*day, ())).collect();
    if planned.shifts.is_empty() {
        lines.push(format!("{group} (nobody has it)"));
    } else if !planned.uncovered.is_empty() {
        lines.push(format!("{group} ({}: nobody is there)", names(&days)));
    }
    lines.join("\n")
}

fn share(shift: &Shift) -> String {
    let instead = shift.instead_of.map(|week| format!("instead of {week}"));
    let away = (!shift.away.is_empty()).then(|| format!("away {}", names(&shift.away)));
    let notes: Vec<String> = instead.into_iter().chain(away).collect();
    if notes.is_empty() {
        shift.person.to_string()
    } else {
        format!("{} ({})", shift.person, notes.join("; "))
    }
}

/// The names of days of one week, in order.
fn names<T>(days: &BTreeMap<Date, T>) -> String {
    let names: Vec<String> = days.keys().map(|day| day.strftime("%a").to_string()).collect();
    names.join(", ")
}

fn lint(asked: Result<Option<Asked>, Failure>, show: (bool, bool)) -> Result<(), Failure> {
    let findings = match asked {
        Ok(Some(Asked { rota, directory, present, mut warnings })) => {
            let from = Rota::week_at(present.now, &directory);
            warnings.extend(rota.gaps(from, &directory, &present));
            warnings
        }
        Ok(None) => Vec::new(),
        Err(Failure::Findings(wrong)) => wrong,
        Err(failure) => return Err(failure),
    };
    report(&findings, 1, show)
}
