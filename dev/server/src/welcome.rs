//! What the server prints once it accepts requests.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use shared::version::version_and_commit;

/// The README has the same calls.
const CALLS: &str = r#"curl {api}/org/create -H 'content-type: application/json' \
  -d '{"organization_name":"Akshay Pvt Ltd","email":"admin@example.com","password":"Admin@123"}'

ACCESS_TOKEN=$(curl -s {api}/admin/login -H 'content-type: application/json' \
  -d '{"email":"admin@example.com","password":"Admin@123"}' | sed -n 's/.*"access_token":"\([^"]*\).*/\1/p')

curl {api}/org -H "authorization: Bearer $ACCESS_TOKEN"
"#;

/// Addresses, and calls to paste. `mongodb` describes the connection to MongoDB.
pub fn welcome(listening: SocketAddr, mongodb: &str) -> String {
    let api = own_url(listening);
    let version = version_and_commit();
    let calls = CALLS.replace("{api}", &api);
    format!(
        "\nOrganization service {version} is up; Ctrl-C ends it, data stays in .local.\n\n  \
         API      {api}\n  Docs     {api}/docs\n  MongoDB  {mongodb}\n\n\
         Paste these calls into another terminal:\n\n{calls}"
    )
}

/// The URL by which this machine reaches a server that listens on `address`.
pub fn own_url(address: SocketAddr) -> String {
    format!("http://{}", reachable(address))
}

/// An address by which this machine reaches a server that listens on `address`.
fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}
