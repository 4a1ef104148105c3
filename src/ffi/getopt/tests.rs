use super::*;
use std::ffi::CString;
use std::sync::MutexGuard;

/// The scan is one for the process: tests take turns, each with a fresh scan.
fn turn() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    *SCAN.lock().unwrap() = START;
    turn
}

struct Words(Vec<CString>);

impl Words {
    fn new(words: &str) -> Words {
        Words(format!("prog {words}").split_whitespace().map(|w| CString::new(w).unwrap()).collect())
    }

    fn next(&self, options: &CStr) -> (c_int, Option<String>) {
        let words: Vec<_> = self.0.iter().map(|w| w.as_ptr().cast_mut()).collect();
        // SAFETY: the words are terminated and live on in self.
        unsafe {
            let result = utils_getopt(words.len() as c_int, words.as_ptr(), options.as_ptr());
            let argument = utils_optarg.load(Ordering::Relaxed);
            (result, ptr::text(argument).map(|text| String::from_utf8(text.to_vec()).unwrap()))
        }
    }

    /// All options as text, such as `l,c=file,-1`.
    fn scan(&self, options: &CStr) -> String {
        let mut seen = Vec::new();
        loop {
            let (result, argument) = self.next(options);
            let argument = argument.map(|a| format!("={a}")).unwrap_or_default();
            if result == -1 {
                seen.push("-1".to_string());
                return seen.join(",");
            }
            seen.push(format!("{}{argument}", char::from(result as u8)));
        }
    }
}

#[test]
fn options_with_and_without_arguments() {
    let _turn = turn();
    for (words, seen) in [
        ("-c file -l", "c=file,l,-1"),
        ("-cfile -l", "c=file,l,-1"),
        ("-lc file", "l,c=file,-1"),
        ("-lcfile", "l,c=file,-1"),
        ("-ll -l", "l,l,l,-1"),
        ("-c -l", "c=-l,-1"),
        ("-l word -l", "l,-1"),
        ("word", "-1"),
        ("", "-1"),
        ("- -l", "-1"),
    ] {
        let words = Words::new(words);
        assert_eq!(words.scan(c"c:l"), seen);
        assert_eq!(words.scan(c"c:l"), seen, "a second scan starts over");
    }
}

#[test]
fn a_double_dash_ends_the_scan_for_good() {
    let _turn = turn();
    let words = Words::new("-l -- -l");
    assert_eq!(words.scan(c"c:l"), "l,-1");
    assert_eq!(words.scan(c"c:l"), "-1");
}

#[test]
fn mistakes() {
    let _turn = turn();
    assert_eq!(Words::new("-x -l").scan(c"c:l"), "?,l,-1");
    assert_eq!(Words::new("-l -c").scan(c"c:l"), "l,?,-1");
    assert_eq!(Words::new("-l -c").scan(c":c:l"), "l,:,-1");
    assert_eq!(Words::new("-x").scan(c":c:l"), "?,-1");
    assert_eq!(Words::new("-:").scan(c":c:l"), "?,-1");
}

#[test]
fn null_is_survived() {
    let _turn = turn();
    let word = [c"prog".as_ptr().cast_mut(), null_mut()];
    // SAFETY: NULL is allowed.
    unsafe {
        assert_eq!(utils_getopt(1, core::ptr::null(), c"l".as_ptr()), -1);
        assert_eq!(utils_getopt(1, word.as_ptr(), core::ptr::null()), -1);
        assert_eq!(utils_getopt(2, word.as_ptr(), c"l".as_ptr()), -1);
        assert_eq!(utils_getopt(-5, word.as_ptr(), c"l".as_ptr()), -1);
    }
}
