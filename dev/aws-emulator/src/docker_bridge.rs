//! The address by which containers reach this machine.

use std::net::Ipv4Addr;

use tokio::process::Command;

/// Prints gateway and subnet of each address range of Docker's default network.
const INSPECT: [&str; 5] = [
    "network",
    "inspect",
    "bridge",
    "--format",
    "{{range .IPAM.Config}}{{println .Gateway .Subnet}}{{end}}",
];

/// None if Docker does not answer, or names no IPv4 address.
pub async fn address() -> Option<Ipv4Addr> {
    let inspected = Command::new("docker").args(INSPECT).output().await.ok()?;
    let text = std::str::from_utf8(&inspected.stdout).ok()?;
    text.lines().find_map(gateway)
}

/// The gateway. A Docker that has not run a container yet names only the subnet: it takes the subnet's first address.
fn gateway(line: &str) -> Option<Ipv4Addr> {
    let (gateway, subnet) = line.rsplit_once(' ')?;
    if let Ok(gateway) = gateway.parse() {
        return Some(gateway);
    }
    let (network, bits) = subnet.split_once('/')?;
    let (network, bits): (Ipv4Addr, u32) = (network.parse().ok()?, bits.parse().ok()?);
    let mask = u32::MAX.checked_shl(32_u32.checked_sub(bits)?)?;
    let first = (network.to_bits() & mask).checked_add(1)?;
    Some(Ipv4Addr::from_bits(first))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_gateway_is_read_or_derived_from_the_subnet() {
        for (line, expected) in [
            ("172.17.0.1 172.17.0.0/16", Some([172, 17, 0, 1])),
            (" 172.17.0.0/16", Some([172, 17, 0, 1])),
            ("<nil> 10.200.3.128/25", Some([10, 200, 3, 129])),
            (" 172.18.0.1/16", Some([172, 18, 0, 1])),
            ("fd00::1 fd00::/64", None),
            (" ", None),
            ("", None),
        ] {
            assert_eq!(gateway(line), expected.map(Ipv4Addr::from), "{line}");
        }
    }
}
