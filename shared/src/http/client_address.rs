//! The address of the caller, from the connection: no header can change it.

use std::net::{IpAddr, Ipv6Addr};

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use lambda_http::request::RequestContext;

use crate::problem::Problem;

/// Where there is no API Gateway, the server puts one into each request's extensions.
#[derive(Clone, Copy, Debug)]
pub struct ClientAddress(pub IpAddr);

impl ClientAddress {
    /// What one customer of a network provider has: an IPv4 address, or a whole /64 of IPv6.
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

impl<S: Sync> FromRequestParts<S> for ClientAddress {
    type Rejection = Problem;

    /// API Gateway's `requestContext.http.sourceIp`, or the other end of a server's connection.
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let gateway = match parts.extensions.get::<RequestContext>() {
            Some(RequestContext::ApiGatewayV2(context)) => context.http.source_ip.as_deref(),
            _ => None,
        };
        let gateway = gateway.and_then(|text| text.parse().ok()).map(Self);
        let connection = parts.extensions.get::<Self>().copied();
        gateway.or(connection).ok_or_else(|| {
            tracing::error!("a request came without the address of its client");
            Problem::internal()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_is_what_one_customer_has() {
        for (address, network) in [
            ("203.0.113.7", "203.0.113.7"),
            ("::ffff:203.0.113.7", "203.0.113.7"),
            ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ] {
            assert_eq!(ClientAddress(address.parse().unwrap()).network(), network);
        }
    }
}
