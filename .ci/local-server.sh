# Sourced by checks that call a local server.

# Starts the server $1, with the arguments that follow, in the folder $work and with a MongoDB of its own. Sets `server`, its
# process, and `address`. Its output is in $work/output. Its port is $SERVER_PORT, or any free one.
start_local_server() {
  local program=$1 begin=$SECONDS
  shift
  rm -f "$work/output"
  (
    cd "$work"
    exec env MONGODB_URI= MONGODB_URI_SECRET_ID= HOST=127.0.0.1 PORT="${SERVER_PORT:-0}" BCRYPT_COST=10 RUST_LOG=warn "$program" "$@"
  ) >"$work/output" 2>&1 &
  server=$!
  until grep -qs 'authorization: Bearer' "$work/output"; do
    if ! kill -0 $server 2>/dev/null || [ $((SECONDS - begin)) -gt 300 ]; then
      cat "$work/output" >&2
      echo "The server has not started." >&2
      return 1
    fi
    sleep 0.2
  done
  address=$(sed -n 's/^ *API *//p' "$work/output")
}

stop_local_server() {
  [ -z "${server-}" ] || { kill "$server" && wait "$server"; } 2>/dev/null || true
}

# Builds the server as the tests build it, so that nothing is built twice, and prints its path.
built_local_server() {
  cargo test --quiet --locked --workspace --no-run >&2 && realpath "${CARGO_TARGET_DIR:-target}/debug/server"
}
