//! `[policy]`, `[policy.thresholds]` and `[[alias]]`: what the owner decides once for all mail.
//!
//! It knows what can be written there; what follows from it is for `route` to know.

use std::collections::BTreeMap;

use super::parse::{checked, duration, team};
use super::raw::{Given, Section, Source};
use super::values;
use crate::dictionary::TeamId;
use crate::mail::EmailAddress;
use crate::route::{Policy, Treatment, Treatments};

/// The policy, with the aliases that stand beside it.
pub(super) fn policy(top: &Section<'_>) -> Policy {
    let section = top.section("policy");
    let source = section.source();
    let default = Policy::default();
    let threshold = section.decimal("threshold").and_then(|given| share(source, &given));
    let mut thresholds = BTreeMap::new();
    for (name, given) in section.section("thresholds").named_decimals() {
        if let (Some(team), Some(share)) = (team(source, &name), share(source, &given)) {
            thresholds.insert(team, share);
        }
    }
    let thread_rests = match section.text("thread_rests") {
        Some(given) if given.value == "forever" => None,
        Some(given) => checked(source, &given, values::duration),
        None => default.thread_rests,
    };
    let sender_cap = section.number("sender_cap").map_or(default.sender_cap, |given| {
        if given.value == 0 {
            let message = "`0` mails would be too many of anybody's";
            let _ = source.report(given.span, "bad-value", message).help("write at least 1");
        }
        u32::try_from(given.value).unwrap_or(u32::MAX)
    });
    let policy = Policy {
        threshold: threshold.unwrap_or(default.threshold),
        thresholds,
        treatments: treatments(&section, default.treatments),
        aliases: aliases(top),
        thread_rests,
        sender_cap,
        sender_window: duration(&section, "sender_window", default.sender_window.as_secs()),
    };
    section.finish();
    policy
}

fn treatments(section: &Section<'_>, default: Treatments) -> Treatments {
    let read = |text: &str| match text {
        "file" => Ok(Treatment::File),
        "ask" => Ok(Treatment::Ask),
        "classify" => Ok(Treatment::Classify),
        _ => Err(format!("`{text}` is none of `file`, `ask` and `classify`")),
    };
    let treatment = |key, default| {
        let given = section.text(key).and_then(|given| checked(section.source(), &given, read));
        given.unwrap_or(default)
    };
    Treatments {
        lists: treatment("lists", default.lists),
        auto_replies: treatment("auto_replies", default.auto_replies),
        bounces: treatment("bounces", default.bounces),
        receipts: treatment("receipts", default.receipts),
        calendar: treatment("calendar", default.calendar),
        spam: treatment("spam", default.spam),
    }
}

fn aliases(top: &Section<'_>) -> BTreeMap<EmailAddress, Option<TeamId>> {
    let mut aliases = BTreeMap::new();
    for section in top.sections("alias") {
        let source = section.source();
        let address = section.text("address");
        if address.is_none() && !section.has("address") {
            let _ = source
                .report(section.span(), "missing-key", "this section has no `address`")
                .help("add `address = \"billing@callwise.example\"`");
        }
        let owner = section.text("team").and_then(|given| team(source, &given));
        section.finish();
        let Some(given) = address else { continue };
        let read = |text: &str| EmailAddress::parse(text).map_err(|error| error.to_string());
        let Some(alias) = checked(source, &given, read) else { continue };
        if aliases.insert(alias, owner).is_some() {
            let message = format!("`{}` stands there already", given.value);
            let _ = source
                .report(given.span, "alias-twice", message)
                .help("keep one `[[alias]]` for each address");
        }
    }
    aliases
}

fn share(source: &Source<'_>, given: &Given<f64>) -> Option<f64> {
    if (0.0..=1.0).contains(&given.value) {
        return Some(given.value);
    }
    let message = format!("`{}` is not a threshold", given.value);
    let _ = source
        .report(given.span.clone(), "bad-value", message)
        .help("write a share from 0 to 1, as `0.9`");
    None
}
