//! The nasty mails: each has what it must be read as beside it.
//!
//! After a change that is meant, write the expectations anew with
//! `RECOURSE_BLESS=1 cargo test -p email` and read the difference.

use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;

use crate::{Limits, Nature, Party, Reading, Sender, read};

pub(super) fn mails() -> Vec<(String, Vec<u8>)> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/mail");
    let mut mails: Vec<(String, Vec<u8>)> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "eml"))
        .map(|path| {
            let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
            (name, fs::read(&path).unwrap())
        })
        .collect();
    mails.sort();
    mails
}

pub(super) fn mail(name: &str) -> Vec<u8> {
    let path = format!("{}/tests/mail/{name}.eml", env!("CARGO_MANIFEST_DIR"));
    fs::read(path).unwrap()
}

#[test]
fn every_mail_of_the_corpus_is_read_as_expected() {
    let bless = std::env::var_os("RECOURSE_BLESS").is_some();
    let mails = mails();
    assert!(mails.len() >= 150, "{}", mails.len());
    let mut wrong = Vec::new();
    for (name, bytes) in mails {
        let shown = show(&read(&bytes, &Limits::default()));
        let path = format!("{}/tests/mail/{name}.expect", env!("CARGO_MANIFEST_DIR"));
        if bless {
            fs::write(&path, &shown).unwrap();
        } else if fs::read_to_string(&path).unwrap_or_default() != shown {
            wrong.push(format!("{name} is now read as\n{shown}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn reports_about_our_own_mail_are_recognised() {
    let (mut all, mut right) = (0, 0);
    for (name, bytes) in mails() {
        let nature = read(&bytes, &Limits::default()).nature;
        let expected_permanent = match name.split('-').nth(1) {
            Some("hard") if name.starts_with("bounce-") => true,
            Some("soft") if name.starts_with("bounce-") => false,
            _ => {
                assert!(!matches!(nature, Nature::Bounce(_)), "{name} is no bounce");
                continue;
            }
        };
        all += 1;
        let is_right = matches!(&nature, Nature::Bounce(bounce)
            if bounce.permanent == expected_permanent
            && bounce.recipient.as_ref().is_some_and(|to| to.as_str() == "kim@gone.example"));
        if is_right {
            right += 1;
        } else {
            eprint_wrong(&name, &nature);
        }
    }
    assert!(all >= 40, "{all}");
    assert!(right * 100 >= all * 95, "{right} of {all}");
}

fn eprint_wrong(name: &str, nature: &Nature) {
    let _ = std::io::Write::write_all(
        &mut std::io::stderr(),
        format!("{name}: {nature:?}\n").as_bytes(),
    );
}

#[test]
fn no_robot_of_the_corpus_is_answered_and_no_person_is_ignored() {
    for (name, bytes) in mails() {
        let nature = read(&bytes, &Limits::default()).nature;
        let kind = name.split('-').next().unwrap();
        match kind {
            "bounce" | "complaint" | "receipt" | "auto" | "noreply" | "list"
                if name != "list-footer" =>
            {
                assert!(nature.must_not_be_answered(), "{name}: {nature:?}");
            }
            "person" | "quote" | "forward" => {
                assert!(!nature.must_not_be_answered(), "{name}: {nature:?}");
            }
            _ => {}
        }
    }
}

fn show(reading: &Reading) -> String {
    let mut out = String::new();
    let mut line = |name: &str, value: String| {
        if !value.is_empty() {
            let _ = writeln!(out, "{name}: {value}");
        }
    };
    line("id", reading.mail_id.clone().unwrap_or_default());
    line(
        "from",
        match &reading.from {
            Sender::One { address, name } => {
                format!("{} <{address}>", name.as_deref().unwrap_or("-"))
            }
            Sender::Unclear(doubt) => format!(
                "unclear, {doubt:?} (shown: {} <{}>)",
                reading.shown_name,
                reading.shown_address.as_ref().map_or(String::new(), ToString::to_string)
            ),
        },
    );
    line("reply-to", parties(&reading.reply_to));
    line("to", parties(&reading.to));
    line("cc", parties(&reading.cc));
    line("subject", reading.subject.clone());
    line("sent", reading.sent_at.map_or(String::new(), |at| at.to_string()));
    line("references", reading.references.join(" "));
    line(
        "delivered to",
        reading.delivered_to.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "),
    );
    line(
        "nature",
        match &reading.nature {
            Nature::Personal => String::new(),
            other => format!("{other:?}"),
        },
    );
    line("language", reading.language().unwrap_or_default().to_owned());
    for results in &reading.authentication_results {
        line("checked by", format!("{results:?}"));
    }
    for remark in &reading.remarks {
        line("remark", remark.to_string());
    }
    for file in &reading.attachments {
        line(
            "file",
            format!(
                "{} ({}, {} bytes{}{})",
                file.name.escape_debug(),
                file.declared_type,
                file.bytes.len(),
                file.content_id.as_ref().map_or(String::new(), |id| format!(", id {id}")),
                if file.inline { ", inline" } else { "" }
            ),
        );
    }
    for (name, text) in [
        ("text", Some(&reading.text)),
        ("quoted", Some(&reading.quoted)),
        ("html", reading.html.as_ref()),
    ] {
        let Some(text) = text.filter(|text| !text.is_empty()) else { continue };
        let _ = writeln!(out, "--- {name}");
        for line in text.lines() {
            let _ = writeln!(out, "{line}");
        }
    }
    out
}

fn parties(parties: &[Party]) -> String {
    let shown = parties.iter().map(|party| match &party.name {
        Some(name) => format!("{name} <{}>", party.address),
        None => party.address.to_string(),
    });
    shown.collect::<Vec<_>>().join(", ")
}
