//! How to address somebody of whom only a name line is known. Pure.

/// The name to put after "Hi": a given name where the script tells which part that is, the whole
/// name where it does not, and nothing where there is no name.
///
/// Wrong is worse than plain: a company, an address or a single letter gives nothing, and the
/// letter begins without a name.
pub fn given_name(name: &str) -> Option<String> {
    let name = strip(name);
    if name.is_empty() || !is_personal(&name) {
        return None;
    }
    if name.chars().any(is_family_first) {
        // Family name first, no rule to tell where it ends: the whole name is right everywhere.
        return Some(name);
    }
    let given = match name.split_once(',') {
        Some((_, given)) => given.split_whitespace().next()?.to_owned(),
        None => name.split_whitespace().find(|word| !is_title(word))?.to_owned(),
    };
    let letters = given.chars().filter(|c| c.is_alphabetic()).count();
    (letters >= 2).then(|| fix_case(&given))
}

/// The name without quotes, bracketed remarks and blanks around it.
fn strip(name: &str) -> String {
    let mut depth = 0_usize;
    let kept: String = name
        .chars()
        .filter(|c| {
            match c {
                '(' | '[' | '<' => depth += 1,
                ')' | ']' | '>' => {
                    depth = depth.saturating_sub(1);
                    return false;
                }
                _ => {}
            }
            depth == 0 && !matches!(c, '"' | '“' | '”')
        })
        .collect();
    kernel::one_line(kept.trim_matches(|c: char| c == '\'' || c.is_whitespace()))
}

fn is_personal(name: &str) -> bool {
    let lower = name.to_lowercase();
    let words: Vec<&str> = lower.split(|c: char| !c.is_alphanumeric()).collect();
    let company = [
        "ltd",
        "llc",
        "inc",
        "gmbh",
        "ag",
        "sarl",
        "srl",
        "bv",
        "kg",
        "oy",
        "ab",
        "team",
        "support",
        "info",
        "office",
        "sales",
        "admin",
        "studio",
        "company",
        "shop",
        "store",
        "billing",
        "accounts",
        "customer",
        "service",
        "newsletter",
        "noreply",
        "hello",
    ];
    let is_address = name.contains('@') || name.contains("://");
    let has_digits = name.chars().any(|c| c.is_ascii_digit());
    !is_address && !has_digits && !words.iter().any(|word| company.contains(word))
}

fn is_title(word: &str) -> bool {
    let word = word.trim_end_matches('.').to_lowercase();
    ["mr", "mrs", "ms", "miss", "mx", "dr", "prof", "herr", "frau", "sr", "sra", "m", "mme", "ing"]
        .contains(&word.as_str())
}

/// Chinese, Japanese and Korean names.
fn is_family_first(c: char) -> bool {
    matches!(c,
        '\u{3040}'..='\u{30ff}'
        | '\u{3400}'..='\u{9fff}'
        | '\u{ac00}'..='\u{d7af}'
        | '\u{20000}'..='\u{3134f}')
}

/// `DANA` and `dana` become `Dana`; `McKenzie` stays.
fn fix_case(name: &str) -> String {
    let all_upper = name.chars().all(|c| !c.is_lowercase());
    let all_lower = name.chars().all(|c| !c.is_uppercase());
    if !all_upper && !all_lower {
        return name.to_owned();
    }
    let mut fixed = String::with_capacity(name.len());
    let mut starts = true;
    for c in name.chars() {
        if starts {
            fixed.extend(c.to_uppercase());
        } else {
            fixed.extend(c.to_lowercase());
        }
        starts = matches!(c, '-' | '\'' | '’');
    }
    fixed
}
