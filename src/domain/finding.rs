//! What a check of the installation says: of what, how bad, what to do about it, and where to read on. Who checks is
//! `commands::doctor`; how it is shown is `output::doctor`.

/// How bad it is. The order is that of importance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Something is wrong, and somebody should act.
    Finding,
    /// Nobody could look: that is not "fine".
    Unknown,
    /// Worth knowing; nothing has to be done.
    Note,
    /// Looked at, and as it should be.
    Ok,
}

impl Severity {
    /// Its word in documents.
    pub fn as_str(self) -> &'static str {
        match self {
            Severity::Finding => "finding",
            Severity::Unknown => "unknown",
            Severity::Note => "note",
            Severity::Ok => "ok",
        }
    }
}

/// What it is about, in the order in which people read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum FindingSection {
    /// Flags, variables, file.
    Configuration,
    /// Hosts that are called.
    Providers,
    /// Who calls Bedrock.
    Aws,
    /// Who calls Vertex.
    Google,
    /// The database.
    Store,
    /// What is measured.
    Catalogue,
    /// Files of this machine.
    State,
}

impl FindingSection {
    /// Every section.
    pub const ALL: [FindingSection; 7] = [
        FindingSection::Configuration,
        FindingSection::Providers,
        FindingSection::Aws,
        FindingSection::Google,
        FindingSection::Store,
        FindingSection::Catalogue,
        FindingSection::State,
    ];

    /// Its word in documents.
    pub fn as_str(self) -> &'static str {
        match self {
            FindingSection::Configuration => "configuration",
            FindingSection::Providers => "providers",
            FindingSection::Aws => "aws",
            FindingSection::Google => "google",
            FindingSection::Store => "store",
            FindingSection::Catalogue => "catalogue",
            FindingSection::State => "state",
        }
    }
}

/// What one check says. Texts may hold foreign words and are shown escaped; none holds a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// How bad it is.
    pub severity: Severity,
    /// What it is about.
    pub section: FindingSection,
    /// Which setting, host, index or model.
    pub subject: String,
    /// What is so.
    pub sentence: String,
    /// What to do; commands between backticks.
    pub fix: Option<String>,
    /// The heading of TROUBLESHOOTING.md that tells more: one of [`super::troubleshooting`], or a kind of failure.
    pub heading: Option<&'static str>,
}

impl Finding {
    /// Something is wrong. Whoever says so says what to do and where to read on.
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

    /// Nobody could look.
    pub fn unknown(section: FindingSection, subject: impl Into<String>, why: impl Into<String>) -> Self {
        let plain = Self::of(Severity::Unknown, section, subject, why);
        Self { heading: Some(super::troubleshooting::COULD_NOT_LOOK), ..plain }
    }

    /// Worth knowing.
    pub fn note(section: FindingSection, subject: impl Into<String>, sentence: impl Into<String>) -> Self {
        Self::of(Severity::Note, section, subject, sentence)
    }

    /// As it should be.
    pub fn ok(section: FindingSection, subject: impl Into<String>, sentence: impl Into<String>) -> Self {
        Self::of(Severity::Ok, section, subject, sentence)
    }

    /// The same with a way out.
    #[must_use]
    pub fn fix(self, fix: impl Into<String>) -> Self {
        Self { fix: Some(fix.into()), ..self }
    }

    /// The same with a place to read on.
    #[must_use]
    pub fn heading(self, heading: &'static str) -> Self {
        Self { heading: Some(heading), ..self }
    }

    /// Whether it keeps the answer from being "all fine".
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
