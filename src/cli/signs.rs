//! What a decision rests on beside words and ladders, in sentences.

use std::fmt::Write as _;

use crate::directory::{Party, Rung};
use crate::mail::trust::{Doubt, Method, Trust, TrustPolicy, TrustVerdict};
use crate::route::Signs;
use crate::route::follow::{Outcome, Thread, Tie};

/// The signs, a line each.
pub(super) fn lines(party: &Party, signs: &Signs) -> String {
    let mut out = trust(party, signs);
    let mut line = |text: String| {
        let _ = writeln!(out, "  {text}");
    };
    if let Some(forward) = &signs.forward {
        let of = forward.customer.as_ref().map_or(String::new(), |name| format!(" ({name})"));
        let from = &forward.from;
        line(if forward.disowned {
            format!(
                "sent on by a colleague; the attached mail names {from}{of}, but our server said that it is not theirs (DMARC)"
            )
        } else if forward.attached {
            format!(
                "sent on by a colleague; what stands above is about them, and the attached mail is from {from}{of}"
            )
        } else {
            format!("looks forwarded from {from}{of}; pasted text may say anything")
        });
        let counted = matches!(party, Party::Registered { .. });
        if let Some(takes) = forward.takes.as_ref().filter(|_| !counted) {
            line(format!("  if it is, `postroom assist answer N {takes}`"));
        }
    }
    if let Some(came_to) = &signs.came_to {
        let owner = came_to.team.as_ref().map_or(String::new(), |team| format!(", {team}'s"));
        line(format!("came to {}{owner}", came_to.address));
    }
    if let Some(thread) = &signs.thread {
        line(follow_up(thread));
    }
    if let Some(flag) = &signs.spam {
        line(format!("the receiving server calls it spam: {flag}"));
    }
    if let Some(flood) = &signs.flood {
        line(format!("more than {} mails of this sender's in {} s", flood.cap, flood.seconds));
    }
    if let Some(about) = &signs.returned {
        let id = about.message_id.as_deref().unwrap_or("a mail without an id");
        let ticket = about.ticket.map_or(String::new(), |ticket| format!(", ticket {ticket}"));
        let ours = if about.ours { ", which Postroom sent" } else { "" };
        line(format!("a bounce of {id}{ticket}{ours}"));
    }
    out
}

fn trust(party: &Party, signs: &Signs) -> String {
    let Trust { policy, verdict, basis } = &signs.trust;
    let found = match verdict {
        // Where nobody looks, there is nothing to say.
        TrustVerdict::Unchecked => return String::new(),
        TrustVerdict::Verified { by } => match by {
            Method::Dmarc => "verified by DMARC",
            Method::Dkim => "verified by a signature of the sender's domain (DKIM)",
            Method::Spf => "verified by the server it came from (SPF)",
            Method::Auth => "verified by a login at our own server",
        },
        TrustVerdict::Failed => "the sender's domain says that it is not theirs (DMARC)",
        TrustVerdict::Unverified { why } => match why {
            Doubt::NoSender => "not verified: the mail names no sender",
            Doubt::SeveralSenders => "not verified: From names several senders",
            Doubt::NoFieldOfOurs => "not verified: our server says nothing of it",
            Doubt::NotUnderstood => "not verified: what our server says can't be understood",
            Doubt::NothingPassed => "not verified: nothing passed for the sender's domain",
        },
    };
    let mut out = format!("  {found}\n");
    if let Some(basis) = basis {
        let server = if basis.server.is_empty() { "no server's name" } else { &basis.server };
        let _ = writeln!(
            out,
            "    Authentication-Results {} from the top, of {server}: {}",
            basis.field, basis.says
        );
    }
    if *policy == TrustPolicy::Ignore {
        out += "    (this mailbox asks for no proof)\n";
    } else if !signs.trust.holds() {
        out += &claim(party, signs);
    }
    out
}

/// Whom a mail claims to be from, where nothing shows that it is.
fn claim(party: &Party, signs: &Signs) -> String {
    match party {
        Party::Registered { customer, ladder, .. } => {
            let takes =
                ladder.taken_by().and_then(Rung::person).map_or_else(String::new, |takes| {
                    format!("    if it is, `postroom assist answer N {takes}`\n")
                });
            format!("    claims to be {customer}: a person has to see\n{takes}")
        }
        Party::Colleague { .. } if !signs.trust.suffices() || signs.forward.is_some() => {
            "    claims to be a colleague: a person has to see\n".to_owned()
        }
        Party::Colleague { .. } | Party::Unregistered { .. } | Party::Unanswered { .. } => {
            String::new()
        }
    }
}

fn follow_up(thread: &Thread) -> String {
    let Thread { answers, ticket, days, .. } = thread;
    let why = match thread.outcome {
        Outcome::Follows { by: Tie::SameAddress } => "follows it: the same sender",
        Outcome::Follows { by: Tie::SameCustomer } => "follows it: the same customer",
        Outcome::Follows { by: Tie::Colleague } => "follows it: one of us",
        Outcome::Stranger => "a new mail: its sender has nothing to do with that",
        Outcome::Unproven => "a new mail: nothing shows that it is from whom it names",
        Outcome::TooOld => "a new mail: that is too long ago",
        Outcome::Closed => "a new mail: that was filed or set aside",
        Outcome::HolderBusy => "decided anew: that is with somebody who is away",
        Outcome::Forwarded => "a new mail: it is sent on",
    };
    let day = if *days == 1 { "day" } else { "days" };
    format!("answers <{answers}> of ticket {ticket}, {days} {day} old; {why}")
}
