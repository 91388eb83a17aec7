//! Signatures: what stands under every mail of the same person.

use crate::words::Words;

/// `-- ` begins a signature by agreement; what is longer than this was not meant as one.
const LINES_MAX: usize = 25;
/// Without the blank it may be a dash; only a short end counts.
const LINES_MAX_IN_DOUBT: usize = 10;
const DELIMITERS_MAX: usize = 10;

/// Lines that phones and programs add. Folded to lower case, in the order of their languages.
static SENT_FROM: Words = Words::new(
    "\
    sent from my |sent from mail for|sent from outlook|sent from yahoo|sent from proton|\
    sent from samsung|sent from mobile|sent with proton|sent with spark|sent via |\
    sent using |get outlook for |sent by |download outlook for|von meinem |gesendet von |\
    gesendet mit |gesendet aus |diese nachricht wurde von meinem|holen sie sich outlook|\
    outlook für |envoyé de mon |envoyé depuis |envoyé à partir de|envoyé avec |\
    obtenir outlook|téléchargez outlook|enviado desde |enviado con |enviado do meu |\
    enviado de |enviado a partir|obtener outlook|obter o outlook|inviato da |inviato dal |\
    scarica outlook|verzonden vanaf |verstuurd vanaf |verzonden met |outlook voor |\
    skickat från |sendt fra |lähetetty |wysłane z |wysłano z |odesláno z |odoslané z |\
    iphone'umdan gönderildi|отправлено с |отправлено из |надіслано з |发自我的|發自我的|\
    从我的|iphoneから送信|androidから送信|나의 iphone에서 보냄|내 iphone에서 보냄|أُرسلت من|\
    تم الإرسال من|נשלח מה|trimis de pe|poslano z|изпратено от|στάλθηκε από|küldve |elküldve",
);

/// Folds signatures in the lines that are still visible.
pub(crate) fn fold(lines: &[&str], folded: &mut [bool]) {
    fold_delimited(lines, folded);
    fold_sent_from(lines, folded);
}

fn fold_delimited(lines: &[&str], folded: &mut [bool]) {
    let is_delimiter = |line: &str| matches!(line, "-- " | "--" | "--\u{a0}" | "—" | "— ");
    let is_new = |(line, is_folded): (&&str, &bool)| !is_folded && !line.trim().is_empty();
    let Some(first_new) = lines.iter().zip(folded.iter()).position(is_new) else { return };
    let delimiters = lines.iter().enumerate().rev().filter(|(_, line)| is_delimiter(line));
    let candidates: Vec<usize> = delimiters
        .map(|(at, _)| at)
        .take_while(|at| *at > first_new)
        .take(DELIMITERS_MAX)
        .collect();
    for at in candidates {
        // A signature ends where history begins.
        let below = folded.iter().skip(at);
        let end = at + below.take_while(|is_folded| !**is_folded).count();
        let is_exact = lines.get(at) == Some(&"-- ");
        let most = if is_exact { LINES_MAX } else { LINES_MAX_IN_DOUBT };
        let content = lines.iter().take(end).skip(at + 1).filter(|line| !line.trim().is_empty());
        if content.count() <= most {
            for flag in folded.iter_mut().take(end).skip(at) {
                *flag = true;
            }
        }
    }
}

/// Only the last line counts, and the last before something folded: elsewhere it is said, not
/// added.
fn fold_sent_from(lines: &[&str], folded: &mut [bool]) {
    let last_visible = |folded: &[bool], before: usize| {
        (0..before).rev().find(|at| {
            folded.get(*at) == Some(&false)
                && lines.get(*at).is_some_and(|line| !line.trim().is_empty())
        })
    };
    let first_folded = folded.iter().position(|flag| *flag).unwrap_or(lines.len());
    for before in [lines.len(), first_folded] {
        let Some(at) = last_visible(folded, before) else { continue };
        let is_added = lines.get(at).is_some_and(|line| is_sent_from(line));
        let has_more = last_visible(folded, at).is_some();
        if is_added
            && has_more
            && let Some(flag) = folded.get_mut(at)
        {
            *flag = true;
        }
    }
}

fn is_sent_from(line: &str) -> bool {
    let bare = line.trim().trim_start_matches(['*', '_', '-', '•', '[', '<', ' ']).to_lowercase();
    let is_added = SENT_FROM.begin(&bare);
    bare.len() < 160 && (is_added || bare.ends_with("gönderildi"))
}
