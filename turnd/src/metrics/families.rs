//! Families of metrics in the terms of the `prometheus` crate, made anew for each scrape.

use prometheus::proto::{
    Bucket, Counter, Gauge, Histogram as Sample, LabelPair, Metric, MetricFamily, MetricType,
};
use turnd_proto::{Histogram, Scale};

/// Labels of a sample. Their values are escaped where they are written.
pub(super) type Labels<'a> = &'a [(&'static str, &'a str)];

/// The families of one scrape.
#[derive(Default)]
pub(super) struct Families(Vec<MetricFamily>);

/// One family, to be filled.
pub(super) struct Family<'a> {
    family: &'a mut MetricFamily,
    kind: MetricType,
}

impl Families {
    pub(super) fn counter(&mut self, name: &str, help: &str) -> Family<'_> {
        self.family(name, help, MetricType::COUNTER)
    }

    pub(super) fn gauge(&mut self, name: &str, help: &str) -> Family<'_> {
        self.family(name, help, MetricType::GAUGE)
    }

    pub(super) fn histogram(&mut self, name: &str, help: &str) -> Family<'_> {
        self.family(name, help, MetricType::HISTOGRAM)
    }

    /// Without those that have no sample.
    pub(super) fn into_inner(mut self) -> Vec<MetricFamily> {
        self.0.retain(|family| !family.get_metric().is_empty());
        self.0
    }

    fn family(&mut self, name: &str, help: &str, kind: MetricType) -> Family<'_> {
        let mut family = MetricFamily::default();
        family.set_name(name.to_owned());
        family.set_help(help.to_owned());
        family.set_field_type(kind);
        self.0.push(family);
        let family = self.0.last_mut().expect("it was just put there");
        Family { family, kind }
    }
}

impl Family<'_> {
    /// One sample. The figures that there are stay below 2^53, where floating point is exact.
    #[expect(clippy::cast_precision_loss, reason = "see above")]
    pub(super) fn sample(self, labels: Labels<'_>, value: u64) -> Self {
        self.number(labels, value as f64)
    }

    /// One sample that is not a whole number.
    pub(super) fn number(self, labels: Labels<'_>, value: f64) -> Self {
        let mut metric = with(labels);
        if self.kind == MetricType::COUNTER {
            let mut counter = Counter::default();
            counter.set_value(value);
            metric.set_counter(counter);
        } else {
            let mut gauge = Gauge::default();
            gauge.set_value(value);
            metric.set_gauge(gauge);
        }
        self.family.mut_metric().push(metric);
        self
    }

    /// A sample for each value of one label.
    pub(super) fn by(
        mut self,
        label: &'static str,
        samples: impl IntoIterator<Item = (&'static str, u64)>,
    ) -> Self {
        for (name, value) in samples {
            self = self.sample(&[(label, name)], value);
        }
        self
    }

    /// A histogram whose values are to be divided by `unit`.
    #[expect(
        clippy::cast_precision_loss,
        reason = "bounds and counts are small, a sum may round"
    )]
    pub(super) fn observed<S: Scale>(
        self,
        labels: Labels<'_>,
        histogram: &Histogram<S>,
        unit: f64,
    ) -> Self {
        let buckets = histogram.cumulative().map(|(bound, count)| {
            let mut bucket = Bucket::default();
            bucket.set_upper_bound(bound as f64 / unit);
            bucket.set_cumulative_count(count);
            bucket
        });
        let mut sample = Sample::default();
        sample.set_bucket(buckets.collect());
        sample.set_sample_count(histogram.count());
        sample.set_sample_sum(histogram.sum() as f64 / unit);
        let mut metric = with(labels);
        metric.set_histogram(sample);
        self.family.mut_metric().push(metric);
        self
    }
}

fn with(labels: Labels<'_>) -> Metric {
    let pairs = labels.iter().map(|(name, value)| {
        let mut pair = LabelPair::default();
        pair.set_name((*name).to_owned());
        pair.set_value((*value).to_owned());
        pair
    });
    Metric::from_label(pairs.collect())
}
