//! Labelled mail beside what the dictionaries say of it: what all measuring starts from.
//!
//! It takes the live path from text to decision: the same classifier, the same rule. It knows
//! verdicts; it makes no tables.

use super::labelled::Labelled;
use crate::classify::{Scratch, Verdict, classify};
use crate::dictionary::{Dictionaries, TeamId};
use crate::route::{Policy, Said, Target, by_words};
use crate::workers::each;

/// What became of one labelled mail.
#[derive(Debug, Clone, PartialEq)]
pub struct Judged {
    /// The team that a person named.
    pub team: TeamId,
    /// The team that the dictionaries rank first.
    pub best: TeamId,
    /// How far it is ahead.
    pub margin: f64,
    /// How sure that makes.
    pub confidence: f64,
    /// Whether any line matched: without, a person is asked, however sure.
    pub has_evidence: bool,
    /// Whether the mail would go to the best team by itself.
    pub routed: bool,
}

impl Judged {
    /// Whether the best team is the one that a person named.
    #[must_use]
    pub fn is_right(&self) -> bool {
        self.best == self.team
    }

    /// What a verdict makes of a mail that belongs to `team`.
    pub(crate) fn of(
        dictionaries: &Dictionaries,
        policy: &Policy,
        team: &TeamId,
        verdict: &Verdict,
    ) -> Self {
        let threshold = |team: &TeamId| policy.threshold_for(dictionaries, team);
        let best = verdict.best().map_or_else(TeamId::other, |best| best.team.clone());
        Self {
            team: team.clone(),
            best,
            margin: verdict.margin(),
            confidence: verdict.confidence,
            has_evidence: !verdict.hits.is_empty(),
            routed: matches!(by_words(Said::of(verdict), None, threshold).target, Target::Team(_)),
        }
    }
}

/// So many mails are judged between two words of progress.
const CHUNK: usize = 500;

/// Judges mails, in their order, on all cores. `watch` sees each verdict with the number of its
/// mail, and gathers what it wants of them, chunk by chunk; `progress` is told how many more are
/// done.
pub(crate) fn judge<T: Default + Send>(
    dictionaries: &Dictionaries,
    policy: &Policy,
    mails: &[Labelled],
    progress: &(dyn Fn(u64) + Sync),
    watch: impl Fn(&mut T, usize, &Verdict) + Sync,
) -> (Vec<Judged>, Vec<T>) {
    let chunks: Vec<&[Labelled]> = mails.chunks(CHUNK).collect();
    let done = each(chunks.len(), |number| {
        let mut scratch = Scratch::default();
        let mut gathered = T::default();
        let chunk = chunks.get(number).copied().unwrap_or_default();
        let judged: Vec<Judged> = chunk
            .iter()
            .zip(number * CHUNK..)
            .map(|(mail, at)| {
                let verdict = classify(dictionaries, &mut scratch, &mail.subject, &mail.text);
                watch(&mut gathered, at, &verdict);
                Judged::of(dictionaries, policy, &mail.team, &verdict)
            })
            .collect();
        progress(chunk.len() as u64);
        (judged, gathered)
    });
    let (judged, gathered): (Vec<_>, Vec<_>) = done.into_iter().unzip();
    (judged.into_iter().flatten().collect(), gathered)
}
