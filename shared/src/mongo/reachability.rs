//! Whether a connection has a writable server, according to the driver's monitors.
//!
//! Without this, each request during an outage would wait for the driver's server selection, and on Lambda each waiting
//! request occupies an environment.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use mongodb::ServerType;
use mongodb::event::EventHandler;
use mongodb::event::sdam::SdamEvent;

#[derive(Clone)]
pub(crate) struct Reachability(Arc<AtomicBool>);

/// Assumes a writable server until a monitor reports otherwise.
impl Default for Reachability {
    fn default() -> Self {
        Self(Arc::new(AtomicBool::new(true)))
    }
}

impl Reachability {
    pub fn has_writable_server(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// The event handler to register with the driver.
    pub fn event_handler(&self) -> EventHandler<SdamEvent> {
        let known = Arc::clone(&self.0);
        EventHandler::callback(move |event| {
            if let SdamEvent::TopologyDescriptionChanged(change) = event {
                let servers = change.new_description.servers();
                let writable = servers
                    .values()
                    .any(|server| takes_writes(server.server_type()));
                known.store(writable, Ordering::Relaxed);
            }
        })
    }
}

fn takes_writes(server: ServerType) -> bool {
    matches!(
        server,
        ServerType::RsPrimary
            | ServerType::Mongos
            | ServerType::LoadBalancer
            | ServerType::Standalone
    )
}
