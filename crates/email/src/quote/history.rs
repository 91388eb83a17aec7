//! Where history begins.

use crate::quote::{Style, attribution};
use crate::words::Words;

/// A quoted stretch, the line that introduces it included.
#[derive(Debug)]
pub(crate) struct Block {
    pub(crate) start: usize,
    pub(crate) end: usize,
}

/// All history in a text.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// Stretches of quoted lines; new text may follow them.
    pub(crate) blocks: Vec<Block>,
    /// From here on everything is history.
    pub(crate) rest: Option<usize>,
    /// There is no doubt: a program wrote the line above the history.
    pub(crate) certain: bool,
}

pub(crate) fn find(lines: &[&str], style: &Style<'_>) -> Found {
    let mut found = Found::default();
    let reply_line = lines.iter().position(|line| is_reply_line(line, style));
    let mut at = 0;
    while let Some(line) = lines.get(at) {
        if reply_line == Some(at) && !is_quoted(line) {
            found.rest = Some(introduced_from(lines, at));
            found.certain = true;
            return found;
        }
        if is_forward_mark(line) {
            return found;
        }
        if is_quoted(line) {
            let end = block_end(lines, at);
            found.blocks.push(Block { start: at, end });
            at = end;
        } else if let Some(length) = attribution::length_at(lines, at) {
            found.certain = true;
            let next = first_content(lines, at + length);
            if lines.get(next).is_some_and(|line| is_quoted(line)) {
                let end = block_end(lines, next);
                found.blocks.push(Block { start: at, end });
                at = end;
            } else {
                found.rest = Some(at);
                return found;
            }
        } else if !style.forwarded && (is_separator(line) || is_header_block(lines, at)) {
            found.rest = Some(above_rule(lines, at));
            found.certain = true;
            return found;
        } else {
            at += 1;
        }
    }
    found
}

pub(crate) fn is_quoted(line: &str) -> bool {
    line.trim_start().starts_with('>')
}

fn is_reply_line(line: &str, style: &Style<'_>) -> bool {
    style
        .reply_lines
        .iter()
        .any(|reply_line| !reply_line.is_empty() && line.contains(reply_line.as_str()))
}

/// The line that says who wrote belongs to what it introduces.
fn introduced_from(lines: &[&str], at: usize) -> usize {
    let earliest = at.saturating_sub(8);
    let introduction = (earliest..at).find(|start| {
        attribution::length_above(lines, *start).is_some_and(|length| {
            lines
                .get(start + length..at)
                .is_some_and(|between| between.iter().all(|line| line.trim().is_empty()))
        }) || is_separator(lines.get(*start).unwrap_or(&""))
            || is_header_block(lines, *start)
    });
    above_rule(lines, introduction.unwrap_or(at))
}

/// The rule that programs draw above history goes with it.
fn above_rule(lines: &[&str], at: usize) -> usize {
    let above = lines.iter().take(at).rposition(|line| !line.trim().is_empty());
    match above.and_then(|above| lines.get(above).map(|line| (above, line))) {
        Some((above, line)) if is_rule(line) => above,
        _ => at,
    }
}

fn is_rule(line: &str) -> bool {
    let line = line.trim();
    line.len() >= 5 && line.chars().all(|c| matches!(c, '_' | '-' | '=' | '*' | '—' | '─'))
}

fn block_end(lines: &[&str], start: usize) -> usize {
    let quoted = lines.iter().enumerate().skip(start);
    let mut end = start;
    for (at, line) in quoted {
        if is_quoted(line) {
            end = at + 1;
        } else if !line.trim().is_empty() {
            break;
        }
    }
    end
}

fn first_content(lines: &[&str], from: usize) -> usize {
    let blank = lines.iter().skip(from).take_while(|line| line.trim().is_empty()).count();
    from + blank
}

/// Lines such as `-----Original Message-----`, without what is around the words.
static SEPARATORS: Words = Words::new(
    "\
    original message|original mail|original email|reply message|ursprüngliche nachricht|\
    originalnachricht|original-nachricht|message d'origine|message d’origine|\
    message original|mensaje original|mensagem original|messaggio originale|\
    oorspronkelijk bericht|origineel bericht|oprindelig meddelelse|ursprungligt meddelande|\
    originalmeddelande|opprinnelig melding|alkuperäinen viesti|oryginalna wiadomość|\
    wiadomość oryginalna|wiadomość pierwotna|původní zpráva|původní e-mail|pôvodná správa|\
    eredeti üzenet|mesaj original|mesajul original|orijinal ileti|orijinal mesaj|\
    αρχικό μήνυμα|исходное сообщение|оригинальное сообщение|пересылаемое письмо|\
    вихідне повідомлення|първоначално съобщение|izvorna poruka|izvirno sporočilo|\
    missatge original|原始邮件|原始郵件|原邮件|元のメッセージ|オリジナルメッセージ|\
    원본 메시지|원본메시지|الرسالة الأصلية|ההודעה המקורית|הודעה מקורית|thư gốc|pesan asli",
);

fn is_separator(line: &str) -> bool {
    let Some(between) = between_rules(line) else { return false };
    SEPARATORS.has(&between)
}

/// The words between dashes, in lower case.
fn between_rules(line: &str) -> Option<String> {
    let line = line.trim().trim_matches('*');
    let is_ruled = line.starts_with("--")
        || line.starts_with("__")
        || line.starts_with("==")
        || line.starts_with('—')
        || line.starts_with("- -");
    let words = line.trim_matches(|c: char| matches!(c, '-' | '_' | '=' | '*' | '—' | ' '));
    (is_ruled && !words.is_empty() && words.len() < 80).then(|| words.to_lowercase())
}

static FORWARDS: Words = Words::new(
    "\
    forwarded message|forwarded by|begin forwarded message|forwarded mail|\
    weitergeleitete nachricht|weitergeleitete e-mail|anfang der weitergeleiteten|\
    message transféré|message transmis|début du message transféré|\
    début du message réexpédié|mensaje reenviado|inicio del mensaje reenviado|\
    messaggio inoltrato|inizio messaggio inoltrato|messaggio inoltrato|doorgestuurd bericht|\
    begin doorgestuurd bericht|mensagem encaminhada|mensagem reencaminhada|\
    início da mensagem|vidarebefordrat meddelande|vidarebefordrat brev|videresendt|\
    videresendt melding|viderestilet|välitetty viesti|edelleenlähetetty|\
    przekazana wiadomość|wiadomość przekazana|přeposlaná zpráva|preposlaná správa|\
    továbbított üzenet|mesaj redirecționat|iletilmiş mesaj|yönlendirilen ileti|\
    iletilen mesaj|προωθημένο μήνυμα|пересылаемое сообщение|пересланное сообщение|\
    переслане повідомлення|препратено съобщение|转发的邮件|转发邮件|轉寄郵件|轉寄的郵件|\
    転送されたメッセージ|転送メッセージ|전달된 메시지|الرسالة المعاد توجيهها|\
    رسالة معاد توجيهها|הודעה שהועברה|thư được chuyển tiếp|pesan terusan",
);

/// How Apple begins a forwarded mail, without dashes.
static FORWARD_OPENINGS: Words = Words::new(
    "\
    begin forwarded message|anfang der weitergeleiteten|début du message|inicio del mensaje|\
    inizio messaggio|begin doorgestuurd bericht|início da mensagem|vidarebefordrat brev",
);

/// What follows such a line was sent on for us to read.
fn is_forward_mark(line: &str) -> bool {
    let bare = line.trim();
    if bare.len() > 120 || is_quoted(line) {
        return false;
    }
    if let Some(between) = between_rules(line) {
        return FORWARDS.begin(&between);
    }
    bare.ends_with(':') && FORWARD_OPENINGS.begin(&bare.to_lowercase())
}

static FROM_LABELS: Words = Words::new(
    "\
    from|von|de|da|van|från|fra|lähettäjä|od|feladó|expéditeur|remetente|remitente|mittente|\
    afzender|avsändare|nadawca|odesílatel|odosielateľ|от|від|подател|από|kimden|gönderen|\
    发件人|寄件者|寄件人|差出人|送信元|보낸 사람|보낸사람|من|מאת|từ|dari|จาก",
);

static OTHER_LABELS: Words = Words::new(
    "\
    sent|date|to|subject|cc|importance|attachments|reply-to|when|gesendet|datum|an|betreff|\
    kopie|priorität|anlagen|envoyé|date d'envoi|à|objet|envoye|enviado|enviado el|fecha|\
    para|asunto|data|enviada em|assunto|inviato|a|oggetto|verzonden|aan|onderwerp|skickat|\
    till|ämne|kopia|sendt|dato|til|emne|lähetetty|päivämäärä|päiväys|vastaanottaja|aihe|\
    wysłano|data wysłania|do|dw|temat|odesláno|komu|předmět|odoslané|dátum|predmet|küldve|\
    elküldve|címzett|tárgy|trimis|către|catre|subiect|gönderildi|gönderilme|tarih|kime|konu|\
    отправлено|дата|кому|тема|надіслано|изпратено|до|относно|στάλθηκε|ημερομηνία|προς|θέμα|\
    poslano|za|发送时间|发送日期|日期|时间|收件人|抄送|主题|寄件日期|收件者|主旨|送信日時|\
    日付|日時|宛先|件名|보낸 날짜|날짜|받는 사람|받는사람|제목|참조|تم الإرسال|التاريخ|إلى|\
    الموضوع|נשלח|תאריך|אל|נושא|gửi|đến|chủ đề|dikirim|kepada|subjek|เรียน|เรื่อง|ส่ง",
);

/// A block of header lines, as Outlook puts it above history.
fn is_header_block(lines: &[&str], at: usize) -> bool {
    let is_one_of =
        |line: &str, labels: &Words| label(line).is_some_and(|label| labels.has(&label));
    let Some(first) = lines.get(at) else { return false };
    if !is_one_of(first, &FROM_LABELS) {
        return false;
    }
    let others = lines.iter().skip(at + 1).take(7).filter(|line| is_one_of(line, &OTHER_LABELS));
    others.count() >= 2
}

/// What stands before the colon of a header line, in lower case.
fn label(line: &str) -> Option<String> {
    let line = line
        .trim_start_matches(['*', '_', ' ', '\t', '\u{200e}', '\u{200f}', '\u{202a}', '\u{202b}']);
    let (label, rest) = line.split_once([':', '：'])?;
    if label.len() > 40
        || rest.trim_matches(['*', ' ', '\u{a0}']).is_empty() && label.chars().count() < 2
    {
        return None;
    }
    Some(label.trim_matches(['*', ' ', '\u{a0}', '\t']).to_lowercase())
}
