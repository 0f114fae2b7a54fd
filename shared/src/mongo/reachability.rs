//! Whether a connection knows a server that takes writes, as the driver's monitors see it.
//!
//! Without this, every request of an outage would wait for the driver's server selection, and on Lambda every waiting
//! request is an environment of its own.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use mongodb::ServerType;
use mongodb::event::EventHandler;
use mongodb::event::sdam::SdamEvent;

#[derive(Clone)]
pub(crate) struct Reachability(Arc<AtomicBool>);

/// Until a monitor says otherwise.
impl Default for Reachability {
    fn default() -> Self {
        Self(Arc::new(AtomicBool::new(true)))
    }
}

impl Reachability {
    pub fn is_known(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// To be given to the driver.
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
