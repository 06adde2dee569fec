//! What of an answer is believed before the SDK reads it.
//!
//! The SDK takes a whole answer into memory, and signs every later request by the clock that the last answer showed. A
//! proxy or an endpoint gone wrong that sends without end would end the process within the time that one call is
//! allowed; one that names the last second of the calendar would make every later call of the client end in a panic.

use aws_runtime::service_clock_skew::DisableClockSkewCorrection;
use aws_sdk_fsx::config::interceptors::{
    BeforeDeserializationInterceptorContextMut, BeforeDeserializationInterceptorContextRef,
};
use aws_sdk_fsx::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_smithy_types::DateTime;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::date_time::Format;
use http_body_util::Limited;
use std::error::Error;
use std::ops::Range;

/// More than a thousand backups with fifty of the longest tags each.
const ANSWER_MAX_BYTES: usize = 64 << 20;
/// From 2006, when AWS began, to 2200: a machine's own clock may be far off, but AWS's lies in here.
const CLOCK_OF_AWS: Range<i64> = 1_136_073_600..7_258_118_400;

/// Cuts off an answer that is larger than any can be, which then counts as one that cannot be read, and goes by no clock
/// that cannot be AWS's.
#[derive(Debug)]
pub(super) struct Measure;

impl Intercept for Measure {
    fn name(&self) -> &'static str {
        "Measure"
    }

    fn read_after_transmit(
        &self,
        context: &BeforeDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        state: &mut ConfigBag,
    ) -> Result<(), Box<dyn Error + Send + Sync>> {
        let date = context.response().headers().get("date");
        let date = date.and_then(|date| DateTime::from_str(date, Format::HttpDate).ok());
        if date.is_some_and(|date| !CLOCK_OF_AWS.contains(&date.secs())) {
            state.interceptor_state().store_put(DisableClockSkewCorrection::from(true));
        }
        Ok(())
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
