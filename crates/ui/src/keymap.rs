//! The keys, as the page that `?` opens lists them.

/// Keys for one kind of work.
#[derive(Debug)]
pub struct KeyGroup {
    pub title: &'static str,
    pub lines: &'static [KeyLine],
}

/// What one key, or one after the other, does.
#[derive(Debug)]
pub struct KeyLine {
    /// The key of its text in the catalogue.
    pub label: &'static str,
    pub keys: &'static [&'static str],
}

const fn line(label: &'static str, keys: &'static [&'static str]) -> KeyLine {
    KeyLine { label, keys }
}

/// Every key has a control that does the same.
pub static KEYMAP: &[KeyGroup] = &[
    KeyGroup {
        title: "keys-move",
        lines: &[
            line("key-next", &["j", "k"]),
            line("key-open", &["↵"]),
            line("key-back", &["u"]),
            line("key-select", &["x"]),
            line("key-pane", &["[", "]"]),
            line("key-panel", &["i"]),
            line("key-filter", &["f"]),
        ],
    },
    KeyGroup {
        title: "keys-act",
        lines: &[
            line("key-reply", &["r"]),
            line("key-note", &["n"]),
            line("key-forward", &["w"]),
            line("key-assign", &["a"]),
            line("key-tags", &["l"]),
            line("key-priority", &["p"]),
            line("key-snooze", &["z"]),
            line("key-resolve", &["e"]),
            line("key-merge", &["m"]),
        ],
    },
    KeyGroup {
        title: "keys-write",
        lines: &[
            line("key-send", &["⌘", "↵"]),
            line("key-send-resolve", &["⌘", "⇧", "↵"]),
            line("key-saved-reply", &["/"]),
            line("key-mention", &["@"]),
            line("key-leave", &["esc"]),
        ],
    },
    KeyGroup {
        title: "keys-anywhere",
        lines: &[
            line("key-palette", &["⌘", "K"]),
            line("key-search", &["/"]),
            line("key-new", &["c"]),
            line("key-go-inbox", &["g", "i"]),
            line("key-go-settings", &["g", "s"]),
            line("key-help", &["?"]),
        ],
    },
];
