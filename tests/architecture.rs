//! The rules of `docs/architecture.md` that a program can check: arrows between modules only point down, `unsafe` stays at
//! the edges, files stay readable, and nothing speaks of the machine it was written on.
//!
//! Each rule is also tried on text that breaks it, so that a rule which has stopped looking is noticed.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");
const MAX_LINES: usize = 1000;

/// Modules that everybody may use.
const OPEN: [&str; 5] = ["error", "json", "log", "memory", "number"];

/// What else a module may use. Every module of the crate stands here.
const ARROWS: [(&str, &[&str]); 12] = [
    ("ffi", &["services", "client", "transport", "mqtt", "hal"]),
    ("services", &["client", "transport", "mqtt", "hal"]),
    ("client", &["transport", "mqtt", "hal"]),
    ("transport", &["mqtt::stream", "hal"]),
    ("mqtt", &["memory"]),
    ("hal", &["memory"]),
    ("log", &["hal"]),
    ("error", &[]),
    ("json", &["memory"]),
    ("memory", &[]),
    ("number", &[]),
    ("lib", &[]),
];

/// Modules that use nothing of [`OPEN`] but `error`: they would reach upwards, or write log lines from a pure core.
const QUIET: [&str; 7] = ["mqtt", "hal", "log", "error", "json", "memory", "number"];

#[test]
fn arrows_between_modules_only_point_down() {
    let sources = rust_files(&["src"]);
    let wrong: Vec<String> = sources.iter().flat_map(|(path, text)| wrong_arrows(path, text)).collect();
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
    // The rule has really seen the crate.
    for module in ["ffi", "services", "client", "transport", "mqtt", "hal"] {
        assert!(sources.iter().any(|(path, _)| module_path(path)[0] == module), "no file of {module}");
    }
    let arrows: usize = sources.iter().map(|(path, text)| references(path, text).len()).sum();
    assert!(arrows > 100, "only {arrows} references found in src/");
}

#[test]
fn an_upward_arrow_is_caught() {
    let caught = [
        ("src/mqtt/session.rs", "use crate::client::Client;"),
        ("src/mqtt.rs", "use super::hal::clock;"),
        ("src/mqtt/packet.rs", "use super::super::hal::clock;"),
        ("src/mqtt/packet.rs", "mod inner { use super::super::super::hal::clock; }"),
        ("src/mqtt/packet.rs", "use crate::{error::Error, log::log};"),
        ("src/transport/sender.rs", "use crate::mqtt::session::Session;"),
        ("src/transport/sender.rs", "fn f() { crate::client::endpoint::parse() }"),
        ("src/client/run.rs", "use {super::Client, crate::services::{system}};"),
        ("src/hal/net.rs", "use crate::transport;"),
        ("src/error.rs", "use crate::mqtt::packet;"),
        ("src/json.rs", "use crate::log::log;"),
        ("src/client/open.rs", "use crate::newcomer;"),
    ];
    for (path, text) in caught {
        assert_eq!(wrong_arrows(Path::new(path), text).len(), 1, "{path}: {text}");
    }
    let allowed = [
        ("src/ffi/mqtt.rs", "use crate::client::Client;"),
        ("src/transport/receiver.rs", "use crate::mqtt::stream::{Frame, PacketStream};"),
        ("src/transport/websocket/decoder.rs", "use super::closing; use super::super::sender;"),
        ("src/mqtt/packet.rs", "mod inner { use super::super::topic; } use crate::error::Error;"),
        (
            "src/mqtt/packet.rs",
            "// use crate::client::Client;\n/* crate::ffi */ const A: &str = \"crate::ffi\";",
        ),
        ("src/log.rs", "use crate::hal;"),
        ("src/error.rs", "mod tests { use crate::ffi::types::error; }"),
        ("src/json/tests.rs", "use crate::ffi::lite;"),
    ];
    for (path, text) in allowed {
        assert_eq!(wrong_arrows(Path::new(path), text), Vec::<String>::new(), "{path}: {text}");
    }
}

#[test]
fn unsafe_stays_at_the_edges() {
    let inside: Vec<String> = rust_files(&["src", "emulator", "tests", "benches", "fuzz"])
        .iter()
        .filter(|(path, _)| !may_be_unsafe(path) && has_unsafe_code(&tokens(&code(text_of(path)))))
        .map(|(path, _)| path.display().to_string())
        .collect();
    assert!(inside.is_empty(), "unsafe code in {}", inside.join(", "));
    let edge = rust_files(&["src/ffi"]);
    assert!(edge.iter().any(|(_, text)| has_unsafe_code(&tokens(&code(text.clone())))), "ffi without unsafe");
}

#[test]
fn unsafe_code_is_recognised() {
    for text in ["fn f() { unsafe { g() } }", "unsafe impl Send for A {}", "unsafe extern \"C\" { fn f(); }"]
    {
        assert!(has_unsafe_code(&tokens(&code(text.into()))), "{text}");
    }
    for text in
        ["#[unsafe(no_mangle)]", "// unsafe { }", "#![deny(unsafe_code)]", "const A: &str = \"unsafe {\";"]
    {
        assert!(!has_unsafe_code(&tokens(&code(text.into()))), "{text}");
    }
}

#[test]
fn files_stay_readable() {
    let long: Vec<String> = rust_files(&["src", "platform", "emulator", "tests", "benches", "fuzz"])
        .iter()
        .map(|(path, text)| (path, text.lines().count()))
        .filter(|(_, lines)| *lines > MAX_LINES)
        .map(|(path, lines)| format!("{} has {lines} lines", path.display()))
        .collect();
    assert!(long.is_empty(), "more than {MAX_LINES} lines: {}", long.join(", "));
}

#[test]
fn nothing_names_the_machine_it_was_written_on() {
    let files = project_files();
    assert!(files.len() > 100, "only {} files found", files.len());
    let found: Vec<String> = files
        .iter()
        .filter_map(|path| fs::read(Path::new(ROOT).join(path)).ok().map(|bytes| (path, bytes)))
        .flat_map(|(path, bytes)| machine_paths(&bytes).map(|word| format!("{}: {word}", path.display())))
        .collect();
    assert!(found.is_empty(), "\n{}", found.join("\n"));
    let planted = format!("see {}/notes", PRIVATE_PLACES[0].concat());
    assert!(machine_paths(planted.as_bytes()).is_some());
    assert!(machine_paths(b"see docs/notes").is_none());
}

/// Directories of a developer's machine, in halves so that this file passes its own test.
const PRIVATE_PLACES: [[&str; 2]; 2] = [["/wo", "rk/"], ["/ro", "ot/"]];

fn machine_paths(bytes: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(bytes);
    PRIVATE_PLACES.iter().map(|halves| halves.concat()).find(|word| text.contains(word.as_str()))
}

/// A heap that counts cannot be made otherwise.
fn may_be_unsafe(path: &Path) -> bool {
    path.components().any(|part| part.as_os_str() == "ffi")
        || path.starts_with("src/hal")
        || [Path::new("src/hal.rs"), Path::new("tests/websocket_allocations.rs")].contains(&path)
}

/// `unsafe` as a keyword; in `#[unsafe(no_mangle)]` it is part of an attribute and runs no code.
fn has_unsafe_code(tokens: &[String]) -> bool {
    tokens.windows(2).any(|pair| pair[0] == "unsafe" && pair[1] != "(")
}

fn wrong_arrows(path: &Path, text: &str) -> Vec<String> {
    let from = module_path(path)[0].clone();
    references(path, text)
        .into_iter()
        .filter(|to| !is_allowed(&from, to))
        .map(|to| format!("{}: {from} must not use {}", path.display(), to.join("::")))
        .collect()
}

fn is_allowed(from: &str, to: &[String]) -> bool {
    let Some((_, allowed)) = ARROWS.iter().find(|(module, _)| *module == from) else {
        return false;
    };
    let to = to.join("::");
    let within = |module: &str| to == module || to.starts_with(&format!("{module}::"));
    let open: &[&str] = if QUIET.contains(&from) { &OPEN[..1] } else { &OPEN };
    within(from) || open.iter().chain(*allowed).any(|module| within(module))
}

/// All `crate::…` and `super::…` paths in a file as paths from the root of the crate. Modules called `tests` are left
/// out: a unit test may compare with what lies above, for example error numbers with the header.
fn references(path: &Path, text: &str) -> Vec<Vec<String>> {
    let tokens = tokens(&code(text.to_owned()));
    let file = module_path(path);
    let mut scopes: Vec<Option<String>> = Vec::new(); // one per open brace: the name of an inline module
    let mut found = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        let token = tokens[at].as_str();
        let starts_path = matches!(token, "crate" | "super") && tokens.get(at + 1).is_some_and(|t| t == "::");
        match token {
            "{" => {
                let is_module = at >= 2 && tokens[at - 2] == "mod";
                scopes.push(is_module.then(|| tokens[at - 1].clone()));
            }
            "}" => drop(scopes.pop()),
            _ if starts_path => {
                let here = [file.clone(), scopes.iter().flatten().cloned().collect()].concat();
                let mut paths = Vec::new();
                at = read_path(&tokens, at, &here, None, &mut paths);
                if !here.iter().any(|module| module == "tests") {
                    found.extend(paths.into_iter().filter(|path| !path.is_empty()));
                }
                continue;
            }
            _ => {}
        }
        at += 1;
    }
    found
}

/// Reads one path, braces of a use tree included; returns the index behind it.
fn read_path(
    tokens: &[String],
    mut at: usize,
    here: &[String],
    prefix: Option<&[String]>,
    found: &mut Vec<Vec<String>>,
) -> usize {
    let mut path = prefix.map(<[String]>::to_vec);
    loop {
        match tokens.get(at).map(String::as_str) {
            Some("crate") => path = Some(Vec::new()),
            Some("super") => drop(path.get_or_insert_with(|| here.to_vec()).pop()),
            Some("self" | "*") => {}
            Some("{") => {
                at += 1;
                while tokens.get(at).is_some_and(|token| token != "}") {
                    at = if tokens[at] == "," {
                        at + 1
                    } else {
                        read_path(tokens, at, here, path.as_deref(), found)
                    };
                }
                return at + 1;
            }
            Some(name) => path.get_or_insert_default().push(name.to_owned()),
            None => return at,
        }
        at += 1;
        if tokens.get(at).is_none_or(|token| token != "::") {
            found.extend(path);
            return at;
        }
        at += 1;
    }
}

/// `src/client/open.rs` is `client::open`, `src/lib.rs` is `lib`.
fn module_path(path: &Path) -> Vec<String> {
    let relative = path.strip_prefix("src").unwrap_or(path).with_extension("");
    let parts = relative.components().map(|part| part.as_os_str().to_string_lossy().into_owned());
    parts.filter(|part| part != "mod").collect()
}

/// Identifiers, `::` and single signs.
fn tokens(code: &str) -> Vec<String> {
    let mut tokens: Vec<String> = Vec::new();
    let mut rest = code.trim_start();
    while let Some(first) = rest.chars().next() {
        let is_word = |c: char| c.is_alphanumeric() || c == '_';
        let len = if is_word(first) {
            rest.find(|c| !is_word(c)).unwrap_or(rest.len())
        } else if rest.starts_with("::") {
            2
        } else {
            first.len_utf8()
        };
        tokens.push(rest[..len].to_owned());
        rest = rest[len..].trim_start();
    }
    tokens
}

/// The text without comments, strings and character literals.
fn code(text: String) -> String {
    let mut out = String::new();
    let mut rest = text.as_str();
    while let Some(first) = rest.chars().next() {
        let (skip, keep) = literal_or_comment(rest).map_or((first.len_utf8(), true), |skip| (skip, false));
        out.push_str(if keep { &rest[..skip] } else { " " });
        rest = &rest[skip..];
    }
    out
}

/// Length of the comment or literal that `rest` begins with.
fn literal_or_comment(rest: &str) -> Option<usize> {
    let end_of =
        |start: usize, end: &str| rest[start..].find(end).map_or(rest.len(), |at| start + at + end.len());
    let raw_hashes = |start: usize| rest[start..].bytes().take_while(|b| *b == b'#').count();
    if rest.starts_with("//") {
        return Some(rest.find('\n').unwrap_or(rest.len()));
    }
    if rest.starts_with("/*") {
        return Some(end_of(2, "*/"));
    }
    if rest.starts_with("r\"") || (rest.starts_with("r#") && rest[1 + raw_hashes(1)..].starts_with('"')) {
        let hashes = raw_hashes(1);
        return Some(end_of(2 + hashes, &format!("\"{}", "#".repeat(hashes))));
    }
    if rest.starts_with('"') {
        return Some(end_of_quoted(rest, '"'));
    }
    // A character literal, not a lifetime.
    let mut chars = rest.chars();
    match (chars.next(), chars.next(), chars.next()) {
        (Some('\''), Some('\\'), _) => Some(end_of_quoted(rest, '\'')),
        (Some('\''), Some(inner), Some('\'')) => Some(2 + inner.len_utf8()),
        _ => None,
    }
}

fn end_of_quoted(rest: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, c) in rest.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            c if c == quote => return at + c.len_utf8(),
            _ => {}
        }
    }
    rest.len()
}

/// Rust files below the given directories, with their text; paths are relative to the root.
fn rust_files(directories: &[&str]) -> Vec<(PathBuf, String)> {
    let is_wanted = |path: &PathBuf| {
        path.extension().is_some_and(|e| e == "rs") && directories.iter().any(|dir| path.starts_with(dir))
    };
    project_files().into_iter().filter(is_wanted).map(|path| (path.clone(), text_of(&path))).collect()
}

fn text_of(path: &Path) -> String {
    fs::read_to_string(Path::new(ROOT).join(path)).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// The tracked files that are still there; without a repository, as in a source archive, all files.
fn project_files() -> Vec<PathBuf> {
    let git = Command::new("git").args(["-C", ROOT, "ls-files", "-z"]).output();
    let listed = git.ok().filter(|done| done.status.success()).map(|done| done.stdout).unwrap_or_default();
    let tracked: Vec<PathBuf> = String::from_utf8_lossy(&listed)
        .split_terminator('\0')
        .map(PathBuf::from)
        .filter(|path| Path::new(ROOT).join(path).is_file())
        .collect();
    if tracked.is_empty() { files_below(Path::new("")) } else { tracked }
}

fn files_below(directory: &Path) -> Vec<PathBuf> {
    const GENERATED: [&str; 5] = [".git", "target", "build", "output", "node_modules"];
    let entries = fs::read_dir(Path::new(ROOT).join(directory)).expect("reading a directory of the project");
    entries
        .map(|entry| entry.expect("an entry of the directory"))
        .filter(|entry| !GENERATED.iter().any(|name| entry.file_name() == *name))
        .flat_map(|entry| {
            let path = directory.join(entry.file_name());
            if entry.path().is_dir() { files_below(&path) } else { vec![path] }
        })
        .collect()
}
