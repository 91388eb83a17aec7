//! Makes the static files ready to serve: joins the style sheets, takes out what only people read,
//! compresses, and names the whole after what is in it. Writes the table that `src/assets.rs` has.

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs};

use flate2::Compression;
use flate2::write::GzEncoder;
use sha2::{Digest, Sha256};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// The path under the version, and what is served there.
type Files = BTreeMap<String, Vec<u8>>;

const ENTRY: &str = "js/app.js";
/// What the inbox fetches on top, because it has one of each.
const INBOX: [&str; 4] = ["ticket-list", "thread", "reply-composer", "sla-clock"];
const VENDOR: &str = "js/vendor/";

fn main() -> Result<()> {
    println!("cargo:rerun-if-changed=assets");
    println!("cargo:rerun-if-changed=build.rs");
    // Cargo runs this in the folder of the crate.
    let assets = Path::new("assets");
    let out = PathBuf::from(env::var_os("OUT_DIR").ok_or("Cargo says where to write")?);

    let mut files = Files::new();
    collect(assets, "", &mut files)?;
    files.insert("app.css".to_owned(), style_sheet(&assets.join("css"))?.into_bytes());
    for (path, bytes) in &mut files {
        if extension_of(path) == "js" && !path.starts_with(VENDOR) {
            let source = std::str::from_utf8(bytes)?;
            *bytes = lighter_script(source).map_err(|why| format!("{path}: {why}"))?.into_bytes();
        }
    }
    let version = version_of(&files);
    let preload = modules_from(vec![ENTRY.to_owned()], &files)?;
    let entries = INBOX.iter().map(|name| format!("js/elements/{name}.js")).collect();
    let inbox: Vec<_> =
        modules_from(entries, &files)?.into_iter().filter(|path| !preload.contains(path)).collect();

    let mut table = constants(&version, &preload, &inbox)?;
    table.push_str(&write_files(&out, &files)?);
    fs::write(out.join("assets.rs"), table)?;
    Ok(())
}

/// Everything under the folder but the style sheets, which are joined instead.
fn collect(folder: &Path, prefix: &str, files: &mut Files) -> Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry
            .file_name()
            .into_string()
            .map_err(|name| format!("{} is not UTF-8", name.display()))?;
        let path = format!("{prefix}{name}");
        if entry.file_type()?.is_dir() {
            if path != "css" {
                collect(&entry.path(), &format!("{path}/"), files)?;
            }
        } else {
            files.insert(path, fs::read(entry.path())?);
        }
    }
    Ok(())
}

/// `app.css` says the order; its imports become what they import.
fn style_sheet(folder: &Path) -> Result<String> {
    let mut css = String::new();
    for line in fs::read_to_string(folder.join("app.css"))?.lines() {
        match line.strip_prefix("@import url(\"").and_then(|rest| rest.strip_suffix("\");")) {
            Some(name) => css.push_str(&fs::read_to_string(folder.join(name))?),
            None => css.push_str(line),
        }
        css.push('\n');
    }
    // The joined sheet is one folder up from where the parts are.
    Ok(smaller_style(&css).replace("url(\"../", "url(\""))
}

/// A style sheet without comments and without white space that means nothing.
fn smaller_style(css: &str) -> String {
    let mut small = String::with_capacity(css.len());
    let mut rest = css;
    let mut is_spaced = false;
    while let Some(c) = rest.chars().next() {
        if let Some(comment) = rest.strip_prefix("/*") {
            rest = comment.split_once("*/").map_or("", |(_, after)| after);
            is_spaced = true;
            continue;
        }
        if c.is_whitespace() {
            rest = rest.trim_start();
            is_spaced = true;
            continue;
        }
        if is_spaced
            && !small.ends_with(['{', '}', ';', ',', '(', ':', '>', '~'])
            && !matches!(c, '{' | '}' | ';' | ',' | ')' | '>' | '~')
            && !small.is_empty()
        {
            small.push(' ');
        }
        is_spaced = false;
        if c == '}' && small.ends_with(';') {
            small.pop();
        }
        let token = if matches!(c, '"' | '\'') { quoted(rest, c) } else { c.len_utf8() };
        let (now, after) = rest.split_at(token);
        small.push_str(now);
        rest = after;
    }
    small
}

/// How long a string in quotes is, quotes included.
fn quoted(text: &str, quote: char) -> usize {
    let mut is_escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            _ if is_escaped => is_escaped = false,
            '\\' => is_escaped = true,
            _ if c == quote => return at + c.len_utf8(),
            _ => {}
        }
    }
    text.len()
}

/// A script without indentation, empty lines and lines that are nothing but a comment. Text that
/// goes over several lines would suffer, so there is none.
fn lighter_script(source: &str) -> Result<String> {
    let mut light = String::with_capacity(source.len());
    let mut is_comment = false;
    for (number, line) in source.lines().enumerate() {
        let line = line.trim();
        is_comment = is_comment || line.starts_with("/*");
        if is_comment {
            is_comment = !line.ends_with("*/");
            continue;
        }
        if line.is_empty() || line.starts_with("//") {
            continue;
        }
        if line.matches('`').count() % 2 == 1 {
            return Err(format!("line {} has half of a template literal", number + 1).into());
        }
        light.push_str(line);
        light.push('\n');
    }
    Ok(light)
}

/// One name for all of it: when a byte changes, every address does.
fn version_of(files: &Files) -> String {
    let mut hash = Sha256::new();
    for (path, bytes) in files {
        hash.update(path);
        hash.update([0]);
        hash.update(Sha256::digest(bytes));
    }
    hash.finalize().iter().take(6).fold(String::new(), |mut name, byte| {
        let _ = write!(name, "{byte:02x}");
        name
    })
}

/// Modules and all that they import, so that a page can ask for them at once.
fn modules_from(mut open: Vec<String>, files: &Files) -> Result<Vec<String>> {
    let mut found = BTreeSet::new();
    while let Some(path) = open.pop() {
        if !found.insert(path.clone()) {
            continue;
        }
        let bytes = files.get(&path).ok_or_else(|| format!("{path} is imported but not there"))?;
        let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
        for line in std::str::from_utf8(bytes)?.lines().filter(|line| line.starts_with("import ")) {
            let target = line.split('"').nth(1).ok_or("an import without an address")?;
            open.push(resolve(folder, target));
        }
    }
    Ok(found.into_iter().collect())
}

fn resolve(folder: &str, target: &str) -> String {
    let mut parts: Vec<&str> = folder.split('/').collect();
    for part in target.split('/') {
        match part {
            "." => {}
            ".." => drop(parts.pop()),
            name => parts.push(name),
        }
    }
    parts.join("/")
}

fn constants(version: &str, preload: &[String], inbox: &[String]) -> Result<String> {
    let mut table =
        format!("/// Changes with every byte.\nconst VERSION: &str = \"{version}\";\n\n");
    let lists = [
        ("PRELOAD", "The modules that every page runs, for `modulepreload`.", preload),
        ("PRELOAD_INBOX", "What the inbox runs besides.", inbox),
    ];
    for (name, why, paths) in lists {
        writeln!(table, "/// {why}\npub const {name}: &[&str] = &[")?;
        for path in paths {
            writeln!(table, "    \"/assets/{version}/{path}\",")?;
        }
        table.push_str("];\n\n");
    }
    Ok(table)
}

/// Writes every file in every coding that makes it smaller, and gives the table of them.
fn write_files(out: &Path, files: &Files) -> Result<String> {
    let folder = out.join("assets");
    fs::create_dir_all(&folder)?;
    let mut table = "static FILES: &[File] = &[\n".to_owned();
    for (number, (path, bytes)) in files.iter().enumerate() {
        let content_type = content_type_of(path)?;
        fs::write(folder.join(format!("{number}.raw")), bytes)?;
        let is_text = content_type.contains("utf-8") || content_type.contains("xml");
        let include = |extension: &str, squeezed: Vec<u8>| -> Result<String> {
            if !is_text || squeezed.len() >= bytes.len() {
                return Ok("None".to_owned());
            }
            fs::write(folder.join(format!("{number}.{extension}")), squeezed)?;
            Ok(format!("Some({})", included(number, extension)))
        };
        let gzip = include("gz", gzip(bytes)?)?;
        let brotli = include("br", brotli(bytes)?)?;
        let raw = included(number, "raw");
        writeln!(
            table,
            "    File {{ path: \"{path}\", content_type: \"{content_type}\", raw: {raw}, \
             gzip: {gzip}, brotli: {brotli} }},"
        )?;
    }
    table.push_str("];\n");
    Ok(table)
}

fn included(number: usize, extension: &str) -> String {
    format!("include_bytes!(concat!(env!(\"OUT_DIR\"), \"/assets/{number}.{extension}\"))")
}

fn extension_of(path: &str) -> &str {
    path.rsplit_once('.').map_or("", |(_, extension)| extension)
}

fn content_type_of(path: &str) -> Result<&'static str> {
    Ok(match extension_of(path) {
        "css" => "text/css; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "woff2" => "font/woff2",
        "txt" => "text/plain; charset=utf-8",
        _ => return Err(format!("what is {path}? Say it in build.rs").into()),
    })
}

fn gzip(bytes: &[u8]) -> Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes)?;
    Ok(encoder.finish()?)
}

fn brotli(bytes: &[u8]) -> Result<Vec<u8>> {
    let mut squeezed = Vec::new();
    let mut encoder = brotli::CompressorWriter::new(&mut squeezed, 4096, 11, 22);
    encoder.write_all(bytes)?;
    encoder.flush()?;
    drop(encoder);
    Ok(squeezed)
}
