//! How much of an answer is read at all.
//!
//! The SDK takes a whole answer into memory before it looks at it. A proxy or an endpoint gone wrong that sends without end
//! would otherwise end the process within the time that one call is allowed.

use aws_sdk_fsx::config::interceptors::BeforeDeserializationInterceptorContextMut;
use aws_sdk_fsx::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_smithy_types::body::SdkBody;
use http_body_util::Limited;
use std::error::Error;

/// More than a thousand backups with fifty of the longest tags each.
const ANSWER_MAX_BYTES: usize = 64 << 20;

/// Cuts an answer off that is larger than any can be: it then counts as one that cannot be read.
#[derive(Debug)]
pub(super) struct CutOff;

impl Intercept for CutOff {
    fn name(&self) -> &'static str {
        "CutOff"
    }

    fn modify_before_deserialization(
        &self,
        context: &mut BeforeDeserializationInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), Box<dyn Error + Send + Sync>> {
        let body = context.response_mut().body_mut();
        let whole = std::mem::replace(body, SdkBody::taken());
        *body = SdkBody::from_body_1_x(Limited::new(whole, ANSWER_MAX_BYTES));
        Ok(())
    }
}
