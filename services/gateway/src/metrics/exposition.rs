//! The text format of Prometheus, version 0.0.4
//! (<https://prometheus.io/docs/instrumenting/exposition_formats/>), which every scraper reads.

use std::fmt::{Display, Write as _};

use super::counter::{BOUNDS, HistogramTotal};

/// The media type of the text.
pub(super) const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// A label's name and value.
pub(super) type LabelPair<'a> = (&'a str, &'a str);

/// Text that grows family by family.
#[derive(Default)]
pub(super) struct Exposition {
    text: String,
    family: String,
}

impl Exposition {
    /// Begins a family of numbers that only grow.
    pub fn counter(&mut self, name: &str, help: &str) -> &mut Self {
        self.begin(name, "counter", help)
    }

    /// Begins a family of numbers that come and go.
    pub fn gauge(&mut self, name: &str, help: &str) -> &mut Self {
        self.begin(name, "gauge", help)
    }

    /// Begins a family of histograms.
    pub fn histogram(&mut self, name: &str, help: &str) -> &mut Self {
        self.begin(name, "histogram", help)
    }

    fn begin(&mut self, name: &str, kind: &str, help: &str) -> &mut Self {
        name.clone_into(&mut self.family);
        let help = help.replace('\\', "\\\\").replace('\n', "\\n");
        self.line(format_args!("# HELP {name} {help}\n# TYPE {name} {kind}"));
        self
    }

    /// Adds a number to the family.
    pub fn value(&mut self, labels: &[LabelPair<'_>], value: impl Display) -> &mut Self {
        self.sample("", labels, value);
        self
    }

    /// Adds a number to the family unless it is zero: most combinations of labels never occur.
    pub fn value_if_any(&mut self, labels: &[LabelPair<'_>], value: u64) {
        if value > 0 {
            self.sample("", labels, value);
        }
    }

    /// Adds a histogram to the family.
    pub fn buckets(&mut self, label: LabelPair<'_>, total: &HistogramTotal) {
        let mut below = 0;
        for (bound, count) in BOUNDS.iter().zip(&total.buckets) {
            below += count;
            self.sample("_bucket", &[label, ("le", &bound.as_secs_f64().to_string())], below);
        }
        self.sample("_bucket", &[label, ("le", "+Inf")], total.count());
        self.sample("_sum", &[label], total.sum.as_secs_f64());
        self.sample("_count", &[label], total.count());
    }

    pub fn into_text(self) -> String {
        self.text
    }

    fn sample(&mut self, suffix: &str, labels: &[LabelPair<'_>], value: impl Display) {
        let labels: Vec<_> = labels.iter().map(|(name, value)| format!("{name}=\"{}\"", escape(value))).collect();
        let labels = if labels.is_empty() { String::new() } else { format!("{{{}}}", labels.join(",")) };
        let family = std::mem::take(&mut self.family);
        self.line(format_args!("{family}{suffix}{labels} {value}"));
        self.family = family;
    }

    fn line(&mut self, line: std::fmt::Arguments<'_>) {
        writeln!(self.text, "{line}").expect("a String takes any text");
    }
}

fn escape(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn values_and_help_are_escaped() {
        let mut text = Exposition::default();

        text.gauge("a", "1\\2\n3").value(&[("x", "\"\\\n")], 0.5);

        assert_eq!(text.into_text(), "# HELP a 1\\\\2\\n3\n# TYPE a gauge\na{x=\"\\\"\\\\\\n\"} 0.5\n");
    }

    #[test]
    fn buckets_are_cumulative() {
        let mut total = HistogramTotal { sum: Duration::from_millis(1_500), ..HistogramTotal::default() };
        total.buckets[0] = 2;
        total.buckets[BOUNDS.len()] = 1;
        let mut text = Exposition::default();

        text.histogram("a", "b").buckets(("x", "y"), &total);

        let text = text.into_text();
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines[2], "a_bucket{x=\"y\",le=\"0.001\"} 2");
        assert_eq!(lines[3], "a_bucket{x=\"y\",le=\"0.0025\"} 2");
        assert_eq!(lines[14], "a_bucket{x=\"y\",le=\"10\"} 2");
        assert_eq!(lines[15], "a_bucket{x=\"y\",le=\"+Inf\"} 3");
        assert_eq!(lines[16..], ["a_sum{x=\"y\"} 1.5", "a_count{x=\"y\"} 3"]);
    }
}
