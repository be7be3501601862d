//! `llmbench init`: the first steps, as questions that flags answer.

use clap::Args;

/// Set up: write the configuration, and ask one model of each provider
#[derive(Debug, Args)]
#[command(after_help = QUESTIONS)]
pub struct InitArgs {
    /// Provider that is to be measured (repeatable)
    #[arg(short, long = "provider", value_name = "NAME", help_heading = "Answers")]
    pub providers: Vec<String>,
    /// Address of a provider, its path included; a name that is not built in becomes a server with OpenAI's API
    /// (repeatable)
    #[arg(long = "base-url", value_name = "NAME=URL", help_heading = "Answers")]
    pub base_urls: Vec<String>,
    /// Environment variable that holds a provider's key, where it is not the usual one (repeatable)
    #[arg(long = "key-env", value_name = "NAME=VARIABLE", help_heading = "Answers")]
    pub key_envs: Vec<String>,
    /// Model that is asked once, and measured from then on if it answers: provider:model_id (repeatable)
    #[arg(short, long = "model", value_name = "MODEL", help_heading = "Answers")]
    pub models: Vec<String>,
    /// Ask no model
    #[arg(long, conflicts_with = "models", help_heading = "Answers")]
    pub no_probe: bool,
    /// Ask the models without a question about what that costs
    #[arg(short, long, help_heading = "Answers")]
    pub yes: bool,

    /// Replace a configuration file that is there
    #[arg(long)]
    pub force: bool,
    /// One JSON document on standard output
    #[arg(long)]
    pub json: bool,
}

/// What is asked and what is written, printed by `--help` and the man page.
const QUESTIONS: &str = "\
At a terminal it asks what no flag has answered: where results go (--store), which providers are measured, and which model \
of each is asked once. Elsewhere at least one --provider, --base-url or --model is needed, and a --model of each provider \
unless --no-probe is given; results go to what LLMBENCH_STORE or MONGODB_URI names, else to the default SQLite file.

Of keys it takes the names of variables, never the values. The file is the one that --config or LLMBENCH_CONFIG names, else \
the user's own; it is written whole, readable by its owner alone, before the first model is asked. A model that does not \
answer, or a store that is away, is told with its remedy and ends with exit status 1 or 75; the file stays.";
