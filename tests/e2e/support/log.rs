//! The log of a program: its entries, and the script they are compared with.

use std::collections::BTreeMap;
use std::fmt;

use super::pattern::{Bindings, Pattern};

/// One message. Time and line number are checked for their form and dropped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// `ERR`, `WRN`, `INF` or `DBG`.
    pub level: String,
    pub file: String,
    pub function: String,
    /// May have several lines; without the final CR LF.
    pub text: String,
}

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}: {}", self.level, self.file, self.function, self.text)
    }
}

/// The entries of an output. Lines that start no entry belong to the one before; lines before the first are dropped.
pub fn parse(output: &str) -> Vec<Entry> {
    let mut entries: Vec<Entry> = Vec::new();
    for line in output.split_inclusive('\n') {
        match (head(line), entries.last_mut()) {
            (Some(entry), _) => entries.push(entry),
            (None, Some(last)) => last.text += line,
            (None, None) => {}
        }
    }
    for entry in &mut entries {
        if let Some(text) = entry.text.strip_suffix("\r\n") {
            entry.text.truncate(text.len());
        }
    }
    entries
}

/// `<LVL>|<YYYY-MM-DD hh:mm:ss>|<file>|<function>(<line>): <text>` [log.md §1]
fn head(line: &str) -> Option<Entry> {
    let (level, rest) = line.split_once('|')?;
    let (time, rest) = rest.split_once('|')?;
    let (file, rest) = rest.split_once('|')?;
    let (function, rest) = rest.split_once('(')?;
    let (number, text) = rest.split_once("): ")?;
    let is_time = time.len() == 19
        && time.bytes().zip(*b"0000-00-00 00:00:00").all(|(b, form)| match form {
            b'0' => b.is_ascii_digit(),
            sign => b == sign,
        });
    let is_number = !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit());
    let is_level = ["ERR", "WRN", "INF", "DBG", "DIS"].contains(&level);
    (is_level && is_time && is_number).then(|| Entry {
        level: level.into(),
        file: file.into(),
        function: function.into(),
        text: text.into(),
    })
}

/// What a log has to consist of: chains of entries. Inside a chain the order is fixed; a chain begins when the one it
/// follows has come far enough; chains under way may be mixed. Every entry must belong to a chain, unless it is allowed
/// anywhere.
#[derive(Clone, Default)]
pub struct Script {
    chains: Vec<Chain>,
    anywhere: Vec<Expected>,
}

#[derive(Clone)]
struct Chain {
    name: String,
    lines: Vec<Expected>,
    is_optional: bool,
    /// Chain and number of its lines that come before the first of this one.
    after: Option<(usize, usize)>,
}

/// `LVL file function: text`, with placeholders in all of it.
#[derive(Clone)]
struct Expected {
    text: String,
    pattern: Pattern,
}

impl Expected {
    fn new(text: &str) -> Expected {
        Expected { text: text.into(), pattern: Pattern::new(text) }
    }
}

/// How far a comparison has come.
#[derive(Clone)]
struct State {
    /// Lines found of each chain.
    found: Vec<usize>,
    bound: Bindings,
}

impl Script {
    pub fn new() -> Script {
        Script::default()
    }

    /// A chain that begins when the last required one is complete.
    pub fn then<S: AsRef<str>>(mut self, name: &str, lines: &[S]) -> Script {
        let last = self.chains.iter().rposition(|chain| !chain.is_optional);
        let after = last.map(|at| (at, self.chains[at].lines.len()));
        self.push(name, lines, false, after);
        self
    }

    /// A chain that need not be there; it begins behind the first line of the chain named.
    pub fn maybe<S: AsRef<str>>(mut self, name: &str, behind: &str, lines: &[S]) -> Script {
        let at = self.index(behind);
        self.push(name, lines, true, Some((at, 1)));
        self
    }

    /// A chain that must be there; it begins behind the first line of the chain named.
    pub fn during<S: AsRef<str>>(mut self, name: &str, behind: &str, lines: &[S]) -> Script {
        let at = self.index(behind);
        self.push(name, lines, false, Some((at, 1)));
        self
    }

    /// An entry that may be anywhere, any number of times.
    pub fn allow(mut self, line: &str) -> Script {
        self.anywhere.push(Expected::new(line));
        self
    }

    /// The optional chain is required.
    pub fn require(mut self, name: &str) -> Script {
        let at = self.index(name);
        self.chains[at].is_optional = false;
        self
    }

    fn push<S: AsRef<str>>(
        &mut self,
        name: &str,
        lines: &[S],
        is_optional: bool,
        after: Option<(usize, usize)>,
    ) {
        let lines = lines.iter().map(|line| Expected::new(line.as_ref())).collect();
        self.chains.push(Chain { name: name.into(), lines, is_optional, after });
    }

    fn index(&self, name: &str) -> usize {
        let at = self.chains.iter().position(|chain| chain.name == name);
        at.unwrap_or_else(|| panic!("no chain {name}"))
    }

    /// Compares; returns what the labels stand for. Panics with the first entry that does not fit, and all of the log.
    pub fn check(&self, entries: &[Entry]) -> BTreeMap<String, String> {
        self.compare(entries).unwrap_or_else(|why| {
            let log: String = entries.iter().map(|entry| format!("  {entry}\n")).collect();
            panic!("the log differs: {why}\nlog:\n{log}")
        })
    }

    /// As `check`, but the log may go on after all required chains: for programs that are still running.
    pub fn check_beginning(&self, entries: &[Entry]) -> BTreeMap<String, String> {
        let mut last = String::new();
        (1..=entries.len())
            .find_map(|end| self.compare(&entries[..end]).map_err(|why| last = why).ok())
            .unwrap_or_else(|| self.check(entries))
    }

    fn compare(&self, entries: &[Entry]) -> Result<Bindings, String> {
        let texts: Vec<String> = entries.iter().map(Entry::to_string).collect();
        let state = State { found: vec![0; self.chains.len()], bound: Bindings::new() };
        let mut farthest = (0, String::from("it is empty"));
        self.walk(&texts, 0, state, &mut farthest).ok_or(farthest.1)
    }

    fn walk(
        &self,
        texts: &[String],
        at: usize,
        state: State,
        farthest: &mut (usize, String),
    ) -> Option<Bindings> {
        let Some(text) = texts.get(at) else {
            let missing = self.missing(&state);
            if missing.is_none() {
                return Some(state.bound);
            }
            self.note(at, farthest, || {
                format!("it ends, but there should be {}", missing.unwrap_or_default())
            });
            return None;
        };
        if self.anywhere.iter().any(|line| line.pattern.matches(text, &state.bound).is_some()) {
            return self.walk(texts, at + 1, state, farthest);
        }
        for (number, line) in self.open(&state) {
            let Some(bound) = line.pattern.matches(text, &state.bound) else { continue };
            let mut next = State { found: state.found.clone(), bound };
            next.found[number] += 1;
            if let Some(all) = self.walk(texts, at + 1, next, farthest) {
                return Some(all);
            }
        }
        self.note(at, farthest, || {
            let expected: String =
                self.open(&state).map(|(_, line)| format!("\n  expected {}", line.text)).collect();
            format!("entry {} is\n           {text}{expected}", at + 1)
        });
        None
    }

    fn note(&self, at: usize, farthest: &mut (usize, String), why: impl FnOnce() -> String) {
        if at >= farthest.0 {
            *farthest = (at, why());
        }
    }

    /// The next line of every chain under way.
    fn open<'a>(&'a self, state: &'a State) -> impl Iterator<Item = (usize, &'a Expected)> {
        self.chains.iter().enumerate().filter_map(|(number, chain)| {
            let found = state.found[number];
            let may_begin = chain.after.is_none_or(|(before, lines)| state.found[before] >= lines);
            let line = chain.lines.get(found)?;
            (found > 0 || may_begin).then_some((number, line))
        })
    }

    /// A line that is not there: of a required chain, or of an optional one that began.
    fn missing(&self, state: &State) -> Option<String> {
        self.chains.iter().zip(&state.found).find_map(|(chain, found)| {
            let line = chain.lines.get(*found)?;
            (!chain.is_optional || *found > 0).then(|| format!("{} ({})", line.text, chain.name))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log(lines: &[&str]) -> Vec<Entry> {
        parse(&lines.iter().map(|l| format!("DBG|2022-08-11 11:42:50|a.c|f(1): {l}\r\n")).collect::<String>())
    }

    fn script() -> Script {
        Script::new()
            .then("subscribe", &["DBG a.c f: sub ‹num:n›", "DBG a.c f: len:5", "DBG a.c f: ack ‹num:n›"])
            .maybe(
                "again",
                "subscribe",
                &["DBG a.c f: sub ‹num:m›", "DBG a.c f: len:5", "DBG a.c f: ack ‹num:m›"],
            )
            .then("publish", &["DBG a.c f: pub"])
    }

    #[test]
    fn entries_have_lines() {
        let entries =
            parse("noise\r\nDBG|2022-08-11 11:42:50|a.c|f(12): GET /\r\nHost: h\r\n\r\n\r\nINF|x\r\n");
        assert_eq!(entries.len(), 1);
        assert_eq!(entries[0].text, "GET /\r\nHost: h\r\n\r\n\r\nINF|x");
        assert!(head("DBG|2022-08-11 11:42|a.c|f(12): x").is_none());
        assert!(head("DBG|2022-08-11 11:42:50|a.c|f(): x").is_none());
    }

    #[test]
    fn chains_may_mix_but_keep_their_order() {
        let bound = script().check(&log(&["sub 1", "len:5", "ack 1", "pub"]));
        assert_eq!(bound["n"], "1");
        script().check(&log(&["sub 1", "sub 2", "len:5", "ack 1", "len:5", "pub", "ack 2"]));
        script().check(&log(&["sub 1", "len:5", "sub 2", "len:5", "ack 2", "ack 1", "pub"]));
    }

    #[test]
    fn differences_are_found() {
        let bad: [&[&str]; 6] = [
            &["sub 1", "ack 1", "len:5", "pub"],
            &["sub 1", "len:5", "pub", "ack 1"],
            &["sub 1", "len:5", "ack 2", "pub"],
            &["sub 1", "len:5", "ack 1"],
            &["sub 1", "len:5", "ack 1", "pub", "pub"],
            &["sub 1", "sub 2", "len:5", "ack 1", "pub"],
        ];
        for lines in bad {
            assert!(script().compare(&log(lines)).is_err(), "{lines:?}");
        }
        assert!(script().require("again").compare(&log(&["sub 1", "len:5", "ack 1", "pub"])).is_err());
        assert!(script().allow("DBG a.c f: pub").compare(&log(&["pub", "sub 1", "len:5", "ack 1"])).is_err());
    }
}
