//! `serve`: from the registry file to running listeners, and to a clean stop.

use std::io::{IsTerminal, Write};
use std::sync::Arc;
use std::time::Duration;

use openssl::ssl::SslContext;
use openssl::x509::X509;
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::JoinSet;
use tracing_subscriber::EnvFilter;

use crate::admin::{self, Console};
use crate::ca::Authorities;
use crate::cli::Serve;
use crate::config::{self, Config, Port, Ports};
use crate::hub::Hub;
use crate::listener::{self, Bound};
use crate::registry::Registry;
use crate::tls;

/// Descriptors wished for: thousands of connections, one each.
const DESCRIPTORS: u64 = 65_536;

/// Runs the hub until a signal or the console stops it.
pub fn run(args: &Serve) -> Result<(), String> {
    start_log();
    let mut config = config::load(&args.config)?;
    if let Some(dir) = &args.state_dir {
        config.server.state_dir.clone_from(dir);
    }
    for setting in &args.ports {
        set_port(&mut config.server.ports, setting)?;
    }
    if !config.ota.is_empty() {
        tracing::warn!("[[ota]]: this version has no firmware service; the entries are not used");
    }
    if let Err(e) = rlimit::increase_nofile_limit(DESCRIPTORS) {
        tracing::warn!("the limit of open descriptors stays as it is: {e}");
    }
    let runtime = tokio::runtime::Runtime::new().map_err(|e| e.to_string())?;
    runtime.block_on(serve(&config))
}

/// Standard output belongs to the `ready` lines, so the log goes to standard error.
fn start_log() {
    let filter = EnvFilter::try_from_env("IOT_HUB_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    let colours = std::io::stderr().is_terminal();
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    log.with_ansi(colours).with_target(false).init();
}

fn set_port(ports: &mut Ports, setting: &str) -> Result<(), String> {
    let (name, value) =
        setting.split_once('=').ok_or_else(|| format!("--port {setting}: write NAME=PORT"))?;
    let place = match name {
        "mqtt" => &mut ports.mqtt,
        "mqtts" => &mut ports.mqtts,
        "ws" => &mut ports.ws,
        "wss" => &mut ports.wss,
        "coaps" => &mut ports.coaps,
        "coap" => &mut ports.coap,
        "http" => &mut ports.http,
        "admin" => &mut ports.admin,
        other => return Err(format!("--port: there is no listener \"{other}\"")),
    };
    *place =
        Port { optional: place.optional, ..Port::parse(value).map_err(|e| format!("--port {name}: {e}"))? };
    Ok(())
}

async fn serve(config: &Config) -> Result<(), String> {
    let authorities = Authorities::open(&config.server.state_dir)?;
    let registry = Arc::new(Registry::new(config, authorities.clone())?);
    let context = tls::context(&authorities, &extra_authorities(config)?, registry.clone())
        .map_err(|e| format!("TLS set-up: {e}"))?;
    let hub = Hub::new(config, registry)?;
    let mut terminate = signal(SignalKind::terminate()).map_err(|e| e.to_string())?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(|e| e.to_string())?;

    let bound = listener::bind(&config.server).await?;
    announce(&bound).map_err(|e| format!("standard output: {e}"))?;
    let mut tasks = start(&hub, bound, &context);
    tasks.spawn(sweep(hub.clone()));

    tokio::select! {
        _ = terminate.recv() => tracing::info!("stopping: SIGTERM"),
        _ = interrupt.recv() => tracing::info!("stopping: SIGINT"),
        () = hub.stopped() => tracing::info!("stopping: console"),
    }
    hub.stop();
    hub.end_all("hub stops");
    // The console's last answer and the connections' last bytes get a moment.
    let all = async {
        while tasks.join_next().await.is_some() {}
        hub.all_closed().await;
    };
    let _ = tokio::time::timeout(Duration::from_secs(1), all).await;
    Ok(())
}

fn extra_authorities(config: &Config) -> Result<Vec<X509>, String> {
    let mut all = Vec::new();
    for file in &config.server.client_ca {
        let text = std::fs::read(file).map_err(|e| format!("{}: {e}", file.display()))?;
        all.extend(X509::stack_from_pem(&text).map_err(|e| format!("{}: {e}", file.display()))?);
    }
    Ok(all)
}

fn announce(bound: &[Bound]) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    for listener in bound {
        writeln!(out, "ready {} {}", listener.name, listener.address)?;
    }
    writeln!(out, "ready all")?;
    out.flush()
}

fn start(hub: &Arc<Hub>, bound: Vec<Bound>, context: &SslContext) -> JoinSet<()> {
    let mut tasks = JoinSet::new();
    let addresses: Vec<_> = bound.iter().map(|b| (b.name.to_owned(), b.address.to_string())).collect();
    let console = Console { hub: hub.clone(), listeners: Arc::new(addresses) };
    for listener in bound {
        match listener.name {
            "admin" => {
                let (router, hub) = (admin::router(console.clone()), hub.clone());
                tasks.spawn(async move {
                    let stopped = async move { hub.stopped().await };
                    if let Err(e) = axum::serve(listener.socket, router).with_graceful_shutdown(stopped).await
                    {
                        tracing::error!("admin listener: {e}");
                    }
                });
            }
            name => {
                let tls = matches!(name, "mqtts" | "wss").then(|| context.clone());
                tasks.spawn(listener::run(hub.clone(), listener, tls));
            }
        }
    }
    tasks
}

async fn sweep(hub: Arc<Hub>) {
    loop {
        tokio::select! {
            () = tokio::time::sleep(Duration::from_secs(1)) => hub.broker.sweep(&hub),
            () = hub.stopped() => return,
        }
    }
}
