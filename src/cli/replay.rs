//! `postroom ledger replay`: every decision made again from what the ledger holds, and compared.

use std::collections::BTreeMap;

use super::Failure;
use super::output::{count, text};
use crate::classify::Scratch;
use crate::dictionary::{Dictionaries, Version};
use crate::pipeline::replay;
use crate::rim::ledger::Pages;
use crate::route::Policy;
use crate::seams::{Store, StoreError, TicketDetail, TicketFilter, TicketId};

/// How a ticket came out.
enum Outcome {
    Same,
    Differs,
    /// Its text, or the dictionaries of its time, are no longer kept.
    Gone,
}

/// Replays one ticket or all of them, newest first.
pub(super) async fn run(
    store: &dyn Store,
    policy: &Policy,
    ticket: Option<TicketId>,
) -> Result<(), Failure> {
    let mut replayer =
        Replayer { store, policy, versions: BTreeMap::new(), scratch: Scratch::default() };
    let (mut same, mut gone, mut differ) = (0, 0, 0);
    let mut pages = Pages::of(store, TicketFilter::default());
    loop {
        let page = match ticket {
            Some(ticket) => vec![store.ticket(ticket).await?],
            None => pages.next().await?,
        };
        for kept in &page {
            match replayer.replay(kept).await? {
                Outcome::Same => same += 1,
                Outcome::Gone => gone += 1,
                Outcome::Differs => {
                    differ += 1;
                    text(&format!("ticket {} comes out otherwise\n", kept.ticket.id))?;
                }
            }
        }
        if ticket.is_some() || page.is_empty() {
            break;
        }
    }
    let gone = if gone > 0 { format!(", {gone} no longer kept whole") } else { String::new() };
    let sum = format!("{} as decided, {differ} otherwise{gone}", count(same, "ticket"));
    if differ > 0 {
        return Err(Failure::Failed(anyhow::anyhow!("{sum}")));
    }
    text(&format!("{sum}\n"))
}

struct Replayer<'a> {
    store: &'a dyn Store,
    policy: &'a Policy,
    /// Built once; those of tickets that no dictionary had a say in are empty.
    versions: BTreeMap<Option<Version>, Option<Dictionaries>>,
    scratch: Scratch,
}

impl Replayer<'_> {
    async fn replay(&mut self, kept: &TicketDetail) -> Result<Outcome, Failure> {
        let version = kept.evidence.verdict.as_ref().map(|verdict| verdict.version.clone());
        if !self.versions.contains_key(&version) {
            let built = self.build(version.as_ref()).await?;
            self.versions.insert(version.clone(), built);
        }
        let dictionaries = self.versions.get(&version).and_then(Option::as_ref);
        let again =
            dictionaries.and_then(|built| replay(kept, built, self.policy, &mut self.scratch));
        let Some(again) = again else { return Ok(Outcome::Gone) };
        let then = kept.by_rules().map(|decision| (decision, &kept.evidence));
        let same = match then {
            Some(then) => serde_json::to_vec(&then)? == serde_json::to_vec(&again)?,
            None => false,
        };
        Ok(if same { Outcome::Same } else { Outcome::Differs })
    }

    async fn build(&self, version: Option<&Version>) -> Result<Option<Dictionaries>, StoreError> {
        let files = match version {
            Some(version) => self.store.dictionaries(version).await?,
            None => Some(BTreeMap::new()),
        };
        let built = files.and_then(|files| Dictionaries::build(&files).ok());
        Ok(built.map(|(dictionaries, _)| dictionaries))
    }
}
