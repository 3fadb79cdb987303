//! Who a sender is to the company, and who of us should hear from them.
//!
//! It knows addresses, customers, people and days; it knows nothing of mails or teams' words. The
//! files are read elsewhere: their texts are handed in, and so is what is true just now.

pub mod customers;
pub mod people;
pub mod hours;
pub mod zone;
pub mod calendar;
pub mod present;
pub mod lookup;
pub mod near;
pub mod lint;
pub(crate) mod away;
mod claim;
mod freemail;
mod holidays;
mod intern;
mod ladder;
pub(crate) mod table;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

use crate::diagnostic::Diagnostic;
use crate::dictionary::TeamId;
use crate::mail::EmailAddress;
use claim::mailbox_of;
pub use claim::{ClaimError, DomainClaim};
use customers::Customers;
pub use holidays::is_days;
use hours::Hours;
pub use lookup::{Answer, Known, Unfit};
use people::People;
pub use present::Present;
use table::Findings;

/// The texts of the directory's files.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DirectoryFiles {
    /// The customers' file, as [`customers`] describes it; `None` if everybody is unregistered.
    pub customers: Option<SourceText>,
    /// The people's file, as [`people`] describes it; `None` if there is nobody to go to.
    pub people: Option<SourceText>,
    /// Public holidays by name, as [`holidays`] describes them.
    pub holidays: BTreeMap<String, SourceText>,
}

/// A text and the name of the file that it came from, as its author knows it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SourceText {
    /// The file's name.
    pub name: String,
    /// All of its text.
    pub text: String,
}

/// What the operator decided about the directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rules {
    /// Our own domains: mail from there is a colleague's, unless its address is a customer's.
    pub own_domains: Vec<DomainClaim>,
    /// Further freemail domains, in normal form, beside the list that is shipped.
    pub freemail: Vec<String>,
    /// How many managers above the account manager are tried.
    pub managers: u32,
    /// The team at the end of each ladder.
    pub last_rung: TeamId,
    /// Whether dots in the local part make no other mailbox at Gmail.
    pub gmail_dots: bool,
    /// The ladders of single tiers.
    pub tiers: BTreeMap<String, Tier>,
    /// The time zone of people whose row names none.
    pub zone: TimeZone,
    /// The working hours of people whose row names none; `None` for any hour.
    pub hours: Option<Hours>,
    /// The name of the holidays of people whose row names none.
    pub holidays: Option<String>,
    /// How many open tickets somebody can have whose row doesn't say.
    pub cap: Option<u32>,
    /// Whether a directory service knows more than the files.
    pub service: bool,
}

/// What a tier says of the contact ladder; what it leaves open is as for all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tier {
    /// How many managers are tried.
    pub managers: Option<u32>,
    /// The team at the end.
    pub last_rung: Option<TeamId>,
    /// Whether the team takes it straight away, and nobody is tried.
    pub straight: bool,
}

impl Rules {
    /// Whether anybody can have an address at this domain, which is in normal form.
    #[must_use]
    pub fn is_freemail(&self, domain: &str) -> bool {
        freemail::is_listed(domain) || self.freemail.iter().any(|listed| listed == domain)
    }
}

/// One manager is tried, then the team for what no other fits; everybody works at any hour.
impl Default for Rules {
    fn default() -> Self {
        Self {
            own_domains: Vec::new(),
            freemail: Vec::new(),
            managers: 1,
            last_rung: TeamId::other(),
            gmail_dots: false,
            tiers: BTreeMap::new(),
            zone: TimeZone::UTC,
            hours: None,
            holidays: None,
            cap: None,
            service: false,
        }
    }
}

/// Who is a customer, who is one of us, and who is free: checked and ready to be asked.
#[derive(Debug, Default)]
pub struct Directory {
    customers: Customers,
    people: People,
    rules: Rules,
}

impl Directory {
    /// Builds the directory, with the warnings that the files give rise to.
    ///
    /// # Errors
    /// All findings in all files, in the order of their places, if one of them is an error.
    pub fn build(
        files: &DirectoryFiles,
        settings: &Rules,
    ) -> Result<(Self, Vec<Diagnostic>), Vec<Diagnostic>> {
        let mut findings = Findings::default();
        let read = |(name, source): (&String, &SourceText)| {
            (name.clone(), Arc::new(holidays::read(source, &settings.zone, &mut findings)))
        };
        let holidays = files.holidays.iter().map(read).collect();
        let people = match &files.people {
            Some(source) => People::read(source, settings, &holidays, &mut findings),
            None => People::default(),
        };
        let customers = match &files.customers {
            Some(source) => Customers::read(source, &people, settings, &mut findings),
            None => Customers::default(),
        };
        let findings = findings.finish();
        if findings.iter().any(Diagnostic::is_error) {
            return Err(findings);
        }
        Ok((Self { customers, people, rules: settings.clone() }, findings))
    }

    /// Who a sender is, and who of us hears from them now.
    ///
    /// An address among our people comes first, then an address that is a customer's, then our
    /// own domains, then the customers' domains from the longest to the shortest; then what the
    /// directory service said, if there is one.
    #[must_use]
    pub fn identify(&self, sender: Option<&EmailAddress>, present: &Present) -> Party {
        let Some(sender) = sender else {
            return Party::Unregistered { why: NoMatch::NoSender };
        };
        if self.people.find(sender).is_some() {
            return Party::Colleague { by: MatchedBy::Address };
        }
        let mailbox = mailbox_of(sender, self.rules.gmail_dots);
        if let Some(found) = self.customers.by_address(&mailbox) {
            return self.registered(&found, present);
        }
        let domain = sender.domain();
        if let Some(by) = self.rules.own_domains.iter().find_map(|own| own.covers(domain)) {
            return Party::Colleague { by };
        }
        let freemail = self.rules.is_freemail(domain);
        if let Some(found) = self.customers.by_domain(domain).filter(|_| !freemail) {
            return self.registered(&found, present);
        }
        let why = if freemail { NoMatch::Freemail } else { NoMatch::NotListed };
        if !self.rules.service {
            return Party::Unregistered { why };
        }
        match present.answers.get(&*mailbox) {
            Some(Answer::Known(known)) => match known.found(sender, &mailbox, &self.rules) {
                Some(found) => self.registered(&found, present),
                None => Party::Unregistered { why },
            },
            Some(Answer::Unknown) => Party::Unregistered { why },
            Some(Answer::Silence) | None => Party::Unanswered { mailbox: mailbox.into_owned() },
        }
    }

    /// Whether somebody who was to have a mail can't have it any more.
    #[must_use]
    pub fn is_gone(&self, person: &EmailAddress, present: &Present) -> bool {
        ladder::gone(self.people.find(person), present).is_some()
    }

    /// Why somebody is away for a while, or isn't one of us any more: what follows a mail of theirs
    /// goes to somebody else. A night, a weekend or a full desk is no reason to tear a thread apart.
    #[must_use]
    pub fn away(&self, person: &EmailAddress, present: &Present) -> Option<Skipped> {
        ladder::gone(self.people.find(person), present).filter(|why| match why {
            Skipped::Away { .. } | Skipped::Calendar { .. } => true,
            // Where nobody is listed, nothing is known of anybody.
            Skipped::Unknown => self.people.len() > 0,
            Skipped::Holiday { .. }
            | Skipped::OutsideHours { .. }
            | Skipped::Full { .. }
            | Skipped::AlreadyTried => false,
        })
    }

    /// The form in which two spellings of one mailbox are equal.
    #[must_use]
    pub fn mailbox_of<'a>(&self, address: &'a EmailAddress) -> Cow<'a, str> {
        mailbox_of(address, self.rules.gmail_dots)
    }

    /// The same party with the ladder climbed anew, if the person who took the mail can't have it
    /// any more.
    #[must_use]
    pub fn climb_again(&self, party: &Party, present: &Present) -> Option<(Party, Skipped)> {
        let Party::Registered { ladder, .. } = party else { return None };
        let taker = ladder.taken_by()?.person()?;
        let why = ladder::gone(self.people.find(taker), present)?;
        Some((self.climb_anew(party, present)?, why))
    }

    /// The same party with the ladder climbed anew; `None` for one without a ladder.
    #[must_use]
    pub fn climb_anew(&self, party: &Party, present: &Present) -> Option<Party> {
        let Party::Registered { customer, tier, matched, ladder } = party else { return None };
        let first = ladder.steps.first().and_then(|step| step.rung.person());
        let ladder = ladder::walk(first, tier.as_deref(), &self.people, &self.rules, present);
        Some(Party::Registered {
            customer: customer.clone(),
            tier: tier.clone(),
            matched: matched.clone(),
            ladder,
        })
    }

    /// Why one of our people isn't at their desk now; `None` for whoever is, and for whoever is not
    /// among them.
    #[must_use]
    pub fn absence(&self, person: &EmailAddress, present: &Present) -> Option<Skipped> {
        self.people.find(person).and_then(|person| ladder::absent(person, present))
    }

    /// The time zone of people whose row names none.
    #[must_use]
    pub fn zone(&self) -> &TimeZone {
        &self.rules.zone
    }

    /// The calendars of our people, with their zones.
    pub fn calendars(&self) -> impl Iterator<Item = (&EmailAddress, &str, &TimeZone)> {
        self.people
            .iter()
            .filter_map(|person| Some((&person.address, person.calendar.as_deref()?, &person.zone)))
    }

    /// Whether it matters how many open tickets anybody has.
    #[must_use]
    pub fn counts_tickets(&self) -> bool {
        self.people.iter().any(|person| person.cap.is_some())
    }

    /// Whether a mailing list is one of ours: what its List-Id names lies in our own domains.
    #[must_use]
    pub fn runs_list(&self, list_id: &str) -> bool {
        let list_id = list_id.to_ascii_lowercase();
        // RFC 2919 §3: a label for the list, then the domain of whoever runs it.
        let Some((_, domain)) = list_id.split_once('.') else { return false };
        self.rules.own_domains.iter().any(|own| own.covers(domain).is_some())
    }

    /// The name of one of our people, if the file has it.
    #[must_use]
    pub fn name_of(&self, person: &EmailAddress) -> Option<&str> {
        self.people.find(person).map(|person| &*person.name).filter(|name| !name.is_empty())
    }

    /// The line of somebody's row in the people's file.
    #[must_use]
    pub fn line_of(&self, person: &EmailAddress) -> Option<u32> {
        self.people.find(person).map(|person| person.line)
    }

    /// The address under which the file lists one of our people.
    #[must_use]
    pub fn listed(&self, person: &EmailAddress) -> Option<&EmailAddress> {
        self.people.find(person).map(|person| &person.address)
    }

    /// Whether somebody is among our people.
    #[must_use]
    pub fn knows(&self, person: &EmailAddress) -> bool {
        self.people.find(person).is_some()
    }

    /// How many rows the customers' file has.
    #[must_use]
    pub fn customer_rows(&self) -> usize {
        self.customers.len()
    }

    /// How many people the people's file has.
    #[must_use]
    pub fn people(&self) -> usize {
        self.people.len()
    }

    fn registered(&self, found: &customers::Found<'_>, present: &Present) -> Party {
        Party::Registered {
            customer: found.customer.to_owned(),
            tier: found.tier.map(str::to_owned),
            matched: found.matched.clone(),
            ladder: ladder::walk(found.manager, found.tier, &self.people, &self.rules, present),
        }
    }
}

/// What the directory says of a sender.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "party", rename_all = "snake_case")]
pub enum Party {
    /// A registered customer.
    Registered {
        /// The customer's name.
        customer: String,
        /// The customer's tier, if it has one.
        tier: Option<String>,
        /// Which row matched, and how.
        matched: Match,
        /// Who was tried, from the account manager up to the team, and why each was skipped.
        ladder: Receipt,
    },
    /// One of our own people.
    Colleague {
        /// What makes them one: an address among our people, or one of our domains.
        by: MatchedBy,
    },
    /// Nobody that we know.
    Unregistered {
        /// Why nothing matched.
        why: NoMatch,
    },
    /// Nobody in our files, and the directory service, which may know them, has not answered.
    Unanswered {
        /// The address to ask it about, in the form in which answers are kept.
        mailbox: String,
    },
}

/// The row of the directory that a sender matched.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Match {
    /// An address row or a domain row.
    pub by: MatchedBy,
    /// The address or domain as the row has it, in normal form.
    pub entry: String,
    /// The line of the row in its file, from 1; `None` if the directory service said so.
    pub line: Option<u32>,
}

/// What kind of row matched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MatchedBy {
    /// The whole address.
    Address,
    /// The domain.
    Domain,
    /// A domain above it: the row says that it stands for its sub-domains too.
    ParentDomain,
}

/// Why a sender is nobody that we know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NoMatch {
    /// The mail names no sender.
    NoSender,
    /// No row has the address or its domain.
    NotListed,
    /// The domain is a freemail provider's, which never matches as a domain.
    Freemail,
}

/// The walk up the contact ladder: every rung that was tried, in order. The last step took it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// When it was climbed.
    pub at: Timestamp,
    /// The rungs that were tried.
    pub steps: Vec<Step>,
    /// Whether every person was skipped, so that the team at the end took it.
    pub nobody_free: bool,
}

impl Receipt {
    /// Who took it; `None` only for a ladder without rungs, which the directory never makes.
    #[must_use]
    pub fn taken_by(&self) -> Option<&Rung> {
        self.steps.iter().rev().find(|step| step.skipped.is_none()).map(|step| &step.rung)
    }
}

/// One rung that was tried.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// Who stands on it.
    pub rung: Rung,
    /// Why it was skipped; `None` if it took the mail.
    pub skipped: Option<Skipped>,
}

/// Who stands on a rung of a ladder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rung {
    /// The person who looks after the customer.
    AccountManager(EmailAddress),
    /// The manager of the person one rung below.
    Manager(EmailAddress),
    /// The team at the end, which is never skipped.
    Team(TeamId),
}

impl Rung {
    /// The person who stands on it, if it isn't the team's.
    #[must_use]
    pub fn person(&self) -> Option<&EmailAddress> {
        match self {
            Self::AccountManager(person) | Self::Manager(person) => Some(person),
            Self::Team(_) => None,
        }
    }
}

/// Why a rung was skipped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Skipped {
    /// Away on that day.
    Away {
        /// First day away.
        from: Date,
        /// Last day away.
        until: Date,
    },
    /// Absent, by their calendar.
    Calendar {
        /// When the absence begins.
        from: Timestamp,
        /// When it ends.
        until: Timestamp,
    },
    /// A public holiday where they are.
    Holiday {
        /// The day.
        day: Date,
    },
    /// Outside their working hours.
    OutsideHours {
        /// What the clock says where they are.
        local: DateTime,
        /// Where that is.
        zone: String,
    },
    /// Enough to do already.
    Full {
        /// How many tickets of theirs are open.
        open: u32,
        /// How many they can have.
        cap: u32,
    },
    /// Already tried on this ladder: it leads back to itself.
    AlreadyTried,
    /// Not among our people (any more).
    Unknown,
}
