//! Results of checks of the installation: subject, severity, remedy, and a heading to read. `commands::doctor` runs the
//! checks; `output::doctor` shows them.

/// The severity of a finding. Earlier variants are more important.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Something is wrong, and somebody should act.
    Finding,
    /// The check could not look, which is not "fine".
    Unknown,
    /// Worth knowing; nothing has to be done.
    Note,
    /// Checked and as it should be.
    Ok,
}

impl Severity {
    /// The word in documents.
    pub fn as_str(self) -> &'static str {
        match self {
            Severity::Finding => "finding",
            Severity::Unknown => "unknown",
            Severity::Note => "note",
            Severity::Ok => "ok",
        }
    }
}

/// The area of a finding, in the order of display.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum FindingSection {
    /// Flags, variables and the configuration file.
    Configuration,
    /// Hosts that are called.
    Providers,
    /// The login for Bedrock.
    Aws,
    /// The login for Vertex.
    Google,
    Store,
    /// Models that are measured.
    Catalog,
    /// Files of this machine.
    State,
    /// What differs from the Python containers.
    Switch,
}

impl FindingSection {
    pub const ALL: [FindingSection; 8] = [
        FindingSection::Configuration,
        FindingSection::Providers,
        FindingSection::Aws,
        FindingSection::Google,
        FindingSection::Store,
        FindingSection::Catalog,
        FindingSection::State,
        FindingSection::Switch,
    ];

    /// The word in documents.
    pub fn as_str(self) -> &'static str {
        match self {
            FindingSection::Configuration => "configuration",
            FindingSection::Providers => "providers",
            FindingSection::Aws => "aws",
            FindingSection::Google => "google",
            FindingSection::Store => "store",
            FindingSection::Catalog => "catalogue",
            FindingSection::State => "state",
            FindingSection::Switch => "switch",
        }
    }
}

/// The result of one check. Texts may hold foreign words and are shown escaped; none holds a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    pub severity: Severity,
    pub section: FindingSection,
    /// The setting, host, index or model concerned.
    pub subject: String,
    /// The state that was found.
    pub sentence: String,
    /// The remedy; commands between backticks.
    pub fix: Option<String>,
    /// The heading of TROUBLESHOOTING.md that explains it: one of [`super::troubleshooting`], or a kind of failure.
    pub heading: Option<&'static str>,
}

impl Finding {
    /// A fault; always with a remedy and a heading.
    pub fn wrong(
        section: FindingSection,
        subject: impl Into<String>,
        sentence: impl Into<String>,
        fix: impl Into<String>,
        heading: &'static str,
    ) -> Self {
        let plain = Self::of(Severity::Finding, section, subject, sentence);
        Self { fix: Some(fix.into()), heading: Some(heading), ..plain }
    }

    /// The check could not look.
    pub fn unknown(section: FindingSection, subject: impl Into<String>, why: impl Into<String>) -> Self {
        let plain = Self::of(Severity::Unknown, section, subject, why);
        Self { heading: Some(super::troubleshooting::COULD_NOT_LOOK), ..plain }
    }

    pub fn note(section: FindingSection, subject: impl Into<String>, sentence: impl Into<String>) -> Self {
        Self::of(Severity::Note, section, subject, sentence)
    }

    pub fn ok(section: FindingSection, subject: impl Into<String>, sentence: impl Into<String>) -> Self {
        Self::of(Severity::Ok, section, subject, sentence)
    }

    /// Adds a remedy to the finding.
    #[must_use]
    pub fn fix(self, fix: impl Into<String>) -> Self {
        Self { fix: Some(fix.into()), ..self }
    }

    /// Adds a heading of TROUBLESHOOTING.md.
    #[must_use]
    pub fn heading(self, heading: &'static str) -> Self {
        Self { heading: Some(heading), ..self }
    }

    /// True if the finding keeps the answer from being "all fine".
    pub fn is_open(&self) -> bool {
        matches!(self.severity, Severity::Finding | Severity::Unknown)
    }

    fn of(
        severity: Severity,
        section: FindingSection,
        subject: impl Into<String>,
        sentence: impl Into<String>,
    ) -> Self {
        let (subject, sentence) = (subject.into(), sentence.into());
        Self { severity, section, subject, sentence, fix: None, heading: None }
    }
}
