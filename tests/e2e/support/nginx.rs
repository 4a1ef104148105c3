//! nginx as the TLS front of a WebSocket server.

use std::path::PathBuf;
use std::process::Command;

use super::broker::{free_port, program};
use super::certificate::Certificate;
use super::process::Process;
use super::scratch::Scratch;
use super::secrets::Secrets;

/// A running nginx. Ends with the value.
pub struct Nginx {
    _process: Process,
    _directory: Scratch,
    port: u16,
    /// The authority behind its certificate.
    pub authority: PathBuf,
}

impl Nginx {
    /// Hands connections on to the WebSocket server at this port.
    pub fn before(server_port: u16) -> Nginx {
        let directory = Scratch::new("nginx");
        let files = Certificate::new(directory.path());
        let port = free_port();
        let config = directory.write("nginx.conf", configuration(port, server_port));
        let mut command = Command::new(program("nginx"));
        command.arg("-p").arg(directory.path()).arg("-c").arg(config).args(["-e", "/dev/stdout"]);
        let mut process = Process::start("nginx", command, Secrets::default());
        // Said when the listener is open and the only process goes to work.
        process.wait_for("event method");
        Nginx { _process: process, _directory: directory, port, authority: files.authority }
    }

    /// Endpoint URL.
    pub fn url(&self) -> String {
        format!("wss://127.0.0.1:{}", self.port)
    }
}

/// One process in the foreground; all files in its own directory.
fn configuration(port: u16, server_port: u16) -> String {
    format!(
        "daemon off;
master_process off;
pid nginx.pid;
error_log /dev/stdout notice;
events {{ worker_connections 64; }}
http {{
    access_log off;
    client_body_temp_path body;
    proxy_temp_path proxy;
    fastcgi_temp_path fastcgi;
    uwsgi_temp_path uwsgi;
    scgi_temp_path scgi;
    server {{
        listen 127.0.0.1:{port} ssl;
        ssl_certificate server.pem;
        ssl_certificate_key server.key;
        location / {{
            proxy_pass http://127.0.0.1:{server_port};
            proxy_http_version 1.1;
            proxy_set_header Upgrade $http_upgrade;
            proxy_set_header Connection upgrade;
            proxy_set_header Host $http_host;
            proxy_read_timeout 300s;
        }}
    }}
}}
"
    )
}
