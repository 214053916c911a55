//! What `/metrics` answered, read as strictly as a monitoring system might.

use std::collections::BTreeMap;

/// A scrape: families of metrics with their samples.
#[derive(Debug, Clone, Default)]
pub struct Scrape {
    /// The type of each family, such as `counter`, by the name the family has in
    /// queries: counters end in `_total`.
    pub families: BTreeMap<String, String>,
    /// All samples, in their order.
    pub samples: Vec<Sample>,
}

/// One figure.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// The name of the family, as in [`Scrape::families`].
    pub family: String,
    /// The sample's own name: that of a histogram's parts is longer.
    pub name: String,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// The figure.
    pub value: f64,
}

impl Scrape {
    /// Asks a gateway.
    ///
    /// # Panics
    /// When it does not answer, or not with metrics.
    pub async fn of(url: &str) -> Self {
        let client = crate::http();
        let response = client
            .get(format!("{url}/metrics"))
            .send()
            .await
            .expect("an answer");
        assert_eq!(response.status(), 200);
        let format = response.headers()["content-type"].to_str().expect("a text");
        assert!(
            format.starts_with("application/openmetrics-text; version=1.0.0"),
            "{format}"
        );
        Self::parse(&response.text().await.expect("text"))
    }

    /// Reads OpenMetrics text.
    ///
    /// # Panics
    /// At the first line that is not as it should be.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let mut scrape = Self::default();
        let (mut base, mut family) = (String::new(), String::new());
        let body = text.strip_suffix("# EOF\n").expect("the text is complete");
        for line in body.lines() {
            if let Some(named) = line.strip_prefix("# TYPE ") {
                let (name, of) = named.split_once(' ').expect("a type");
                base = name.to_owned();
                let suffix = if of == "counter" { "_total" } else { "" };
                family = format!("{name}{suffix}");
                let twice = scrape.families.insert(family.clone(), of.to_owned());
                assert_eq!(twice, None, "{name} is there twice");
            } else if let Some(help) = line.strip_prefix("# HELP ") {
                let (_, words) = help.split_once(' ').expect("words");
                assert!(words.ends_with('.'), "no sentence: {line}");
            } else {
                let sample = sample(line, &family);
                let parts = ["", "_total", "_bucket", "_sum", "_count"];
                let rest = sample.name.strip_prefix(&base);
                assert!(rest.is_some_and(|rest| parts.contains(&rest)), "{line}");
                scrape.samples.push(sample);
            }
        }
        scrape
    }

    /// The figure of this name whose labels are exactly these.
    #[must_use]
    pub fn value(&self, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
        let wanted: BTreeMap<String, String> = labels
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect();
        self.samples
            .iter()
            .find(|sample| sample.name == name && sample.labels == wanted)
            .map(|sample| sample.value)
    }

    /// The samples of this name.
    pub fn named<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Sample> {
        self.samples
            .iter()
            .filter(move |sample| sample.name == name)
    }
}

/// Reads `name{label="value",…} 1.5`.
fn sample(line: &str, family: &str) -> Sample {
    let (head, value) = line.rsplit_once(' ').expect("a value");
    let (name, labels) = match head.split_once('{') {
        None => (head, ""),
        Some((name, rest)) => (name, rest.strip_suffix('}').expect("a closing brace")),
    };
    // No value of ours holds a quotation mark or a comma after one.
    let labels = labels
        .split_terminator("\",")
        .map(|pair| {
            let (key, value) = pair.split_once("=\"").expect("a label");
            (key.to_owned(), value.trim_end_matches('"').to_owned())
        })
        .collect();
    Sample {
        family: family.to_owned(),
        name: name.to_owned(),
        labels,
        value: value.parse().expect("a number"),
    }
}
