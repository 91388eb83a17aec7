//! Mails as customers write them.

/// A plain mail.
pub(crate) struct Letter<'l> {
    pub(crate) from: &'l str,
    pub(crate) to: &'l str,
    pub(crate) id: &'l str,
    pub(crate) subject: &'l str,
    pub(crate) text: &'l str,
    /// Further fields, each with its line end.
    pub(crate) fields: &'l str,
}

pub(crate) fn mail(letter: &Letter<'_>) -> String {
    let Letter { from, to, id, subject, text, fields } = letter;
    format!(
        "From: Dana Whitfield <{from}>\nTo: {to}\nSubject: {subject}\n\
         Date: Tue, 17 Nov 2026 09:00:00 +0000\nMessage-ID: <{id}>\n{fields}MIME-Version: 1.0\n\
         Content-Type: text/plain; charset=utf-8\n\n{text}\n"
    )
}
