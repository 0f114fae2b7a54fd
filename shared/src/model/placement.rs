//! Where a tenant's data is.

use serde::{Deserialize, Serialize};

/// The place of a tenant's data. Only `shared/src/store/tenant_data.rs` resolves it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Placement {
    cell: Cell,
    mode: PlacementMode,
}

/// A cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cell {
    /// The cluster of the control plane.
    Home,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PlacementMode {
    /// A collection of its own.
    Dedicated,
}

impl Placement {
    /// Of a new tenant.
    pub(crate) const NEW: Self = Self {
        cell: Cell::Home,
        mode: PlacementMode::Dedicated,
    };

    pub fn cell(self) -> Cell {
        self.cell
    }

    pub(crate) fn mode(self) -> PlacementMode {
        self.mode
    }
}
