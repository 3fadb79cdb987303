//! How the lines fared on the mail in the ledger, by the evidence of each ticket.
//!
//! A ticket is looked at, counted and forgotten, so that a ledger of any size takes the same memory.
//! Its evidence is of the dictionaries of its time: a line is followed by its file and its term.

use jiff::{SignedDuration, Timestamp};

use super::super::Failure;
use super::super::output::{count, progress};
use super::{Found, mail};
use crate::classify::Scratch;
use crate::diagnostic::Diagnostic;
use crate::dictionary::{Dictionaries, TeamId};
use crate::learn::counts::{Counts, LinesNow};
use crate::lint::{Sample, Written, aging, measured};
use crate::rim::clock::SystemClock;
use crate::route::{Policy, Reason, Target};
use crate::seams::{Clock, Store, Ticket, TicketDetail, TicketFilter};

/// Tickets of one look into the ledger.
const PAGE: u32 = 500;

/// What was counted in a time, and in its second half.
pub(super) struct Time<'a> {
    dictionaries: &'a Dictionaries,
    whole: Counts<'a>,
    recent: Counts<'a>,
    mails: u64,
    recent_mails: u64,
    days: u32,
    now: Timestamp,
    lines: LinesNow,
    written: Written,
    scratch: Scratch,
}

impl<'a> Time<'a> {
    /// So many days up to now.
    pub(super) fn new(dictionaries: &'a Dictionaries, policy: &Policy, days: u32) -> Self {
        Self {
            dictionaries,
            whole: Counts::new(dictionaries, policy, []),
            recent: Counts::new(dictionaries, policy, []),
            mails: 0,
            recent_mails: 0,
            days,
            now: SystemClock.now(),
            lines: LinesNow::of(dictionaries),
            written: Written::default(),
            scratch: Scratch::default(),
        }
    }

    /// What it shows of the lines.
    pub(super) fn findings(self, enough: u64, found: &mut Found) -> Vec<Diagnostic> {
        let (labelled, recent_labelled) = (self.whole.labelled(), self.recent.labelled());
        let (lines, recent_lines) = (self.whole.health(), self.recent.health());
        let which = format!(" of the last {}", count(self.days.into(), "day"));
        let whole =
            Sample { lines: &lines, mails: self.mails, labelled: &labelled, enough, which: &which };
        let recent = Sample {
            lines: &recent_lines,
            mails: self.recent_mails,
            labelled: &recent_labelled,
            ..whole
        };
        found.notes.push(mail::note(&whole));
        let mut findings = measured(self.dictionaries, &whole, &self.written);
        findings.extend(aging(self.dictionaries, &whole, &recent));
        findings
    }

    /// The time so many half days ago.
    fn half_days_ago(&self, number: u32) -> Timestamp {
        self.now - SignedDuration::from_hours(i64::from(number) * 12)
    }

    /// Counts every ticket of the time, newest first.
    pub(super) async fn read(&mut self, store: &dyn Store) -> Result<(), Failure> {
        let since = self.half_days_ago(self.days * 2);
        let bar = progress(None, "reading the ledger");
        let mut before = None;
        loop {
            let filter = TicketFilter { before, limit: PAGE, ..TicketFilter::default() };
            let page = store.details(&filter).await?;
            for detail in page.iter().take_while(|detail| detail.ticket.recorded >= since) {
                self.add(detail);
                bar.inc(1);
            }
            let last = page.last().map(|detail| &detail.ticket);
            let Some(last) = last.filter(|last| last.recorded >= since) else { break };
            before = Some(last.id);
        }
        bar.finish_and_clear();
        Ok(())
    }

    /// Counts a ticket, if the dictionaries were asked about it.
    fn add(&mut self, TicketDetail { ticket, evidence, text, .. }: &TicketDetail) {
        let Some(verdict) = &evidence.verdict else { return };
        let label = answered(ticket);
        self.mails += 1;
        self.whole.add_kept(verdict, label, &self.lines);
        if ticket.recorded >= self.half_days_ago(self.days) {
            self.recent_mails += 1;
            self.recent.add_kept(verdict, label, &self.lines);
        }
        if let Some(text) = text {
            self.whole.add_signatures(&mut self.scratch, text);
            self.written.add(&ticket.subject, text);
        }
    }
}

/// The team that a person named.
fn answered(ticket: &Ticket) -> Option<&TeamId> {
    match &ticket.decision.target {
        Target::Team(team) if ticket.decision.reason == Reason::Answered => Some(team),
        Target::Team(_) | Target::Person(_) | Target::Assist | Target::Filed | Target::SetAside => {
            None
        }
    }
}
