//! The terms that could stand in a dictionary: words and pairs of neighbours, as mails have them.
//!
//! A term comes in two forms: any word form of the dictionary's language, or, where there is mail
//! enough to tell the difference, the words as they are written. Words are told apart by the same
//! rules as when a mail is classified, so that what is counted here is what a line will find.
//!
//! A term's *rarity* ρ = (1 + ln((1 + n) / (1 + mails with it))) / 6, to the power of
//! [`RARITY_POWER`], scales its column, so that the fit's penalty leans on common words. It is folded
//! into the points afterwards.
//!
//! It knows words and mails; it knows nothing of weights.

use std::collections::BTreeMap;

use super::labelled::Labelled;
use super::matrix::Matrix;
use crate::classify::{length_factor, strength, weight};
use crate::dictionary::Language;
use crate::dictionary::quick::QuickMap;
use crate::dictionary::vocabulary::VocabularyBuilder;
use crate::dictionary::words::words;
use crate::mail::{Text, TextPlace};
use crate::workers::{cores, each};

/// Tried from ½ to 1½ on four corpora: above 1 the same lines cover more mail.
const RARITY_POWER: f64 = 1.5;
/// Rarer terms than this are accidents of the mails at hand; among few mails, half of that.
const IN_MAILS: u32 = 3;
/// So many mails are few; among them, forms of a word can't be told apart. (With 500 answers, terms
/// as written cost 1 to 3 points of coverage on two corpora of three; with 2,000 they gain 4 on one
/// and cost a point at most on the others.)
const FEW_MAILS: usize = 1_500;
/// More candidates than this are cut by asking for more mails: the rarest go first.
const CANDIDATES: usize = 250_000;

/// A word or two neighbours.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Term {
    /// How it is written in a line.
    pub(crate) text: String,
    /// Whose word forms it takes; [`Language::ANY`] for none.
    pub(crate) language: Language,
    /// In how many of the mails it is.
    pub(crate) mails: u32,
    /// ρ, as the fit sees it.
    pub(crate) rarity: f64,
}

/// Terms, and which mails have them.
pub(crate) struct Terms {
    pub(crate) all: Vec<Term>,
    /// Mails by terms: length factor × rarity × strength.
    pub(crate) rows: Matrix,
    /// By the key of a term, its column.
    columns: QuickMap<u64, u32>,
    reader: Reader,
    rarities: Rarities,
}

/// How rare a term is that is in so many of all mails.
#[derive(Debug, Clone, Copy)]
struct Rarities {
    all_mails: f64,
    /// Powers are levelled by it: a cost means the same for any number of mails.
    level: f64,
}

impl Rarities {
    fn of(counts: impl Iterator<Item = u32>, all_mails: usize) -> Self {
        #[allow(clippy::cast_precision_loss, reason = "a number of mails")]
        let mut rarities = Self { all_mails: all_mails as f64, level: 1.0 };
        let (mut plain, mut powers) = (0.0, 0.0);
        for mails in counts {
            let rarity = rarities.plain(mails);
            plain += rarity;
            powers += rarity.powf(RARITY_POWER);
        }
        if powers > 0.0 {
            rarities.level = plain / powers;
        }
        rarities
    }

    fn plain(self, mails: u32) -> f64 {
        (1.0 + ((1.0 + self.all_mails) / (1.0 + f64::from(mails))).ln()) / 6.0
    }

    fn rarity(self, mails: u32) -> f64 {
        self.plain(mails).powf(RARITY_POWER) * self.level
    }
}

impl Terms {
    /// The candidates in these mails. Lines with word forms will stand under `language`. `lines` are
    /// those that are there already: what they find is known by them also where no mail has a word as
    /// it stands in the line.
    pub(crate) fn of<'a>(
        mails: &[Labelled],
        language: Language,
        lines: impl IntoIterator<Item = &'a str>,
    ) -> Self {
        let mut reader = Reader::new(language, mails.len() > FEW_MAILS);
        let read: Vec<Read> = mails.iter().map(|mail| reader.read(mail)).collect();
        for word in lines.into_iter().flat_map(words) {
            reader.number(&word.folded);
        }
        reader.settle();
        let least = if mails.len() > FEW_MAILS { IN_MAILS } else { IN_MAILS.div_ceil(2) };
        let counts = reader.count(&read, least);
        let mut found: Vec<(u64, u32)> = counts.into_iter().collect();
        if found.len() > CANDIDATES {
            found.sort_unstable_by_key(|(key, mails)| (std::cmp::Reverse(*mails), *key));
            found.truncate(CANDIDATES);
        }
        found.sort_unstable();
        let columns: QuickMap<u64, u32> = found.iter().map(|(key, _)| *key).zip(0_u32..).collect();
        let rarities = Rarities::of(found.iter().map(|(_, mails)| *mails), mails.len());
        let all: Vec<Term> = found
            .iter()
            .map(|&(key, mails)| Term {
                text: reader.text(key),
                language: reader.language_of(key),
                mails,
                rarity: rarities.rarity(mails),
            })
            .collect();
        let rows = Matrix::new(columns.len());
        let mut terms = Self { all, rows, columns, reader, rarities };
        let rows = in_parts(&read, |part| part.iter().map(|mail| terms.row(mail)).collect());
        for row in rows.into_iter().flat_map(|part: Vec<_>| part) {
            terms.rows.push(row.into_iter());
        }
        terms
    }

    /// ρ of something that is in so many of the mails.
    pub(crate) fn rarity(&self, mails: u32) -> f64 {
        self.rarities.rarity(mails)
    }

    /// The candidates that a dictionary's line already finds: its alternatives of one word or two.
    pub(crate) fn columns_of_line(&self, line: &str) -> impl Iterator<Item = u32> {
        line.split(" | ").flat_map(|term| self.columns_of(term))
    }

    /// The columns of a term, in each form that is a candidate.
    fn columns_of(&self, term: &str) -> impl Iterator<Item = u32> {
        let spoken: Vec<[u32; 2]> =
            words(term).iter().map(|word| self.reader.codes_of(&word.folded)).collect();
        let keys = match *spoken.as_slice() {
            [[forms, written]] => [join(forms, 0), join(written, 0)],
            [[forms, written], [next_forms, next_written]] => {
                [join(forms, next_forms), join(written, next_written)]
            }
            _ => [0; 2],
        };
        keys.into_iter().filter_map(|key| self.columns.get(&key).copied())
    }

    fn row(&self, mail: &Read) -> Vec<(u32, f32)> {
        let mut row = Vec::new();
        let factor = length_factor(f64::from(mail.words));
        for (key, t) in self.reader.keys(mail) {
            if let Some(&column) = self.columns.get(&key)
                && let Some(term) = self.all.get(column as usize)
            {
                #[allow(clippy::cast_possible_truncation, reason = "seven digits are enough")]
                row.push((column, (factor * term.rarity * strength(t)) as f32));
            }
        }
        row
    }
}

/// Works on as many parts of the mails as there are cores; the results in the order of the parts.
fn in_parts<T: Default + Send>(mails: &[Read], work: impl Fn(&[Read]) -> T + Sync) -> Vec<T> {
    let parts: Vec<&[Read]> = mails.chunks(mails.len().div_ceil(cores()).max(1)).collect();
    each(parts.len(), |number| work(parts.get(number).copied().unwrap_or_default()))
}

/// A mail as numbers of words, part by part.
pub(crate) struct Read {
    parts: Vec<(TextPlace, Vec<u32>)>,
    words: u32,
}

/// Makes numbers of words, and learns which of them are one word.
struct Reader {
    language: Language,
    /// Whether terms as written are candidates.
    takes_written: bool,
    /// By the word without upper case, its number.
    numbers: QuickMap<String, u32>,
    words: Vec<Word>,
    vocabulary: VocabularyBuilder<'static>,
    /// By code, the number of the word that it is most often written as, and how many ways of
    /// writing there are.
    written: Vec<(u32, u32)>,
    /// By code, whether word forms count.
    with_forms: Vec<bool>,
}

/// A word as written, without upper case.
struct Word {
    text: String,
    said: u32,
    /// Handles, then codes: with word forms, and as written.
    codes: [u32; 2],
}

impl Reader {
    fn new(language: Language, takes_written: bool) -> Self {
        Self {
            language,
            takes_written,
            numbers: QuickMap::default(),
            words: Vec::new(),
            vocabulary: VocabularyBuilder::default(),
            written: Vec::new(),
            with_forms: Vec::new(),
        }
    }

    fn read(&mut self, mail: &Labelled) -> Read {
        let Text { body, parts } = &mail.text;
        let mut read = Read { parts: Vec::with_capacity(parts.len() + 1), words: 0 };
        let subject = (TextPlace::Subject, mail.subject.as_str());
        let pieces = parts.iter().map(|part| (part.place, body.get(part.range.clone())));
        let pieces = pieces.map(|(place, text)| (place, text.unwrap_or_default()));
        for (place, text) in std::iter::once(subject).chain(pieces) {
            if place == TextPlace::Signature {
                continue;
            }
            let numbers: Vec<u32> =
                words(text).into_iter().map(|word| self.said(&word.folded)).collect();
            read.words += u32::try_from(numbers.len()).unwrap_or(u32::MAX);
            read.parts.push((place, numbers));
        }
        read
    }

    /// The number of a word that a mail says.
    fn said(&mut self, folded: &str) -> u32 {
        let number = self.number(folded);
        if let Some(word) = self.words.get_mut(number as usize) {
            word.said += 1;
        }
        number
    }

    fn number(&mut self, folded: &str) -> u32 {
        let known = self.numbers.get(folded).copied();
        known.unwrap_or_else(|| {
            let number = u32::try_from(self.words.len()).unwrap_or(u32::MAX);
            let with_forms = self.vocabulary.word(self.language, folded.to_owned().into());
            let as_written = self.vocabulary.word(Language::ANY, folded.to_owned().into());
            let codes = [with_forms, as_written];
            self.words.push(Word { text: folded.to_owned(), said: 0, codes });
            self.numbers.insert(folded.to_owned(), number);
            number
        })
    }

    /// All words were seen: handles become codes. What only lines say is no way in which people write.
    fn settle(&mut self) {
        let (vocabulary, codes) = std::mem::take(&mut self.vocabulary).finish(&[]);
        let length = vocabulary.last_code as usize + 1;
        self.written = vec![(0, 0); length];
        self.with_forms = vec![false; length];
        for number in 0..self.words.len() {
            let Some(word) = self.words.get_mut(number) else { continue };
            word.codes = word.codes.map(|handle| codes.get(handle as usize).copied().unwrap_or(0));
            let (said, codes) = (word.said, word.codes);
            if said == 0 {
                continue;
            }
            for (code, with_forms) in codes.into_iter().zip([true, false]) {
                let Some(&(most, ways)) = self.written.get(code as usize) else { continue };
                let before = self.words.get(most as usize).map_or(0, |word| word.said);
                let most = match ways {
                    0 => u32::try_from(number).unwrap_or(u32::MAX),
                    _ if said > before => u32::try_from(number).unwrap_or(u32::MAX),
                    _ => most,
                };
                if let Some(written) = self.written.get_mut(code as usize) {
                    *written = (most, ways + 1);
                }
                if let Some(place) = self.with_forms.get_mut(code as usize) {
                    *place = with_forms;
                }
            }
        }
    }

    /// The codes of a word, 0 for one that neither a mail nor a line has.
    fn codes_of(&self, folded: &str) -> [u32; 2] {
        self.numbers.get(folded).map_or([0; 2], |number| self.codes(*number))
    }

    fn codes(&self, number: u32) -> [u32; 2] {
        self.words.get(number as usize).map_or([0; 2], |word| word.codes)
    }

    /// How a term is written.
    fn text(&self, key: u64) -> String {
        let word = |code: u32| {
            let (most, _) = self.written.get(code as usize).copied().unwrap_or_default();
            self.words.get(most as usize).map_or("", |word| word.text.as_str())
        };
        match split(key) {
            (one, 0) => word(one).to_owned(),
            (one, next) => format!("{} {}", word(one), word(next)),
        }
    }

    fn language_of(&self, key: u64) -> Language {
        let (one, _) = split(key);
        let with_forms = self.with_forms.get(one as usize).copied().unwrap_or_default();
        if with_forms { self.language } else { Language::ANY }
    }

    /// The keys of a mail's terms, each once, with its occurrences weighed by place.
    fn keys(&self, mail: &Read) -> Vec<(u64, f64)> {
        let mut keys = Vec::with_capacity(mail.words as usize * 4);
        for (place, numbers) in &mail.parts {
            let t = weight(*place);
            let codes = || numbers.iter().map(|number| self.codes(*number));
            let alone = codes().map(|codes| codes.map(|code| join(code, 0)));
            let pairs = codes().zip(codes().skip(1));
            let pairs = pairs.map(|([one, exact], [next, next_exact])| {
                [join(one, next), join(exact, next_exact)]
            });
            for [with_forms, as_written] in alone.chain(pairs) {
                keys.push((with_forms, t));
                // A language without word forms has one key for both.
                if as_written != with_forms {
                    keys.push((as_written, t));
                }
            }
        }
        keys.sort_unstable_by_key(|(key, _)| *key);
        keys.dedup_by(|(key, t), (kept, sum)| {
            let same = key == kept;
            if same {
                *sum += *t;
            }
            same
        });
        keys
    }

    /// In how many mails each term is that is in at least `least` of them. A pair is looked at only
    /// if both its words are. A term as written is left out where it is in as many mails as with word
    /// forms: then they are the same.
    fn count(&self, mails: &[Read], least: u32) -> QuickMap<u64, u32> {
        let mut counts: QuickMap<u64, u32> = QuickMap::default();
        let often = |counts: &QuickMap<u64, u32>, code| {
            counts.get(&join(code, 0)).is_some_and(|mails| *mails >= least)
        };
        for pairs in [false, true] {
            let parts = in_parts(mails, |part| {
                let mut found: QuickMap<u64, u32> = QuickMap::default();
                for (key, _) in part.iter().flat_map(|mail| self.keys(mail)) {
                    let (one, next) = split(key);
                    let counted = match next {
                        0 => !pairs,
                        _ => pairs && often(&counts, one) && often(&counts, next),
                    };
                    if counted {
                        *found.entry(key).or_default() += 1;
                    }
                }
                found
            });
            for (key, mails) in parts.into_iter().flatten() {
                *counts.entry(key).or_default() += mails;
            }
        }
        counts.retain(|_, mails| *mails >= least);
        let forms = self.forms();
        let redundant = |key: u64| {
            let (one, next) = split(key);
            if !self.takes_written && forms.contains_key(&one) {
                return true;
            }
            let with_forms = forms.get(&one).copied().unwrap_or(one);
            let next = forms.get(&next).copied().unwrap_or(next);
            let other = join(with_forms, next);
            other != key && counts.get(&other) == counts.get(&key)
        };
        let redundant: Vec<u64> = counts.keys().copied().filter(|key| redundant(*key)).collect();
        for key in redundant {
            counts.remove(&key);
        }
        counts
    }

    /// By the code of a word as written, the code with word forms, if that is another.
    fn forms(&self) -> BTreeMap<u32, u32> {
        let codes = self.words.iter().map(|word| word.codes);
        codes
            .filter(|[forms, written]| forms != written)
            .map(|[forms, written]| (written, forms))
            .collect()
    }
}

/// The key of a word, or of two neighbours.
fn join(one: u32, next: u32) -> u64 {
    u64::from(one) << 32 | u64::from(next)
}

#[allow(clippy::cast_possible_truncation, reason = "the halves of 64 bits have 32")]
fn split(key: u64) -> (u32, u32) {
    ((key >> 32) as u32, key as u32)
}
