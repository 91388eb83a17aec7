//! Mails as customers write them.

/// A plain mail.
pub struct Letter<'l> {
    pub from: &'l str,
    pub to: &'l str,
    pub id: &'l str,
    pub subject: &'l str,
    pub text: &'l str,
    /// Further fields, each with its line end.
    pub fields: &'l str,
}

pub fn mail(letter: &Letter<'_>) -> String {
    let Letter { from, to, id, subject, text, fields } = letter;
    format!(
        "From: Dana Whitfield <{from}>\nTo: {to}\nSubject: {subject}\n\
         Date: Tue, 17 Nov 2026 09:00:00 +0000\nMessage-ID: <{id}>\n{fields}MIME-Version: 1.0\n\
         Content-Type: text/plain; charset=utf-8\n\n{text}\n"
    )
}
