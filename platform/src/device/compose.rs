//! The text of a device file to write (hal.md §10.2).

use super::content::*;
use super::field;
use super::json::Object;
use crate::device_info::DeviceInfo;
use crate::heap::Buffer;

/// A known key with the value it shall have.
struct Entry<'a> {
    name: &'static str,
    value: Value<'a>,
}

enum Value<'a> {
    Text(&'a [u8]),
    Section(&'a [Entry<'a>]),
}

/// The text of a device file with the content of `info`. What `old` has beside it stays: keys of others, and the
/// credential of the other kind. A file of known keys only comes out in the reference's format. `None`: no memory.
pub fn compose(info: &DeviceInfo, old: Option<Object<'_>>) -> Option<Buffer> {
    let text = |key: Key, array| Entry { name: key.name, value: Value::Text(field(array)) };
    #[cfg(not(feature = "auth_mode_cert"))]
    let (mode, section, credential) =
        (b"KEY".as_slice(), DEVICE_SECRET.section, [text(DEVICE_SECRET, &info.device_secret)]);
    #[cfg(feature = "auth_mode_cert")]
    let (mode, section, credential) = (
        b"CERT".as_slice(),
        CERT_FILE.section,
        [text(CERT_FILE, &info.dev_cert_file_name[..]), text(KEY_FILE, &info.dev_key_file_name[..])],
    );
    let entries = [
        Entry { name: AUTH_MODE.name, value: Value::Text(mode) },
        text(PRODUCT_ID, &info.product_id),
        text(DEVICE_NAME, &info.device_name),
        text(REGION, &info.region),
        #[cfg(feature = "dev_dyn_reg_enabled")]
        text(PRODUCT_SECRET, &info.product_secret),
        Entry { name: section.unwrap_or_default(), value: Value::Section(&credential) },
    ];
    let mut out = Buffer::new();
    write_object(&mut out, &entries, old).then_some(out)
}

/// One member per line. In an object with keys of others every key keeps its place and new ones come last; otherwise
/// the order is that of `entries`.
fn write_object(out: &mut Buffer, entries: &[Entry<'_>], old: Option<Object<'_>>) -> bool {
    let known = |key: &[u8]| entries.iter().find(|entry| entry.name.as_bytes() == key);
    let shared = old.filter(|old| old.members().any(|member| known(member.key).is_none()));
    let mut separator: &[u8] = b"{\n";
    let mut ok = true;
    for member in shared.iter().flat_map(|old| old.members()) {
        ok &= out.extend(separator);
        ok &= match known(member.key) {
            Some(entry) => write_entry(out, entry, old),
            None => [b"\"", member.key, b"\":", member.value].iter().all(|part| out.extend(part)),
        };
        separator = b",\n";
    }
    for entry in entries {
        if shared.is_none_or(|old| old.get(entry.name).is_none()) {
            ok &= out.extend(separator) && write_entry(out, entry, old);
            separator = b",\n";
        }
    }
    ok && out.extend(b"\n}")
}

fn write_entry(out: &mut Buffer, entry: &Entry<'_>, old: Option<Object<'_>>) -> bool {
    let named = write_text(out, entry.name.as_bytes()) && out.extend(b":");
    named
        && match &entry.value {
            Value::Text(text) => write_text(out, text),
            Value::Section(entries) => {
                let old = old.and_then(|old| old.get(entry.name)).and_then(|member| member.object());
                write_object(out, entries, old)
            }
        }
}

/// Appends `text` as a JSON string. False: no memory.
#[must_use]
fn write_text(out: &mut Buffer, text: &[u8]) -> bool {
    let mut ok = out.extend(b"\"");
    for byte in text {
        ok &= match byte {
            b'"' | b'\\' => out.extend(&[b'\\', *byte]),
            b'\n' => out.extend(b"\\n"),
            b'\r' => out.extend(b"\\r"),
            b'\t' => out.extend(b"\\t"),
            0..=0x1F => out.extend(&control(*byte)),
            _ => out.extend(&[*byte]),
        };
    }
    ok && out.extend(b"\"")
}

fn control(byte: u8) -> [u8; 6] {
    let hex = |n: u8| char::from_digit(u32::from(n), 16).map_or(b'0', |c| c as u8);
    [b'\\', b'u', b'0', b'0', hex(byte >> 4), hex(byte & 15)]
}
