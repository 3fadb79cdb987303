//! What kind of mail it is, from its header alone.
//!
//! The first that holds decides: a bounce, a read receipt, an automatic answer, a calendar item, an
//! encrypted mail, a list, a signed mail; anything else is a person's. Whether it is our own mail
//! come back is for whoever has the key of [`super::mark`].

use super::Kind;
use super::charset::lossy;
use super::fields::Fields;

/// Subjects of out-of-office notes. They count only together with a field that a program sets,
/// since people write such words too.
const AWAY: [&str; 9] = [
    "out of office",
    "out of the office",
    "automatic reply",
    "auto-reply",
    "autoreply",
    "abwesenheit",
    "automatische antwort",
    "absence du bureau",
    "réponse automatique",
];

/// More of a field that calls a mail spam is not shown.
const MAX_SHOWN: usize = 60;

/// When a field calls a mail spam; its value is in lower case.
enum Says {
    BeginsWith(&'static [&'static str]),
    Holds(&'static [&'static str]),
    AtLeast(i32),
}

/// The fields by which receiving servers call a mail spam.
const SPAM_FLAGS: [(&str, Says); 9] = [
    ("X-Spam-Flag", Says::BeginsWith(&["yes"])),
    ("X-Spam-Status", Says::BeginsWith(&["yes"])),
    ("X-Spam", Says::BeginsWith(&["yes"])),
    // Microsoft: the spam confidence level; 5 and 6 are spam, above is certain.
    ("X-MS-Exchange-Organization-SCL", Says::AtLeast(5)),
    // … and the verdict of its filter: spam, or called so by a rule or a list.
    ("X-Forefront-Antispam-Report", Says::Holds(&["sfv:spm", "sfv:sks", "sfv:skb"])),
    ("X-Barracuda-Spam-Status", Says::BeginsWith(&["yes"])),
    ("X-Bogosity", Says::BeginsWith(&["spam", "yes"])),
    ("X-DSPAM-Result", Says::BeginsWith(&["spam"])),
    ("X-Proofpoint-Spam-Details", Says::Holds(&["rule=spam"])),
];

/// Says what kind of mail it is. `subject` is decoded.
pub(super) fn kind(fields: &Fields<'_>, subject: &str, sender: Option<&str>) -> Kind {
    let content = Content::of(fields);
    if is_bounce(fields, &content, sender) {
        Kind::Bounce
    } else if content.is("multipart/report") && content.says("disposition-notification") {
        Kind::Receipt
    } else if is_auto_reply(fields, subject) {
        Kind::AutoReply
    } else if has_empty_path(fields) && auto_submitted(fields) != Some(false) {
        // RFC 5321 §4.5.5: nobody but a program sends so, about a mail that it could not deliver.
        Kind::Bounce
    } else if content.is("text/calendar") {
        Kind::Calendar
    } else if is_encrypted(&content) {
        Kind::Encrypted
    } else if is_list(fields) {
        Kind::List
    } else if content.is("multipart/signed") {
        Kind::Signed
    } else {
        Kind::Person
    }
}

/// The Content-Type in lower case.
struct Content {
    whole: String,
    /// How many bytes its kind takes, which stands before the parameters.
    kind: usize,
}

impl Content {
    fn of(fields: &Fields<'_>) -> Self {
        let whole = lossy(fields.first("content-type").unwrap_or_default()).to_lowercase();
        let kind = whole.find(';').unwrap_or(whole.len());
        Self { whole, kind }
    }

    fn is(&self, kind: &str) -> bool {
        self.whole.get(..self.kind).unwrap_or_default().trim() == kind
    }

    fn says(&self, word: &str) -> bool {
        self.whole.contains(word)
    }
}

fn is_bounce(fields: &Fields<'_>, content: &Content, sender: Option<&str>) -> bool {
    // Without its kind, a report is one of delivery; others are of receipt, of abuse, of trust.
    let report = content.is("multipart/report")
        && (content.says("delivery-status") || !content.says("report-type"));
    let daemon = sender.is_some_and(|sender| {
        let local = sender.split('@').next().unwrap_or_default();
        local == "mailer-daemon" || local == "postmaster"
    });
    // An empty path alone is also an out-of-office note's (RFC 3834 §3.3).
    let empty_path = has_empty_path(fields);
    let failed = fields.has("x-failed-recipients");
    report
        || (daemon && (empty_path || failed || auto_submitted(fields) == Some(true)))
        || (empty_path && failed)
        || sender.is_some_and(|sender| sender.starts_with("mailer-daemon@"))
}

fn has_empty_path(fields: &Fields<'_>) -> bool {
    fields.first("return-path").is_some_and(|path| path == b"<>")
}

/// Whether the mail says that a program sent it, if it says anything of it.
fn auto_submitted(fields: &Fields<'_>) -> Option<bool> {
    // RFC 3834 §5: "no" means a person sent it.
    fields.word("auto-submitted").map(|word| word != "no")
}

fn is_auto_reply(fields: &Fields<'_>, subject: &str) -> bool {
    if let Some(says) = auto_submitted(fields) {
        return says;
    }
    let precedence = fields.word("precedence").unwrap_or_default();
    let program = fields.has("x-autoreply")
        || fields.has("x-autorespond")
        || fields.has("x-autoresponder")
        || precedence == "auto_reply"
        || wants_no_reply(fields);
    let hinted = fields.has("x-auto-response-suppress")
        || precedence == "bulk"
        || precedence == "junk"
        || has_empty_path(fields);
    program || (hinted && is_away(subject))
}

/// Programs that answer by themselves ask that nobody does so in turn ([MS-OXCMAIL] 2.1.3.2.10).
/// To ask for no receipts alone (`DR`, `RN`) is a person's wish as well.
fn wants_no_reply(fields: &Fields<'_>) -> bool {
    let Some(wish) = fields.first("x-auto-response-suppress") else { return false };
    let wish = lossy(wish).to_lowercase();
    wish.split(',').any(|wish| matches!(wish.trim(), "all" | "oof" | "autoreply"))
}

fn is_away(subject: &str) -> bool {
    let subject = subject.to_lowercase();
    AWAY.iter().any(|words| subject.contains(words))
}

fn is_encrypted(content: &Content) -> bool {
    content.is("multipart/encrypted")
        // `signed-data` too: its text is packed together with the signature.
        || content.is("application/pkcs7-mime")
        || content.is("application/x-pkcs7-mime")
        // RFC 8551 §3.2.1: by the name of the file where the type was lost on the way.
        || (content.is("application/octet-stream") && content.says(".p7m"))
}

/// The field by which the receiving server calls a mail spam, as `X-Spam-Flag: yes`.
///
/// Of each, the topmost counts. Whoever sets one beforehand makes but their own mail spam.
pub(super) fn spam_flag(fields: &Fields<'_>) -> Option<String> {
    SPAM_FLAGS.iter().find_map(|(name, says)| {
        let value = lossy(fields.first(name)?).trim().to_lowercase();
        let spam = match says {
            Says::BeginsWith(words) => words.iter().any(|word| value.starts_with(word)),
            Says::Holds(words) => words.iter().any(|word| value.contains(word)),
            Says::AtLeast(least) => value.parse::<i32>().is_ok_and(|level| level >= *least),
        };
        let shown: String = value.chars().filter(|c| !c.is_control()).take(MAX_SHOWN).collect();
        spam.then(|| format!("{name}: {shown}"))
    })
}

fn is_list(fields: &Fields<'_>) -> bool {
    // RFC 2919, RFC 2369.
    ["list-id", "list-unsubscribe", "list-post"].iter().any(|name| fields.has(name))
        || fields
            .word("precedence")
            .is_some_and(|word| matches!(word.as_str(), "bulk" | "list" | "junk"))
}
