//! Where to connect: the regions of the platform and endpoints given as URL (`auth.md` §4, `decisions.md` §6).
#![cfg_attr(
    not(test),
    deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)
)]

use super::notice::{Notice, Refusal};
use crate::error::Error;
use crate::log::Payload;
use crate::memory;
use std::ffi::CStr;
use std::fmt;
use std::net::Ipv6Addr;

/// Environment variable with an endpoint URL; wins over the region.
pub const ENDPOINT_VARIABLE: &CStr = c"QCLOUD_IOT_ENDPOINT";

/// Longest host name built from a region (`HOST_STR_LENGTH` 64 less the terminator).
const MAX_REGION_HOST: usize = 63;
/// Longest host name of the DNS [RFC 1035 §3.1], which also bounds hosts given by URL.
const MAX_URL_HOST: usize = 253;
/// Longest label of a host name [RFC 1035 §3.1].
const MAX_LABEL: usize = 63;
/// Longest URL; bounds host and path for everybody behind.
const MAX_URL: usize = 2048;

/// Domains of one region. The mix of `iotcloud` and `iothub` is the platform's.
struct Region {
    name: &'static str,
    mqtt: &'static str,
    websocket: &'static str,
}

const CHINA: Region = Region {
    name: "china",
    mqtt: "iotcloud.tencentdevices.com",
    websocket: "ap-guangzhou.iothub.tencentdevices.com",
};

const OTHER_REGIONS: [Region; 3] = [
    Region {
        name: "us-east",
        mqtt: "us-east.iotcloud.tencentdevices.com",
        websocket: "us-east.iothub.tencentdevices.com",
    },
    Region {
        name: "europe",
        mqtt: "europe.iothub.tencentdevices.com",
        websocket: "europe.iothub.tencentdevices.com",
    },
    Region {
        name: "ap-bangkok",
        mqtt: "ap-bangkok.iothub.tencentdevices.com",
        websocket: "ap-bangkok.iothub.tencentdevices.com",
    },
];

/// How MQTT travels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// Plain TCP.
    Mqtt,
    /// TLS.
    Mqtts,
    /// WebSocket on plain TCP.
    Ws,
    /// WebSocket on TLS.
    Wss,
}

impl Scheme {
    const ALL: [Scheme; 4] = [Scheme::Mqtt, Scheme::Mqtts, Scheme::Ws, Scheme::Wss];

    /// Port where a URL names none.
    pub const fn default_port(self) -> u16 {
        match self {
            Scheme::Mqtt => 1883,
            Scheme::Mqtts => 8883,
            Scheme::Ws => 80,
            Scheme::Wss => 443,
        }
    }

    /// Whether the connection starts with a TLS handshake.
    pub const fn is_tls(self) -> bool {
        matches!(self, Scheme::Mqtts | Scheme::Wss)
    }

    /// Whether MQTT packets travel in WebSocket messages.
    pub const fn is_websocket(self) -> bool {
        matches!(self, Scheme::Ws | Scheme::Wss)
    }

    /// Name in a URL.
    pub const fn name(self) -> &'static str {
        match self {
            Scheme::Mqtt => "mqtt",
            Scheme::Mqtts => "mqtts",
            Scheme::Ws => "ws",
            Scheme::Wss => "wss",
        }
    }

    /// Scheme names compare without regard to case [RFC 3986 §3.1].
    fn from_name(name: &str) -> Option<Scheme> {
        Scheme::ALL.into_iter().find(|scheme| scheme.name().eq_ignore_ascii_case(name))
    }
}

/// Which transports a build contains beside plain TCP, which is always there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Transports {
    /// `AUTH_WITH_NOTLS` is not defined.
    pub tls: bool,
    /// `WEBSOCKET_MQTT` is defined.
    pub websocket: bool,
}

impl Transports {
    /// Those of this build.
    pub const BUILT: Transports =
        Transports { tls: !cfg!(feature = "auth_with_notls"), websocket: cfg!(feature = "websocket_mqtt") };

    /// What a region name stands for: the build switches decide, not the kind of credential (`auth.md` §4.1).
    pub const fn default_scheme(self) -> Scheme {
        match (self.websocket, self.tls) {
            (true, true) => Scheme::Wss,
            (true, false) => Scheme::Ws,
            (false, true) => Scheme::Mqtts,
            (false, false) => Scheme::Mqtt,
        }
    }

    fn check(self, scheme: Scheme) -> Result<(), String> {
        if scheme.is_tls() && !self.tls {
            Err(format!("{}:// needs TLS, which this build leaves out (AUTH_WITH_NOTLS)", scheme.name()))
        } else if scheme.is_websocket() && !self.websocket {
            Err(format!("{}:// needs WebSocket, which this build leaves out (WEBSOCKET_MQTT)", scheme.name()))
        } else {
            Ok(())
        }
    }
}

/// One server to connect to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// Decides the transport.
    pub scheme: Scheme,
    /// Name or address for the name look-up; an IPv6 address stands here without brackets.
    pub host: String,
    /// Never 0.
    pub port: u16,
    /// Path and query for the upgrade request, starts with `/`; without meaning for `mqtt` and `mqtts`.
    pub path: String,
    /// Given by URL and not by region: its certificate is always verified (`decisions.md` §6).
    pub given_by_url: bool,
}

impl Endpoint {
    /// Chooses the endpoint of a client and says what the log should know about the choice.
    ///
    /// `region` is a region name or a URL `ws://host[:port][/path]`, `wss://…`, `mqtt://…`, `mqtts://…`; `None`
    /// and the empty text mean `china`, an unknown name too, with a warning. `override_url` is the value of
    /// [`ENDPOINT_VARIABLE`]: it wins over `region`; empty counts as not set.
    ///
    /// Errors: `Inval` for a URL that is malformed or needs a transport that `transports` lacks, and for a product id
    /// that cannot stand in a host name; `Failure` for a region host above 63 characters.
    pub fn choose(
        region: Option<&str>,
        override_url: Option<&str>,
        product_id: &str,
        transports: Transports,
    ) -> Result<(Endpoint, Vec<Notice>), Refusal> {
        let region = region.unwrap_or_default();
        match override_url.filter(|url| !url.is_empty()) {
            Some(url) => Endpoint::by_url(url, ENDPOINT_VARIABLE.to_str().unwrap_or_default(), transports),
            None if is_meant_as_url(region) => Endpoint::by_url(region, "region", transports),
            None => Endpoint::by_region(region, product_id, transports.default_scheme()),
        }
    }

    /// `host:port`, always with the port as the platform expects it in the `Host` header (`websocket.md` §2); an IPv6
    /// address in brackets.
    pub fn host_header(&self) -> String {
        if self.host.contains(':') {
            format!("[{}]:{}", self.host, self.port)
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }

    fn by_url(url: &str, origin: &str, transports: Transports) -> Result<(Endpoint, Vec<Notice>), Refusal> {
        let parts =
            parse(url).and_then(|parts| transports.check(parts.scheme).map(|()| parts)).map_err(|cause| {
                Refusal::new(Error::Inval, format!("endpoint URL in {origin} refused: {cause}"))
            })?;
        let endpoint = parts.endpoint().map_err(no_memory)?;
        let text = memory::format(format_args!("endpoint override by {origin}: {endpoint}"));
        Ok((endpoint, vec![Notice::info(text.map_err(no_memory)?)]))
    }

    fn by_region(name: &str, product_id: &str, scheme: Scheme) -> Result<(Endpoint, Vec<Notice>), Refusal> {
        let known = [&CHINA].into_iter().chain(&OTHER_REGIONS).find(|region| region.name == name);
        let region = known.unwrap_or(&CHINA);
        let domain = if scheme.is_websocket() { region.websocket } else { region.mqtt };
        let host = format!("{product_id}.{domain}");
        if host.len() > MAX_REGION_HOST {
            let text = format!("host name of {} bytes is longer than {MAX_REGION_HOST}", host.len());
            return Err(Refusal::new(Error::Failure, text));
        }
        check_host(&host, MAX_REGION_HOST).map_err(|cause| {
            Refusal::new(Error::Inval, format!("product id does not make a host name: {cause}"))
        })?;

        let mut notices = Vec::new();
        if known.is_none() && !name.is_empty() {
            let name = Payload(name.as_bytes());
            let text =
                memory::format(format_args!("unknown region \"{name}\", using {}: {host}", region.name));
            notices.push(Notice::warning(text.map_err(no_memory)?));
        }
        let endpoint =
            Endpoint { scheme, host, port: scheme.default_port(), path: "/".into(), given_by_url: false };
        Ok((endpoint, notices))
    }
}

fn no_memory(error: Error) -> Refusal {
    Refusal::new(error, "no memory for the endpoint")
}

/// For the log: the query is left out, it may hold a token.
impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.path.split('?').next().unwrap_or_default();
        write!(f, "{}://{}{path}", self.scheme.name(), self.host_header())
    }
}

/// A mistyped URL must not pass for an unknown region and end at the public platform.
fn is_meant_as_url(region: &str) -> bool {
    // By bytes: the search for a text in a text is left out of small builds (docs/decisions.md).
    region.as_bytes().windows(3).any(|three| three == b"://")
        || region.split_once(':').is_some_and(|(name, _)| Scheme::from_name(name).is_some())
}

/// What a URL says.
struct Parts<'a> {
    scheme: Scheme,
    host: &'a str,
    port: u16,
    /// Path and query, empty or with a slash or a question mark in front.
    path: &'a str,
}

impl Parts<'_> {
    fn endpoint(&self) -> Result<Endpoint, Error> {
        let slash = if self.path.starts_with('/') { "" } else { "/" };
        Ok(Endpoint {
            scheme: self.scheme,
            host: self.host.to_owned(),
            port: self.port,
            path: memory::format(format_args!("{slash}{}", self.path))?,
            given_by_url: true,
        })
    }
}

/// Reads a URL as RFC 3986 §3 describes it, as far as an endpoint goes: no user information, no fragment
/// [RFC 6455 §3]. The error is a cause that never repeats the URL, which may hold a password by mistake.
fn parse(url: &str) -> Result<Parts<'_>, String> {
    if url.len() > MAX_URL {
        return Err(format!("it is longer than {MAX_URL} bytes"));
    }
    let parts = url.split_once(':').and_then(|(scheme, rest)| Some((scheme, rest.strip_prefix("//")?)));
    let (scheme, rest) = parts.ok_or("there is no \"://\"")?;
    let scheme = Scheme::from_name(scheme).ok_or("the scheme is not one of ws, wss, mqtt, mqtts")?;
    let (authority, path) =
        rest.find(['/', '?', '#']).and_then(|end| rest.split_at_checked(end)).unwrap_or((rest, ""));
    let (host, port) = parse_authority(authority)?;
    check_path(path, scheme)?;
    Ok(Parts { scheme, host, port: parse_port(port, scheme)?, path })
}

/// Splits into a checked host and the text of the port, which is empty if there is none.
fn parse_authority(authority: &str) -> Result<(&str, &str), String> {
    if authority.contains('@') {
        return Err("user name and password do not belong in it".into());
    }
    if let Some(bracketed) = authority.strip_prefix('[') {
        let (host, rest) =
            bracketed.split_once(']').ok_or("the bracket of the IPv6 address is not closed")?;
        host.parse::<Ipv6Addr>().map_err(|_| "there is no IPv6 address between the brackets")?;
        return match rest.strip_prefix(':') {
            Some(port) => Ok((host, port)),
            None if rest.is_empty() => Ok((host, "")),
            None => Err("only :port may follow the IPv6 address".into()),
        };
    }
    let (host, port) = authority.split_once(':').unwrap_or((authority, ""));
    if port.contains(':') {
        return Err("there is more than one colon behind the scheme; an IPv6 address needs brackets".into());
    }
    check_host(host, MAX_URL_HOST)?;
    Ok((host, port))
}

/// Letters, digits, `-` and `_` in labels of 1 to 63 bytes. Underscores are no host name by the book, but container
/// networks use them.
fn check_host(host: &str, limit: usize) -> Result<(), String> {
    if host.is_empty() {
        return Err("there is no host name".into());
    }
    if host.len() > limit {
        return Err(format!("the host name is longer than {limit} bytes"));
    }
    if !host.is_ascii() {
        return Err("the host name is not ASCII; write it in its xn-- form".into());
    }
    for label in host.split('.') {
        if label.is_empty() || label.len() > MAX_LABEL {
            return Err(format!("each part of the host name has 1 to {MAX_LABEL} characters"));
        }
        if !label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_') {
            return Err("the host name has characters other than letters, digits, '-', '_' and '.'".into());
        }
    }
    Ok(())
}

/// An empty port means the scheme's own [RFC 3986 §3.2.3].
fn parse_port(port: &str, scheme: Scheme) -> Result<u16, String> {
    if port.is_empty() {
        return Ok(scheme.default_port());
    }
    // `parse` alone would accept a sign.
    if !port.bytes().all(|b| b.is_ascii_digit()) {
        return Err("the port is not a number".into());
    }
    match port.parse() {
        Ok(number) if number != 0 => Ok(number),
        _ => Err("the port is not in 1 to 65535".into()),
    }
}

fn check_path(path: &str, scheme: Scheme) -> Result<(), String> {
    if !scheme.is_websocket() && !path.is_empty() && path != "/" {
        return Err(format!("{}:// takes no path", scheme.name()));
    }
    if path.contains('#') {
        return Err("a fragment ('#') is not allowed".into());
    }
    // The path goes into the request line as it stands, so nothing may end that line or split it.
    if !path.bytes().all(|b| b.is_ascii_graphic()) {
        return Err(
            "the path has blanks, control characters or bytes that are not ASCII; percent-encode them".into(),
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::notice::Severity;
    use super::*;

    const ALL: Transports = Transports { tls: true, websocket: true };
    const PRODUCT: &str = "7CN3UQ4VGT";

    fn by_url(url: &str) -> Result<Endpoint, Refusal> {
        Endpoint::choose(None, Some(url), PRODUCT, ALL).map(|(endpoint, _)| endpoint)
    }

    #[test]
    fn regions_map_to_their_domains() {
        let table = [
            ("china", "iotcloud.tencentdevices.com", "ap-guangzhou.iothub.tencentdevices.com"),
            ("us-east", "us-east.iotcloud.tencentdevices.com", "us-east.iothub.tencentdevices.com"),
            ("europe", "europe.iothub.tencentdevices.com", "europe.iothub.tencentdevices.com"),
            ("ap-bangkok", "ap-bangkok.iothub.tencentdevices.com", "ap-bangkok.iothub.tencentdevices.com"),
        ];
        let builds = [
            (false, false, Scheme::Mqtt, 1883),
            (true, false, Scheme::Mqtts, 8883),
            (false, true, Scheme::Ws, 80),
            (true, true, Scheme::Wss, 443),
        ];
        for (region, mqtt, websocket_domain) in table {
            for (tls, websocket, scheme, port) in builds {
                let transports = Transports { tls, websocket };
                let (endpoint, notices) = Endpoint::choose(Some(region), None, PRODUCT, transports).unwrap();
                let domain = if websocket { websocket_domain } else { mqtt };
                let expected = Endpoint {
                    scheme,
                    host: format!("{PRODUCT}.{domain}"),
                    port,
                    path: "/".into(),
                    given_by_url: false,
                };
                assert_eq!(endpoint, expected, "{region}");
                assert_eq!(notices, []);
            }
        }
    }

    #[test]
    fn reference_host_header() {
        let (endpoint, _) = Endpoint::choose(Some("china"), None, PRODUCT, ALL).unwrap();
        assert_eq!(endpoint.host_header(), "7CN3UQ4VGT.ap-guangzhou.iothub.tencentdevices.com:443");
    }

    #[test]
    fn missing_region_means_china_without_a_word() {
        let (china, _) = Endpoint::choose(Some("china"), None, PRODUCT, ALL).unwrap();
        for region in [None, Some("")] {
            assert_eq!(Endpoint::choose(region, None, PRODUCT, ALL).unwrap(), (china.clone(), vec![]));
        }
        assert_eq!(Endpoint::choose(None, Some(""), PRODUCT, ALL).unwrap(), (china, vec![]));
    }

    #[test]
    fn unknown_region_falls_back_with_a_warning() {
        let host = "7CN3UQ4VGT.ap-guangzhou.iothub.tencentdevices.com";
        for region in ["China", "us-west", " china", "europe\n", "http", "a:b"] {
            let (endpoint, notices) = Endpoint::choose(Some(region), None, PRODUCT, ALL).unwrap();
            assert_eq!(endpoint.host, host);
            assert!(!endpoint.given_by_url);
            assert_eq!(notices.len(), 1, "{region:?}");
            assert_eq!(notices[0].severity, Severity::Warning);
            assert_eq!(notices[0].text, format!("unknown region {region:?}, using china: {host}"));
        }
    }

    #[test]
    fn region_host_is_limited_to_63() {
        let fits = "P".repeat(63 - 1 - "ap-guangzhou.iothub.tencentdevices.com".len());
        assert_eq!(Endpoint::choose(None, None, &fits, ALL).unwrap().0.host.len(), 63);
        let refusal = Endpoint::choose(None, None, &format!("{fits}P"), ALL).unwrap_err();
        assert_eq!(refusal.error, Error::Failure);
        assert_eq!(refusal.text, "host name of 64 bytes is longer than 63");
    }

    #[test]
    fn product_id_cannot_inject_header_lines() {
        for product_id in ["A\r\nX: y", "A/b", "A b", "", "产品", "a..b"] {
            let refusal = Endpoint::choose(None, None, product_id, ALL).unwrap_err();
            assert_eq!(refusal.error, Error::Inval, "{product_id:?}");
        }
        // An endpoint given by URL has no product prefix, so nothing is asked of the product id.
        assert!(Endpoint::choose(Some("ws://h"), None, "A b", ALL).is_ok());
    }

    #[test]
    fn good_urls() {
        use Scheme::*;
        let longest = [&"a".repeat(63) as &str; 4].join(".")[..253].to_owned();
        let longest_url = format!("wss://{longest}:65535/x");
        let table: &[(&str, Scheme, &str, u16, &str)] = &[
            ("ws://hub", Ws, "hub", 80, "/"),
            ("ws://hub/", Ws, "hub", 80, "/"),
            ("ws://hub:8080", Ws, "hub", 8080, "/"),
            ("ws://hub:8080/mqtt", Ws, "hub", 8080, "/mqtt"),
            ("ws://hub:/mqtt", Ws, "hub", 80, "/mqtt"),
            ("ws://hub:00080", Ws, "hub", 80, "/"),
            ("wss://hub.example.com", Wss, "hub.example.com", 443, "/"),
            ("wss://hub.example.com/a/b?x=1&y=2", Wss, "hub.example.com", 443, "/a/b?x=1&y=2"),
            ("wss://hub?x=1", Wss, "hub", 443, "/?x=1"),
            ("wss://hub:1?x=1", Wss, "hub", 1, "/?x=1"),
            ("wss://hub/a%20b", Wss, "hub", 443, "/a%20b"),
            ("wss://hub/a:b@c", Wss, "hub", 443, "/a:b@c"),
            ("wss://hub//", Wss, "hub", 443, "//"),
            ("WSS://Hub", Wss, "Hub", 443, "/"),
            ("mqtt://127.0.0.1", Mqtt, "127.0.0.1", 1883, "/"),
            ("mqtt://127.0.0.1:1884/", Mqtt, "127.0.0.1", 1884, "/"),
            ("mqtts://hub", Mqtts, "hub", 8883, "/"),
            ("mqtts://my_broker-1:9", Mqtts, "my_broker-1", 9, "/"),
            ("ws://[::1]", Ws, "::1", 80, "/"),
            ("ws://[::1]:9001/mqtt", Ws, "::1", 9001, "/mqtt"),
            ("mqtts://[2001:db8::7]:8884", Mqtts, "2001:db8::7", 8884, "/"),
            ("mqtt://[::ffff:10.0.0.1]:", Mqtt, "::ffff:10.0.0.1", 1883, "/"),
            (&longest_url, Wss, &longest, 65535, "/x"),
        ];
        for &(url, scheme, host, port, path) in table {
            let expected =
                Endpoint { scheme, host: host.into(), port, path: path.into(), given_by_url: true };
            assert_eq!(by_url(url).as_ref(), Ok(&expected), "{url}");
            let by_region = Endpoint::choose(Some(url), None, PRODUCT, ALL).unwrap().0;
            assert_eq!(by_region, expected, "{url} as region");
        }
    }

    #[test]
    fn bad_urls() {
        let long_host = format!("ws://{}", vec!["a".repeat(63); 4].join("."));
        let long_label = format!("ws://{}", "a".repeat(64));
        let long_url = format!("ws://hub/{}", "a".repeat(MAX_URL));
        let table: &[(&str, &str)] = &[
            ("hub", "://"),
            ("hub:1883", "://"),
            ("ws:/hub", "://"),
            ("wss:hub", "://"),
            ("://hub", "scheme"),
            ("http://hub", "scheme"),
            (" ws://hub", "scheme"),
            ("ws ://hub", "scheme"),
            ("ws://", "no host name"),
            ("ws:///mqtt", "no host name"),
            ("ws://:80", "no host name"),
            ("ws://?x", "no host name"),
            ("ws://hub ", "characters"),
            ("ws://hub\r\nX: y", "characters"),
            ("ws://hub\n", "characters"),
            ("ws://hu b", "characters"),
            ("ws://hub%00", "characters"),
            ("ws://hüb", "xn--"),
            ("ws://.hub", "1 to 63"),
            ("ws://hub.", "1 to 63"),
            ("ws://a..b", "1 to 63"),
            (&long_label, "1 to 63"),
            (&long_host, "253"),
            (&long_url, "2048"),
            ("ws://hub:0", "65535"),
            ("ws://hub:65536", "65535"),
            ("ws://hub:99999999999999999999", "65535"),
            ("ws://hub:+80", "not a number"),
            ("ws://hub:-1", "not a number"),
            ("ws://hub:8o", "not a number"),
            ("ws://hub:80 ", "not a number"),
            ("ws://hub:80:81", "colon"),
            ("ws://::1", "brackets"),
            ("ws://2001:db8::7:80", "brackets"),
            ("ws://[::1", "not closed"),
            ("ws://[]", "no IPv6"),
            ("ws://[hub]", "no IPv6"),
            ("ws://[127.0.0.1]", "no IPv6"),
            ("ws://[fe80::1%25eth0]", "no IPv6"),
            ("ws://[::1]80", "only :port"),
            ("ws://[::1]:x", "not a number"),
            ("ws://hub/a b", "percent-encode"),
            ("ws://hub/\r\nX: y", "percent-encode"),
            ("ws://hub/ä", "percent-encode"),
            ("ws://hub/\0", "percent-encode"),
            ("ws://hub/#top", "fragment"),
            ("ws://hub#top", "fragment"),
            ("mqtt://hub/mqtt", "no path"),
            ("mqtts://hub?x", "no path"),
            ("ws://user:hunter2@hub", "password"),
        ];
        for (url, cause) in table {
            let refusal = by_url(url).unwrap_err();
            assert_eq!(refusal.error, Error::Inval, "{url}");
            assert!(
                refusal.text.starts_with("endpoint URL in QCLOUD_IOT_ENDPOINT refused: "),
                "{}",
                refusal.text
            );
            assert!(refusal.text.contains(cause), "{url}: {}", refusal.text);
        }
    }

    #[test]
    fn mistyped_url_as_region_does_not_end_at_the_public_platform() {
        for region in ["ws:/hub", "wss:hub", "MQTT:hub:1883", "http://hub", "://hub"] {
            let refusal = Endpoint::choose(Some(region), None, PRODUCT, ALL).unwrap_err();
            assert_eq!(refusal.error, Error::Inval, "{region}");
            assert!(refusal.text.starts_with("endpoint URL in region refused: "), "{}", refusal.text);
        }
    }

    #[test]
    fn variable_wins_over_region_and_one_line_names_it() {
        let choice = |region| Endpoint::choose(region, Some("ws://[::1]:8080/mqtt"), PRODUCT, ALL).unwrap();
        // The loser is not even looked at.
        for region in [None, Some("europe"), Some("nowhere"), Some("mqtt://other"), Some("ws://bad url")] {
            let (endpoint, notices) = choice(region);
            assert_eq!(endpoint.host_header(), "[::1]:8080");
            let text = "endpoint override by QCLOUD_IOT_ENDPOINT: ws://[::1]:8080/mqtt";
            assert_eq!(notices, [Notice { severity: Severity::Info, text: text.into() }]);
        }
        let (_, notices) = Endpoint::choose(Some("mqtt://hub"), None, PRODUCT, ALL).unwrap();
        assert_eq!(notices, [Notice::info("endpoint override by region: mqtt://hub:1883/".into())]);
    }

    #[test]
    fn secrets_in_a_url_stay_out_of_the_log() {
        let (endpoint, notices) =
            Endpoint::choose(Some("wss://hub/p?token=hunter2"), None, PRODUCT, ALL).unwrap();
        assert_eq!(endpoint.path, "/p?token=hunter2");
        assert_eq!(notices, [Notice::info("endpoint override by region: wss://hub:443/p".into())]);
        for url in [
            "ws://user:hunter2@hub",
            "ws://hub/?hunter2#x",
            "hunter2://hub",
            "ws://hunter2!",
            "ws://h:hunter2",
        ] {
            let refusal = by_url(url).unwrap_err();
            assert!(!format!("{refusal} {refusal:?}").contains("hunter2"), "{refusal:?}");
        }
    }

    #[test]
    fn transports_left_out_of_the_build_are_refused() {
        let table = [
            (false, true, "wss://hub", "TLS"),
            (false, true, "mqtts://hub", "TLS"),
            (true, false, "ws://hub", "WebSocket"),
            (true, false, "wss://hub", "WebSocket"),
            (false, false, "wss://hub", "TLS"),
        ];
        for (tls, websocket, url, missing) in table {
            let refusal =
                Endpoint::choose(Some(url), None, PRODUCT, Transports { tls, websocket }).unwrap_err();
            assert_eq!(refusal.error, Error::Inval, "{url}");
            assert!(refusal.text.contains(missing), "{}", refusal.text);
        }
        let bare = Transports { tls: false, websocket: false };
        assert!(Endpoint::choose(Some("mqtt://hub"), None, PRODUCT, bare).is_ok());
    }

    #[test]
    fn parser_is_total() {
        let alphabet = ["ws", "://", ":", "/", "[", "]", "?", "#", "@", "é", "1", ".", "\u{0}", "mqtt"];
        let mut pick = 0x2545_f491u32;
        for length in 0..if cfg!(miri) { 100 } else { 2000 } {
            let url: String = (0..length % 12)
                .map(|_| {
                    pick = pick.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    alphabet[(pick >> 16) as usize % alphabet.len()]
                })
                .collect();
            if let Ok(endpoint) = by_url(&url) {
                assert!(
                    endpoint.port != 0 && endpoint.path.starts_with('/') && !endpoint.host.is_empty(),
                    "{url}"
                );
            }
        }
    }
}
