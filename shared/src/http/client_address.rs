//! The client address, taken from the connection. Headers can change it only if the request is authenticated by the
//! trusted proxy's secret.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use aws_lc_rs::constant_time::verify_slices_are_equal;
use axum::extract::{FromRef, FromRequestParts};
use axum::http::HeaderMap;
use axum::http::request::Parts;
use lambda_http::request::RequestContext;
use secrecy::ExposeSecret;

use crate::config::TrustedProxy;
use crate::problem::Problem;

/// Header with the trusted proxy's secret.
const SECRET_HEADER: &str = "x-origin-verify";
/// Header to which every proxy appends the address of its client.
const FORWARDED_FOR: &str = "x-forwarded-for";

/// Without API Gateway, the server inserts it into each request's extensions.
#[derive(Clone, Copy, Debug)]
pub struct ClientAddress(pub IpAddr);

impl ClientAddress {
    /// As events and sessions name it.
    pub(crate) fn to_text(self) -> String {
        self.0.to_canonical().to_string()
    }

    /// The network of one customer of a provider: an IPv4 address, or a /64 of IPv6.
    pub(crate) fn network(self) -> String {
        match self.0.to_canonical() {
            IpAddr::V4(address) => address.to_string(),
            IpAddr::V6(address) => {
                let network = u128::from(address) >> 64 << 64;
                format!("{}/64", Ipv6Addr::from(network))
            }
        }
    }
}

impl<S: Sync> FromRequestParts<S> for ClientAddress
where
    TrustedProxy: FromRef<S>,
{
    type Rejection = Problem;

    /// API Gateway's `requestContext.http.sourceIp`, or the peer of a server's connection. Behind the trusted proxy,
    /// the address of the proxy's client.
    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let gateway = match parts.extensions.get::<RequestContext>() {
            Some(RequestContext::ApiGatewayV2(context)) => context.http.source_ip.as_deref(),
            _ => None,
        };
        let gateway = gateway.and_then(|text| text.parse().ok()).map(Self);
        let connection = parts.extensions.get::<Self>().copied();
        let Self(peer) = gateway.or(connection).ok_or_else(|| {
            tracing::error!("a request has no client address");
            Problem::internal()
        })?;
        let forwarded = forwarded_by(&TrustedProxy::from_ref(state), &parts.headers, peer);
        Ok(Self(forwarded.unwrap_or(peer)))
    }
}

/// The client address that the trusted proxy reports. None if the request is not from the proxy, or reports no address.
fn forwarded_by(proxy: &TrustedProxy, headers: &HeaderMap, peer: IpAddr) -> Option<IpAddr> {
    let secret = proxy.secret.as_ref()?.expose_secret().as_bytes();
    let proof = headers.get(SECRET_HEADER)?.as_bytes();
    verify_slices_are_equal(proof, secret).ok()?;
    let values = headers.get_all(FORWARDED_FOR).iter();
    let mut addresses: Vec<Option<IpAddr>> = values
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(|text| address(text.trim()))
        .collect();
    // API Gateway appends the address of its client, which is the last proxy.
    addresses.pop_if(|last| last.is_some_and(|last| last.to_canonical() == peer.to_canonical()));
    let index = addresses.len().checked_sub(proxy.hops)?;
    addresses.get(index).copied().flatten()
}

/// Parses an address with or without a port.
fn address(text: &str) -> Option<IpAddr> {
    let with_port = || text.parse().map(|address: SocketAddr| address.ip());
    text.parse().or_else(|_| with_port()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn forwarded(proof: &str, list: &[&str], hops: usize) -> Option<String> {
        let proxy = TrustedProxy {
            secret: Some("a secret of the proxy".into()),
            hops,
        };
        let mut headers = HeaderMap::new();
        headers.insert(SECRET_HEADER, proof.parse().unwrap());
        for value in list {
            headers.append(FORWARDED_FOR, value.parse().unwrap());
        }
        let peer = "130.176.0.1".parse().unwrap();
        forwarded_by(&proxy, &headers, peer).map(|address| address.to_string())
    }

    #[test]
    fn n1_the_trusted_proxy_says_who_called_it() {
        let right = "a secret of the proxy";
        let client = Some("203.0.113.7".to_owned());
        for list in [
            &["203.0.113.7"][..],
            &["203.0.113.7, 130.176.0.1"],
            // A client may have sent the header itself.
            &["198.51.100.1, 203.0.113.7, 130.176.0.1"],
            &["198.51.100.1", "203.0.113.7"],
            &["not an address, 203.0.113.7:4711, 130.176.0.1"],
        ] {
            assert_eq!(forwarded(right, list, 1), client, "{list:?}");
        }
        assert_eq!(
            forwarded(right, &["1.1.1.1, 203.0.113.7, 10.0.0.1, 130.176.0.1"], 2),
            client
        );
        assert_eq!(
            forwarded(right, &["[2001:db8::1]:443"], 1),
            Some("2001:db8::1".to_owned())
        );
        for list in [&[][..], &["130.176.0.1"], &["nonsense"]] {
            assert_eq!(forwarded(right, list, 1), None, "{list:?}");
        }
        for wrong in [
            "",
            "a secret",
            "A secret of the proxy",
            "a secret of the proxy ",
        ] {
            assert_eq!(forwarded(wrong, &["203.0.113.7"], 1), None, "{wrong:?}");
        }
    }

    #[test]
    fn networks_are_ipv4_addresses_or_ipv6_prefixes() {
        for (address, network) in [
            ("203.0.113.7", "203.0.113.7"),
            ("::ffff:203.0.113.7", "203.0.113.7"),
            ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ] {
            assert_eq!(ClientAddress(address.parse().unwrap()).network(), network);
        }
    }
}
