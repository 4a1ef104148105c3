use super::*;
use crate::log::{Level, MAX_LOG_MSG_LEN, Payload, g_log_print_level, log};
use std::cell::RefCell;
use std::ffi::CString;
use std::fmt;
use std::ptr::{null, null_mut};
use std::sync::MutexGuard;

unsafe extern "C" {
    fn IOT_Log_Gen(
        file: *const c_char,
        func: *const c_char,
        line: c_int,
        level: c_int,
        fmt: *const c_char,
        ...
    );
}

thread_local! {
    /// Lines of this thread: other tests log meanwhile.
    static LINES: RefCell<Vec<Vec<u8>>> = const { RefCell::new(Vec::new()) };
}

unsafe extern "C" fn collect(line: *const c_char) -> bool {
    // SAFETY: the line is terminated.
    let line = unsafe { CStr::from_ptr(line) }.to_bytes().to_vec();
    LINES.with_borrow_mut(|lines| lines.push(line));
    log!(Level::Error, "inside.c", "handler", "must not come back");
    // SAFETY: texts are terminated.
    unsafe { IOT_Log_Gen(c"inside.c".as_ptr(), c"handler".as_ptr(), 1, 1, c"nor this".as_ptr()) };
    true
}

/// The level and the handler are the process's: tests take turns, and lines are those of the turn's thread.
struct Turn(#[allow(dead_code)] MutexGuard<'static, ()>);

impl Turn {
    fn new(level: u32) -> Turn {
        let turn = crate::log::TURN.lock().unwrap_or_else(PoisonError::into_inner);
        LINES.take();
        IOT_Log_Set_Level(level);
        IOT_Log_Set_MessageHandler(Some(collect));
        Turn(turn)
    }

    fn line(&self) -> Vec<u8> {
        let lines = LINES.take();
        assert_eq!(lines.len(), 1, "{lines:?}");
        lines.into_iter().next().unwrap()
    }

    fn text(&self) -> String {
        String::from_utf8(self.line()).unwrap()
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        IOT_Log_Set_MessageHandler(None);
        IOT_Log_Set_Level(3);
    }
}

fn generate(file: &str, func: &str, line: c_int, level: c_int, text: &[u8]) {
    let [file, func, text] = [file.as_bytes(), func.as_bytes(), text].map(|s| CString::new(s).unwrap());
    // SAFETY: all texts are terminated, and the format takes one of them.
    unsafe { IOT_Log_Gen(file.as_ptr(), func.as_ptr(), line, level, c"%s".as_ptr(), text.as_ptr()) }
}

/// `<LVL>|<time>|<rest>`: the rest, after a look at the time.
fn rest<'a>(line: &'a str, level: &str) -> &'a str {
    let (time, rest) = line.strip_prefix(level).unwrap().strip_prefix('|').unwrap().split_once('|').unwrap();
    let digits: String = time.chars().map(|c| if c.is_ascii_digit() { '9' } else { c }).collect();
    assert_eq!(digits, "9999-99-99 99:99:99");
    rest
}

#[test]
fn a_line_of_the_library() {
    let turn = Turn::new(3);
    let at = line!() + 1;
    log!(Level::Info, "qcloud_iot_device.c", "iot_device_info_set", "SDK_Ver: {}, {}", "3.3.0", 7);
    let expected = format!("qcloud_iot_device.c|iot_device_info_set({at}): SDK_Ver: 3.3.0, 7\r\n");
    assert_eq!(rest(&turn.text(), "INF"), expected);
}

#[test]
fn a_line_of_a_program() {
    let turn = Turn::new(4);
    generate("/home/x/app.c", "main", 12, 4, b"two\nlines, 100 %");
    assert_eq!(rest(&turn.text(), "DBG"), "app.c|main(12): two\nlines, 100 %\r\n");
    generate("app.c", "main", -1, 1, "".as_bytes());
    assert_eq!(rest(&turn.text(), "ERR"), "app.c|main(-1): \r\n");
}

#[test]
fn levels_outside_the_enumeration_count_as_the_nearest() {
    let turn = Turn::new(4);
    for (level, name) in
        [(-7, "DIS"), (0, "DIS"), (1, "ERR"), (2, "WRN"), (3, "INF"), (4, "DBG"), (99, "DBG")]
    {
        generate("a.c", "f", 1, level, b"x");
        assert_eq!(rest(&turn.text(), name), "a.c|f(1): x\r\n");
    }
}

#[test]
fn the_level_decides_before_anything_is_formatted() {
    let turn = Turn::new(2);
    struct Unprintable;
    impl fmt::Display for Unprintable {
        fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
            panic!("a disabled message was formatted")
        }
    }
    log!(Level::Info, "a.c", "f", "{}", Unprintable);
    generate("a.c", "f", 1, 3, b"x");
    assert!(LINES.take().is_empty());
    log!(Level::Warn, "a.c", "f", "x");
    assert!(turn.text().starts_with("WRN|"));
    IOT_Log_Set_Level(0);
    log!(Level::Error, "a.c", "f", "x");
    assert!(LINES.take().is_empty());
    generate("a.c", "f", 1, 0, b"level 0 is printed even then");
    assert!(turn.text().starts_with("DIS|"));
}

#[test]
fn programs_may_assign_the_variable() {
    let turn = Turn::new(1);
    g_log_print_level.store(4, Ordering::Relaxed);
    assert_eq!(IOT_Log_Get_Level(), 4);
    log!(Level::Debug, "a.c", "f", "x");
    assert!(turn.text().starts_with("DBG|"));
}

#[test]
fn a_long_line_has_1022_bytes() {
    let turn = Turn::new(3);
    generate("a.c", "f", 1, 3, &[b'x'; 5000]);
    let line = turn.line();
    assert_eq!(line.len(), 1022);
    assert!(line.ends_with(b"xx\r\n"));
    log!(Level::Info, "a.c", "f", "{}", "x".repeat(5000));
    assert_eq!(turn.line().len(), 1022);
    for names in [("f".repeat(2000), "g".repeat(2000)), ("f".into(), "g".repeat(2000))] {
        generate(&names.0, &names.1, 1, 3, b"text");
        let line = turn.line();
        assert_eq!(line.len(), 1022, "long names do not overrun");
        assert!(line.ends_with(b"\r\n"));
    }
}

#[test]
fn a_line_is_cut_between_characters() {
    let turn = Turn::new(3);
    for text in ["é", "中", "𝄞", "x"] {
        for shift in 0..4 {
            let text = format!("{}{}", "y".repeat(shift), text.repeat(1100 / text.len()));
            generate("a.c", "f", 1, 3, text.as_bytes());
            let by_c = turn.text();
            assert!((1019..=1022).contains(&by_c.len()), "{}", by_c.len());
            log!(Level::Info, "a.c", "f", "{text}");
            assert!((1019..=1022).contains(&turn.text().len()));
        }
    }
    generate("a.c", "f", 1, 3, &[0xA4; 3000]);
    assert!((1019..=1022).contains(&turn.line().len()), "other encodings are cut too");
}

#[test]
fn the_handler_decides_whether_a_line_is_printed_and_may_be_removed() {
    let turn = Turn::new(3);
    log!(Level::Info, "a.c", "f", "to the handler");
    assert!(turn.text().ends_with("to the handler\r\n"));
    IOT_Log_Set_MessageHandler(None);
    log!(Level::Info, "a.c", "f", "to standard output");
    assert!(LINES.take().is_empty());
}

#[test]
fn a_value_that_panics_leaves_the_thread_able_to_log() {
    let turn = Turn::new(3);
    struct Broken;
    impl fmt::Display for Broken {
        fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
            panic!("on purpose")
        }
    }
    let caught = std::panic::catch_unwind(|| log!(Level::Info, "a.c", "f", "{}", Broken));
    assert!(caught.is_err());
    log!(Level::Info, "a.c", "f", "next");
    assert!(turn.text().ends_with("next\r\n"));
}

#[test]
fn payloads_are_shown_as_one_line_of_text() {
    let shown = |bytes: &[u8]| Payload(bytes).to_string();
    assert_eq!(shown(b"{\"a\": 1}"), "{\"a\": 1}");
    assert_eq!(shown("中é".as_bytes()), "中é");
    assert_eq!(shown(b"a\r\n\t\0\x1b\x7f"), "a\\r\\n\\t\\x00\\x1b\\x7f");
    assert_eq!(shown(b"\xff\xc3"), "\\xff\\xc3");
    assert_eq!(shown("\u{85}".as_bytes()), "\\x85");
    assert_eq!(shown(b""), "");
    assert!(shown(&vec![b'x'; 64 * 1024]).len() <= MAX_LOG_MSG_LEN);
}

#[test]
fn null_is_survived() {
    let turn = Turn::new(3);
    // SAFETY: NULL is allowed.
    unsafe {
        IOT_Log_Gen(null(), null(), 1, 3, c"x".as_ptr());
        assert_eq!(rest(&turn.text(), "INF"), "|(1): x\r\n");
        IOT_Log_Gen(c"a.c".as_ptr(), c"f".as_ptr(), 1, 3, null());
    }
    assert!(LINES.take().is_empty());
    assert_eq!(IOT_Log_Init_Uploader(null_mut()), 0);
    assert_eq!(IOT_Log_Upload(true), 0);
    IOT_Log_Fini_Uploader();
    let upload = IOT_Log_Get_Upload_Level();
    IOT_Log_Set_Upload_Level(2);
    assert_eq!(IOT_Log_Get_Upload_Level(), 2);
    IOT_Log_Set_Upload_Level(upload);
}
