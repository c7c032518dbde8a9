//! Which other origins browsers may ask from.

use axum::http::{HeaderName, HeaderValue, Method, Uri, header};
use std::collections::BTreeSet;
use std::time::Duration;
use tower_http::cors::{AllowHeaders, AllowOrigin, CorsLayer};

use super::{X_REQUEST_ID, X_RESPONSE_TIME};

/// For how long a browser may remember the answer to a preflight.
const PREFLIGHT_SECONDS: u64 = 600;

/// Checked origins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CorsConfig {
    /// `None` is any origin.
    origins: Option<Vec<HeaderValue>>,
    allow_credentials: bool,
}

impl CorsConfig {
    /// Reads a comma-separated list of origins: `https://app.example`, `null`, or `*` alone.
    ///
    /// # Errors
    /// When an entry is no origin, `*` is not alone, or `*` comes with credentials: any page could then act as
    /// its visitor.
    pub fn new(origins: &str, allow_credentials: bool) -> Result<Self, String> {
        let listed: Vec<&str> =
            origins.split(',').map(str::trim).filter(|origin| !origin.is_empty()).collect();
        if listed.is_empty() {
            return Err("CORS_ORIGINS lists no origin: leave it unset for the same origin only".to_owned());
        }
        if listed.contains(&"*") {
            if allow_credentials {
                return Err("CORS_ORIGINS=* cannot go with CORS_ALLOW_CREDENTIALS=true: \
                            list the origins, or set CORS_ALLOW_CREDENTIALS=false"
                    .to_owned());
            }
            if listed.len() > 1 {
                return Err("CORS_ORIGINS lists * beside other origins: * must stand alone".to_owned());
            }
            return Ok(Self { origins: None, allow_credentials });
        }
        let origins = listed.into_iter().map(origin).collect::<Result<_, _>>()?;
        Ok(Self { origins: Some(origins), allow_credentials })
    }

    /// The hosts of the origins that are listed.
    pub(super) fn hosts(&self) -> BTreeSet<String> {
        let origins = self.origins.iter().flatten().filter_map(|origin| origin.to_str().ok());
        let uris = origins.filter_map(|origin| origin.parse::<Uri>().ok());
        // `null` reads as a URI without a scheme, and names no host.
        uris.filter(|uri| uri.scheme().is_some()).filter_map(|uri| uri.host().map(str::to_owned)).collect()
    }

    pub(super) fn layer(&self) -> CorsLayer {
        let origins = match &self.origins {
            Some(origins) => AllowOrigin::list(origins.iter().cloned()),
            None => AllowOrigin::any(),
        };
        CorsLayer::new()
            .allow_origin(origins)
            .allow_credentials(self.allow_credentials)
            // Those that routes have.
            .allow_methods([Method::GET, Method::HEAD, Method::POST, Method::DELETE])
            .allow_headers(AllowHeaders::mirror_request())
            .expose_headers([
                X_REQUEST_ID,
                HeaderName::from_static("x-access-log-id"),
                X_RESPONSE_TIME,
                header::RETRY_AFTER,
            ])
            .max_age(Duration::from_secs(PREFLIGHT_SECONDS))
    }
}

/// An origin as browsers send it: scheme, host and port, lower case, nothing after them.
fn origin(text: &str) -> Result<HeaderValue, String> {
    let bad = || {
        format!(
            "CORS_ORIGINS: {text:?} is no origin; one looks like https://app.example:8443, or is null or *"
        )
    };
    let value = HeaderValue::from_str(text).map_err(|_| bad())?;
    if text == "null" {
        return Ok(value);
    }
    let (_, rest) = text.split_once("://").ok_or_else(bad)?;
    let uri: Uri = text.parse().map_err(|_| bad())?;
    let named = uri.host().is_some_and(|host| !host.is_empty());
    if !named || rest.contains(['/', '?', '#', '@']) || text.chars().any(|c| c.is_ascii_uppercase()) {
        return Err(bad());
    }
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_are_checked() {
        for good in ["https://a.example", "http://localhost:3000, null", "https://[::1]:8443", "null", "*"] {
            assert!(CorsConfig::new(good, false).is_ok(), "{good}");
        }
        for bad in
            ["", ",", "a.example", "https://", "https://a/", "https://A.example", "https://a?x", "*, null"]
        {
            let error = CorsConfig::new(bad, false).unwrap_err();
            assert!(error.contains("CORS_ORIGINS"), "{bad}: {error}");
        }
    }

    #[test]
    fn any_origin_with_credentials_names_both_variables() {
        let error = CorsConfig::new("*", true).unwrap_err();
        assert!(error.contains("CORS_ORIGINS") && error.contains("CORS_ALLOW_CREDENTIALS"), "{error}");
        assert!(CorsConfig::new("https://a.example", true).is_ok());
    }
}
