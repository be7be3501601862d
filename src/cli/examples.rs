//! Examples of the commands for the man pages: one line of shell each, with its effect. A test checks that each is
//! accepted.

/// A command's path below `llmbench`, and its examples: the line to type and its effect.
pub const EXAMPLES: &[(&str, &[(&str, &str)])] = &[
    (
        "",
        &[
            ("llmbench run sim:steady", "A measurement with no key and no server."),
            ("llmbench doctor", "What is wrong or missing here, and how to mend it."),
        ],
    ),
    (
        "run",
        &[
            ("llmbench run sim:steady 'groq:*' -n 5", "The simulator, and every enabled model of groq."),
            (
                "llmbench run --all --yes --sort tps",
                "Every enabled model, the fastest first, without a question.",
            ),
            (
                "llmbench run openai:gpt-4o-mini -n 20 --quiet --fail-if 'ttft_p95>2s'",
                "A gate for cron: exit status 1 where the model is too slow.",
            ),
            (
                "llmbench run openai:gpt-4o-mini -n 10 --fail-if 'ttft_p50>1.3x'",
                "Exit status 1 where it is surely slower by more than 30 % than the stored runs of a week.",
            ),
            ("llmbench run sim:steady -n 3 --csv - > runs.csv", "A line of CSV per run on standard output."),
            ("llmbench run openai:gpt-4o-mini -n 20 --paired", "What a new connection costs, from 20 pairs."),
            (
                "llmbench run openai:gpt-4o-mini -n 20 --warm --dialect vllm --json",
                "The same requests as vllm's own benchmark would report them.",
            ),
            ("llmbench run 'groq:*' --duration 1h --live", "A long run, full screen while it lasts."),
        ],
    ),
    ("calibrate", &[("llmbench calibrate --short", "Whether this host may publish, in ten seconds.")]),
    (
        "init",
        &[
            ("llmbench init", "Asks where results go and whom to measure, at a terminal."),
            (
                "llmbench init --model openai:gpt-4o-mini --yes",
                "The same without a question: one model, asked once.",
            ),
            (
                "llmbench init --base-url cellar=http://127.0.0.1:8000/v1 --model cellar:my-model",
                "A server of one's own with OpenAI's API.",
            ),
        ],
    ),
    ("man", &[("llmbench man ~/.local/share/man/man1", "Installs the pages for this user.")]),
    (
        "completions",
        &[("llmbench completions zsh > ~/.zfunc/_llmbench", "Completions of zsh for this user.")],
    ),
    ("config show", &[("llmbench config show --json", "Every setting with its source, for programs.")]),
    ("config path", &[("llmbench config path", "The configuration file that is read.")]),
    ("doctor", &[("llmbench doctor -v --offline", "Every check that asks no provider.")]),
    ("daemon", &[("llmbench daemon --dry-run", "What is due, and when; nothing is measured.")]),
    (
        "status",
        &[
            ("llmbench status --check", "Exit status 3 where measuring does not go as it should."),
            (
                "llmbench status --watch",
                "A full-screen view of everything that is measured; ? shows its keys.",
            ),
        ],
    ),
    (
        "models add",
        &[("llmbench models add groq:llama-3.3-70b-versatile", "Calls the model once, and enables it.")],
    ),
    ("models list", &[("llmbench models list --all --provider groq", "Those that are switched off, too.")]),
    (
        "models disable",
        &[("llmbench models disable 'groq:*' --reason 'no credit' --yes", "Switches off, with a reason.")],
    ),
    (
        "models remove",
        &[(
            "llmbench models remove groq:lama --yes",
            "Takes a name away that was mistyped and never answered.",
        )],
    ),
    (
        "errors summary",
        &[("llmbench errors summary --since 24h --by kind", "What failed in a day, by kind.")],
    ),
    ("results list", &[("llmbench results list --provider groq", "The newest runs of a provider.")]),
    (
        "results export",
        &[("llmbench results export --since 30d --output runs.parquet", "A month of rows as one file.")],
    ),
    (
        "results recompute",
        &[("llmbench results recompute --since 7d", "Whether a week of figures follows from its receipts.")],
    ),
    (
        "results verify",
        &[(
            "llmbench results verify runs.csv --public-key lab.pub.pem",
            "Whether the figures of somebody's export are true.",
        )],
    ),
    (
        "results compare",
        &[("llmbench results compare together fireworks --since 7d", "Which of two is faster.")],
    ),
    (
        "results cost",
        &[("llmbench results cost --since 30d --by model", "What a month cost, the dearest model first.")],
    ),
    (
        "results changes",
        &[("llmbench results changes --open", "What became slower or faster and did not go back.")],
    ),
    (
        "results rank",
        &[(
            "llmbench results rank --metric tps --since 30d",
            "Which models are fastest, as far as it is settled.",
        )],
    ),
    (
        "report",
        &[
            (
                "llmbench report --output report.html --open",
                "One file with everything in it, in the browser.",
            ),
            (
                "llmbench report --site /srv/www/bench --since 90d --quiet",
                "A site for any static host; from cron, or by `[report]` of the configuration.",
            ),
        ],
    ),
    (
        "results pairs",
        &[("llmbench results pairs --provider groq", "What a new connection to groq cost last week.")],
    ),
    ("catalog diff", &[("llmbench catalog diff --pick", "Chooses among what is listed and not measured.")]),
    ("db init", &[("llmbench db init --dry-run", "What the store needs.")]),
    ("sim models", &[("llmbench sim models", "The names that may stand behind sim:.")]),
];

/// The examples of a command; empty if it has none of its own.
pub fn of(path: &str) -> &'static [(&'static str, &'static str)] {
    EXAMPLES.iter().find(|(command, _)| *command == path).map_or(&[], |(_, examples)| examples)
}
