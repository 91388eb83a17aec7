//! Plain text whose lines were broken for transport only (`format=flowed`, RFC 3676).

/// The text with its paragraphs whole again. Quoted lines flow among lines of the same depth.
pub(crate) fn unflow(text: &str, delete_space: bool) -> String {
    let mut out = String::with_capacity(text.len());
    let mut open: Option<usize> = None;
    for line in text.lines() {
        let quoted = line.trim_start_matches('>');
        let depth = line.len() - quoted.len();
        let content = quoted.strip_prefix(' ').unwrap_or(quoted);
        let is_signature = content == "-- ";
        let continues = open == Some(depth) && !is_signature;
        if !continues {
            if open.is_some() {
                trim_flow(&mut out);
                out.push('\n');
            }
            push_depth(&mut out, depth);
        }
        let flows = content.ends_with(' ') && !is_signature;
        if flows && delete_space {
            out.push_str(content.strip_suffix(' ').unwrap_or(content));
        } else {
            out.push_str(content);
        }
        open = flows.then_some(depth);
        if !flows {
            out.push('\n');
        }
    }
    out
}

/// A paragraph that was to go on and did not.
fn trim_flow(out: &mut String) {
    let end = out.trim_end_matches(' ').len();
    out.truncate(end);
}

fn push_depth(out: &mut String, depth: usize) {
    if depth > 0 {
        out.extend(std::iter::repeat_n('>', depth));
        out.push(' ');
    }
}
