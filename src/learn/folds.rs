//! Which labelled mail is held out: a fifth, from which nothing is learned, so that what was learned
//! can be measured on it.
//!
//! What a mail says decides, not where it stands: sets come ordered by team or by day, and have some
//! mails twice. A fifth of each team's mail is held out, and what says the same is never on both sides.
//! It knows labelled mail; what is learned from the rest is for others.

use std::collections::{BTreeMap, BTreeSet};

use sha2::{Digest, Sha256};

use super::labelled::Labelled;
use crate::dictionary::TeamId;

/// One mail in so many is held out.
const FOLDS: usize = 5;

/// What a mail says, however its lines are broken.
type Key = [u8; 32];

fn key(mail: &Labelled) -> Key {
    let mut hash = Sha256::new();
    for text in [&mail.subject, &mail.text.body] {
        for word in text.split_whitespace() {
            hash.update(word);
            hash.update(b" ");
        }
        hash.update(b"\n");
    }
    hash.finalize().into()
}

/// For each mail, whether it is held out.
pub(crate) fn held_out(mails: &[Labelled]) -> Vec<bool> {
    let keys: Vec<Key> = mails.iter().map(key).collect();
    // What two teams claim counts as the first one's.
    let mut teams: BTreeMap<Key, &TeamId> = BTreeMap::new();
    for (key, mail) in keys.iter().zip(mails) {
        let team = teams.entry(*key).or_insert(&mail.team);
        *team = (*team).min(&mail.team);
    }
    let mut ordered: Vec<(&TeamId, Key)> =
        teams.into_iter().map(|(key, team)| (team, key)).collect();
    ordered.sort_unstable();
    let held: BTreeSet<Key> = ordered.into_iter().step_by(FOLDS).map(|(_, key)| key).collect();
    keys.iter().map(|key| held.contains(key)).collect()
}

/// Labelled mail with each mail once.
#[derive(Debug, Clone, PartialEq)]
pub struct Once {
    /// The mails, in their order.
    pub mails: Vec<Labelled>,
    /// How many said the same as another one of their team.
    pub repeats: usize,
    /// Mails that say the same and are labelled with several teams, by their names.
    pub disputed: Vec<Vec<(String, TeamId)>>,
}

/// Takes each mail once: a mail that lies there five times is known no better than one.
#[must_use]
pub fn once(mut mails: Vec<Labelled>) -> Once {
    let mut labels: BTreeMap<Key, Vec<(String, TeamId)>> = BTreeMap::new();
    let all = mails.len();
    mails.retain(|mail| {
        let labels = labels.entry(key(mail)).or_default();
        let is_new = labels.iter().all(|(_, team)| *team != mail.team);
        if is_new {
            labels.push((mail.id.clone(), mail.team.clone()));
        }
        is_new
    });
    let mut disputed: Vec<_> = labels.into_values().filter(|labels| labels.len() > 1).collect();
    disputed.sort();
    Once { repeats: all - mails.len(), mails, disputed }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::learn::labelled::Labels;

    fn mail(id: usize, label: &str, text: &str) -> Labelled {
        let line = serde_json::json!({ "id": id, "label": label, "text": text }).to_string();
        Labelled::from_json(&line, 1, &mut Labels::default()).unwrap()
    }

    /// Three teams' mail, one after the other.
    fn mails() -> Vec<Labelled> {
        let team = |number| ["a", "b", "c"][number / 100];
        (0..300).map(|number| mail(number, team(number), &format!("text {number}"))).collect()
    }

    #[test]
    fn a_fifth_of_each_teams_mail_is_held_out_in_whatever_order_it_comes() {
        let held = |mails: &[Labelled]| -> BTreeSet<String> {
            let both = held_out(mails).into_iter().zip(mails);
            both.filter(|(held, _)| *held).map(|(_, mail)| mail.id.clone()).collect()
        };
        let mut mails = mails();
        let found = held(&mails);
        for team in ["a", "b", "c"] {
            let of_team = |mail: &&Labelled| mail.team.as_str() == team && found.contains(&mail.id);
            assert_eq!(mails.iter().filter(of_team).count(), 20, "{team}");
        }
        mails.reverse();
        mails.rotate_left(17);
        assert_eq!(held(&mails), found);
    }

    #[test]
    fn what_says_the_same_is_on_one_side() {
        let mut twice = mails();
        // Each once more, with other line ends and a third of them with another label.
        let again = twice.clone().into_iter().enumerate().map(|(number, again)| {
            let label = if number % 3 == 0 { "d" } else { again.team.as_str() };
            mail(number, label, &again.text.body.replace(' ', "\r\n"))
        });
        twice.extend(again);
        let held = held_out(&twice);
        let (once, again) = held.split_at(300);
        assert_eq!(once, again);
        assert!(once.contains(&true) && once.contains(&false));
    }

    #[test]
    fn each_mail_counts_once_and_what_two_teams_claim_is_named() {
        let all = vec![
            mail(1, "a", "hello"),
            mail(2, "a", "hello"),
            mail(3, "b", "the  hello"),
            mail(4, "c", "the hello"),
            mail(5, "c", "the hello\n"),
        ];
        let found = once(all);
        let ids: Vec<&str> = found.mails.iter().map(|mail| mail.id.as_str()).collect();
        assert_eq!((ids, found.repeats), (vec!["1", "3", "4"], 2));
        let disputed =
            ["3", "4"].map(str::to_owned).into_iter().zip(["b", "c"].map(team)).collect();
        assert_eq!(found.disputed, [Vec::from_iter::<Vec<_>>(disputed)]);
    }

    fn team(name: &str) -> TeamId {
        TeamId::parse(name).unwrap()
    }
}
