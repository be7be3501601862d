//! Headings of TROUBLESHOOTING.md that the program points at, besides the kinds of failure, whose words are headings
//! themselves. A test checks that each of them exists.

pub const COULD_NOT_LOOK: &str = "A check could not look";
pub const LOOK_ALIKE: &str = "A variable that nobody reads";
/// Variables of the Python runner's containers, and what takes their place.
pub const PYTHON_VARIABLES: &str = "Variables of the Python runner";
pub const EXPOSED_FILE: &str = "The key file can be read by others";
pub const NO_KEY: &str = "No key for provider";
/// A provider without an address of its own, as Azure and Databricks are.
pub const NO_ADDRESS: &str = "No base URL for provider";
pub const UNUSABLE_KEY: &str = "The key is unusable";
pub const KEY_COMMAND: &str = "The key command failed";
pub const TLS: &str = "TLS failed";

pub const PROXY: &str = "A proxy stands between";

pub const AWS_PROFILE: &str = "The AWS profile does not exist";
/// No credentials, no region, or expired ones.
pub const AWS_LOGIN: &str = "No AWS request could be signed";
pub const GOOGLE_LOGIN: &str = "No Google credentials were found";
/// No key, no application, no managed identity, or a refused one.
pub const AZURE_LOGIN: &str = "No login for Azure";
pub const GOOGLE_PROJECT: &str = "Vertex needs a Google Cloud project";
pub const STORE_AWAY: &str = "The store cannot be reached";
pub const RUNNER: &str = "The runner behind a bridge";
pub const STORE_DENIES: &str = "The store refuses the login";
/// The database file cannot be written, or does not exist.
pub const STORE_FILE: &str = "The database file cannot be written";
/// Any other fault that keeps a store from working.
pub const STORE: &str = "The store";
pub const INDEXES: &str = "Indexes are missing or differ";
/// The tables are of an older or a newer version.
pub const VERSION: &str = "The store is of another version";
pub const CLOCK: &str = "Clocks disagree";
/// The verdict of a calibration, or that there is no recent one.
pub const CALIBRATION: &str = "This host should not publish";
pub const ODD_ROWS: &str = "Rows with missing or odd-typed fields";
pub const CASE_TWINS: &str = "Two entries differ in case alone";
pub const SUSPECT: &str = "suspect";
pub const CACHED: &str = "A prefix cache answers";
/// The model has no display name.
pub const NO_NAME: &str = "Models are shown by their raw ids";
/// The model is measured and never answered.
pub const ONLY_FAILS: &str = "An enabled model only fails";
/// Bedrock requires an inference profile in front of the id.
pub const ON_DEMAND: &str = "On-demand throughput isn't supported";
/// The catalog names an unknown provider.
pub const UNKNOWN_PROVIDER: &str = "Unknown provider or model";
/// The model was staged and never decided about.
pub const PROBING: &str = "A model stays in probing";
pub const ODD_NAME: &str = "Names with control characters";
/// Rows wait on this machine.
pub const UNDELIVERED: &str = "Undelivered results";
pub const DISK: &str = "The disk is full";
/// No mail is sent, or none can be.
pub const SIGNING_KEY: &str = "The signing key cannot be used";
pub const NO_MAIL: &str = "No mail came";
pub const STATE_DIRECTORY: &str = "The state directory cannot be used";

/// Rules of the data contract, each with the heading of the symptom if it is broken.
pub const CONTRACT: &[(&str, &str)] = &[
    ("provider and model_name are on every row", "The dashboard answers 500 for every model"),
    ("run_ts and gen_ts are dates in UTC", "The status page breaks, or rows miss their window"),
    ("tokens_per_second is a finite double of 1 or more", "Means are missing or NaN"),
    ("a time to first token is null where there was none", "TTFT is 0 or missing"),
    ("a row of the published collection is published", "Rows do not appear on the dashboard"),
    ("X and x are one model", CASE_TWINS),
    ("without display_name the raw id is shown", NO_NAME),
    ("Bedrock ids need an inference-profile prefix", ON_DEMAND),
    ("o-series and gpt-5 need the Responses API", "Only supported in v1/responses"),
    ("embeddings, speech, images and video cannot be measured", "Models that cannot be measured"),
    ("guard and compound models answer in other lengths", "Guard and compound models"),
    ("names do not decide, listing is not serving", "A listed model does not answer"),
    ("a model is disabled, never deleted", "A model has to go"),
    ("a partial read never looks complete", "A list was read in part"),
    ("evaluated is not ok", COULD_NOT_LOOK),
    ("local wall time is not UTC", CLOCK),
    ("unknown fields survive", ODD_ROWS),
];

pub const ALL: &[&str] = &[
    COULD_NOT_LOOK,
    LOOK_ALIKE,
    PYTHON_VARIABLES,
    EXPOSED_FILE,
    NO_KEY,
    UNUSABLE_KEY,
    KEY_COMMAND,
    TLS,
    AWS_PROFILE,
    AWS_LOGIN,
    GOOGLE_LOGIN,
    GOOGLE_PROJECT,
    STORE_AWAY,
    STORE_DENIES,
    STORE_FILE,
    STORE,
    INDEXES,
    VERSION,
    CLOCK,
    CALIBRATION,
    ODD_ROWS,
    CASE_TWINS,
    NO_NAME,
    ONLY_FAILS,
    ON_DEMAND,
    UNKNOWN_PROVIDER,
    PROBING,
    ODD_NAME,
    UNDELIVERED,
    DISK,
    STATE_DIRECTORY,
    SIGNING_KEY,
    NO_MAIL,
];
