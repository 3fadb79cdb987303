//! What mail says of the lines: dead ones, harmful ones, ones that change nothing.
//!
//! At most one finding a line, the gravest. It knows how lines fared; where the mail came from is
//! for others.

use std::collections::BTreeMap;

use super::spelling::{Written, unwritten};
use super::{about_file, by_hand, grouped, mails, warning};
use crate::diagnostic::Diagnostic;
use crate::dictionary::format::{Section, TeamFile};
use crate::dictionary::{Dictionaries, Rule, TeamId};
use crate::learn::health::{Claim, LineHealth};
use crate::learn::share::Share;

/// How lines fared on some mail.
#[derive(Debug, Clone, Copy)]
pub struct Sample<'a> {
    /// Every line of the dictionaries, in their order.
    pub lines: &'a [LineHealth],
    /// How many mails there were.
    pub mails: u64,
    /// Those of them that a person named a team for.
    pub labelled: &'a BTreeMap<TeamId, u64>,
    /// From so many mails on, a line that hit none of them is dead.
    pub enough: u64,
    /// Which mails they were: ` of the last 90 days`, or nothing.
    pub which: &'a str,
}

/// A line with how it fared.
struct Fared<'a> {
    file: &'a TeamFile,
    section: &'a Section,
    rule: &'a Rule,
    health: &'a LineHealth,
}

/// More dead lines in one file are one finding.
const DEAD_ONE_BY_ONE: usize = 5;
/// So many dead lines are named in one finding.
const NAMED: usize = 12;
/// A line that stands in so many signatures, and nowhere else, is meant for them.
const SIGNATURES: u64 = 3;
/// A line that hit so many mails, and each only in quoted text, is our own boilerplate.
const QUOTED: u64 = 8;
/// A line that hit so many mails and mattered in none never will.
const IDLE: u64 = 50;
/// By how many standard deviations more often a line must harm than help. One line in hundreds
/// does so by chance, and a dictionary has hundreds.
const HARM: f64 = 2.5;

/// What the mail shows.
#[must_use]
pub fn measured(
    dictionaries: &Dictionaries,
    sample: &Sample<'_>,
    written: &Written,
) -> Vec<Diagnostic> {
    let mut health = sample.lines.iter();
    let mut found = Vec::new();
    for file in dictionaries.files() {
        let fared: Vec<Fared<'_>> = file
            .rules()
            .zip(health.by_ref())
            .map(|((section, rule), health)| Fared { file, section, rule, health })
            .collect();
        found.extend(of_file(file, &fared, sample, written));
    }
    found
}

fn of_file(
    file: &TeamFile,
    fared: &[Fared<'_>],
    sample: &Sample<'_>,
    written: &Written,
) -> Vec<Diagnostic> {
    let silent: BTreeMap<u32, &Fared<'_>> = fared
        .iter()
        .filter(|fared| fared.health.mails == 0)
        .map(|fared| (fared.rule.line, fared))
        .collect();
    let mistyped = unwritten(file, |rule| silent.contains_key(&rule.line), written);
    let dead: Vec<&Fared<'_>> = silent
        .into_iter()
        .filter(|(line, fared)| !mistyped.contains_key(line) && fared.health.in_signature == 0)
        .map(|(_, fared)| fared)
        .collect();
    let mut found: Vec<Diagnostic> = mistyped.into_values().collect();
    if sample.mails >= sample.enough {
        found.extend(of_dead(file, fared.len(), &dead, sample));
    }
    found.extend(fared.iter().filter_map(|fared| of_line(fared, sample)));
    found
}

fn of_dead(
    file: &TeamFile,
    all: usize,
    dead: &[&Fared<'_>],
    sample: &Sample<'_>,
) -> Vec<Diagnostic> {
    let of_how_many = format!("{}{}", mails(sample.mails), sample.which);
    let help = "take them out, or keep those that wait for mail of their kind";
    if dead.len() > DEAD_ONE_BY_ONE {
        let named: Vec<String> =
            dead.iter().take(NAMED).map(|dead| dead.rule.line.to_string()).collect();
        let more = if dead.len() > NAMED { ", …" } else { "" };
        let message = format!(
            "{} of {all} lines hit none of {of_how_many}: lines {}{more}",
            dead.len(),
            named.join(", ")
        );
        return vec![about_file(file, "dead-line", message).help(help)];
    }
    dead.iter()
        .map(|dead| {
            let message = format!("`{}` hit none of {of_how_many}", dead.rule.term);
            warning(file, dead.rule, &dead.rule.term, "dead-line", message)
                .help("take it out, or keep it if it waits for mail of its kind")
        })
        .collect()
}

/// The gravest finding about a line that is not dead.
fn of_line(fared: &Fared<'_>, sample: &Sample<'_>) -> Option<Diagnostic> {
    let findings: [fn(&Fared<'_>, &Sample<'_>) -> Option<Diagnostic>; 6] =
        [only_signed, only_quoted, harmful, below_chance, contested, idle];
    findings.into_iter().find_map(|finding| finding(fared, sample))
}

impl Fared<'_> {
    fn warning(&self, code: &'static str, message: String) -> Diagnostic {
        warning(self.file, self.rule, &self.rule.term, code, message)
    }

    fn by_hand(&self) -> bool {
        by_hand(self.section)
    }
}

fn only_signed(fared: &Fared<'_>, _: &Sample<'_>) -> Option<Diagnostic> {
    let LineHealth { term, in_signature, .. } = fared.health;
    (fared.health.mails == 0 && *in_signature >= SIGNATURES).then(|| {
        let message = format!("`{term}` is in {} and nowhere else", signatures(*in_signature));
        let help = "signatures and disclaimers count for nothing; take it out";
        fared.warning("only-in-signatures", message).help(help)
    })
}

fn signatures(number: u64) -> String {
    format!("{} signatures", grouped(number))
}

fn only_quoted(fared: &Fared<'_>, _: &Sample<'_>) -> Option<Diagnostic> {
    let LineHealth { term, mails: hit, quoted_only, .. } = fared.health;
    (fared.by_hand() && *hit >= QUOTED && hit == quoted_only).then(|| {
        let message = format!("`{term}` hit {}, and each only in quoted text", mails(*hit));
        let help = "what people quote is often our own answer; use words that they write";
        fared.warning("only-in-quotes", message).help(help)
    })
}

#[allow(clippy::cast_precision_loss, reason = "a number of mails")]
fn harmful(fared: &Fared<'_>, _: &Sample<'_>) -> Option<Diagnostic> {
    let LineHealth { term, helped, harmed, .. } = fared.health;
    let (helps, harms) = (*helped as f64, *harmed as f64);
    (harms - helps > HARM * (harms + helps).sqrt()).then(|| {
        let message = format!(
            "`{term}` kept {} from the right team, and helped {} there",
            mails(*harmed),
            grouped(*helped)
        );
        let help = if fared.rule.points > 0 {
            "give it fewer points, or add the words that make it this team's"
        } else {
            "take fewer points away, or add the words that make it another team's"
        };
        fared.warning("harmful-line", message).help(help)
    })
}

/// The line is right less often than one that hits at random.
fn below_chance(fared: &Fared<'_>, _: &Sample<'_>) -> Option<Diagnostic> {
    let LineHealth { term, precision, chance, team, points, .. } = fared.health;
    let (Some((_, high)), Some(chance)) = (precision.interval, *chance) else { return None };
    (fared.by_hand() && high < chance).then(|| {
        let Share { hits, of } = precision.share;
        let (says, own, share, help) = if *points > 0 {
            let help = "take it out, or add the words that make it this team's";
            ("is right less often than by chance", hits, chance, help)
        } else {
            let help = "take it out, or add the words that make it another team's";
            ("takes most from this team's own mail", of - hits, 1.0 - chance, help)
        };
        let message = format!(
            "`{term}` {says}: of {} with it, {} {} {team}'s, as is {:.0}% of all mail",
            mails(of),
            grouped(own),
            if own == 1 { "is" } else { "are" },
            share * 100.0
        );
        fared.warning("below-chance", message).help(help)
    })
}

/// Another team's mail has the words more often than this team's, however much mail each has.
fn contested(fared: &Fared<'_>, sample: &Sample<'_>) -> Option<Diagnostic> {
    let LineHealth { term, team, by_team, contested, points, .. } = fared.health;
    if !fared.by_hand() || *points < 0 {
        return None;
    }
    let rate = |team: &TeamId| {
        let hits = by_team.get(team).copied().unwrap_or_default();
        Share::new(hits, sample.labelled.get(team).copied().unwrap_or_default())
    };
    let own = rate(team);
    let (_, at_most) = own.interval();
    let claim = contested.iter().find(|claim| rate(&claim.team).interval().0 > at_most)?;
    let Claim { team: other, line, .. } = claim;
    let theirs = rate(other);
    let message = format!(
        "`{term}` is more {other}'s: {} of its {} have it, and {} of {} here",
        grouped(theirs.hits),
        mails(theirs.of),
        grouped(own.hits),
        grouped(own.of)
    );
    let help = match line {
        Some((file, line)) => format!("{file}:{line} has it; leave it there, or add words"),
        None => format!("give it to {other}, or add the words that make it this team's"),
    };
    Some(fared.warning("contested-term", message).help(help))
}

fn idle(fared: &Fared<'_>, _: &Sample<'_>) -> Option<Diagnostic> {
    let LineHealth { term, mails: hit, decisive, swayed, .. } = fared.health;
    (fared.by_hand() && *hit >= IDLE && *decisive == 0 && *swayed == 0).then(|| {
        let message = format!("`{term}` hit {} and changed nothing", mails(*hit));
        let help = "each would go where it goes without it, and as surely; take it out, or give \
                    it more points";
        fared.warning("never-decisive", message).help(help)
    })
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::learn::Labelled;
    use crate::learn::health::judge_with_lines;
    use crate::learn::labelled::Labels;
    use crate::route::Policy;

    fn dictionaries(a: &str, b: &str) -> Dictionaries {
        let files = [("a", a), ("b", b)];
        let file =
            |(team, lines): (&str, &str)| (format!("{team}.dict"), format!("team {team}\n{lines}"));
        let files = files.into_iter().filter(|(_, lines)| !lines.is_empty()).map(file).collect();
        Dictionaries::build(&files).unwrap().0
    }

    /// Findings as `place code part`.
    pub(in crate::lint) fn told(found: &[Diagnostic]) -> Vec<String> {
        let mut told: Vec<String> = found
            .iter()
            .map(|found| {
                assert!(!found.is_error() && found.help.is_some(), "{found:?}");
                let part: String = found
                    .excerpt
                    .chars()
                    .skip((found.column as usize).saturating_sub(1))
                    .take(found.width as usize)
                    .collect();
                let part = if part.is_empty() { part } else { format!(" `{part}`") };
                format!("{}:{}:{} {}{part}", found.file, found.line, found.column, found.code)
            })
            .collect();
        told.sort();
        told
    }

    /// What the files of two teams show by themselves.
    pub(in crate::lint) fn check_files(a: &str, b: &str) -> Vec<String> {
        told(&crate::lint::files(&dictionaries(a, b)))
    }

    /// So many mails of one team with one text.
    struct Many(usize, &'static str, &'static str);

    fn check(a: &str, b: &str, mails: &[Many]) -> Vec<String> {
        let dictionaries = dictionaries(a, b);
        let mail = |label: &str, body: &str| {
            let mail = serde_json::json!({"label": label, "subject": "x", "body": body});
            Labelled::from_json(&mail.to_string(), 1, &mut Labels::default()).unwrap()
        };
        let mails: Vec<Labelled> = mails
            .iter()
            .flat_map(|Many(times, label, body)| vec![mail(label, body); *times])
            .collect();
        let (_, lines) = judge_with_lines(&dictionaries, &Policy::default(), &mails, &|_| ());
        let mut labelled = BTreeMap::new();
        let mut written = Written::default();
        for mail in &mails {
            *labelled.entry(mail.team.clone()).or_default() += 1;
            written.add(&mail.subject, &mail.text);
        }
        let mails = mails.len() as u64;
        let sample = Sample { lines: &lines, mails, labelled: &labelled, enough: 20, which: "" };
        told(&measured(&dictionaries, &sample, &written))
    }

    /// A name, the lines of two teams, the mail, and what is found.
    type Case =
        (&'static str, &'static str, &'static str, &'static [Many], &'static [&'static str]);

    const WORD: &str = "[terms]\nword +4\n";
    const NONE: &[&str] = &[];

    const CASES: [Case; 17] = [
        ("a line that hits", WORD, "", &[Many(20, "a", "word")], NONE),
        (
            "a dead line",
            "[terms]\nword\nlost thing +9\n",
            "",
            &[Many(20, "a", "word")],
            &["a.dict:4:1 dead-line `lost thing`"],
        ),
        ("too little mail for that", "[terms]\nlost\n", "", &[Many(19, "a", "word")], NONE),
        (
            "many dead lines are one finding",
            "[terms]\none\ntwo\nthree\nfour\nfive\nsix\n",
            "",
            &[Many(20, "a", "word")],
            &["a.dict:1:0 dead-line"],
        ),
        (
            "a learned line dies too",
            "[learned]\nlost\n",
            "",
            &[Many(20, "a", "word")],
            &["a.dict:3:1 dead-line `lost`"],
        ),
        (
            "a word that is mistyped",
            "[terms]\nnot recieve +5\n",
            "",
            &[Many(5, "a", "we receive nothing")],
            &["a.dict:3:5 unwritten-word `recieve`"],
        ),
        (
            "a word that mail has mistyped",
            "[terms]\nnot receive +5\n",
            "",
            &[Many(5, "a", "we recieve nothing"), Many(1, "a", "receive")],
            NONE,
        ),
        (
            "only in signatures",
            WORD,
            "",
            &[Many(4, "a", "Hello.\n\n-- \nword of\nA Company\n")],
            &["a.dict:3:1 only-in-signatures `word`"],
        ),
        (
            "only in quotes",
            WORD,
            "",
            &[Many(9, "a", "Yes.\n\n> word\n")],
            &["a.dict:3:1 only-in-quotes `word`"],
        ),
        (
            "harm",
            WORD,
            "[terms]\nthing +3\n",
            &[Many(10, "b", "word thing"), Many(1, "a", "word thing")],
            &["a.dict:3:1 harmful-line `word`"],
        ),
        (
            "harm by a learned line",
            "[learned]\nword +4\n",
            "[terms]\nthing +3\n",
            &[Many(10, "b", "word thing"), Many(1, "a", "word thing")],
            &["a.dict:3:1 harmful-line `word`"],
        ),
        (
            "no more harm than help",
            WORD,
            "[terms]\nthing +3\n",
            &[Many(8, "b", "word thing"), Many(8, "a", "word thing")],
            NONE,
        ),
        (
            "less often right than by chance",
            "[terms]\nword +1\nown +4\n",
            "[terms]\nthing +9\n",
            &[Many(12, "a", "own"), Many(9, "b", "word thing")],
            &["a.dict:3:1 below-chance `word`"],
        ),
        (
            "more another team's",
            WORD,
            "[terms]\nthing +9\n",
            &[
                Many(30, "a", "else"),
                Many(4, "a", "word"),
                Many(12, "b", "word thing"),
                Many(90, "other", "nothing"),
            ],
            &["a.dict:3:1 contested-term `word`"],
        ),
        (
            "rare in more mail than another's",
            WORD,
            "[terms]\nthing +9\n",
            &[Many(10, "a", "word"), Many(15, "b", "word thing"), Many(80, "b", "thing")],
            NONE,
        ),
        (
            "never decisive",
            "[terms]\nword +1\nmain +15\n",
            "",
            &[Many(60, "a", "word main main main")],
            &["a.dict:3:1 never-decisive `word`"],
        ),
        (
            "a learned line may be one of many",
            "[learned]\nword +1\nmain +15\n",
            "",
            &[Many(60, "a", "word main main main")],
            NONE,
        ),
    ];

    #[test]
    fn what_mail_shows() {
        for (name, a, b, mails, expected) in CASES {
            assert_eq!(check(a, b, mails), expected, "{name}");
        }
    }
}
