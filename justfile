# The usual tasks, for https://just.systems. CONTRIBUTING.md lists the commands behind them.

# Lists the tasks.
default:
    @just --list

# Serves all routes on http://127.0.0.1:8000.
run:
    cargo run

# Runs all tests, or those of one subject: just test login::
test *filter:
    cargo test --workspace --locked -- {{ filter }}

# Formats all code.
fmt:
    cargo fmt --all

# Checks formatting, order of modules and clippy.
lint:
    cargo fmt --all --check
    .ci/module-order
    cargo clippy --workspace --all-targets --locked -- -D warnings

# Writes the generated parts of files and the OpenAPI document.
generate:
    cargo xtask generate

# Builds the documentation of the crates and opens it.
docs:
    cargo doc --workspace --no-deps --open

# Runs everything that must pass before a change is merged, or one step of it: just ci tests
ci *steps:
    .ci/run {{ steps }}
