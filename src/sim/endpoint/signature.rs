//! Reads account and Region from a SigV4 signature, without checking it.

use super::super::cloud::ApiError;
use super::super::fleet::DEFAULT_ACCOUNT;

/// The account and Region of a request.
pub(super) struct Scope {
    pub account: String,
    pub region: String,
}

/// Parses the header `Authorization`.
pub(super) fn scope(header: Option<&str>) -> Result<Scope, ApiError> {
    let Some(header) = header else {
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
    if *service != "fsx" {
        let words = "Credential should be scoped to correct service: 'fsx'.";
        return Err(ApiError::client("InvalidSignatureException", words).with_status(403));
    }
    Ok(Scope { account: account(key), region: (*region).to_owned() })
}

/// The account of an access key: the first 12 digits in a row, otherwise 111122223333.
fn account(key: &str) -> String {
    let digits = key.split(|c: char| !c.is_ascii_digit()).find(|run| run.len() == 12);
    digits.unwrap_or(DEFAULT_ACCOUNT).to_owned()
}

#[cfg(test)]
mod tests {
    use super::scope;

    #[test]
    fn region_and_account_come_from_the_credential() {
        let read = |text: &str| scope(Some(text)).map(|scope| (scope.account, scope.region)).map_err(|e| e.code);
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
        assert!(scope(None).is_err());
    }
}
