//! Version of the service.

/// Version of the workspace.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Commit that was built, if `SOURCE_COMMIT` was set for the build.
pub const COMMIT: Option<&str> = option_env!("SOURCE_COMMIT");

/// Version and commit, such as `0.1.0 (4f2a9c1)`.
pub fn version_and_commit() -> String {
    match COMMIT {
        Some(commit) => format!("{VERSION} ({commit})"),
        None => VERSION.to_owned(),
    }
}
