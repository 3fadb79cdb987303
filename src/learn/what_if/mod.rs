//! Two versions of the dictionaries, and what past mail would have come to with each.
//!
//! Every mail is decided twice by [`rule`], which is what the service decides by: what is told
//! here of the new version is what would happen. It knows mails, teams that a person named, and
//! dictionaries; where either are kept is for others.

mod edits;
mod limits;

use std::collections::BTreeMap;

use serde::Serialize;

use super::judged::Judged;
use super::labelled::Labelled;
use super::measure::coverage_at;
use super::share::Share;
use crate::classify::Scratch;
use crate::dictionary::{Dictionaries, TeamId};
use crate::directory::{NoMatch, Party};
use crate::mail::parse;
use crate::route::{Decision, Identified, Policy, Ruling, Signs, Target, rule};
use crate::workers::each;

use edits::Edits;
pub use edits::{Edit, Part};
pub use limits::{Bound, Broken, Limits};

/// A mail of the past.
#[derive(Debug, Clone, PartialEq)]
pub struct Past {
    /// What it is called where it came from: an id, a path, or a ticket's number.
    pub id: String,
    /// The mail and its sender.
    pub case: Identified,
    /// The team that a person named, if one did.
    pub label: Option<TeamId>,
}

impl From<Labelled> for Past {
    /// As mail of somebody who is no customer.
    fn from(labelled: Labelled) -> Self {
        let Labelled { id, subject, text, team } = labelled;
        let mut mail = parse::unreadable(&[], text.body.len() as u64);
        (mail.subject, mail.text) = (subject, text);
        let party = Party::Unregistered { why: NoMatch::NoSender };
        Self { id, case: Identified { mail, party, signs: Signs::default() }, label: Some(team) }
    }
}

/// What changes.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct WhatIf {
    /// How many mails were replayed.
    pub mails: u64,
    /// How many of them the dictionaries have no say in: customers' mail, bounces and the like.
    pub settled: u64,
    /// How many of them go elsewhere.
    pub moved: u64,
    /// How many moves are from right to a person who is asked, or newly to a wrong team.
    pub worse: u64,
    /// How many moves are from wrong, or from a person who is asked, to right.
    pub better: u64,
    /// Mails with a team that a person named, as measured with both versions; nothing without any.
    pub measured: Option<Measured>,
    /// All lines that differ, and how many moves each had a part in; those with most first.
    pub edits: Vec<Edit>,
    /// The moves by where from and where to, the largest group first.
    pub groups: Vec<Group>,
}

/// The same mails measured with both versions.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Measured {
    /// With the one before.
    pub before: Figures,
    /// With the one after.
    pub after: Figures,
}

/// Counts of labelled mail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Figures {
    /// Of all, whose best team is right.
    pub accuracy: Share,
    /// Of all, what is routed by itself.
    pub auto_routed: Share,
    /// Of that, what is right.
    pub auto_precision: Share,
    /// Of all, what one threshold could route at [`PRECISION`], set with these answers in sight.
    pub coverage: Share,
}

/// The precision at which coverage is compared.
pub const PRECISION: f64 = 0.95;

/// Moves from one place to another.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Group {
    /// From where.
    pub from: Target,
    /// To where.
    pub to: Target,
    /// Which, in the order of the mails.
    pub moves: Vec<Move>,
}

/// A mail that goes elsewhere.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Move {
    /// What the mail is called where it came from.
    pub id: String,
    /// Its subject.
    pub subject: String,
    /// The team that a person named, if one did.
    pub label: Option<TeamId>,
    /// Where it went.
    pub before: Stand,
    /// Where it goes.
    pub after: Stand,
    /// What made the difference: lines of this mail that differ, by their places in
    /// [`WhatIf::edits`].
    pub edits: Vec<usize>,
}

/// Where a mail goes with one version.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Stand {
    /// Where, and why.
    #[serde(flatten)]
    pub decision: Decision,
    /// How sure the dictionaries are, if they were asked.
    pub confidence: Option<f64>,
    /// How good that is.
    pub standing: Standing,
}

/// How good it is where a mail goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// It goes where it belongs.
    Right,
    /// It goes where it does not belong.
    Wrong,
    /// A person is asked.
    Asked,
    /// Nobody said where it belongs.
    Unknown,
}

impl Standing {
    fn of(decision: &Decision, label: Option<&TeamId>) -> Self {
        match (&decision.target, label) {
            (Target::Assist | Target::SetAside, _) => Self::Asked,
            (Target::Team(team), Some(label)) if team == label => Self::Right,
            (Target::Team(_), Some(_)) => Self::Wrong,
            (Target::Person(_) | Target::Filed, _) | (Target::Team(_), None) => Self::Unknown,
        }
    }
}

impl Move {
    /// From right to a person who is asked, or from anywhere else to a wrong team.
    #[must_use]
    pub fn is_worse(&self) -> bool {
        match (self.before.standing, self.after.standing) {
            (Standing::Right, Standing::Asked) => self.label.is_some(),
            (Standing::Right | Standing::Asked, Standing::Wrong) => true,
            _ => false,
        }
    }

    /// From wrong, or from a person who is asked, to right.
    #[must_use]
    pub fn is_better(&self) -> bool {
        self.before.standing != Standing::Right && self.after.standing == Standing::Right
    }
}

/// The two versions.
#[derive(Clone, Copy)]
pub struct Versions<'a> {
    /// The one before.
    pub before: &'a Dictionaries,
    /// The one after.
    pub after: &'a Dictionaries,
    /// The policy that both work under.
    pub policy: &'a Policy,
}

/// Decides about a mail of the past with these dictionaries.
#[must_use]
pub fn judge(
    past: &Past,
    dictionaries: &Dictionaries,
    policy: &Policy,
    scratch: &mut Scratch,
) -> Ruling {
    let threshold = |team: &TeamId| policy.threshold_for(dictionaries, team);
    rule(&past.case, dictionaries, policy, scratch, threshold)
}

/// So many mails are judged between two words of progress.
const CHUNK: usize = 500;

/// Replays the mails with both versions, on all cores; `progress` is told how many more are done.
#[must_use]
pub fn what_if(versions: Versions<'_>, mails: &[Past], progress: &(dyn Fn(u64) + Sync)) -> WhatIf {
    let edits = Edits::between(versions.before, versions.after);
    let chunks: Vec<&[Past]> = mails.chunks(CHUNK).collect();
    let replayed = each(chunks.len(), |number| {
        let chunk = chunks.get(number).copied().unwrap_or_default();
        let mut scratch = [Scratch::default(), Scratch::default()];
        let mut replayed = Replayed::default();
        for past in chunk {
            replayed.add(past, versions, &edits, &mut scratch);
        }
        progress(chunk.len() as u64);
        replayed
    });
    let mut all = Replayed::default();
    for mut replayed in replayed {
        all.settled += replayed.settled;
        all.before.append(&mut replayed.before);
        all.after.append(&mut replayed.after);
        all.moves.append(&mut replayed.moves);
    }
    all.summed_up(mails.len() as u64, edits)
}

/// What came of some of the mails.
#[derive(Default)]
struct Replayed {
    settled: u64,
    before: Vec<Judged>,
    after: Vec<Judged>,
    moves: Vec<Move>,
}

impl Replayed {
    fn add(
        &mut self,
        past: &Past,
        versions: Versions<'_>,
        edits: &Edits,
        [first, second]: &mut [Scratch; 2],
    ) {
        let Versions { before, after, policy } = versions;
        let was = judge(past, before, policy, first);
        let is = judge(past, after, policy, second);
        let (Some(said), Some(says)) = (&was.verdict, &is.verdict) else {
            // No rule that comes before the dictionaries looks at them.
            self.settled += 1;
            return;
        };
        if let Some(team) = &past.label {
            self.before.push(Judged::of(before, policy, team, said));
            self.after.push(Judged::of(after, policy, team, says));
        }
        if was.decision.target != is.decision.target {
            let stand = |ruling: &Ruling| Stand {
                decision: ruling.decision.clone(),
                confidence: ruling.verdict.as_ref().map(|verdict| verdict.confidence),
                standing: Standing::of(&ruling.decision, past.label.as_ref()),
            };
            self.moves.push(Move {
                id: past.id.clone(),
                subject: past.case.mail.subject.clone(),
                label: past.label.clone(),
                before: stand(&was),
                after: stand(&is),
                edits: edits.behind(said, says),
            });
        }
    }

    fn summed_up(self, mails: u64, edits: Edits) -> WhatIf {
        let Self { settled, before, after, mut moves } = self;
        let measured = (!after.is_empty())
            .then(|| Measured { before: figures(&before), after: figures(&after) });
        let edits = edits.counted(&mut moves);
        let count = |is: fn(&Move) -> bool| moves.iter().filter(|one| is(one)).count() as u64;
        WhatIf {
            mails,
            settled,
            moved: moves.len() as u64,
            worse: count(Move::is_worse),
            better: count(Move::is_better),
            measured,
            edits,
            groups: grouped(moves),
        }
    }
}

fn figures(judged: &[Judged]) -> Figures {
    let mut figures = Figures { coverage: coverage_at(judged, PRECISION), ..Figures::default() };
    for judged in judged {
        figures.accuracy.add(judged.is_right());
        figures.auto_routed.add(judged.routed);
        if judged.routed {
            figures.auto_precision.add(judged.is_right());
        }
    }
    figures
}

fn grouped(moves: Vec<Move>) -> Vec<Group> {
    let mut by_ends: BTreeMap<(Target, Target), Vec<Move>> = BTreeMap::new();
    for moved in moves {
        let ends = (moved.before.decision.target.clone(), moved.after.decision.target.clone());
        by_ends.entry(ends).or_default().push(moved);
    }
    let mut groups: Vec<Group> =
        by_ends.into_iter().map(|((from, to), moves)| Group { from, to, moves }).collect();
    groups.sort_by_key(|group| std::cmp::Reverse(group.moves.len()));
    groups
}
