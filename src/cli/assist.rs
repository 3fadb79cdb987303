//! `postroom assist`: the questions that wait for a person, listed, answered, taken back.

use clap::Subcommand;
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
    Amendment, Clock, Evidence, Progress, Store, Ticket, TicketDetail, TicketFilter, TicketId,
};
use crate::serve::along::{self, Moved};

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// List what waits, oldest first, and say who is on duty
    List {
        /// At most this many
        #[arg(long, default_value_t = 50, value_name = "N")]
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
        #[arg(long, default_value = "command line", value_name = "NAME")]
        by: String,
    },
    /// Take an answer back; the question is open again
    Undo {
        /// The ticket's number
        #[arg(value_name = "N")]
        ticket: i64,
        /// Who takes it back
        #[arg(long, default_value = "command line", value_name = "NAME")]
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
                let answer = known(&config, to)?;
                answer_it(store, &config, TicketId(*ticket), (&answer, to), by).await
            }
            Command::Undo { ticket, by } => {
                let detail = store.ticket(TicketId(*ticket)).await?;
                let decision = assist::undone(&detail.ticket.decision);
                let decision = decision.map_err(|refused| refuse(&detail.ticket, &refused))?;
                let target = decision.target.clone();
                // What the answer said of its customer goes with it.
                let evidence = Some(detail.evidence.clone());
                decide(store, &config, &detail, (decision, evidence), by).await?;
                let stays = match detail.ticket.progress {
                    Progress::Delivered => {
                        "; its mail stays in the folder where it is until it is answered"
                    }
                    Progress::Stays | Progress::Waiting | Progress::UnderWay | Progress::Failed => {
                        ""
                    }
                };
                text(&format!("ticket {ticket} is a question again{stays}\n"))?;
                let from = &detail.ticket.decision.target;
                let moved = Moved { thread: detail.ticket.id, from, to: &target, by };
                bring_along(store, &config, moved).await.map(|_| ())
            }
        }
    })
}

async fn answer_it(
    store: &dyn Store,
    config: &Config,
    thread: TicketId,
    (answer, to): (&Answer, &str),
    by: &str,
) -> Result<(), Failure> {
    let detail = store.ticket(thread).await?;
    let current = &detail.ticket.decision;
    match assist::answered(current, answer) {
        Ok(decision) => {
            let target = decision.target.clone();
            decide(store, config, &detail, (decision, None), by).await?;
            text(&format!("ticket {thread} goes to {to}\n"))?;
            let moved = Moved { thread, from: &current.target, to: &target, by };
            bring_along(store, config, moved).await.map(|_| ())
        }
        // The same answer again finishes what could not be moved, or came while it was given.
        Err(refused @ Refused::AlreadyThere { .. }) if current.reason == Reason::Answered => {
            let moved = Moved { thread, from: &Target::Assist, to: &current.target, by };
            match bring_along(store, config, moved).await? {
                0 => Err(refuse(&detail.ticket, &refused)),
                _ => Ok(()),
            }
        }
        Err(refused) => Err(refuse(&detail.ticket, &refused)),
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
    text(&format!("{duty}{rows}\n"))
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

async fn decide(
    store: &dyn Store,
    config: &Config,
    detail: &TicketDetail,
    (decision, evidence): (Decision, Option<Evidence>),
    by: &str,
) -> Result<(), Failure> {
    let source = detail.places.first().map(|place| &place.source);
    let mailbox = config.mailboxes.iter().find(|mailbox| Some(&mailbox.id) == source);
    let Some(mailbox) = mailbox else {
        let name = source.map_or_else(String::new, ToString::to_string);
        return Err(Failure::input(format!(
            "the mail lies in the mailbox `{name}`, which the configuration doesn't name, so it \
             could not be delivered"
        )));
    };
    let amendment = Amendment {
        ticket: detail.ticket.id,
        instead_of: detail.ticket.decision.clone(),
        customer: assist::confirmed(&detail.ticket.decision, &decision, &detail.evidence.party),
        action: mailbox.folders.action(&decision),
        decision,
        evidence,
        by: by.to_owned(),
    };
    Ok(store.amend(&amendment, SystemClock.now()).await?)
}

/// Brings along what followed a ticket, and says so; says how many went.
async fn bring_along(
    store: &dyn Store,
    config: &Config,
    moved: Moved<'_>,
) -> Result<usize, Failure> {
    let along = along::bring_along(store, &config.mailboxes, moved, SystemClock.now()).await?;
    let mut went = 0;
    for (ticket, stays) in along.iter().rev() {
        went += usize::from(stays.is_none());
        text(&match stays {
            None => format!("ticket {ticket} follows it\n"),
            Some(why) => format!("ticket {ticket} followed it, but stays where it is: {why}\n"),
        })?;
    }
    Ok(went)
}

/// A team that has a dictionary, or stands at the end of the ladders; or one of our people. Only
/// what tells is read: a dictionary that somebody is in the middle of editing, or a directory that
/// doesn't answer, is no reason to refuse what doesn't hang on it.
fn known(config: &Config, name: &str) -> Result<Answer, Failure> {
    if name.contains('@') { known_person(config, name) } else { known_team(config, name) }
}

fn known_person(config: &Config, name: &str) -> Result<Answer, Failure> {
    let person = EmailAddress::parse(name).map_err(|wrong| Failure::input(wrong.to_string()))?;
    let directory = setup::directory(config)?;
    if !directory.knows(&person) {
        return Err(Failure::input(format!("`{name}` is not among our people")));
    }
    if directory.away(&person, &Present::at(SystemClock.now())).is_some() {
        text(&format!("{person} is away just now, but gets it all the same\n"))?;
    }
    Ok(Answer::Person(person))
}

fn known_team(config: &Config, name: &str) -> Result<Answer, Failure> {
    let files = read_dictionaries(&config.dictionaries).map_err(Failure::Findings)?;
    let mut teams = Dictionaries::teams_of(&files);
    let ladder = &config.directory.rules;
    let of_tiers = ladder.tiers.values().filter_map(|tier| tier.last_rung.as_ref());
    teams.extend(of_tiers.chain([&ladder.last_rung]).cloned());
    if let Some(team) = teams.iter().find(|team| team.as_str() == name) {
        return Ok(Answer::Team(team.clone()));
    }
    let names: Vec<&str> = teams.iter().map(TeamId::as_str).collect();
    let way_out = match nearest(name, names.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("the teams are: {}", names.join(", ")),
    };
    Err(Failure::input(format!("there is no team `{name}`; {way_out}")))
}
