//! Checks on a response before the SDK reads it.
//!
//! Every response carries AWS's time, which is kept for the clock check.
//!
//! The SDK reads a whole response into memory, and signs every later request by the clock of the last response. An
//! endless response from a proxy or endpoint would exhaust the memory of the process within one call's time limit; a
//! date at the end of the calendar would make every later call of the client panic.

use super::Dated;
use crate::domain::time::Time;
use aws_runtime::service_clock_skew::DisableClockSkewCorrection;
use aws_sdk_fsx::config::interceptors::{
    BeforeDeserializationInterceptorContextMut, BeforeDeserializationInterceptorContextRef,
    BeforeTransmitInterceptorContextRef,
};
use aws_sdk_fsx::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_smithy_types::DateTime;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::config_bag::{Storable, StoreReplace};
use aws_smithy_types::date_time::Format;
use http_body_util::Limited;
use std::error::Error;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

/// Larger than a page of a thousand backups with fifty of the longest tags each.
const ANSWER_MAX_BYTES: usize = 64 << 20;
/// From 2006, when AWS began, to 2200: the host's clock may be far off, but AWS's is in this range.
const CLOCK_OF_AWS: Range<i64> = 1_136_073_600..7_258_118_400;

/// Cuts off an oversized response, which then counts as unreadable, and removes a date that cannot be AWS's.
#[derive(Clone, Debug, Default)]
pub(super) struct Measure {
    last: Arc<Mutex<Option<Dated>>>,
}

impl Measure {
    /// The newest date since the last call.
    pub(super) fn take_date(&self) -> Option<Dated> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// When a request was sent.
#[derive(Clone, Copy, Debug)]
struct Left(Instant);

impl Storable for Left {
    type Storer = StoreReplace<Self>;
}

impl Intercept for Measure {
    fn name(&self) -> &'static str {
        "Measure"
    }

    fn read_before_transmit(
        &self,
        _: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        state: &mut ConfigBag,
    ) -> Result<(), Box<dyn Error + Send + Sync>> {
        state.interceptor_state().store_put(Left(Instant::now()));
        Ok(())
    }

    fn read_after_transmit(
        &self,
        context: &BeforeDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        state: &mut ConfigBag,
    ) -> Result<(), Box<dyn Error + Send + Sync>> {
        let date = context.response().headers().get("date");
        let date = date.and_then(|date| DateTime::from_str(date, Format::HttpDate).ok());
        let Some(date) = date else { return Ok(()) };
        if !CLOCK_OF_AWS.contains(&date.secs()) {
            state.interceptor_state().store_put(DisableClockSkewCorrection::from(true));
            return Ok(());
        }
        // A proxy that responds in AWS's place has its own clock.
        let response = context.response();
        if response.status().as_u16() != 200 && response.headers().get("x-amzn-requestid").is_none() {
            return Ok(());
        }
        let answered = Instant::now();
        let asked = state.load::<Left>().map_or(answered, |left| left.0);
        let dated = Dated { date: Time::from_secs(date.secs()), asked, answered };
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some(dated);
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
