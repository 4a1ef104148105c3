use super::*;

fn get(text: &str, path: &str) -> Option<String> {
    value_of(path.as_bytes(), text.as_bytes()).map(|v| String::from_utf8(v.to_vec()).unwrap())
}

fn list(text: &[u8]) -> Vec<String> {
    let mut list = Vec::new();
    let mut add = |key: &[u8]| {
        list.push(String::from_utf8_lossy(key).into_owned());
        Ok(())
    };
    keys(text, &mut add).unwrap();
    list
}

#[test]
fn every_kind_of_value() {
    for (text, path, value) in [
        (r#"{"a":"x"}"#, "a", Some("x")),
        (r#"{"a":{"b":{"c":"d"}}}"#, "a.b.c", Some("d")),
        (r#"{"a":[1,2,{"k":3}]}"#, "a", Some(r#"[1,2,{"k":3}]"#)),
        (r#"{"a":5}"#, "a.b", None),
        (r#"{"a":""}"#, "a", None),
        (r#"{"a":True}"#, "a", None),
        (r#"{"a":1.2.3}"#, "a", Some("1.2.3")),
        (r#"{"a":+5}"#, "a", Some("5")),
        (r#" {"a":1}"#, "a", Some("1")),
        (r#"{"a":"x\"y\n\u4e2d"}"#, "a", Some(r#"x\"y\n\u4e2d"#)),
        (r#"{"a":true,"b":TRUE,"c":false,"d":FALSE}"#, "d", Some("FALSE")),
        (r#"{"a":null,"b":NULL}"#, "b", Some("NULL")),
        (r#"{"a":null}"#, "a", Some("null")),
        (r#"{"a": { } , "b" : [ ] }"#, "a", Some("{ }")),
        (r#"{"a": { } , "b" : [ ] }"#, "b", Some("[ ]")),
        (r#"{"a":1e5,"b":-3e-2}"#, "a", Some("1e5")),
        (r#"{"a":1e5,"b":-3e-2}"#, "b", Some("-3e-2")),
        (r#"{"a":010}"#, "a", Some("010")),
    ] {
        assert_eq!(get(text, path).as_deref(), value, "{path} in {text}");
    }
}

/// The original finds or loses members in these (lite.md §2, its defects 1 to 6).
#[test]
fn what_the_original_gets_wrong() {
    assert_eq!(get(r#"{"a":{"x":1},"b":2}"#, "a.b"), None);
    assert_eq!(get(r#"{"a":{"b":"}"},"b":3}"#, "a").as_deref(), Some(r#"{"b":"}"}"#));
    assert_eq!(get(r#"{"a":{"b":"}"},"b":3}"#, "b").as_deref(), Some("3"));
    assert_eq!(get(r#"{"a":"x\\","b":3}"#, "b").as_deref(), Some("3"));
    assert_eq!(get("\n\t\r {\"a\":1}", "a").as_deref(), Some("1"));
    assert_eq!(get("\u{feff}{\"a\":1}", "a").as_deref(), Some("1"));
    assert_eq!(get(r#"{"x":nul,"a":1}"#, "a"), None);
}

#[test]
fn names() {
    assert_eq!(get(r#"{"a":1,"a":2}"#, "a").as_deref(), Some("1"), "the first of equal names");
    assert_eq!(get(r#"{"a":1,"a":{"b":2}}"#, "a.b"), None, "the first of equal names");
    assert_eq!(get(r#"{"A":1}"#, "a"), None);
    assert_eq!(get(r#"{"a.b":1}"#, "a.b"), None, "a name with a dot");
    for path in ["", ".", "a.", ".a", "a..b"] {
        assert_eq!(get(r#"{"":{"":1},"a":{"":{"b":1}}}"#, path), None, "{path:?}");
    }
    assert_eq!(get(r#"{"a":[{"b":1}]}"#, "a.b"), None, "arrays are not entered");
}

#[test]
fn cut_off_documents() {
    for text in [
        r#"{"a":"unterminated"#,
        r#"{"a":12"#,
        r#"{"a":{"b":1"#,
        r#"{"a""#,
        r#"{"a":"#,
        r#"{"a":"x\"#,
        "{",
        "",
    ] {
        assert_eq!(get(text, "a"), None, "{text}");
    }
    assert_eq!(get(r#"{"a":"x""#, "a").as_deref(), Some("x"));
    assert_eq!(get(r#"{"a":{"b":"x""#, "a.b").as_deref(), Some("x"));
    assert_eq!(get(r#"{"a":1,"b"#, "a").as_deref(), Some("1"));
    assert_eq!(get(r#"{"a":1} trailing {"#, "a").as_deref(), Some("1"));
}

#[test]
fn malformed_text_before_the_member() {
    for text in [
        r#"["a",1]"#,
        r#"x{"a":1}"#,
        r#"{,"a":1}"#,
        r#"{"x":1 "a":1}"#,
        r#"{"x":1,,"a":1}"#,
        r#"{"x" 1,"a":1}"#,
        r#"{x:1,"a":1}"#,
        r#"{'x':1,"a":1}"#,
        r#"{"x":[1,],"a":1}"#,
        r#"{"x":[1 2],"a":1}"#,
        r#"{"x":{"y":1,},"a":1}"#,
        r#"{"x":"\q","a":1}"#,
        r#"{"x":"\u12g4","a":1}"#,
        "{\"x\":\"\n\",\"a\":1}",
        r#"{"x":-,"a":1}"#,
        r#"{"x":1e,"a":1}"#,
        r#"{"x":1a,"a":1}"#,
    ] {
        assert_eq!(get(text, "a"), None, "{text}");
        assert!(list(text.as_bytes()).iter().all(|key| key != "a"), "{text}");
    }
}

#[test]
fn depth_has_a_limit() {
    let nested = |levels: usize| format!("{{\"a\":{}1{},\"b\":2}}", "[".repeat(levels), "]".repeat(levels));
    assert_eq!(get(&nested(63), "b").as_deref(), Some("2"));
    assert_eq!(get(&nested(64), "b"), None);
    let bottomless = "{\"a\":".repeat(100_000);
    assert_eq!(get(&bottomless, "b"), None);
    assert_eq!(get(&bottomless, &["a"; 1000].join(".")), None);
    assert_eq!(list(bottomless.as_bytes()).len(), 63);
}

#[test]
fn the_keys_of_an_object() {
    let text = br#"{"a":1,"b":{"c":2,"d":{"e":3}},"f":[1,{"g":1}],"h":"","i":null,"j":{}}"#;
    assert_eq!(list(text), ["a", "b", "b.c", "b.d", "b.d.e", "f", "i", "j"]);
    for text in ["{}", "[1]", "7", "", "x"] {
        assert!(list(text.as_bytes()).is_empty(), "{text}");
    }
    assert_eq!(list(br#"{"a":1,"b":{"c":2,"d":x}"#), ["a", "b", "b.c"]);
}

#[test]
fn a_complete_object_and_nothing_else() {
    for text in ["{}", " \t{ }\r\n", "\u{feff}{}", r#"{"a":{"b":[1,"}",null]},"c":"x"}"#] {
        assert!(is_object(text.as_bytes()), "{text}");
    }
    for text in [
        "",
        "[]",
        "7",
        "null",
        "{",
        "{}x",
        "{}{}",
        r#"{"a":1"#,
        r#"{"a":1,}"#,
        r#"{"a"}"#,
        r#"{"a":x}"#,
        r#"{a:1}"#,
    ] {
        assert!(!is_object(text.as_bytes()), "{text}");
    }
}

/// SplitMix64: all that tests need of a random source.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (z ^ (z >> 31)) % limit
    }

    fn text(&mut self) -> String {
        let alphabet: Vec<char> = "ab{}[]\",:\\/ \n\u{7f}é中𝄞0".chars().collect();
        (0..self.below(6)).map(|_| alphabet[self.below(alphabet.len() as u64) as usize]).collect()
    }

    fn value(&mut self, depth: u64) -> serde_json::Value {
        match self.below(if depth < 5 { 9 } else { 6 }) {
            0 => serde_json::Value::Null,
            1 => (self.below(2) == 0).into(),
            2 => (self.below(2000) as i64 - 1000).into(),
            3 => (self.below(1 << 30) as f64 / 8.0).into(),
            4 | 5 => self.text().into(),
            6 => (0..self.below(4)).map(|_| self.value(depth + 1)).collect(),
            _ => self.object(depth + 1),
        }
    }

    fn object(&mut self, depth: u64) -> serde_json::Value {
        let name = |random: &mut Random| {
            ["a", "b", "cc", "d e", "é", "f\"", "{"][random.below(7) as usize].to_string()
        };
        (0..self.below(5)).map(|_| (name(self), self.value(depth))).collect::<serde_json::Map<_, _>>().into()
    }
}

/// Path and value of every member that the scanner can reach, as another implementation sees them.
fn members(object: &serde_json::Value, path: &str, found: &mut Vec<(String, serde_json::Value)>) {
    for (name, value) in object.as_object().unwrap() {
        let quoted = serde_json::to_string(name).unwrap();
        let path = format!("{path}{}", &quoted[1..quoted.len() - 1]);
        if value != "" {
            found.push((path.clone(), value.clone()));
        }
        if value.is_object() {
            members(value, &format!("{path}."), found);
        }
    }
}

#[test]
fn agrees_with_another_implementation_on_random_documents() {
    let mut random = Random(7);
    for round in 0..if cfg!(miri) { 20 } else { 10_000 } {
        let document = random.object(0);
        let text = match round % 2 {
            0 => serde_json::to_string(&document).unwrap(),
            _ => serde_json::to_string_pretty(&document).unwrap(),
        };
        let mut expected = Vec::new();
        members(&document, "", &mut expected);
        let paths: Vec<_> = expected.iter().map(|(path, _)| path.clone()).collect();
        assert_eq!(list(text.as_bytes()), paths, "{text}");
        for (path, value) in &expected {
            let found = find(path.as_bytes(), text.as_bytes()).unwrap_or_else(|| panic!("{path} in {text}"));
            let raw = std::str::from_utf8(found.text).unwrap();
            let raw = if found.kind == Kind::String { format!("\"{raw}\"") } else { raw.to_string() };
            assert_eq!(&serde_json::from_str::<serde_json::Value>(&raw).unwrap(), value, "{path} in {text}");
            assert!(get(&text, &format!("{path}.zz")).is_none());
        }
        assert_eq!(get(&text, "zz"), None);
    }
}

#[test]
fn random_bytes_and_damaged_documents_do_no_harm() {
    let mut random = Random(11);
    let alphabet = b"{}[]\",:\\ \n+-.eE019truefalsnTRUEFALSN\xff\x00ux";
    for _ in 0..if cfg!(miri) { 100 } else { 20_000 } {
        let mut text: Vec<u8> = match random.below(2) {
            0 => (0..random.below(60))
                .map(|_| alphabet[random.below(alphabet.len() as u64) as usize])
                .collect(),
            _ => serde_json::to_vec(&random.object(0)).unwrap(),
        };
        for _ in 0..random.below(3) {
            if !text.is_empty() {
                let at = random.below(text.len() as u64) as usize;
                text[at] = random.below(256) as u8;
            }
        }
        text.truncate(random.below(200) as usize);
        let inside = |part: &[u8]| {
            text.as_ptr_range().start <= part.as_ptr() && part.as_ptr_range().end <= text.as_ptr_range().end
        };
        for path in ["a", "b.a", "a.b.cc"] {
            if let Some(value) = find(path.as_bytes(), &text) {
                assert!(inside(value.text));
            }
        }
        let mut check = |key: &[u8]| {
            assert!(!key.is_empty() || text.windows(2).any(|w| w == b"\"\""));
            Ok(())
        };
        keys(&text, &mut check).unwrap();
    }
}

fn value(text: &str) -> Value<'_> {
    find(b"a", text.as_bytes()).unwrap()
}

fn unescaped(text: &[u8]) -> Vec<u8> {
    Value { kind: Kind::String, text }.unescaped().unwrap().unwrap()
}

fn escaped(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    escape(text, |piece| memory::append(&mut out, piece)).unwrap();
    out
}

#[test]
fn escapes_of_strings_are_resolved() {
    let cases: [(&[u8], &[u8]); 8] = [
        (b"plain", b"plain"),
        (br"h:\/\/x", b"h://x"),
        (br#"q\"b\\c\n\r\t\b\f"#, b"q\"b\\c\n\r\t\x08\x0c"),
        (br"\u4e2d\u0041", "\u{4e2d}A".as_bytes()),
        (br"\ud83d\ude00!", "\u{1f600}!".as_bytes()),
        (br"\ud83d-\ude00", "\u{fffd}-\u{fffd}".as_bytes()),
        (br"\ud83d\u0041", "\u{fffd}A".as_bytes()),
        (b"\xff\xfe", b"\xff\xfe"),
    ];
    for (text, resolved) in cases {
        assert_eq!(unescaped(text), resolved, "{}", String::from_utf8_lossy(text));
    }
    assert_eq!(value(r#"{"a":"x\/y"}"#).unescaped().unwrap().as_deref(), Some(&b"x/y"[..]));
    assert_eq!(value(r#"{"a":5}"#).unescaped(), Ok(None));
}

#[test]
fn strings_are_compared_and_cut_with_their_escapes_resolved() {
    let string = value(r#"{"a":"x\/\u4e2d"}"#);
    let whole = "x/\u{4e2d}".as_bytes();
    assert!(string.is(whole));
    for other in ["", "x", "x/", "x/\u{4e2d}y", "y/\u{4e2d}", "x\\/\\u4e2d"] {
        assert!(!string.is(other.as_bytes()), "{other}");
    }
    assert!(value(r#"{"a":""}"#).is(b"") && !value(r#"{"a":5}"#).is(b"5"));
    assert_eq!(string.unescaped_into(&mut [0; 9]), Some(whole));
    assert_eq!(string.unescaped_into(&mut [0; 3]), Some(&whole[..3]));
    assert_eq!(string.unescaped_into(&mut []), Some(&b""[..]));
    assert_eq!(value(r#"{"a":5}"#).unescaped_into(&mut [0; 9]), None);
}

#[test]
fn an_error_ends_the_walk_over_the_keys() {
    let mut count = 0;
    let mut third_fails = |_: &[u8]| {
        count += 1;
        if count == 3 { Err(Error::Malloc) } else { Ok(()) }
    };
    assert_eq!(keys(br#"{"a":{"b":1,"c":2},"d":3}"#, &mut third_fails), Err(Error::Malloc));
    assert_eq!(count, 3);
}

#[test]
fn what_is_escaped_can_be_resolved() {
    let all: Vec<u8> = (0..=255).collect();
    assert!(is_string_content(&escaped(&all)));
    assert_eq!(unescaped(&escaped(&all)), all);
    assert_eq!(escaped(b"a\"b\\c\x01\x1f\n"), br#"a\"b\\c\u0001\u001f\n"#);
}

#[test]
fn content_of_a_string_is_known() {
    for good in ["", "abc", r#"a\"b"#, r"\u00e4", "\u{e4}"] {
        assert!(is_string_content(good.as_bytes()), "{good}");
    }
    for bad in ["a\"b", "a\nb", r"\", r"\x", r"\u12", "\0"] {
        assert!(!is_string_content(bad.as_bytes()), "{bad}");
    }
}

#[test]
fn integers_come_as_numbers_or_as_text() {
    for (text, integer) in [
        (r#"{"a":5005}"#, Some(5005)),
        (r#"{"a":-1}"#, Some(-1)),
        (r#"{"a":"806"}"#, Some(806)),
        (r#"{"a":"-2"}"#, Some(-2)),
        (r#"{"a":9223372036854775807}"#, Some(i64::MAX)),
        (r#"{"a":9223372036854775808}"#, None),
        (r#"{"a":1.5}"#, None),
        (r#"{"a":"x"}"#, None),
        (r#"{"a":""}"#, None),
        (r#"{"a":true}"#, None),
        (r#"{"a":{}}"#, None),
    ] {
        assert_eq!(value(text).integer(), integer, "{text}");
    }
}

#[test]
fn elements_of_arrays() {
    let texts = |text| -> Vec<String> {
        value(text).elements().map(|element| String::from_utf8_lossy(element.text).into_owned()).collect()
    };
    assert_eq!(texts(r#"{"a":[]}"#), [""; 0]);
    assert_eq!(texts(r#"{"a":[ 1 , "x,]" ,{"b":[2]}, [3] ]}"#), ["1", "x,]", r#"{"b":[2]}"#, "[3]"]);
    assert_eq!(texts(r#"{"a":"[1]"}"#), [""; 0], "a string");
    assert_eq!(texts(r#"{"a":{"b":1}}"#), [""; 0], "an object");
}
