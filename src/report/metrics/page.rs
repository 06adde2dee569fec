//! A metrics page being rendered, and the labels of its samples.

use super::*;

/// The text so far.
pub(super) struct Page {
    pub(super) text: String,
}

impl Page {
    pub(super) fn gauges(&mut self, name: &str, help: &str, metrics: impl IntoIterator<Item = Metric>) {
        self.family(MetricType::GAUGE, name, help, metrics);
    }

    pub(super) fn counters(&mut self, name: &str, help: &str, metrics: impl IntoIterator<Item = Metric>) {
        self.family(MetricType::COUNTER, name, help, metrics);
    }

    pub(super) fn histograms(&mut self, name: &str, help: &str, metrics: impl IntoIterator<Item = Metric>) {
        self.family(MetricType::HISTOGRAM, name, help, metrics);
    }

    pub(super) fn family(
        &mut self,
        kind: MetricType,
        name: &str,
        help: &str,
        metrics: impl IntoIterator<Item = Metric>,
    ) {
        let mut family = MetricFamily::default();
        family.set_name(format!("lifeboat_{name}"));
        family.set_help(help.to_owned());
        family.set_field_type(kind);
        family.set_metric(metrics.into_iter().collect());
        self.encode(&family);
    }

    /// Encodes one family at a time, so that a large fleet never has all its series in memory twice.
    pub(super) fn encode(&mut self, family: &MetricFamily) {
        if family.get_metric().is_empty() {
            // The encoder rejects a family without series, but its name and help are known all the same.
            let kind = format!("{:?}", family.get_field_type()).to_lowercase();
            let (name, help) = (family.name(), family.help());
            self.text.push_str(&format!("# HELP {name} {help}\n# TYPE {name} {kind}\n"));
            return;
        }
        let before = self.text.len();
        let encoder = prometheus::TextEncoder::new();
        // It fails only for a family without name or series; a partial result is removed in any case.
        if encoder.encode_utf8(std::slice::from_ref(family), &mut self.text).is_err() {
            self.text.truncate(before);
        }
    }
}

pub(super) fn route_labels(route: &RouteView) -> [(&'static str, &str); 4] {
    [
        ("policy", route.policy.as_str()),
        ("account", route.account.as_str()),
        ("source", route.source.as_str()),
        ("region", route.region.as_str()),
    ]
}

pub(super) fn place_labels<'a>(account: &'a AccountId, region: &'a Region) -> [(&'static str, &'a str); 2] {
    [("account", account.as_str()), ("region", region.as_str())]
}

pub(super) fn labelled(labels: Labels<'_>) -> Metric {
    let pair = |(name, value): &(&'static str, &str)| {
        let mut pair = LabelPair::default();
        pair.set_name((*name).to_owned());
        pair.set_value((*value).to_owned());
        pair
    };
    Metric::from_label(labels.iter().map(pair).collect())
}

pub(super) fn gauge(labels: Labels<'_>, value: f64) -> Metric {
    let mut gauge = Gauge::default();
    gauge.set_value(value);
    let mut metric = labelled(labels);
    metric.set_gauge(gauge);
    metric
}

pub(super) fn counter(labels: Labels<'_>, value: u64) -> Metric {
    let mut counter = ProtoCounter::default();
    counter.set_value(value as f64);
    let mut metric = labelled(labels);
    metric.set_counter(counter);
    metric
}

/// `buckets` holds the count of each bucket alone, the last above all bounds; Prometheus expects cumulative counts.
pub(super) fn histogram(labels: Labels<'_>, bounds: &[f64], buckets: &[u64], sum_seconds: f64) -> Metric {
    let mut count = 0;
    let cumulative = bounds.iter().zip(buckets).map(|(bound, inside)| {
        count += inside;
        let mut bucket = Bucket::default();
        bucket.set_upper_bound(*bound);
        bucket.set_cumulative_count(count);
        bucket
    });
    let mut histogram = Histogram::default();
    histogram.set_bucket(cumulative.collect());
    histogram.set_sample_count(buckets.iter().sum());
    histogram.set_sample_sum(sum_seconds);
    let mut metric = labelled(labels);
    metric.set_histogram(histogram);
    metric
}
