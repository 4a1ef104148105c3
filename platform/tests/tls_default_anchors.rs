//! Where trusted certificates come from when the caller names none: `SSL_CERT_FILE`, else the system's bundle. Alone in
//! its process, because it changes the environment.
#![cfg(not(feature = "auth_with_notls"))]

#[path = "support/server.rs"]
mod server;
mod support;
#[path = "support/tls.rs"]
mod tls;

use server::*;
use tls::*;

#[test]
fn environment_then_system() {
    let pki = Pki::new("default");
    let server = Server::new(usual(&pki), |_| {});
    let open = || {
        let mut options = options(REQUIRE, SUITES_MODERN);
        let result = Tls::open(&mut params(), &mut options, "localhost", server.port);
        (result.err(), cause(&options))
    };
    // SAFETY: the only thread of this process that looks at the environment.
    unsafe { std::env::set_var("SSL_CERT_FILE", pki.bundle()) };
    assert_eq!(open(), (None, String::new()));
    // SAFETY: as above.
    unsafe { std::env::set_var("SSL_CERT_FILE", "/no/such/file") };
    assert_eq!(open().1, "trusted certificates cannot be read: No such file or directory");
    // SAFETY: as above.
    unsafe { std::env::remove_var("SSL_CERT_FILE") };
    let system = ["/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt"];
    let expected = if system.iter().any(|path| std::fs::exists(path).unwrap()) {
        "certificate signed by an unknown CA"
    } else {
        "this system has no file of trusted certificates"
    };
    assert_eq!(open(), (Some(-702), expected.to_owned()));
}
