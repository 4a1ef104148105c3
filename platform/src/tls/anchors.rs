//! Trust anchors. Bundles hold some 140 certificates; only those that issued a certificate of the server's chain are
//! parsed, so that a connection neither keeps nor works through the rest.

use super::crt::Certificate;
use crate::heap::Buffer;
use crate::log::errno;
use core::ffi::{CStr, c_char, c_int};
use mbedtls_rs_sys as mbed;

/// Largest certificate in a bundle; a longer one is skipped.
const LARGEST: usize = 16 * 1024;

/// Most anchors taken: one per certificate of a chain is usual, cross-signed roots may share a name.
const MOST: usize = 32;

const SYSTEM_BUNDLES: [&CStr; 6] = [
    c"/etc/ssl/certs/ca-certificates.crt",
    c"/etc/pki/tls/certs/ca-bundle.crt",
    c"/etc/ssl/ca-bundle.pem",
    c"/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    c"/etc/ssl/cert.pem",
    c"/etc/pki/tls/cert.pem",
];

/// Where trusted certificates come from: `text` and `file` if given, else the file named by `SSL_CERT_FILE`, else the
/// system's bundle.
pub struct Sources {
    /// PEM, or NULL.
    pub text: *const c_char,
    /// Bytes of `text`, terminator included.
    pub text_len: usize,
    /// Path of a PEM file, or NULL.
    pub file: *const c_char,
}

/// Why there are no anchors.
pub enum Unusable {
    /// The file cannot be read.
    File(c_int),
    /// No bundle was found on this system.
    NoBundle,
    /// No memory.
    Memory,
}

impl Sources {
    /// The anchors that issued a certificate of `chain`, in one list; empty if none did.
    ///
    /// # Safety
    /// The texts are NULL or as described, `chain` is a parsed chain.
    pub unsafe fn issuers_of(&self, chain: &mbed::mbedtls_x509_crt) -> Result<Certificate, Unusable> {
        let mut scan = Scan::new(chain).ok_or(Unusable::Memory)?;
        if !self.text.is_null() {
            // SAFETY: as the caller promised.
            let text = unsafe { core::slice::from_raw_parts(self.text.cast::<u8>(), self.text_len) };
            scan.feed(text);
            // The last line may lack its end, and the length its terminator.
            scan.feed(b"\n");
        }
        if !self.file.is_null() {
            // SAFETY: as the caller promised.
            scan.read(unsafe { CStr::from_ptr(self.file) }).map_err(Unusable::File)?;
        }
        if self.text.is_null() && self.file.is_null() {
            read_default(&mut scan)?;
        }
        if scan.out_of_memory { Err(Unusable::Memory) } else { Ok(scan.found) }
    }
}

fn read_default(scan: &mut Scan<'_>) -> Result<(), Unusable> {
    // SAFETY: a terminated name; the program does not change its environment while it connects (as with any getenv).
    let named = unsafe { libc::getenv(c"SSL_CERT_FILE".as_ptr()) };
    if !named.is_null() {
        // SAFETY: environment values are terminated.
        return scan.read(unsafe { CStr::from_ptr(named) }).map_err(Unusable::File);
    }
    for path in SYSTEM_BUNDLES {
        match scan.read(path) {
            Err(libc::ENOENT) => {}
            result => return result.map_err(Unusable::File),
        }
    }
    Err(Unusable::NoBundle)
}

/// Reads PEM text in pieces of any size and keeps the certificates that are wanted.
struct Scan<'a> {
    chain: &'a mbed::mbedtls_x509_crt,
    found: Certificate,
    count: usize,
    /// The current line, as far as it matters.
    line: [u8; 96],
    line_len: usize,
    /// Inside a certificate: its bytes so far.
    inside: bool,
    der: Buffer,
    /// Base64 digits that do not make a byte yet.
    bits: u32,
    digits: u32,
    out_of_memory: bool,
}

impl<'a> Scan<'a> {
    fn new(chain: &'a mbed::mbedtls_x509_crt) -> Option<Self> {
        Some(Self {
            chain,
            found: Certificate::empty()?,
            count: 0,
            line: [0; 96],
            line_len: 0,
            inside: false,
            der: Buffer::new(),
            bits: 0,
            digits: 0,
            out_of_memory: false,
        })
    }

    fn read(&mut self, path: &CStr) -> Result<(), c_int> {
        // SAFETY: a terminated path.
        let fd = unsafe { libc::open(path.as_ptr(), libc::O_RDONLY | libc::O_CLOEXEC) };
        if fd < 0 {
            return Err(errno());
        }
        let mut piece = [0u8; 4096];
        let result = loop {
            // SAFETY: the array is writable for its length.
            let count = unsafe { libc::read(fd, piece.as_mut_ptr().cast(), piece.len()) };
            match usize::try_from(count) {
                Ok(0) => break Ok(()),
                Ok(count) => self.feed(piece.get(..count).unwrap_or_default()),
                Err(_) if errno() == libc::EINTR => {}
                Err(_) => break Err(errno()),
            }
        };
        // SAFETY: opened above.
        unsafe { libc::close(fd) };
        self.feed(b"\n");
        result
    }

    fn feed(&mut self, text: &[u8]) {
        for &byte in text {
            if byte == b'\n' || byte == 0 {
                self.end_of_line();
            } else if let Some(slot) = self.line.get_mut(self.line_len) {
                *slot = byte;
                self.line_len += 1;
            }
        }
    }

    fn end_of_line(&mut self) {
        let line = self.line;
        let line = line.get(..self.line_len).unwrap_or_default().trim_ascii();
        self.line_len = 0;
        match line {
            b"-----BEGIN CERTIFICATE-----" => {
                self.inside = true;
                self.der.truncate(0);
                (self.bits, self.digits) = (0, 0);
            }
            b"-----END CERTIFICATE-----" if self.inside => {
                self.inside = false;
                self.take();
            }
            _ if self.inside => self.decode(line),
            _ => {}
        }
    }

    /// Base64 of one line; anything else in it spoils only this certificate, which then does not parse.
    fn decode(&mut self, line: &[u8]) {
        for digit in line {
            let value = match digit {
                b'A'..=b'Z' => digit - b'A',
                b'a'..=b'z' => digit - b'a' + 26,
                b'0'..=b'9' => digit - b'0' + 52,
                b'+' => 62,
                b'/' => 63,
                _ => continue,
            };
            self.bits = self.bits << 6 | u32::from(value);
            self.digits += 1;
            if self.digits == 4 {
                let [_, bytes @ ..] = self.bits.to_be_bytes();
                self.push(&bytes);
                (self.bits, self.digits) = (0, 0);
            }
        }
    }

    fn push(&mut self, bytes: &[u8]) {
        if self.der.len() + bytes.len() > LARGEST {
            self.inside = false;
        } else if !self.der.extend(bytes) {
            self.out_of_memory = true;
        }
    }

    fn take(&mut self) {
        // The last group of base64 may hold one or two bytes.
        let [_, first, second, _] = (self.bits << (6 * (4 - self.digits.min(4)))).to_be_bytes();
        match self.digits {
            2 => self.push(&[first]),
            3 => self.push(&[first, second]),
            _ => {}
        }
        if self.count < MOST && subject(&self.der).is_some_and(|subject| self.is_wanted(subject)) {
            self.count += usize::from(self.found.add_der(&self.der));
        }
    }

    fn is_wanted(&self, subject: &[u8]) -> bool {
        let mut next = Some(self.chain);
        while let Some(certificate) = next {
            // SAFETY: the raw issuer of a parsed certificate.
            let issuer = unsafe { super::crt::bytes(&certificate.issuer_raw) };
            if same_name(issuer, subject) {
                return true;
            }
            // SAFETY: the list of a parsed chain ends with NULL.
            next = unsafe { certificate.next.as_ref() };
        }
        false
    }
}

/// The same name in DER, letter case and kind of text (UTF8String, PrintableString) aside. Only chooses candidates;
/// Mbed TLS compares again.
fn same_name(a: &[u8], b: &[u8]) -> bool {
    let text = |byte: &u8| matches!(byte, 0x0C | 0x13);
    a.len() == b.len() && a.iter().zip(b).all(|(x, y)| x.eq_ignore_ascii_case(y) || (text(x) && text(y)))
}

/// The subject of a certificate in DER (RFC 5280 §4.1), as it stands there.
fn subject(der: &[u8]) -> Option<&[u8]> {
    let certificate = element(der)?.content;
    let mut rest = element(certificate)?.content;
    if rest.first() == Some(&0xA0) {
        rest = element(rest)?.rest; // version
    }
    for _ in 0..4 {
        rest = element(rest)?.rest; // serial number, algorithm, issuer, validity
    }
    Some(element(rest)?.whole)
}

struct Element<'a> {
    whole: &'a [u8],
    content: &'a [u8],
    rest: &'a [u8],
}

/// The first element of `der`.
fn element(der: &[u8]) -> Option<Element<'_>> {
    let (header, length) = match *der.get(1)? {
        short @ 0..=0x7F => (2, usize::from(short)),
        0x81 => (3, usize::from(*der.get(2)?)),
        0x82 => (4, usize::from(*der.get(2)?) << 8 | usize::from(*der.get(3)?)),
        _ => return None,
    };
    let (whole, rest) = der.split_at_checked(header + length)?;
    Some(Element { whole, content: whole.get(header..)?, rest })
}
