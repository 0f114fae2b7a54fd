//! The argument of `--route`.

use std::fmt;
use std::str::FromStr;

use reqwest::Url;

/// The first parts of the service's own paths.
pub(super) const OWN: [&str; 10] = [
    "admin",
    "dev",
    "docs",
    "health",
    "link-pages.js",
    "openapi.json",
    "org",
    "reset-password",
    "undo-email-change",
    "verify-email",
];

/// A product's path, and the function behind it.
#[derive(Clone, Debug)]
pub struct ProductRoute {
    /// Such as `/erp`.
    prefix: String,
    function: Url,
}

#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum ProductRouteError {
    #[error(
        "it must look like /erp/*=http://127.0.0.1:9000/2015-03-31/functions/<name>/invocations"
    )]
    Form,
    #[error("the path must be /, then letters, digits, - and _, then /*")]
    Path,
    #[error("/{0} belongs to the service")]
    Own(String),
    #[error("the invoke URL must begin with http://, because the function runs on this machine")]
    Function,
}

impl ProductRoute {
    pub fn function(&self) -> &Url {
        &self.function
    }

    /// The paths to register in the router.
    pub(super) fn paths(&self) -> [String; 3] {
        let prefix = &self.prefix;
        [
            prefix.clone(),
            format!("{prefix}/"),
            format!("{prefix}/{{*rest}}"),
        ]
    }

    /// Two of the routes of which one contains the other.
    pub fn first_overlap(routes: &[Self]) -> Option<(&Self, &Self)> {
        let mut rest = routes.iter();
        while let Some(one) = rest.next() {
            if let Some(other) = rest.clone().find(|other| one.overlaps(other)) {
                return Some((one, other));
            }
        }
        None
    }

    fn overlaps(&self, other: &Self) -> bool {
        let (one, other) = (format!("{}/", self.prefix), format!("{}/", other.prefix));
        one.starts_with(&other) || other.starts_with(&one)
    }
}

impl fmt::Display for ProductRoute {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/*", self.prefix)
    }
}

impl FromStr for ProductRoute {
    type Err = ProductRouteError;

    fn from_str(text: &str) -> Result<Self, ProductRouteError> {
        let (path, function) = text.split_once('=').ok_or(ProductRouteError::Form)?;
        let path = path
            .strip_prefix('/')
            .and_then(|path| path.strip_suffix("/*"));
        let path = path.ok_or(ProductRouteError::Path)?;
        let is_part = |part: &str| {
            let permitted = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
            !part.is_empty() && part.bytes().all(permitted)
        };
        let mut parts = path.split('/');
        if let Some(own) = parts.clone().next().filter(|first| OWN.contains(first)) {
            return Err(ProductRouteError::Own(own.to_owned()));
        }
        if !parts.all(is_part) {
            return Err(ProductRouteError::Path);
        }
        let function = Url::parse(function).map_err(|_| ProductRouteError::Form)?;
        match function.scheme() {
            "http" => Ok(Self {
                prefix: format!("/{path}"),
                function,
            }),
            _ => Err(ProductRouteError::Function),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    const FUNCTION: &str = "http://127.0.0.1:9000/2015-03-31/functions/invoices/invocations";

    #[test]
    fn a_path_of_the_service_is_refused() {
        for own in OWN {
            let refused = format!("/{own}/*={FUNCTION}").parse::<ProductRoute>();
            assert_eq!(refused.unwrap_err(), ProductRouteError::Own(own.to_owned()));
        }
    }

    #[test]
    fn malformed_routes_are_refused() {
        for (text, error) in [
            ("/erp/*", ProductRouteError::Form),
            ("/erp=http://127.0.0.1/", ProductRouteError::Path),
            ("/*=http://127.0.0.1/", ProductRouteError::Path),
            ("//*=http://127.0.0.1/", ProductRouteError::Path),
            ("/e rp/*=http://127.0.0.1/", ProductRouteError::Path),
            ("/{erp}/*=http://127.0.0.1/", ProductRouteError::Path),
            ("/../*=http://127.0.0.1/", ProductRouteError::Path),
            ("/erp/*=127.0.0.1:9000", ProductRouteError::Form),
            ("/erp/*=https://example.com/", ProductRouteError::Function),
        ] {
            assert_eq!(text.parse::<ProductRoute>().unwrap_err(), error, "{text}");
        }
    }

    #[test]
    fn routes_within_each_other_overlap() {
        let route = |path: &str| {
            format!("{path}={FUNCTION}")
                .parse::<ProductRoute>()
                .unwrap()
        };
        for (one, other, overlap) in [
            ("/erp/*", "/erp/*", true),
            ("/erp/*", "/erp/invoices/*", true),
            ("/erp/invoices/*", "/erp/*", true),
            ("/erp/*", "/erp2/*", false),
        ] {
            let routes = [route("/shop/*"), route(one), route(other)];
            let found = ProductRoute::first_overlap(&routes);
            let expected = overlap.then(|| (one.to_owned(), other.to_owned()));
            let found = found.map(|(one, other)| (one.to_string(), other.to_string()));
            assert_eq!(found, expected);
        }
    }
}
