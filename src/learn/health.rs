//! How each line of the dictionaries fares on mail: what it hits, how often that is right, and
//! whether it ever matters.
//!
//! A line is *decisive* for a mail if without it another team would be the best. It *helped* if
//! the team that a person named would then not have been the best, and *harmed* if it would have
//! been. It *swayed* a mail if the best team stays, and whether the mail goes there by itself does
//! not.
//!
//! It knows what was counted ([`super::counts`]); what to say of a line is for others.

use std::collections::BTreeMap;
use std::sync::Mutex;

use serde::Serialize;

use super::counts::{Column, Counts};
use super::judged::{Judged, judge};
use super::labelled::Labelled;
use super::measure::Measured;
use super::share::Share;
use crate::classify::{Scratch, Verdict};
use crate::dictionary::format::{Section, SectionKind, TeamFile};
use crate::dictionary::quick::QuickMap;
use crate::dictionary::sought::{Key, Sought};
use crate::dictionary::{Dictionaries, Rule, TeamId};
use crate::route::Policy;

/// How a line fares.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LineHealth {
    /// Whose line it is.
    pub team: TeamId,
    /// The dictionary file's name.
    pub file: String,
    /// The line in that file, from 1.
    pub line: u32,
    /// Its term as written, without its weight.
    pub term: String,
    /// Its points.
    pub points: i32,
    /// Whether it stands under `[learned]`.
    pub learned: bool,
    /// In how many mails it hit.
    pub mails: u64,
    /// Those of them that a person named a team for, by that team.
    pub by_team: BTreeMap<TeamId, u64>,
    /// Of those, the share that bears the line out: that is its team's if it adds points, and
    /// that is not if it takes some away.
    pub precision: Measured,
    /// What the precision of a line would be that hits at random; `None` without labelled mail.
    pub chance: Option<f64>,
    /// In how many mails it was decisive.
    pub decisive: u64,
    /// In how many it made the right team the best.
    pub helped: u64,
    /// In how many it kept the right team from being the best.
    pub harmed: u64,
    /// In how many the best team would be the same without it, but not whether the mail goes
    /// there by itself.
    pub swayed: u64,
    /// In how many mails it hit only in quoted text.
    pub quoted_only: u64,
    /// In how many mails it would hit in a signature or disclaimer, where nothing counts.
    pub in_signature: u64,
    /// Which other teams lay claim to what it hits, if it adds points: those whose mail it hits,
    /// most first, and those that have a line of the same words. At most [`LineHealth::CLAIMS`].
    pub contested: Vec<Claim>,
}

impl LineHealth {
    /// More claims than these are not named.
    pub const CLAIMS: usize = 3;
}

/// A team's claim to what another team's line hits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Claim {
    /// The team.
    pub team: TeamId,
    /// How many of the mails are its.
    pub mails: u64,
    /// Its file, and the line there that adds points for the same words, if there is one.
    pub line: Option<(String, u32)>,
}

/// Judges labelled mail, in its order, and counts how the lines fare on it, in one pass. `progress`
/// is told how many more are done.
#[must_use]
pub fn judge_with_lines(
    dictionaries: &Dictionaries,
    policy: &Policy,
    mails: &[Labelled],
    progress: &(dyn Fn(u64) + Sync),
) -> (Vec<Judged>, Vec<LineHealth>) {
    let counts = Counts::new(dictionaries, policy, mails.iter().map(|mail| &mail.team));
    // One for each thread, not one for each chunk of mail: what they keep is large.
    let spare: Mutex<Vec<Scratch>> = Mutex::default();
    let watch = |(): &mut (), number: usize, verdict: &Verdict| {
        let Some(mail) = mails.get(number) else { return };
        counts.add(verdict, Some(&mail.team));
        let mut scratch = spare.lock().ok().and_then(|mut spare| spare.pop()).unwrap_or_default();
        counts.add_signatures(&mut scratch, &mail.text);
        if let Ok(mut spare) = spare.lock() {
            spare.push(scratch);
        }
    };
    let (judged, _) = judge(dictionaries, policy, mails, progress, watch);
    (judged, counts.health())
}

impl Counts<'_> {
    /// How every line fared, in the order of the teams' names and of the lines.
    #[must_use]
    pub fn health(&self) -> Vec<LineHealth> {
        let labelled = self.labelled();
        let twins = Twins::of(self.dictionaries);
        let files = self.dictionaries.files().iter();
        let rules = files.flat_map(|file| file.rules().map(move |(s, rule)| (file, s, rule)));
        let health = |(line, (file, section, rule)): (u32, (&TeamFile, &Section, &Rule))| {
            let by_team = self.by_team(line);
            // A line that takes points away is borne out by other teams' mail.
            let borne_out = |mails: &BTreeMap<TeamId, u64>| {
                let (own, all) =
                    (mails.get(&file.team).copied().unwrap_or(0), mails.values().sum());
                Share::new(if rule.points > 0 { own } else { all - own }, all)
            };
            let mut health = LineHealth {
                team: file.team.clone(),
                file: file.file.clone(),
                line: rule.line,
                term: rule.term.clone(),
                points: rule.points,
                learned: section.kind == SectionKind::Learned,
                mails: self.of_line(line, Column::Mails),
                precision: borne_out(&by_team).into(),
                chance: borne_out(&labelled).value(),
                by_team,
                decisive: self.of_line(line, Column::Decisive),
                helped: self.of_line(line, Column::Helped),
                harmed: self.of_line(line, Column::Harmed),
                swayed: self.of_line(line, Column::Swayed),
                quoted_only: self.of_line(line, Column::Quoted),
                in_signature: self.of_line(line, Column::Signature),
                contested: Vec::new(),
            };
            if rule.points > 0 {
                health.contested = claims(&health, twins.of_line(line));
            }
            health
        };
        (0..).zip(rules).map(health).collect()
    }
}

/// Who else lays claim to what a line hits.
fn claims<'a>(line: &LineHealth, twins: impl Iterator<Item = &'a Twin>) -> Vec<Claim> {
    let mut claims: BTreeMap<&TeamId, Claim> = BTreeMap::new();
    let claim = |team: &TeamId, mails| Claim { team: team.clone(), mails, line: None };
    for (team, mails) in line.by_team.iter().filter(|(team, _)| **team != line.team) {
        claims.insert(team, claim(team, *mails));
    }
    for twin in twins.filter(|twin| twin.team != line.team) {
        let claim = claims.entry(&twin.team).or_insert_with(|| claim(&twin.team, 0));
        claim.line.get_or_insert_with(|| (twin.file.clone(), twin.line));
    }
    let mut claims: Vec<Claim> = claims.into_values().collect();
    claims.sort_by_key(|claim| (std::cmp::Reverse(claim.mails), claim.line.is_none()));
    claims.truncate(LineHealth::CLAIMS);
    claims
}

/// The lines that add points for the same words.
struct Twins {
    /// By number of the words, the lines that add points for them.
    lines: Vec<Vec<Twin>>,
    /// By number of a line, those of its words that several lines look for.
    words: QuickMap<u32, Vec<u32>>,
}

/// A line that adds points.
struct Twin {
    team: TeamId,
    file: String,
    line: u32,
}

impl Twins {
    fn of(dictionaries: &Dictionaries) -> Self {
        let sought = Sought::of(dictionaries.files());
        let lines = dictionaries.lines();
        let adds = |line: u32| lines.worth(line).points() > 0.0;
        let mut by_words: BTreeMap<&Key, Vec<u32>> = BTreeMap::new();
        for (line, key) in sought.all().iter().filter(|(line, _)| adds(*line)) {
            by_words.entry(key).or_default().push(*line);
        }
        let twin = |number: u32| {
            let (owner, line) = (lines.owner(number)?, lines.get(number)?);
            Some(Twin { team: owner.team.clone(), file: owner.file.to_string(), line: line.number })
        };
        let mut twins = Self { lines: Vec::new(), words: QuickMap::default() };
        for same in by_words.into_values().filter(|same| same.len() > 1) {
            let number = u32::try_from(twins.lines.len()).unwrap_or(u32::MAX);
            for line in &same {
                twins.words.entry(*line).or_default().push(number);
            }
            twins.lines.push(same.into_iter().filter_map(twin).collect());
        }
        twins
    }

    /// The lines that add points for words that this line looks for; it is among them.
    fn of_line(&self, line: u32) -> impl Iterator<Item = &Twin> {
        let words = self.words.get(&line).into_iter().flatten();
        words.filter_map(|words| self.lines.get(*words as usize)).flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::learn::labelled::Labels;

    fn team(name: &str) -> TeamId {
        TeamId::parse(name).unwrap()
    }

    fn mail(label: &str, body: &str) -> Labelled {
        let line = serde_json::json!({"label": label, "subject": "x", "body": body}).to_string();
        Labelled::from_json(&line, 1, &mut Labels::default()).unwrap()
    }

    /// How the lines of two teams' files fare on these mails, by term.
    fn health(a: &str, b: &str, mails: &[Labelled]) -> BTreeMap<String, LineHealth> {
        let files = [("a.dict", format!("team a\n{a}")), ("b.dict", format!("team b\n{b}"))];
        let files = files.into_iter().map(|(name, text)| (name.to_owned(), text)).collect();
        let (dictionaries, _) = Dictionaries::build(&files).unwrap();
        let (judged, lines) = judge_with_lines(&dictionaries, &Policy::default(), mails, &|_| ());
        assert_eq!(judged.len(), mails.len());
        lines.into_iter().map(|line| (format!("{} {}", line.team, line.term), line)).collect()
    }

    #[test]
    fn hits_are_counted_by_the_team_that_a_person_named() {
        let mails =
            [mail("a", "word"), mail("a", "word word"), mail("b", "word"), mail("c", "else")];
        let found = health("[terms]\nword +4\n[not]\nelse -2\n", "[terms]\nword +2\n", &mails);
        let word = &found["a word"];
        assert_eq!((word.mails, word.points, word.line), (3, 4, 3));
        assert_eq!(word.by_team, BTreeMap::from([(team("a"), 2), (team("b"), 1)]));
        assert_eq!(word.precision.share, Share::new(2, 3));
        assert_eq!(word.chance, Some(0.5));
        let claim = Claim { team: team("b"), mails: 1, line: Some(("b.dict".to_owned(), 3)) };
        assert_eq!(word.contested, [claim]);
        let other = &found["a else"];
        assert_eq!((other.precision.share, other.chance), (Share::new(1, 1), Some(0.5)));
        assert!(other.contested.is_empty(), "a line that takes away is no claim");
        assert_eq!(found["b word"].precision.share, Share::new(1, 3));
    }

    #[test]
    fn a_line_is_decisive_if_another_team_would_be_best_without_it() {
        // (lines of a, lines of b, the mail's team, the mail, the line, decisive, helped, harmed)
        let cases = [
            ("word +4", "thing +3", "a", "word thing", "a word", 1, 1, 0),
            ("word +4", "thing +3", "b", "word thing", "a word", 1, 0, 1),
            ("word +4", "thing +3", "c", "word thing", "a word", 1, 0, 0),
            ("word +4", "thing +3", "b", "word thing", "b thing", 0, 0, 0),
            ("word +9\nextra +1", "thing +3", "a", "word extra thing", "a extra", 0, 0, 0),
            ("word +4\nthing -9", "thing +3", "b", "word thing", "a thing", 1, 1, 0),
            ("word +4\nthing -9", "thing +3", "a", "word thing", "a thing", 1, 0, 1),
            // Equals come by name: without its line a is still the best.
            ("word +4", "", "a", "word", "a word", 0, 0, 0),
            ("", "word +4", "b", "word", "b word", 1, 1, 0),
        ];
        for (a, b, label, body, line, decisive, helped, harmed) in cases {
            let (a, b) = (format!("[terms]\n{a}\n"), format!("[terms]\n{b}\n"));
            let found = &health(&a, &b, &[mail(label, body)])[line];
            let counted = (found.decisive, found.helped, found.harmed);
            assert_eq!(counted, (decisive, helped, harmed), "{line} in `{body}` of {label}");
        }
    }

    #[test]
    fn a_line_sways_a_mail_that_would_not_go_by_itself_without_it() {
        // Nobody's team is 0 points behind, and a mail goes by itself from some points on.
        let found = health("[terms]\nword +15\nextra +1\n", "", &[mail("a", "word extra")]);
        let counted = |line: &str| (found[line].decisive, found[line].swayed);
        assert_eq!(counted("a word"), (0, 1));
        assert_eq!(counted("a extra"), (0, 0));
    }

    #[test]
    fn quotes_and_signatures_are_told_apart() {
        let quoted = "Yes.\n\n> word word\n> word\n";
        let both = "The word.\n\n> word\n";
        let signed = "Hello.\n\n-- \nword of\nA Company\n";
        // (mail, hits, only in quotes, in signatures)
        for (body, mails, quoted_only, in_signature) in
            [(quoted, 1, 1, 0), (both, 1, 0, 0), (signed, 0, 0, 1), ("word", 1, 0, 0)]
        {
            let found = &health("[terms]\nword\n", "", &[mail("a", body)])["a word"];
            let counted = (found.mails, found.quoted_only, found.in_signature);
            assert_eq!(counted, (mails, quoted_only, in_signature), "{body:?}");
        }
    }
}
