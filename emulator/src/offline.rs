//! The hub without sockets: connections over any byte stream, and the console as a function.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;

use axum::Router;

use crate::admin::{self, Console};
use crate::ca::Authorities;
use crate::config::{self, Config};
use crate::connection::{self, Incoming};
use crate::hub::Hub;
use crate::registry::Registry;
use crate::state;
use crate::stream::Transport;

/// A hub that listens nowhere.
pub struct Offline {
    config: Config,
    registry: Arc<Registry>,
    hub: Arc<Hub>,
}

impl Offline {
    /// A hub of a registry file, with what earlier runs left in its state directory.
    pub fn open(file: &Path) -> Result<Offline, String> {
        let config = config::load(file)?;
        let registry = registry(&config)?;
        let hub = Hub::new(&config, registry.clone())?;
        Ok(Offline { config, registry, hub })
    }

    /// Forgets everything but its authorities and starts again with the registry file.
    pub fn reset(&mut self) -> Result<(), String> {
        let is_changed = self.registry.is_changed();
        state::reset(&self.config.server.state_dir, true)?;
        if is_changed {
            self.registry = registry(&self.config)?;
        }
        self.hub = Hub::new(&self.config, self.registry.clone())?;
        Ok(())
    }

    /// Serves a connection of the listener `mqtt` or `ws` to its end.
    pub async fn serve(&self, listener: &'static str, transport: impl Transport + 'static) {
        let peer = SocketAddr::from((Ipv4Addr::LOCALHOST, 1));
        let incoming = Incoming { listener, transport: Box::new(transport), peer, tls: None };
        connection::serve(self.hub.clone(), incoming).await;
    }

    /// The commands of the console.
    pub fn console(&self) -> Router {
        admin::router(Console { hub: self.hub.clone(), listeners: Arc::default() })
    }
}

fn registry(config: &Config) -> Result<Arc<Registry>, String> {
    let authorities = Authorities::open(&config.server.state_dir)?;
    Registry::new(config, authorities).map(Arc::new)
}
