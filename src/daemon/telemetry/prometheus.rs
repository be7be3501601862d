//! Writes the Prometheus text format, version 0.0.4: families with help and type, samples with escaped labels. A client
//! library is not needed, because the values exist already and need
//! no registry. Format: <https://prometheus.io/docs/instrumenting/exposition_formats/>

use std::fmt::Write;

/// Content type of the page.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// The type of a family.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MetricKind {
    /// The value only grows, until a restart.
    Counter,
    Gauge,
    /// Cumulative buckets, a sum and a count.
    Histogram,
}

#[derive(Debug, Default)]
pub struct MetricsPage {
    text: String,
}

/// Names and values of a sample's labels.
pub type MetricLabels<'a> = &'a [(&'a str, &'a str)];

impl MetricsPage {
    /// Begins a family. Each name may occur once, and its samples follow directly.
    pub fn family(&mut self, name: &str, kind: MetricKind, help: &str) {
        let kind = match kind {
            MetricKind::Counter => "counter",
            MetricKind::Gauge => "gauge",
            MetricKind::Histogram => "histogram",
        };
        let help = help.replace('\\', "\\\\").replace('\n', "\\n");
        self.write(format_args!("# HELP {name} {help}\n# TYPE {name} {kind}\n"));
    }

    pub fn sample(&mut self, name: &str, labels: MetricLabels<'_>, value: f64) {
        self.write(format_args!("{name}"));
        if !labels.is_empty() {
            let parts: Vec<String> =
                labels.iter().map(|(label, value)| format!("{label}=\"{}\"", escaped(value))).collect();
            self.write(format_args!("{{{}}}", parts.join(",")));
        }
        self.write(format_args!(" {}\n", number(value)));
    }

    /// Writes a gauge without labels; `None` writes no sample.
    pub fn gauge(&mut self, name: &str, help: &str, value: impl Into<Option<f64>>) {
        self.family(name, MetricKind::Gauge, help);
        if let Some(value) = value.into() {
            self.sample(name, &[], value);
        }
    }

    /// Returns the finished page.
    pub fn into_text(self) -> String {
        self.text
    }

    fn write(&mut self, parts: std::fmt::Arguments<'_>) {
        // Writing into a String cannot fail.
        let _ = self.text.write_fmt(parts);
    }
}

/// Escapes a label value so that it stays inside its quotes and on its line.
fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

/// Formats a number for Prometheus.
pub fn number(value: f64) -> String {
    if value.is_nan() {
        "NaN".to_owned()
    } else if value.is_infinite() {
        if value > 0.0 { "+Inf" } else { "-Inf" }.to_owned()
    } else {
        value.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_stay_in_their_quotes() {
        let mut page = MetricsPage::default();
        page.family("x_total", MetricKind::Counter, "two\nlines \\ here");
        page.sample("x_total", &[("provider", "a\"b\\c\nd"), ("kind", "")], 3.0);
        page.gauge("y_seconds", "nothing known", None);
        let expected = "# HELP x_total two\\nlines \\\\ here\n# TYPE x_total counter\n\
            x_total{provider=\"a\\\"b\\\\c\\nd\",kind=\"\"} 3\n# HELP y_seconds nothing known\n# TYPE y_seconds gauge\n";
        assert_eq!(page.into_text(), expected);
    }

    #[test]
    fn numbers_are_spelled_as_prometheus_reads_them() {
        assert_eq!(
            [1.0, 0.25, 1e21, f64::INFINITY].map(number),
            ["1", "0.25", "1000000000000000000000", "+Inf"]
        );
        assert_eq!((number(f64::NAN), number(f64::NEG_INFINITY)), ("NaN".to_owned(), "-Inf".to_owned()));
    }
}
