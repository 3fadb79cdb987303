//! What a person reads of a mail, and what is new in it: in the words of many languages and
//! programs.

use std::fmt::Write as _;

use postroom::mail::parse::parse;
use postroom::mail::{Mail, TextPlace};

fn read(body: &str) -> Mail {
    let raw = format!(
        "From: a@b.example\nMessage-ID: <1@b.example>\n\
         Content-Type: text/plain; charset=utf-8\n\n{body}"
    );
    parse(raw.as_bytes(), raw.len() as u64)
}

/// The text in one place, as it stands in the body.
fn piece(mail: &Mail, place: TextPlace) -> String {
    mail.text.pieces().filter(|(at, _)| *at == place).map(|(_, piece)| piece).collect()
}

/// Texts in which all of `NEW` must be new and all of `OLD` must be in `place`.
fn check(cases: impl IntoIterator<Item = String>, place: TextPlace) {
    let mut wrong = String::new();
    for text in cases {
        let mail = read(&text);
        let (new, old) = (piece(&mail, TextPlace::New), piece(&mail, place));
        let fits = new.matches("NEW").count() == text.matches("NEW").count()
            && old.matches("OLD").count() == text.matches("OLD").count();
        if !fits {
            let _ = write!(wrong, "\n---\n{text}\n--- new is\n{new}");
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

/// "On … wrote:" as mail programs write it. All but the last two are told also without `>`.
const ATTRIBUTIONS: [&str; 37] = [
    "On Mon, 3 Nov 2026 at 10:00, Ann OLD <ann@example.org> wrote:",
    "On Mon, 3 Nov 2026 at 10:00, Ann OLD <\nann@example.org> wrote:",
    "On 03/11/2026 10:00, Ann OLD wrote:",
    "Am Mo., 3. Nov. 2026 um 10:00 Uhr schrieb Ann OLD <ann@example.org>:",
    "Le lun. 3 nov. 2026 à 10:00, Ann OLD <ann@example.org> a écrit\u{a0}:",
    "El lun, 3 nov 2026 a las 10:00, Ann OLD (<ann@example.org>) escribió:",
    "Il giorno lun 3 nov 2026 alle ore 10:00 Ann OLD <ann@example.org> ha scritto:",
    "Em seg., 3 de nov. de 2026 às 10:00, Ann OLD <ann@example.org> escreveu:",
    "Op ma 3 nov. 2026 om 10:00 schreef Ann OLD <ann@example.org>:",
    "Den mån 3 nov. 2026 kl 10:00 skrev Ann OLD <ann@example.org>:",
    "man. 3. nov. 2026 kl. 10:00 skrev Ann OLD <ann@example.org>:",
    "ma 3. marrask. 2026 klo 10.00 Ann OLD (ann@example.org) kirjoitti:",
    "pon., 3 lis 2026 o 10:00 Ann OLD <ann@example.org> napisał(a):",
    "po 3. 11. 2026 v 10:00 odesílatel Ann OLD <ann@example.org> napsal:",
    "po 3. 11. 2026 o 10:00 Ann OLD <ann@example.org> napísal(a):",
    "Ann OLD <ann@example.org> ezt írta (időpont: 2026. nov. 3., H, 10:00):",
    "În lun., 3 nov. 2026 la 10:00, Ann OLD <ann@example.org> a scris:",
    "пн, 3 нояб. 2026 г. в 10:00, Ann OLD <ann@example.org>:",
    "пн, 3 лист. 2026 р. о 10:00 Ann OLD <ann@example.org> пише:",
    "На пн, 3.11.2026 г. в 10:00 ч. Ann OLD <ann@example.org> написа:",
    "Στις Δευ 3 Νοε 2026 στις 10:00 π.μ., ο/η Ann OLD <ann@example.org> έγραψε:",
    "Ann OLD <ann@example.org>, 3 Kas 2026 Pzt, 10:00 tarihinde şunu yazdı:",
    "2026年11月3日(月) 10:00 Ann OLD <ann@example.org>:",
    "2026/11/03 10:00、Ann OLD <ann@example.org>のメール:",
    "2026년 11월 3일 (월) 오전 10:00, Ann OLD <ann@example.org>님이 작성:",
    "Ann OLD <ann@example.org> 于2026年11月3日周一 10:00写道：",
    "在 2026-11-03 10:00:00，\"Ann OLD\" <ann@example.org> 写道：",
    "Ann OLD <ann@example.org> 於 2026年11月3日 週一 上午10:00寫道：",
    "\u{200f}בתאריך יום ב׳, 3 בנוב׳ 2026 ב-10:00 מאת Ann OLD <\u{200e}ann@example.org\u{200e}>:",
    "في الاثنين، 3 نوفمبر 2026 في 10:00 ص تمت كتابة ما يلي بواسطة Ann OLD <ann@example.org>:",
    "Vào Th 2, 3 thg 11, 2026 vào lúc 10:00 Ann OLD <ann@example.org> đã viết:",
    "ในวันที่ จ. 3 พ.ย. 2026 เวลา 10:00 Ann OLD <ann@example.org> เขียนว่า:",
    "Pada tanggal Sen, 3 Nov 2026 pukul 10.00 Ann OLD <ann@example.org> menulis:",
    "Am 03.11.2026 um 10:00 schrieb Ann OLD:",
    "Dne 3. 11. 2026 v 10:00 Ann OLD napsal(a):",
    "2026/11/03 10:00、Ann OLDさんは書きました:",
    "03.11.2026 10:00, Ann OLD пишет:",
];

#[test]
fn what_is_answered_is_known_by_the_line_above_it() {
    check(ATTRIBUTIONS.map(|line| format!("NEW\n\n{line}\n\n> OLD\n> OLD\n")), TextPlace::Quoted);
    check(ATTRIBUTIONS.map(|line| format!("{line}\n> OLD\n\nNEW\n")), TextPlace::Quoted);
    let bare = ATTRIBUTIONS.into_iter().take(ATTRIBUTIONS.len() - 2);
    check(bare.map(|line| format!("NEW\n\n{line}\n\nOLD\nOLD\n")), TextPlace::Quoted);
}

#[test]
fn a_sentence_with_a_colon_is_no_attribution() {
    let cases = [
        "On Monday the NEW server wrote to me:\nNEW",
        "We ordered in 2026, please mail ann@example.org, who asked: NEW\nNEW:\nNEW",
        "From: NEW to NEW it takes an hour\nNEW",
        "I need two things from you in 2026:\n- NEW\n- NEW",
        "This call failed:\n\nFrom: +49 30 NEW\nTo: +44 20 NEW\nDate: 2026-11-03 14:01\n\nNEW",
    ];
    check(cases.map(str::to_owned), TextPlace::Quoted);
}

/// From, Sent, To and Subject, as they stand above an answered mail.
const HEADER_BLOCKS: [[&str; 4]; 22] = [
    ["From", "Sent", "To", "Subject"],
    ["Von", "Gesendet", "An", "Betreff"],
    ["De ", "Envoyé ", "À ", "Objet "],
    ["De", "Enviado", "Para", "Asunto"],
    ["Da", "Inviato", "A", "Oggetto"],
    ["De", "Enviada", "Para", "Assunto"],
    ["Van", "Verzonden", "Aan", "Onderwerp"],
    ["Från", "Skickat", "Till", "Ämne"],
    ["Fra", "Sendt", "Til", "Emne"],
    ["Lähettäjä", "Lähetetty", "Vastaanottaja", "Aihe"],
    ["Od", "Wysłano", "Do", "Temat"],
    ["Od", "Odesláno", "Komu", "Předmět"],
    ["Feladó", "Elküldve", "Címzett", "Tárgy"],
    ["Kimden", "Gönderildi", "Kime", "Konu"],
    ["От", "Отправлено", "Кому", "Тема"],
    ["Від", "Надіслано", "Кому", "Тема"],
    ["De la", "Trimis", "Către", "Subiect"],
    ["Από", "Στάλθηκε", "Προς", "Θέμα"],
    ["发件人", "发送时间", "收件人", "主题"],
    ["寄件者", "寄件日期", "收件者", "主旨"],
    ["差出人", "送信日時", "宛先", "件名"],
    ["보낸 사람", "보낸 날짜", "받는 사람", "제목"],
];

#[test]
fn what_is_answered_is_known_by_the_fields_above_it() {
    let block = |[from, sent, to, subject]: [&str; 4]| {
        format!(
            "NEW\n\n{from}: Ann OLD <a@b.example>\n{sent}: 3. 11. 2026 10:00\n{to}: S\n\
             {subject}: RE: OLD\n\nOLD\nOLD\n"
        )
    };
    check(HEADER_BLOCKS.map(block), TextPlace::Quoted);
}

/// What stands above a name at the end of a mail.
const SIGN_OFFS: [&str; 36] = [
    "Best regards,",
    "With kind regards",
    "Thanks!",
    "Many thanks in advance,",
    "Yours truly,",
    "Thank you very much,",
    "BR,",
    "Rgds",
    "Mit freundlichen Grüßen",
    "Beste Grüße",
    "Viele Grüße aus Berlin",
    "Vielen Dank im Voraus",
    "Cordialement,",
    "Bien à vous,",
    "Sincères salutations,",
    "Saludos cordiales,",
    "Atentamente,",
    "Atenciosamente,",
    "Com os melhores cumprimentos,",
    "Cordiali saluti",
    "Met vriendelijke groet,",
    "Groeten,",
    "Med vänlig hälsning",
    "Mvh",
    "Med venlig hilsen",
    "Med vennlig hilsen",
    "Ystävällisin terveisin",
    "Pozdrawiam",
    "Z poważaniem,",
    "S pozdravem",
    "Üdvözlettel,",
    "С уважением,",
    "Saygılarımla,",
    "Cu stimă,",
    "-- ",
    "--",
];

/// Legal text and what programs add.
const FOOTERS: [&str; 20] = [
    "This email and any files transmitted with it are confidential and intended for OLD.",
    "The information in this communication is confidential. It is intended solely\nfor use by \
     the recipient and others authorized to receive OLD.",
    "This message (including any attachments) contains confidential information intended for a\n\
     specific individual, OLD, and is protected by law.",
    "If you have received this message in error, please notify us and delete the OLD.",
    "This e-mail may contain confidential and/or privileged information, OLD.",
    "NOTICE: This email is intended for the person or entity to which it is addressed, OLD.",
    "Diese E-Mail enthält vertrauliche Informationen. OLD.",
    "Sollten Sie nicht der vorgesehene Empfänger sein, OLD.",
    "Ce message et ses pièces jointes sont confidentiels, OLD.",
    "Este correo y sus archivos adjuntos son confidenciales OLD.",
    "Le informazioni contenute in questo messaggio sono riservate, OLD.",
    "Dit bericht is uitsluitend bestemd voor de geadresseerde, OLD.",
    "Please consider the environment before printing this OLD.",
    "This email has been checked for viruses by OLD.",
    "Sent from my OLD",
    "Sent from Yahoo Mail on OLD",
    "Sent with Proton Mail, OLD.",
    "Get Outlook for OLD",
    "Von meinem OLD gesendet",
    "Diese Nachricht wurde von meinem OLD gesendet.",
];

#[test]
fn what_stands_below_a_mail_is_told_apart() {
    let signed = |above: &str| format!("Hello,\n\nNEW is broken.\n\n{above}\nAnn OLD\nOLD Ltd\n");
    check(SIGN_OFFS.map(signed), TextPlace::Signature);
    check(FOOTERS.map(|footer| format!("NEW is broken.\n\n{footer}\n")), TextPlace::Signature);
}

#[test]
fn what_a_sender_wants_is_no_signature() {
    let cases = [
        "Thanks,\nbut NEW still does not work".to_owned(),
        "Hi,\nthanks\nwhen will NEW work?".to_owned(),
        "Regards the invoice: NEW".to_owned(),
        "We got your invoice in error, please delete it and notify us: NEW".to_owned(),
        "Please call me back about NEW.\nThis email is confidential and intended for OLD."
            .to_owned(),
        format!("NEW {}confidential intended recipient privileged NEW", "word ".repeat(900)),
        "Hallo,\n\nvon meinem Anschluss aus kann ich NEW nicht mehr tun".to_owned(),
        "Hello, the fax that was\nsent from my account NEW\nnever NEW\nand NEW\nNEW".to_owned(),
        "Hi Mara,\n\nThank you very much!\n\nNow another thing: NEW does not work,\nand NEW\n"
            .to_owned(),
        "Hi Mara,\n\nNEW works.\n\nBest regards\nJoe OLD\n\nPS: but NEW does not,\nsays NEW"
            .to_owned(),
        "NEW\n\nBest regards\nJoe OLD\n\nP.S. NEW\n-- \nOLD Ltd".to_owned(),
        "NEW:\n--\nNEW\n--\nOLD".to_owned(),
        "Hi team,\n\nI would like to disclose a vulnerability: an unauthorized user can read the\n\
         confidential attachments of any recipient, legally NEW."
            .to_owned(),
        "Hi,\nour confidential report with attachments was sent to the wrong recipient: NEW\n\
         is not the intended one."
            .to_owned(),
        "NEW does not work since we moved our office to Berlin.\n\nConfidential: the attachments \
         are for the addressee, any dissemination by others than the recipient is OLD."
            .to_owned(),
    ];
    check(cases, TextPlace::Signature);
}

#[test]
fn mails_without_a_known_field_are_told_apart() {
    let key = |raw: &str| parse(raw.as_bytes(), raw.len() as u64).key;
    let mails =
        ["", "one line", "another line", "To: a@b.example\n", "To: c@b.example\n", "\nbody"];
    for (n, mail) in mails.iter().enumerate() {
        for other in mails.iter().skip(n + 1) {
            assert_ne!(key(mail), key(other), "{mail:?} and {other:?}");
        }
    }
    // Two reports of one second, whose pages begin alike.
    let report = |number| format!("From: a@b.example\n\n{}{number}", "line ".repeat(10_000));
    assert_ne!(key(&report(1)), key(&report(2)));
    let named = |text: &str| format!("Message-ID: <1@b.example>\n\n{text}");
    assert_eq!(key(&named("one")), key(&named("one")));
    assert_ne!(key(&named("one")), key(&named("two")));
}
