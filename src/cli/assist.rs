//! `postroom assist`: the questions that wait for a person, listed, answered, taken back.

use clap::{Subcommand, value_parser};
use tokio::runtime::Runtime;

use super::explain::{self, Telling};
use super::output::{json_line, row, short, table, text};
use super::{Failure, Global, ledger, rota, setup};
use crate::assist::{self, Answer, Refused};
use crate::config::Config;
use crate::diagnostic::nearest;
use crate::dictionary::{Dictionaries, TeamId};
use crate::directory::Present;
use crate::mail::EmailAddress;
use crate::rim::clock::SystemClock;
use crate::rim::watch::read_dictionaries;
use crate::route::{Decision, Reason, Target};
use crate::seams::{
    Action, Amendment, Clock, Evidence, Progress, Store, Ticket, TicketDetail, TicketFilter,
    TicketId,
};
use crate::serve::along::{self, Moved};

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// List what waits, oldest first, and say who is on duty
    List {
        /// At most this many
        #[arg(long, default_value_t = 50, value_name = "N", value_parser = value_parser!(u32).range(1..))]
        limit: u32,
        /// Print one JSON object a question, a line each
        #[arg(long)]
        json: bool,
    },
    /// Show a question: the mail's text and what the dictionaries make of it
    Show {
        /// The ticket's number
        #[arg(value_name = "N")]
        ticket: i64,
        /// Print it as JSON
        #[arg(long)]
        json: bool,
    },
    /// Say which team or person a mail belongs to; it is delivered there, and so is what followed it
    ///
    /// A mail that went somewhere by itself can be answered too: that corrects where it went, and its
    /// thread goes along from then on. An answer is changed by `undo` and another answer.
    Answer {
        /// The ticket's number
        #[arg(value_name = "N")]
        ticket: i64,
        /// The team, `other` for a mail that is nobody's; or the address of one of our people
        #[arg(value_name = "TEAM")]
        to: String,
        /// Who answers
        #[arg(long, default_value = "command line", value_name = "NAME", value_parser = ledger::person)]
        by: String,
    },
    /// Take an answer back; the question is open again
    Undo {
        /// The ticket's number
        #[arg(value_name = "N")]
        ticket: i64,
        /// Who takes it back
        #[arg(long, default_value = "command line", value_name = "NAME", value_parser = ledger::person)]
        by: String,
    },
}

/// Runs an assist command.
pub(crate) fn run(global: &Global, command: &Command) -> Result<(), Failure> {
    let (config, runtime, store) = global.store()?;
    let duty = match command {
        Command::List { json: false, .. } => on_duty(&config, &runtime),
        Command::List { .. }
        | Command::Show { .. }
        | Command::Answer { .. }
        | Command::Undo { .. } => String::new(),
    };
    runtime.block_on(async {
        let store = store.as_ref();
        match command {
            Command::List { limit, json } => list(store, *limit, *json, &duty).await,
            Command::Show { ticket, json } => {
                let telling = Telling::of(Some(&config));
                ledger::show(store, TicketId(*ticket), (*json, &telling)).await
            }
            Command::Answer { ticket, to, by } => {
                let (answer, away) = known(&config, to)?;
                let mut change = Change { store, config: &config, by, said: String::new() };
                let done = change.answer(TicketId(*ticket), &answer, away).await;
                done.and(text(&change.said))
            }
            Command::Undo { ticket, by } => {
                let mut change = Change { store, config: &config, by, said: String::new() };
                let done = change.undo(TicketId(*ticket)).await;
                done.and(text(&change.said))
            }
        }
    })
}

/// A change that a person makes. What there is to say of it is gathered and printed at its end: a
/// reader who went away must not stop it half-way.
struct Change<'a> {
    store: &'a dyn Store,
    config: &'a Config,
    by: &'a str,
    said: String,
}

impl Change<'_> {
    async fn answer(
        &mut self,
        id: TicketId,
        answer: &Answer,
        away: Option<String>,
    ) -> Result<(), Failure> {
        let detail = self.store.ticket(id).await?;
        let current = &detail.ticket.decision;
        match assist::answered(current, answer) {
            Ok(decision) => {
                let target = decision.target.clone();
                self.decide(&detail, decision, None).await?;
                let to = target.to().unwrap_or(target.name());
                self.say(&format!("ticket {id} goes to {to}"));
                if current.reason == Reason::MailGone {
                    self.say("its mail was gone; if it still is, the answer alone is kept");
                }
                if let Some(away) = away {
                    self.say(&away);
                }
                self.bring_along(id, &target).await.map(|_| ())
            }
            Err(refused @ Refused::AlreadyThere { .. }) if current.reason == Reason::Answered => {
                self.finish(&detail, &refused).await
            }
            Err(refused) => Err(refuse(&detail.ticket, &refused)),
        }
    }

    async fn undo(&mut self, id: TicketId) -> Result<(), Failure> {
        let detail = self.store.ticket(id).await?;
        let current = &detail.ticket.decision;
        match assist::undone(current) {
            Ok(decision) => {
                let target = decision.target.clone();
                // What the answer said of its customer goes with it.
                let evidence = Some(detail.evidence.clone());
                let action = self.decide(&detail, decision, evidence).await?;
                let lies = whereabouts(detail.ticket.progress, action.as_ref());
                self.say(&format!("ticket {id} is a question again{lies}"));
                if detail.text.is_none() {
                    self.say("its text was blanked, as `keep_text` says: look at the mail itself");
                }
                self.bring_along(id, &target).await.map(|_| ())
            }
            Err(refused) if current.reason == Reason::Undone => {
                self.finish(&detail, &refused).await
            }
            Err(refused) => Err(refuse(&detail.ticket, &refused)),
        }
    }

    /// The same change again finishes what could not be moved, or came while it was made.
    async fn finish(&mut self, detail: &TicketDetail, refused: &Refused) -> Result<(), Failure> {
        let ticket = &detail.ticket;
        if self.bring_along(ticket.id, &ticket.decision.target).await? {
            return Ok(());
        }
        Err(refuse(ticket, refused))
    }

    /// Makes a decision the current one; what delivery has to do for it.
    async fn decide(
        &self,
        detail: &TicketDetail,
        decision: Decision,
        evidence: Option<Evidence>,
    ) -> Result<Option<Action>, Failure> {
        let mailbox = ledger::mailbox_of(self.config, detail, "delivered")?;
        let action = mailbox.folders.action(&decision);
        let amendment = Amendment {
            ticket: detail.ticket.id,
            instead_of: detail.ticket.decision.clone(),
            customer: assist::confirmed(&detail.ticket.decision, &decision, &detail.evidence.party),
            action: action.clone(),
            decision,
            evidence,
            by: self.by.to_owned(),
        };
        self.store.amend(&amendment, SystemClock.now()).await?;
        Ok(action)
    }

    /// Brings along what followed a ticket; says whether anything was left to bring.
    async fn bring_along(&mut self, thread: TicketId, to: &Target) -> Result<bool, Failure> {
        let moved = Moved { thread, to, by: self.by };
        let mailboxes = &self.config.mailboxes;
        let along = along::bring_along(self.store, mailboxes, moved, SystemClock.now()).await?;
        for (ticket, stays) in along.iter().rev() {
            self.say(&match stays {
                None => format!("ticket {ticket} follows it"),
                Some(why) => format!("ticket {ticket} followed it, but stays where it is: {why}"),
            });
        }
        Ok(!along.is_empty())
    }

    fn say(&mut self, line: &str) {
        self.said += line;
        self.said.push('\n');
    }
}

/// Where the mail of a question lies that was delivered before it became one again.
fn whereabouts(before: Progress, action: Option<&Action>) -> String {
    match (before, action) {
        (Progress::Delivered, Some(Action::Move { folder })) => {
            format!("; its mail goes to the folder `{folder}`")
        }
        (Progress::Delivered, Some(Action::Mark { .. }) | None) => {
            "; its mail stays in the folder where it is until it is answered".to_owned()
        }
        (Progress::Stays | Progress::Waiting | Progress::UnderWay | Progress::Failed, _) => {
            String::new()
        }
    }
}

fn refuse(ticket: &Ticket, refused: &assist::Refused) -> Failure {
    let id = ticket.id;
    let way_out = if ticket.decision.reason == Reason::Answered {
        format!("; `postroom assist undo {id}` takes the answer back")
    } else {
        String::new()
    };
    Failure::input(format!("ticket {id}: {refused}{way_out}"))
}

/// Who is on duty now. That it can't be told is no reason not to show what waits.
fn on_duty(config: &Config, runtime: &Runtime) -> String {
    match rota::ask(config, runtime, None) {
        Ok(asked) => asked.map(|asked| asked.on_duty()).unwrap_or_default(),
        Err(_) => "who is on duty can't be told; `postroom check` says why\n".to_owned(),
    }
}

async fn list(store: &dyn Store, limit: u32, json: bool, duty: &str) -> Result<(), Failure> {
    let filter = TicketFilter {
        target: Some("assist".to_owned()),
        oldest_first: true,
        limit,
        ..TicketFilter::default()
    };
    let tickets = store.tickets(&filter).await?;
    if json {
        return tickets.iter().try_for_each(json_line);
    }
    if tickets.is_empty() {
        return text(&format!("{duty}no question waits\n"));
    }
    let mut rows =
        table(&["N", "since", "from", "subject", "why it waits", "leans to"], &[0, 1, 4]);
    for ticket in &tickets {
        rows.add_row(row([
            ticket.id.to_string(),
            ledger::day_and_minute(ticket.recorded),
            ticket.sender.as_ref().map_or("—".to_owned(), ToString::to_string),
            short(&ticket.subject, 44),
            short(&why(store, ticket).await?, 44),
            leaning(ticket),
        ]));
    }
    let (shown, all) = (tickets.len() as u64, store.questions().await?.waiting);
    let more = if shown < all {
        format!("{shown} of {all} questions; `--limit` shows more\n")
    } else {
        String::new()
    };
    text(&format!("{duty}{rows}\n{more}"))
}

/// Why a ticket waits. Only a claim needs a look at the evidence: whose name it takes.
async fn why(store: &dyn Store, ticket: &Ticket) -> Result<String, Failure> {
    let reason = ticket.decision.reason;
    if reason != Reason::ClaimsToBe {
        return Ok(reason.name().replace('_', " "));
    }
    let party = store.ticket(ticket.id).await?.evidence.party;
    Ok(explain::reason(reason, &party))
}

/// What the dictionaries would say if they had to.
fn leaning(ticket: &Ticket) -> String {
    match (&ticket.best_team, ticket.confidence) {
        (Some(team), Some(sure)) => format!("{team} ({:.0}%)", sure * 100.0),
        _ => String::new(),
    }
}

/// A team that has a dictionary, or stands at the end of the ladders; or one of our people. Only
/// what tells is read: a dictionary that somebody is in the middle of editing, or a directory that
/// doesn't answer, is no reason to refuse what doesn't hang on it. With a person comes that they are
/// away, if they are.
fn known(config: &Config, name: &str) -> Result<(Answer, Option<String>), Failure> {
    if name.contains('@') {
        return known_person(config, name);
    }
    known_team(config, name).map(|team| (Answer::Team(team), None))
}

fn known_person(config: &Config, name: &str) -> Result<(Answer, Option<String>), Failure> {
    let typed = EmailAddress::parse(name).map_err(|wrong| Failure::input(wrong.to_string()))?;
    let directory = setup::directory(config)?;
    // A tag, or another spelling, would be another folder: theirs is that of the listed address.
    let Some(person) = directory.listed(&typed) else {
        return Err(Failure::input(format!("`{name}` is not among our people")));
    };
    let away = directory.away(person, &Present::at(SystemClock.now()));
    let away = away.map(|_| format!("{person} is away just now, but gets it all the same"));
    Ok((Answer::Person(person.clone()), away))
}

fn known_team(config: &Config, name: &str) -> Result<TeamId, Failure> {
    let files = read_dictionaries(&config.dictionaries).map_err(Failure::Findings)?;
    let mut teams = Dictionaries::teams_of(&files);
    let ladder = &config.directory.rules;
    let of_tiers = ladder.tiers.values().filter_map(|tier| tier.last_rung.as_ref());
    teams.extend(of_tiers.chain([&ladder.last_rung]).cloned());
    if let Some(team) = teams.iter().find(|team| team.as_str() == name) {
        return Ok(team.clone());
    }
    let names: Vec<&str> = teams.iter().map(TeamId::as_str).collect();
    let way_out = match nearest(name, names.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("the teams are: {}", names.join(", ")),
    };
    Err(Failure::input(format!("there is no team `{name}`; {way_out}")))
}
