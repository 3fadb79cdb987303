//! Who is believed to be who they say they are: what our own server's `Authentication-Results`
//! prove, and what nothing proves.

use postroom::classify::Scratch;
use postroom::directory::Present;
use postroom::mail::trust::{Door, Method, Trust, TrustPolicy, TrustVerdict, trust};
use postroom::pipeline::{Arrival, Judgement, Rules};
use postroom::route::{Reason, Target};
use postroom::seams::Evidence;

use crate::support::office::Office;
use crate::support::samples::sample_rules;

/// What our own server calls itself here.
const OURS: &str = "mx.callwise.example";
/// As every mail is received.
const RECEIVED: &str = "Received: from x by mx.callwise.example; Mon, 9 Nov 2026 10:00:00 +0000\n";

fn door(policy: TrustPolicy) -> Door {
    Door {
        authserv_ids: vec![OURS.to_owned(), "mx2.callwise.example".to_owned()],
        policy,
        ..Door::default()
    }
}

/// A mail with these fields above those that every mail has.
fn mail(fields: &str, from: &str) -> String {
    format!("{fields}From: {from}\nTo: support@callwise.example\nSubject: Hi\n\nHello, it is me.\n")
}

fn judge(rules: &Rules, door: &Door, mail: &str) -> Judgement {
    let (raw, size) = (mail.as_bytes(), mail.len() as u64);
    let present = &Present::at("2026-11-23T12:00:00Z".parse().unwrap());
    rules.judge(&mut Scratch::default(), Arrival { raw, size, present, door })
}

/// The verdict in a word or two.
fn word(trust: &Trust) -> &'static str {
    match trust.verdict {
        TrustVerdict::Unchecked => "unchecked",
        TrustVerdict::Failed => "failed",
        TrustVerdict::Unverified { .. } => "unverified",
        TrustVerdict::Verified { by } => match by {
            Method::Dmarc => "dmarc",
            Method::Dkim => "dkim",
            Method::Spf => "spf",
            Method::Auth => "auth",
        },
    }
}

/// What shows, the fields above `From: ann@mail.acme.co.uk`, and the verdict.
const CASES: [(&str, &str, &str); 36] = [
    ("DMARC", "AR: OURS; dmarc=pass header.from=mail.acme.co.uk", "dmarc"),
    ("DMARC for the domain above", "AR: OURS; dmarc=pass header.from=acme.co.uk", "dmarc"),
    ("DMARC for a public suffix", "AR: OURS; dmarc=pass header.from=co.uk", "unverified"),
    ("DMARC for another company", "AR: OURS; dmarc=pass header.from=evil.co.uk", "unverified"),
    ("DMARC for nobody in particular", "AR: OURS; dmarc=pass", "unverified"),
    (
        "DMARC that failed beside DKIM",
        "AR: OURS; dkim=pass header.d=acme.co.uk; dmarc=fail",
        "failed",
    ),
    ("DMARC that guesses", "AR: OURS; dmarc=bestguesspass header.from=acme.co.uk", "unverified"),
    ("DKIM", "AR: OURS; dkim=pass header.d=acme.co.uk", "dkim"),
    ("DKIM by the address", "AR: OURS; dkim=pass header.i=@news.acme.co.uk", "dkim"),
    ("DKIM of somebody else", "AR: OURS; dkim=pass header.d=esp.example", "unverified"),
    (
        "DKIM of two, one of them theirs",
        "AR: OURS; dkim=pass header.d=esp.example; dkim=pass header.d=acme.co.uk",
        "dkim",
    ),
    (
        "DKIM that disagrees with itself",
        "AR: OURS; dkim=pass header.d=esp.example header.i=@acme.co.uk",
        "unverified",
    ),
    ("DKIM that failed", "AR: OURS; dkim=fail header.d=acme.co.uk", "unverified"),
    ("SPF", "AR: OURS; spf=pass smtp.mailfrom=bounce@mail.acme.co.uk", "spf"),
    ("SPF of a domain alone", "AR: OURS; spf=pass smtp.mailfrom=acme.co.uk", "spf"),
    ("SPF of the greeting alone", "AR: OURS; spf=pass smtp.helo=mail.acme.co.uk", "unverified"),
    ("SPF of somebody else", "AR: OURS; spf=pass smtp.mailfrom=x@esp.example", "unverified"),
    ("SPF in a neutral mood", "AR: OURS; spf=neutral smtp.mailfrom=acme.co.uk", "unverified"),
    ("a login", "AR: OURS; auth=pass smtp.auth=ann@mail.acme.co.uk", "auth"),
    ("a login of somebody else's", "AR: OURS; auth=pass smtp.auth=eve@evil.example", "unverified"),
    ("nothing was checked", "AR: OURS; none", "unverified"),
    ("no field at all", "", "unverified"),
    ("another server", "AR: mx.evil.example; dmarc=pass header.from=acme.co.uk", "unverified"),
    (
        "a server whose name begins as ours",
        "AR: OURS.evil.example; dmarc=pass header.from=acme.co.uk",
        "unverified",
    ),
    (
        "our name in a comment",
        "AR: (OURS) evil.example; dmarc=pass header.from=acme.co.uk",
        "unverified",
    ),
    ("our other name", "AR: mx2.callwise.example; dmarc=pass header.from=acme.co.uk", "dmarc"),
    ("our name in capitals", "AR: MX.Callwise.EXAMPLE; dmarc=pass header.from=acme.co.uk", "dmarc"),
    ("a version that is to come", "AR: OURS 2; dmarc=pass header.from=acme.co.uk", "unverified"),
    ("a field that has no end", "AR: OURS; (dmarc=pass header.from=acme.co.uk", "unverified"),
    (
        "forged below ours",
        "AR: OURS; dmarc=fail\nRECEIVED\nAR: OURS; dmarc=pass header.from=acme.co.uk",
        "failed",
    ),
    (
        "forged right below ours",
        "RECEIVED\nAR: OURS; spf=none\nAR: OURS; dmarc=pass header.from=acme.co.uk",
        "unverified",
    ),
    (
        "forged with our other name",
        "RECEIVED\nAR: OURS; spf=none\nAR: mx2.callwise.example; dmarc=pass header.from=acme.co.uk",
        "unverified",
    ),
    (
        "another's above ours",
        "AR: mx.evil.example; dmarc=fail\nAR: OURS; dmarc=pass header.from=acme.co.uk\nRECEIVED",
        "dmarc",
    ),
    (
        "two of ours where only we can write",
        "AR: OURS; spf=none\nAR: OURS; dkim=pass header.d=acme.co.uk\nRECEIVED",
        "dkim",
    ),
    (
        "a result in a reason",
        "AR: OURS; spf=none reason=\"; dmarc=pass header.from=acme.co.uk\"",
        "unverified",
    ),
    ("a field of ours that nobody writes", "X-Postroom-Trust: verified", "unverified"),
];

#[test]
fn only_what_our_own_server_says_of_the_senders_own_domain_proves_anything() {
    for (name, fields, expected) in CASES {
        let fields = fields.replace("AR:", "Authentication-Results:").replace("OURS", OURS);
        let fields = fields.replace("RECEIVED", RECEIVED.trim_end()).replace('\n', "\r\n");
        let fields = if fields.is_empty() { fields } else { fields + "\r\n" };
        let raw = mail(&fields, "ann@mail.acme.co.uk");
        let read = postroom::mail::parse::parse(raw.as_bytes(), raw.len() as u64);
        let found = trust(&read, &door(TrustPolicy::Prefer));
        assert_eq!(word(&found), expected, "{name}: {found:?}");
        let unchecked = trust(&read, &Door::default());
        assert_eq!(word(&unchecked), "unchecked", "{name}");
    }
}

#[test]
fn a_tenant_of_a_mail_provider_is_no_proof_of_another() {
    for (from, domain, expected) in [
        ("joe@acme.onmicrosoft.com", "evil.onmicrosoft.com", "unverified"),
        ("joe@acme.onmicrosoft.com", "onmicrosoft.com", "unverified"),
        ("joe@acme.onmicrosoft.com", "evil.mail.onmicrosoft.com", "unverified"),
        ("joe@acme.onmicrosoft.com", "acme.onmicrosoft.com", "dkim"),
        ("joe@mail.acme.onmicrosoft.com", "acme.onmicrosoft.com", "dkim"),
        ("joe@acme-com.20230601.gappssmtp.com", "evil-com.20230601.gappssmtp.com", "unverified"),
    ] {
        let raw =
            mail(&format!("Authentication-Results: {OURS}; dkim=pass header.d={domain}\n"), from);
        let read = postroom::mail::parse::parse(raw.as_bytes(), raw.len() as u64);
        let found = trust(&read, &door(TrustPolicy::Prefer));
        assert_eq!(word(&found), expected, "{from} {domain}: {found:?}");
    }
}

#[test]
fn a_server_that_names_itself_nowhere_can_be_believed_too() {
    let raw = mail(
        "Authentication-Results: spf=pass (sender IP is 192.0.2.7) smtp.mailfrom=acme.example; \
         dkim=pass (signature was verified) header.d=acme.example;dmarc=pass action=none \
         header.from=acme.example;compauth=pass reason=100\n",
        "wile@acme.example",
    );
    let read = postroom::mail::parse::parse(raw.as_bytes(), raw.len() as u64);
    let nameless = Door { authserv_ids: vec![String::new()], ..Door::default() };
    assert_eq!(word(&trust(&read, &nameless)), "dmarc");
    assert_eq!(word(&trust(&read, &door(TrustPolicy::Prefer))), "unverified");
}

#[test]
fn no_forged_sender_reaches_an_account_manager_and_each_is_explained() {
    let rules = sample_rules();
    let forgeries = [
        "",
        "Authentication-Results: mx.evil.example; dmarc=pass header.from=acme.example\n",
        "Authentication-Results: mx.callwise.example; dmarc=fail header.from=acme.example\n",
        "Authentication-Results: mx.callwise.example; dmarc=pass header.from=evil.example\n",
        "Authentication-Results: mx.callwise.example; dkim=pass header.d=evil.example\n",
        "Authentication-Results: mx.callwise.example; spf=pass smtp.mailfrom=evil.example\n",
    ];
    let senders =
        ["wile@acme.example", "\"Amira\" <gavin.belson@gmail.com>", "a@labs.umbrella.example"];
    for policy in [TrustPolicy::Require, TrustPolicy::Prefer] {
        for (fields, from) in forgeries.iter().flat_map(|f| senders.map(|from| (f, from))) {
            let judged = judge(&rules, &door(policy), &mail(&format!("{fields}{RECEIVED}"), from));
            let shown = format!("{policy:?} {fields} {from}");
            assert_eq!(judged.decision.target, Target::Assist, "{shown}");
            assert_eq!(judged.decision.reason, Reason::ClaimsToBe, "{shown}");
            assert!(!judged.evidence.signs.trust.holds(), "{shown}");
        }
    }
    // Where the mailbox asks for nothing, or it is not known whom to believe, nobody is held up.
    for door in [door(TrustPolicy::Ignore), Door::default()] {
        let judged = judge(&rules, &door, &mail(RECEIVED, "wile@acme.example"));
        assert_eq!(judged.decision.reason, Reason::AccountManager);
    }
}

#[test]
fn a_colleague_needs_proof_only_where_it_is_required() {
    let rules = sample_rules();
    let fields =
        "Authentication-Results: mx.callwise.example; dmarc=pass header.from=callwise.example\n";
    let disowned = &fields.replace("pass", "fail");
    for (policy, fields, expected) in [
        (TrustPolicy::Prefer, "", Reason::NoEvidence),
        (TrustPolicy::Prefer, disowned, Reason::ClaimsToBe),
        (TrustPolicy::Ignore, disowned, Reason::NoEvidence),
        (TrustPolicy::Require, "", Reason::ClaimsToBe),
        (TrustPolicy::Require, fields, Reason::NoEvidence),
    ] {
        let judged = judge(&rules, &door(policy), &mail(fields, "mara@callwise.example"));
        assert_eq!(judged.decision.reason, expected, "{policy:?} {fields}");
    }
}

#[test]
fn a_claim_is_shown_with_what_it_rests_on_and_can_be_confirmed() {
    let office = Office::open_with("sqlite:ledger.db", "authserv_id = \"mx.callwise.example\"");
    let fields =
        "Authentication-Results: mx.callwise.example; spf=pass smtp.mailfrom=x@vps.example\n";
    let forged = mail(fields, "wile@acme.example");
    office.write("forged.eml", &forged);
    let told = office.run(&["classify", "--json", "forged.eml"]).objects().remove(0);
    assert_eq!(told["reason"], "claims_to_be");
    assert_eq!(told["trust"]["verdict"], "unverified");
    assert_eq!(told["trust"]["basis"]["says"], "spf=pass smtp.mailfrom=x@vps.example");
    let shown = office.run(&["explain", "forged.eml"]).well();
    for words in [
        "Goes to assist: claims to be Acme\n",
        "not verified: nothing passed for the sender's domain",
        "Authentication-Results 1 from the top, of mx.callwise.example: spf=pass",
        "claims to be Acme: a person has to see",
    ] {
        assert!(shown.contains(words), "{words} in {shown}");
    }
    office.post(&format!("Message-ID: <claim@acme.example>\n{forged}"));
    let service = office.serve(&[]);
    office.settled(1);
    let list = office.run(&["assist", "list"]).well();
    assert!(list.contains("claims to be Acme"), "{list}");
    let refused = office.run(&["assist", "answer", "1", "nobody@callwise.example"]);
    assert!(refused.code == 2 && refused.err.contains("not among our people"), "{refused:?}");
    office.run(&["assist", "answer", "1", "amira@callwise.example"]).well();
    office.settled(1);
    let ticket = office.ticket(1);
    assert_eq!(ticket["ticket"]["decision"]["target"]["to"], "amira@callwise.example");
    assert_eq!(office.lie_in(".People.amira"), 1);
    // Once confirmed, it is a thread of that customer's.
    let fields = "Authentication-Results: mx.callwise.example; dmarc=pass header.from=acme.example\n\
                  In-Reply-To: <claim@acme.example>\n";
    office.post(&mail(fields, "road@acme.example"));
    office.settled(2);
    let thread = &office.ticket(2)["evidence"]["signs"]["thread"];
    assert_eq!((&thread["outcome"], &thread["by"]), (&"follows".into(), &"same_customer".into()));
    service.stop();
}

#[test]
fn a_fresh_installation_routes_customers_and_is_told_what_it_lacks() {
    let office = Office::open();
    let config = std::fs::read_to_string(office.path("postroom.toml")).unwrap();
    office.write("postroom.toml", &config.replace("trust = \"ignore\"\n", ""));
    let checked = office.run(&["check"]);
    assert_eq!(checked.code, 0, "{checked:?}");
    let warning = "nobody checks whether mail is from the customer that it names";
    assert!(checked.out.contains(warning), "{checked:?}");
    office.write("mail.eml", &mail("", "wile@acme.example"));
    let told = office.run(&["classify", "--json", "mail.eml"]).objects().remove(0);
    assert_eq!(
        (&told["to"], &told["trust"]["verdict"]),
        (&"amira@callwise.example".into(), &"unchecked".into())
    );
}

#[test]
fn evidence_of_before_reads_and_writes_to_the_same_bytes() {
    let old = r#"{"party":{"party":"unregistered","why":"not_listed"},"verdict":null,"threshold":null,"failure":null}"#;
    let evidence: Evidence = serde_json::from_str(old).unwrap();
    assert!(evidence.signs.is_empty());
    assert_eq!(serde_json::to_string(&evidence).unwrap(), old);
}
