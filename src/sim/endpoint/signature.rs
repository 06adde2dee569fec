//! Reads account and Region from a SigV4 signature, without checking it.

use super::super::cloud::ApiError;
use super::super::cloud::sts::{Caller, caller};
use super::super::fleet::DEFAULT_ACCOUNT;
use hyper::header::{AUTHORIZATION, HeaderMap};

/// Who sent a request, and its Region.
pub(super) struct Scope {
    pub caller: Caller,
    pub region: String,
}

/// Parses the headers of a request to this service.
pub(super) fn scope(headers: &HeaderMap, wanted: &str, now_ms: i64) -> Result<Scope, ApiError> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let Some(header) = text(AUTHORIZATION.as_str()) else {
        return Err(
            ApiError::client("MissingAuthenticationTokenException", "Missing Authentication Token").with_status(403)
        );
    };
    let incomplete = || {
        ApiError::client(
            "IncompleteSignatureException",
            "Authorization header requires a SigV4 'Credential' parameter.",
        )
    };
    let parameters = header.strip_prefix("AWS4-HMAC-SHA256").ok_or_else(incomplete)?;
    let credential = parameters
        .split(',')
        .find_map(|parameter| parameter.trim().strip_prefix("Credential="))
        .ok_or_else(incomplete)?;
    let parts: Vec<&str> = credential.split('/').collect();
    let [key, _date, region, service, "aws4_request"] = parts.as_slice() else {
        return Err(incomplete());
    };
    if *service != wanted {
        let words = format!("Credential should be scoped to correct service: '{wanted}'.");
        return Err(ApiError::client("InvalidSignatureException", words).with_status(403));
    }
    let caller = caller(&account(key), text("x-amz-security-token"), now_ms)?;
    Ok(Scope { caller, region: (*region).to_owned() })
}

/// The account of an access key: the first 12 digits in a row, otherwise 111122223333.
fn account(key: &str) -> String {
    let digits = key.split(|c: char| !c.is_ascii_digit()).find(|run| run.len() == 12);
    digits.unwrap_or(DEFAULT_ACCOUNT).to_owned()
}

#[cfg(test)]
mod tests {
    use super::scope;
    use hyper::header::{AUTHORIZATION, HeaderMap};

    #[test]
    fn region_and_account_come_from_the_credential() {
        let read = |text: &str| {
            let headers: HeaderMap = [(AUTHORIZATION, text.parse().unwrap())].into_iter().collect();
            scope(&headers, "fsx", 0).map(|scope| (scope.caller.account, scope.region)).map_err(|e| e.code)
        };
        let header =
            |credential: &str| format!("AWS4-HMAC-SHA256 Credential={credential}, SignedHeaders=host, Signature=0");
        assert_eq!(
            read(&header("AKIA444455556666XY/20261121/eu-west-1/fsx/aws4_request")),
            Ok(("444455556666".into(), "eu-west-1".into()))
        );
        assert_eq!(
            read(&header("test/20261121/us-east-1/fsx/aws4_request")),
            Ok(("111122223333".into(), "us-east-1".into()))
        );
        assert_eq!(read(&header("test/20261121/us-east-1/s3/aws4_request")), Err("InvalidSignatureException".into()));
        assert_eq!(read("Basic abc"), Err("IncompleteSignatureException".into()));
        assert!(scope(&HeaderMap::new(), "fsx", 0).is_err());
    }
}
