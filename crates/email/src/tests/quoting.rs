use proptest::prelude::*;

use crate::quote::{REPLY_LINE, Style, is_forward, split};

fn style(reply_lines: &[String]) -> Style<'_> {
    Style { reply_lines, forwarded: false }
}

/// The first line of an answer, in the languages of its programs.
const ATTRIBUTIONS: &[&str] = &[
    "On Tue, Nov 17, 2026 at 9:02 AM Dana Meyer <dana@customer.example> wrote:",
    "On 17/11/2026 09:02, Dana Meyer wrote:",
    "On Tuesday, November 17th, 2026 at 09:02, Dana <dana@customer.example> wrote:",
    "At 09:02 17.11.2026, Dana Meyer wrote:",
    "Dana Meyer <dana@customer.example> wrote on 17 Nov 2026:",
    "Am 17.11.2026 um 09:02 schrieb Dana Meyer:",
    "Am Di., 17. Nov. 2026 um 09:02 Uhr schrieb Dana <dana@customer.example>:",
    "Dana Meyer <dana@customer.example> schrieb am Di., 17. Nov. 2026, 09:02:",
    "Le mar. 17 nov. 2026 à 09:02, Dana <dana@customer.example> a écrit :",
    "Le 17/11/2026 à 09:02, Dana a écrit :",
    "El mar, 17 nov 2026 a las 9:02, Dana (<dana@customer.example>) escribió:",
    "Il giorno mar 17 nov 2026 alle ore 09:02 Dana <dana@customer.example> ha scritto:",
    "Op di 17 nov. 2026 om 09:02 schreef Dana <dana@customer.example>:",
    "Em ter., 17 de nov. de 2026 às 09:02, Dana <dana@customer.example> escreveu:",
    "Den tis 17 nov. 2026 kl 09:02 skrev Dana <dana@customer.example>:",
    "Den 17.11.2026 kl. 09:02 skrev Dana:",
    "ti 17. marrask. 2026 klo 9.02 Dana (dana@customer.example) kirjoitti:",
    "W dniu 17.11.2026 o 09:02, Dana pisze:",
    "wt., 17 lis 2026 o 09:02 Dana <dana@customer.example> napisał(a):",
    "Dne út 17. 11. 2026 9:02 uživatel Dana <dana@customer.example> napsal:",
    "Dana <dana@customer.example> ezt írta (időpont: 2026. nov. 17., K, 9:02):",
    "În mar., 17 nov. 2026 la 09:02, Dana <dana@customer.example> a scris:",
    "Dana <dana@customer.example>, 17 Kas 2026 Sal, 09:02 tarihinde şunu yazdı:",
    "вт, 17 нояб. 2026 г. в 09:02, Dana <dana@customer.example>:",
    "17.11.2026 09:02, Dana пишет:",
    "вт, 17 лист. 2026 р. о 09:02 Dana <dana@customer.example> пише:",
    "Στις Τρί 17 Νοε 2026 στις 9:02 π.μ., ο χρήστης Dana <dana@customer.example> έγραψε:",
    "На вт, 17.11.2026 г. в 9:02 Dana <dana@customer.example> написа:",
    "Dana <dana@customer.example> 于2026年11月17日周二 09:02写道：",
    "在 2026年11月17日，Dana <dana@customer.example> 写道：",
    "2026年11月17日(火) 9:02 Dana <dana@customer.example>:",
    "2026/11/17 9:02、Dana <dana@customer.example>のメール:",
    "2026년 11월 17일 (화) 오전 9:02, Dana <dana@customer.example>님이 작성:",
    "في الثلاثاء، ١٧ نوفمبر 2026 9:02 ص Dana <dana@customer.example> كتب:",
    "בתאריך יום ג׳, 17 בנוב׳ 2026 ב-9:02 מאת Dana <dana@customer.example>:",
    "Vào Th 3, 17 thg 11, 2026 lúc 09:02 Dana <dana@customer.example> đã viết:",
    "Pada tanggal Sel, 17 Nov 2026 09.02, Dana <dana@customer.example> menulis:",
];

#[test]
fn history_is_found_in_the_languages_people_write() {
    assert!(ATTRIBUTIONS.len() >= 37);
    for attribution in ATTRIBUTIONS {
        let quoted = format!("{attribution}\n> Hello\n> there");
        let text = format!("My answer.\n\n{quoted}");
        assert_eq!(split(&text, &style(&[])), ("My answer.".to_owned(), quoted), "{attribution}");
        // Programs that do not mark quoted lines.
        let plain = format!("{attribution}\n\nHello\nthere");
        let (visible, _) = split(&format!("My answer.\n\n{plain}"), &style(&[]));
        assert_eq!(visible, "My answer.", "{attribution}");
    }
}

#[test]
fn outlook_and_its_kin_put_a_block_above_history() {
    for block in [
        "From: Dana <dana@customer.example>\nSent: Tuesday\nTo: Support\nSubject: Hello",
        "From: Dana\nDate: Tuesday\nTo: Support\nCc: X\nSubject: Hello",
        "Von: Dana\nGesendet: Dienstag\nAn: Support\nBetreff: Hallo",
        "*Von:* Dana\n*Gesendet:* Dienstag\n*An:* Support\n*Betreff:* Hallo",
        "De : Dana\nEnvoyé : mardi\nÀ : Support\nObjet : Bonjour",
        "De: Dana\nEnviado el: martes\nPara: Soporte\nAsunto: Hola",
        "De: Dana\nEnviada em: terça-feira\nPara: Suporte\nAssunto: Olá",
        "Da: Dana\nInviato: martedì\nA: Supporto\nOggetto: Ciao",
        "Van: Dana\nVerzonden: dinsdag\nAan: Support\nOnderwerp: Hallo",
        "Från: Dana\nSkickat: tisdag\nTill: Support\nÄmne: Hej",
        "Fra: Dana\nSendt: tirsdag\nTil: Support\nEmne: Hej",
        "Lähettäjä: Dana\nLähetetty: tiistai\nVastaanottaja: Tuki\nAihe: Hei",
        "Od: Dana\nWysłano: wtorek\nDo: Wsparcie\nTemat: Witam",
        "Od: Dana\nOdesláno: úterý\nKomu: Podpora\nPředmět: Dotaz",
        "Feladó: Dana\nElküldve: kedd\nCímzett: Support\nTárgy: Kérdés",
        "Kimden: Dana\nGönderildi: Salı\nKime: Destek\nKonu: Merhaba",
        "От: Dana\nОтправлено: вторник\nКому: Support\nТема: Вопрос",
        "发件人: Dana\n发送时间: 2026年\n收件人: Support\n主题: 你好",
        "寄件者: Dana\n寄件日期: 2026年\n收件者: Support\n主旨: 你好",
        "差出人: Dana\n送信日時: 2026年\n宛先: Support\n件名: 質問",
        "보낸 사람: Dana\n보낸 날짜: 2026년\n받는 사람: Support\n제목: 질문",
        "-----Original Message-----\nanything",
        "-----Ursprüngliche Nachricht-----\nanything",
        "----- Message d'origine -----\nanything",
        "-----Mensaje original-----\nanything",
        "------------------ 原始邮件 ------------------\nanything",
        "________________________________\nFrom: Dana\nSent: Tuesday\nTo: Support",
    ] {
        let text = format!("My answer.\n\n{block}\n\nHello there.");
        let (visible, quoted) = split(&text, &style(&[]));
        assert_eq!(visible, "My answer.", "{block}");
        assert!(quoted.starts_with(block.lines().next().unwrap()), "{block}");
    }
}

#[test]
fn lines_that_phones_add_are_folded_away() {
    for line in [
        "Sent from my iPhone",
        "Sent from my Samsung Galaxy smartphone.",
        "Get Outlook for Android",
        "Sent from Yahoo Mail on Android",
        "Von meinem iPhone gesendet",
        "Gesendet von Mail für Windows",
        "Envoyé de mon iPhone",
        "Enviado desde mi iPhone",
        "Enviado do meu iPhone",
        "Inviato da iPhone",
        "Verstuurd vanaf mijn iPhone",
        "Skickat från min iPhone",
        "Sendt fra min iPhone",
        "Lähetetty iPhonesta",
        "Wysłane z iPhone'a",
        "Отправлено с iPhone",
        "iPhoneから送信",
        "发自我的 iPhone",
        "나의 iPhone에서 보냄",
        "iPhone'umdan gönderildi",
        "Sent with Proton Mail secure email.",
    ] {
        let text = format!("My answer.\n\n{line}");
        assert_eq!(split(&text, &style(&[])), ("My answer.".to_owned(), line.to_owned()));
        let with_history = format!("{text}\n\nOn 17 Nov 2026, at 09:02, Dana wrote:\n> Hello");
        assert_eq!(split(&with_history, &style(&[])).0, "My answer.", "{line}");
    }
}

#[test]
fn what_people_write_themselves_stays() {
    for text in [
        "On Monday I tried this:\nit failed.",
        "My neighbour wrote: never again!\nSo what now?",
        "He said on 12 March 2026 at 10:00 that it works.",
        "I sent from my iPhone the picture of the lamp.\nDid you get it?",
        "From: Berlin\nwith love",
        "The options are:\n-- small\n-- large\nWhich one?",
        "a > b and b > c",
        "To: whom it may concern\nSubject: my complaint\nI am angry.",
        "Date: next Tuesday\nTime: 10:00",
        "It says 10:30: closed. In 2026: open.",
    ] {
        assert_eq!(split(text, &style(&[])), (text.to_owned(), String::new()));
    }
}

#[test]
fn forwarded_mail_is_what_the_mail_is_about() {
    for mark in [
        "---------- Forwarded message ---------",
        "Begin forwarded message:",
        "-------- Weitergeleitete Nachricht --------",
        "Anfang der weitergeleiteten Nachricht:",
        "---------- Message transféré ---------",
        "Début du message transféré :",
        "---------- Mensaje reenviado ----------",
        "Inizio messaggio inoltrato:",
        "-------- Doorgestuurd bericht --------",
        "---------- Пересылаемое сообщение ---------",
        "---------- 转发的邮件 ---------",
        "---------- 転送されたメッセージ ---------",
    ] {
        let text = format!("See below.\n\n{mark}\nFrom: A\nDate: B\nSubject: C\nTo: D\n\nBroken.");
        assert_eq!(split(&text, &style(&[])).0, text, "{mark}");
    }
    let text = "FYI\n\nFrom: A\nSent: B\nTo: C\nSubject: D\n\nBroken.";
    let forwarded = Style { reply_lines: &[], forwarded: true };
    assert_eq!(split(text, &forwarded).0, text);
    for (subject, is) in [
        ("Fwd: x", true),
        ("FW: x", true),
        ("WG: x", true),
        ("Tr : x", true),
        ("RV: x", true),
        ("转发: x", true),
        ("Re: Fwd: x", false),
        ("Forward march", false),
        ("Re: x", false),
        ("", false),
    ] {
        assert_eq!(is_forward(subject), is, "{subject}");
    }
}

#[test]
fn our_own_line_ends_the_answer() {
    let lines = vec![REPLY_LINE.to_owned(), "Bitte oberhalb dieser Zeile antworten".to_owned()];
    for text in [
        format!("Yes.\n\n{REPLY_LINE}\n\nHello"),
        format!("Yes.\n\n## {REPLY_LINE} ##\n\nHello"),
        format!("Yes.\n\n> {REPLY_LINE}\n> Hello"),
        format!("Yes.\n\nSupport wrote:\n\n{REPLY_LINE}\nHello"),
        "Yes.\n\nBitte oberhalb dieser Zeile antworten\nHallo".to_owned(),
    ] {
        let (visible, quoted) = split(&text, &style(&lines));
        assert_eq!(visible, "Yes.", "{text}");
        assert!(quoted.contains('H'), "{text}");
    }
}

fn lines_of(text: &str) -> Vec<&str> {
    let mut lines: Vec<&str> =
        text.lines().map(str::trim_end).filter(|line| !line.trim().is_empty()).collect();
    lines.sort_unstable();
    lines
}

proptest! {

    #[test]
    fn splitting_loses_nothing(
        pieces in prop::collection::vec(
            prop_oneof![
                prop::sample::select(ATTRIBUTIONS).prop_map(str::to_owned),
                prop::sample::select(vec![
                    "", "> quoted", ">> deeper", "-- ", "--", "-----Original Message-----",
                    "From: a", "Sent: b", "To: c", "Subject: d", "Begin forwarded message:",
                    "Sent from my iPhone", REPLY_LINE, "________________", "  indented",
                ]).prop_map(str::to_owned),
                "[ -~äöü漢字]{0,40}",
            ],
            0..30,
        ),
        forwarded: bool,
    ) {
        let text = pieces.join("\n");
        let reply_lines = vec![REPLY_LINE.to_owned()];
        let (visible, quoted) = split(&text, &Style { reply_lines: &reply_lines, forwarded });
        let joined = format!("{visible}\n{quoted}");
        prop_assert_eq!(lines_of(&joined), lines_of(&text));
    }
}
