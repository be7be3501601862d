# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_llmbench_global_optspecs
    string join \n config= store= h/help V/version
end

function __fish_llmbench_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_llmbench_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_llmbench_using_subcommand
    set -l cmd (__fish_llmbench_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c llmbench -n "__fish_llmbench_needs_command" -l config -d 'Configuration file [env: LLMBENCH_CONFIG] [default: config.toml in the user\'s configuration directory]' -r -F
complete -c llmbench -n "__fish_llmbench_needs_command" -l store -d 'Where results and the catalogue are: sqlite:FILE or mongodb://… [env: LLMBENCH_STORE, then MONGODB_URI] [default: SQLite in the user\'s data directory]' -r
complete -c llmbench -n "__fish_llmbench_needs_command" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c llmbench -n "__fish_llmbench_needs_command" -s V -l version -d 'Print version'
complete -c llmbench -n "__fish_llmbench_needs_command" -f -a "run" -d 'Measure models: one request, one outcome, one row'
complete -c llmbench -n "__fish_llmbench_needs_command" -f -a "models" -d 'The catalogue: which models are measured'
complete -c llmbench -n "__fish_llmbench_needs_command" -f -a "catalog" -d 'What providers list, against what is measured'
complete -c llmbench -n "__fish_llmbench_needs_command" -f -a "sim" -d 'The built-in simulated provider'
complete -c llmbench -n "__fish_llmbench_needs_command" -f -a "db" -d 'The store\'s tables, collections and indexes'
complete -c llmbench -n "__fish_llmbench_needs_command" -f -a "doctor" -d 'Look whether everything is in order, and say how to mend what is not'
complete -c llmbench -n "__fish_llmbench_needs_command" -f -a "errors" -d 'What failed: in groups, one by one, as it happens'
complete -c llmbench -n "__fish_llmbench_needs_command" -f -a "ingest" -d 'The bridge: runners post results over HTTP, without access to the database'
complete -c llmbench -n "__fish_llmbench_needs_command" -f -a "outbox" -d 'Rows between measuring and storing'
complete -c llmbench -n "__fish_llmbench_needs_command" -f -a "results" -d 'Stored runs: the newest, and one with its timeline'
complete -c llmbench -n "__fish_llmbench_needs_command" -f -a "status" -d 'How measuring goes: what is wrong first, then every provider, daemons and lanes'
complete -c llmbench -n "__fish_llmbench_needs_command" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c llmbench -n "__fish_llmbench_using_subcommand run" -s m -l model -d 'Model as provider:model_id, split at the first colon; a bare id is looked up in the catalogue (repeatable)' -r
complete -c llmbench -n "__fish_llmbench_using_subcommand run" -s p -l provider -d 'Every enabled model of this provider (repeatable)' -r
complete -c llmbench -n "__fish_llmbench_using_subcommand run" -l profile -d 'Question: default (64 tokens), long (512), reasoning (2048), or one from the configuration [default: default]' -r
complete -c llmbench -n "__fish_llmbench_using_subcommand run" -l prompt -d 'Prompt of your own instead of the profile\'s' -r
complete -c llmbench -n "__fish_llmbench_using_subcommand run" -l prompt-file -d 'Prompt from a file, - for standard input' -r -F
complete -c llmbench -n "__fish_llmbench_using_subcommand run" -l max-tokens -d 'Output budget in tokens, reasoning included' -r
complete -c llmbench -n "__fish_llmbench_using_subcommand run" -l temperature -d 'Sampling temperature, 0 to 2, sent where the model accepts one' -r
complete -c llmbench -n "__fish_llmbench_using_subcommand run" -l reasoning-effort -d 'Reasoning effort in the provider\'s own word' -r
complete -c llmbench -n "__fish_llmbench_using_subcommand run" -s n -l requests -d 'Requests per model [default: 1, or without end with --duration]' -r
complete -c llmbench -n "__fish_llmbench_using_subcommand run" -s c -l concurrency -d 'Requests in flight at once per provider; with --rate the most that may be [default: 1, with --rate 1000]' -r
complete -c llmbench -n "__fish_llmbench_using_subcommand run" -l rate -d 'Open loop: start N requests a second per provider, whether or not earlier ones have ended' -r
complete -c llmbench -n "__fish_llmbench_using_subcommand run" -l arrivals -d 'How the starts of an open loop are spread' -r -f -a "poisson\t'Exponential gaps, as independent users arrive'
constant\t'Equal gaps'"
complete -c llmbench -n "__fish_llmbench_using_subcommand run" -l duration -d 'Start no request after this long (30s, 5m)' -r
complete -c llmbench -n "__fish_llmbench_using_subcommand run" -l warmup -d 'Requests per model that are made first and neither counted nor stored' -r
complete -c llmbench -n "__fish_llmbench_using_subcommand run" -l timeout -d 'Deadline of a whole request [default: 120s, more for more than 512 tokens]' -r
complete -c llmbench -n "__fish_llmbench_using_subcommand run" -l max-error-rate -d 'Stop a provider once this share of its requests failed (20%), to save money' -r
complete -c llmbench -n "__fish_llmbench_using_subcommand run" -l csv -d 'One line per run into a CSV file; an existing one is replaced' -r -F
complete -c llmbench -n "__fish_llmbench_using_subcommand run" -l role -d 'Role of the rows [default: published where exactly the published question is asked of an enabled model, else manual]' -r
complete -c llmbench -n "__fish_llmbench_using_subcommand run" -l fail-if -d 'Exit 1 if this holds for any model, for example \'ttft_p95>2s\' or \'error_rate>5%\' (repeatable)' -r
complete -c llmbench -n "__fish_llmbench_using_subcommand run" -l config -d 'Configuration file [env: LLMBENCH_CONFIG] [default: config.toml in the user\'s configuration directory]' -r -F
complete -c llmbench -n "__fish_llmbench_using_subcommand run" -l store -d 'Where results and the catalogue are: sqlite:FILE or mongodb://… [env: LLMBENCH_STORE, then MONGODB_URI] [default: SQLite in the user\'s data directory]' -r
complete -c llmbench -n "__fish_llmbench_using_subcommand run" -l all -d 'Every enabled model of the store'
complete -c llmbench -n "__fish_llmbench_using_subcommand run" -l cache-bust -d 'Put a nonce at the head of each prompt, so that no prefix cache answers (default outside the published profile)'
complete -c llmbench -n "__fish_llmbench_using_subcommand run" -l no-cache-bust -d 'Send every prompt as it is'
complete -c llmbench -n "__fish_llmbench_using_subcommand run" -l warm -d 'Take a connection that is open before the clock starts'
complete -c llmbench -n "__fish_llmbench_using_subcommand run" -l cold -d 'Connect anew inside the clock (the default, as in the published series)'
complete -c llmbench -n "__fish_llmbench_using_subcommand run" -l json -d 'One JSON document on standard output'
complete -c llmbench -n "__fish_llmbench_using_subcommand run" -l ndjson -d 'One JSON line per run, as it ends'
complete -c llmbench -n "__fish_llmbench_using_subcommand run" -s q -l quiet -d 'No progress, no notes, no table; failures, tripped gates and errors still appear, on standard error'
complete -c llmbench -n "__fish_llmbench_using_subcommand run" -s v -l verbose -d 'Phases, the provider\'s own clock, quality'
complete -c llmbench -n "__fish_llmbench_using_subcommand run" -l no-store -d 'Store nothing'
complete -c llmbench -n "__fish_llmbench_using_subcommand run" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c llmbench -n "__fish_llmbench_using_subcommand run" -s V -l version -d 'Print version'
complete -c llmbench -n "__fish_llmbench_using_subcommand models; and not __fish_seen_subcommand_from list add disable enable show history undo help" -l config -d 'Configuration file [env: LLMBENCH_CONFIG] [default: config.toml in the user\'s configuration directory]' -r -F
complete -c llmbench -n "__fish_llmbench_using_subcommand models; and not __fish_seen_subcommand_from list add disable enable show history undo help" -l store -d 'Where results and the catalogue are: sqlite:FILE or mongodb://… [env: LLMBENCH_STORE, then MONGODB_URI] [default: SQLite in the user\'s data directory]' -r
complete -c llmbench -n "__fish_llmbench_using_subcommand models; and not __fish_seen_subcommand_from list add disable enable show history undo help" -s h -l help -d 'Print help'
complete -c llmbench -n "__fish_llmbench_using_subcommand models; and not __fish_seen_subcommand_from list add disable enable show history undo help" -s V -l version -d 'Print version'
complete -c llmbench -n "__fish_llmbench_using_subcommand models; and not __fish_seen_subcommand_from list add disable enable show history undo help" -f -a "list" -d 'List models with the figures of their last day; enabled ones by default'
complete -c llmbench -n "__fish_llmbench_using_subcommand models; and not __fish_seen_subcommand_from list add disable enable show history undo help" -f -a "add" -d 'Add models: checks first, then one real call each before it is enabled'
complete -c llmbench -n "__fish_llmbench_using_subcommand models; and not __fish_seen_subcommand_from list add disable enable show history undo help" -f -a "disable" -d 'Stop measuring models, with a reason; nothing is deleted'
complete -c llmbench -n "__fish_llmbench_using_subcommand models; and not __fish_seen_subcommand_from list add disable enable show history undo help" -f -a "enable" -d 'Measure models again'
complete -c llmbench -n "__fish_llmbench_using_subcommand models; and not __fish_seen_subcommand_from list add disable enable show history undo help" -f -a "show" -d 'All that is known about models'
complete -c llmbench -n "__fish_llmbench_using_subcommand models; and not __fish_seen_subcommand_from list add disable enable show history undo help" -f -a "history" -d 'Who changed what, when and why'
complete -c llmbench -n "__fish_llmbench_using_subcommand models; and not __fish_seen_subcommand_from list add disable enable show history undo help" -f -a "undo" -d 'Give every model of a batch the values back that it had before'
complete -c llmbench -n "__fish_llmbench_using_subcommand models; and not __fish_seen_subcommand_from list add disable enable show history undo help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c llmbench -n "__fish_llmbench_using_subcommand models; and __fish_seen_subcommand_from list" -l since -d 'Only those that were disabled since then, newest first: 24h, 7d, yesterday, 2026-11-01' -r
complete -c llmbench -n "__fish_llmbench_using_subcommand models; and __fish_seen_subcommand_from list" -s p -l provider -d 'Only those of this provider (repeatable)' -r
complete -c llmbench -n "__fish_llmbench_using_subcommand models; and __fish_seen_subcommand_from list" -l match -d 'Only those whose provider:model_id is as this pattern says (repeatable)' -r
complete -c llmbench -n "__fish_llmbench_using_subcommand models; and __fish_seen_subcommand_from list" -l config -d 'Configuration file [env: LLMBENCH_CONFIG] [default: config.toml in the user\'s configuration directory]' -r -F
complete -c llmbench -n "__fish_llmbench_using_subcommand models; and __fish_seen_subcommand_from list" -l store -d 'Where results and the catalogue are: sqlite:FILE or mongodb://… [env: LLMBENCH_STORE, then MONGODB_URI] [default: SQLite in the user\'s data directory]' -r
complete -c llmbench -n "__fish_llmbench_using_subcommand models; and __fish_seen_subcommand_from list" -l all -d 'Disabled and deprecated ones too'
complete -c llmbench -n "__fish_llmbench_using_subcommand models; and __fish_seen_subcommand_from list" -l disabled -d 'Only those that are not measured: why, since when, by whom'
complete -c llmbench -n "__fish_llmbench_using_subcommand models; and __fish_seen_subcommand_from list" -l stale -d 'Only those whose newest success is older than 1.5 times their cadence, or that have none'
complete -c llmbench -n "__fish_llmbench_using_subcommand models; and __fish_seen_subcommand_from list" -l failing -d 'Only those that failed in the last 24 hours and never succeeded'
complete -c llmbench -n "__fish_llmbench_using_subcommand models; and __fish_seen_subcommand_from list" -l wide -d 'Every column, whole, however wide'
complete -c llmbench -n "__fish_llmbench_using_subcommand models; and __fish_seen_subcommand_from list" -l json -d 'One JSON document'
complete -c llmbench -n "__fish_llmbench_using_subcommand models; and __fish_seen_subcommand_from list" -l csv -d 'CSV with a header'
complete -c llmbench -n "__fish_llmbench_using_subcommand models; and __fish_seen_subcommand_from list" -l ids -d 'provider:model_id alone, one a line, for xargs'
complete -c llmbench -n "__fish_llmbench_using_subcommand models; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help'
complete -c llmbench -n "__fish_llmbench_using_subcommand models; and __fish_seen_subcommand_from list" -s V -l version -d 'Print version'
complete -c llmbench -n "__fish_llmbench_using_subcommand models; and __fish_seen_subcommand_from add" -l from-file -d 'More of them from a file, - for standard input: provider:model_id a line, or a JSON object with provider, model_id and, if wanted, display_name and metadata' -r -F
complete -c llmbench -n "__fish_llmbench_using_subcommand models; and __fish_seen_subcommand_from add" -l display-name -d 'What people read instead of the id; for one model' -r
complete -c llmbench -n "__fish_llmbench_using_subcommand models; and __fish_seen_subcommand_from add" -l metadata -d 'Request quirk such as omit_temperature=true; the value is JSON or else text (repeatable)' -r
complete -c llmbench -n "__fish_llmbench_using_subcommand models; and __fish_seen_subcommand_from add" -l reason -d 'Why, for the history' -r
complete -c llmbench -n "__fish_llmbench_using_subcommand models; and __fish_seen_subcommand_from add" -l config -d 'Configuration file [env: LLMBENCH_CONFIG] [default: config.toml in the user\'s configuration directory]' -r -F
complete -c llmbench -n "__fish_llmbench_using_subcommand models; and __fish_seen_subcommand_from add" -l store -d 'Where results and the catalogue are: sqlite:FILE or mongodb://… [env: LLMBENCH_STORE, then MONGODB_URI] [default: SQLite in the user\'s data directory]' -r
complete -c llmbench -n "__fish_llmbench_using_subcommand models; and __fish_seen_subcommand_from add" -l no-probe -d 'Put them into the catalogue disabled, with the status probing, and call nobody'
complete -c llmbench -n "__fish_llmbench_using_subcommand models; and __fish_seen_subcommand_from add" -s y -l yes -d 'Do not ask'
complete -c llmbench -n "__fish_llmbench_using_subcommand models; and __fish_seen_subcommand_from add" -l dry-run -d 'Show what would change, and change nothing'
complete -c llmbench -n "__fish_llmbench_using_subcommand models; and __fish_seen_subcommand_from add" -s h -l help -d 'Print help'
complete -c llmbench -n "__fish_llmbench_using_subcommand models; and __fish_seen_subcommand_from add" -s V -l version -d 'Print version'
complete -c llmbench -n "__fish_llmbench_using_subcommand models; and __fish_seen_subcommand_from disable" -l reason -d 'Why, for everybody who wonders later' -r
complete -c llmbench -n "__fish_llmbench_using_subcommand models; and __fish_seen_subcommand_from disable" -l class -d 'Kind of reason, one word: hard_model, billing, unsuitable, quota, …' -r
complete -c llmbench -n "__fish_llmbench_using_subcommand models; and __fish_seen_subcommand_from disable" -l until -d 'Day (UTC) or instant until which it is meant to be off; `models list --disabled` shows it, nothing enables by itself' -r
complete -c llmbench -n "__fish_llmbench_using_subcommand models; and __fish_seen_subcommand_from disable" -l config -d 'Configuration file [env: LLMBENCH_CONFIG] [default: config.toml in the user\'s configuration directory]' -r -F
complete -c llmbench -n "__fish_llmbench_using_subcommand models; and __fish_seen_subcommand_from disable" -l store -d 'Where results and the catalogue are: sqlite:FILE or mongodb://… [env: LLMBENCH_STORE, then MONGODB_URI] [default: SQLite in the user\'s data directory]' -r
complete -c llmbench -n "__fish_llmbench_using_subcommand models; and __fish_seen_subcommand_from disable" -s y -l yes -d 'Do not ask'
complete -c llmbench -n "__fish_llmbench_using_subcommand models; and __fish_seen_subcommand_from disable" -l dry-run -d 'Show what would change, and change nothing'
complete -c llmbench -n "__fish_llmbench_using_subcommand models; and __fish_seen_subcommand_from disable" -s h -l help -d 'Print help'
complete -c llmbench -n "__fish_llmbench_using_subcommand models; and __fish_seen_subcommand_from disable" -s V -l version -d 'Print version'
complete -c llmbench -n "__fish_llmbench_using_subcommand models; and __fish_seen_subcommand_from enable" -l reason -d 'Why, for the history' -r
complete -c llmbench -n "__fish_llmbench_using_subcommand models; and __fish_seen_subcommand_from enable" -l config -d 'Configuration file [env: LLMBENCH_CONFIG] [default: config.toml in the user\'s configuration directory]' -r -F
complete -c llmbench -n "__fish_llmbench_using_subcommand models; and __fish_seen_subcommand_from enable" -l store -d 'Where results and the catalogue are: sqlite:FILE or mongodb://… [env: LLMBENCH_STORE, then MONGODB_URI] [default: SQLite in the user\'s data directory]' -r
complete -c llmbench -n "__fish_llmbench_using_subcommand models; and __fish_seen_subcommand_from enable" -s y -l yes -d 'Do not ask'
complete -c llmbench -n "__fish_llmbench_using_subcommand models; and __fish_seen_subcommand_from enable" -l dry-run -d 'Show what would change, and change nothing'
complete -c llmbench -n "__fish_llmbench_using_subcommand models; and __fish_seen_subcommand_from enable" -s h -l help -d 'Print help'
complete -c llmbench -n "__fish_llmbench_using_subcommand models; and __fish_seen_subcommand_from enable" -s V -l version -d 'Print version'
complete -c llmbench -n "__fish_llmbench_using_subcommand models; and __fish_seen_subcommand_from show" -l config -d 'Configuration file [env: LLMBENCH_CONFIG] [default: config.toml in the user\'s configuration directory]' -r -F
complete -c llmbench -n "__fish_llmbench_using_subcommand models; and __fish_seen_subcommand_from show" -l store -d 'Where results and the catalogue are: sqlite:FILE or mongodb://… [env: LLMBENCH_STORE, then MONGODB_URI] [default: SQLite in the user\'s data directory]' -r
complete -c llmbench -n "__fish_llmbench_using_subcommand models; and __fish_seen_subcommand_from show" -l json -d 'One JSON document'
complete -c llmbench -n "__fish_llmbench_using_subcommand models; and __fish_seen_subcommand_from show" -s h -l help -d 'Print help'
complete -c llmbench -n "__fish_llmbench_using_subcommand models; and __fish_seen_subcommand_from show" -s V -l version -d 'Print version'
complete -c llmbench -n "__fish_llmbench_using_subcommand models; and __fish_seen_subcommand_from history" -l batch -d 'One batch, with every value before and after' -r
complete -c llmbench -n "__fish_llmbench_using_subcommand models; and __fish_seen_subcommand_from history" -s n -l limit -d 'At most so many batches, or changes a model' -r
complete -c llmbench -n "__fish_llmbench_using_subcommand models; and __fish_seen_subcommand_from history" -l config -d 'Configuration file [env: LLMBENCH_CONFIG] [default: config.toml in the user\'s configuration directory]' -r -F
complete -c llmbench -n "__fish_llmbench_using_subcommand models; and __fish_seen_subcommand_from history" -l store -d 'Where results and the catalogue are: sqlite:FILE or mongodb://… [env: LLMBENCH_STORE, then MONGODB_URI] [default: SQLite in the user\'s data directory]' -r
complete -c llmbench -n "__fish_llmbench_using_subcommand models; and __fish_seen_subcommand_from history" -l json -d 'One JSON document'
complete -c llmbench -n "__fish_llmbench_using_subcommand models; and __fish_seen_subcommand_from history" -s h -l help -d 'Print help'
complete -c llmbench -n "__fish_llmbench_using_subcommand models; and __fish_seen_subcommand_from history" -s V -l version -d 'Print version'
complete -c llmbench -n "__fish_llmbench_using_subcommand models; and __fish_seen_subcommand_from undo" -l reason -d 'Why, for the history' -r
complete -c llmbench -n "__fish_llmbench_using_subcommand models; and __fish_seen_subcommand_from undo" -l config -d 'Configuration file [env: LLMBENCH_CONFIG] [default: config.toml in the user\'s configuration directory]' -r -F
complete -c llmbench -n "__fish_llmbench_using_subcommand models; and __fish_seen_subcommand_from undo" -l store -d 'Where results and the catalogue are: sqlite:FILE or mongodb://… [env: LLMBENCH_STORE, then MONGODB_URI] [default: SQLite in the user\'s data directory]' -r
complete -c llmbench -n "__fish_llmbench_using_subcommand models; and __fish_seen_subcommand_from undo" -s y -l yes -d 'Do not ask'
complete -c llmbench -n "__fish_llmbench_using_subcommand models; and __fish_seen_subcommand_from undo" -l dry-run -d 'Show what would change, and change nothing'
complete -c llmbench -n "__fish_llmbench_using_subcommand models; and __fish_seen_subcommand_from undo" -s h -l help -d 'Print help'
complete -c llmbench -n "__fish_llmbench_using_subcommand models; and __fish_seen_subcommand_from undo" -s V -l version -d 'Print version'
complete -c llmbench -n "__fish_llmbench_using_subcommand models; and __fish_seen_subcommand_from help" -f -a "list" -d 'List models with the figures of their last day; enabled ones by default'
complete -c llmbench -n "__fish_llmbench_using_subcommand models; and __fish_seen_subcommand_from help" -f -a "add" -d 'Add models: checks first, then one real call each before it is enabled'
complete -c llmbench -n "__fish_llmbench_using_subcommand models; and __fish_seen_subcommand_from help" -f -a "disable" -d 'Stop measuring models, with a reason; nothing is deleted'
complete -c llmbench -n "__fish_llmbench_using_subcommand models; and __fish_seen_subcommand_from help" -f -a "enable" -d 'Measure models again'
complete -c llmbench -n "__fish_llmbench_using_subcommand models; and __fish_seen_subcommand_from help" -f -a "show" -d 'All that is known about models'
complete -c llmbench -n "__fish_llmbench_using_subcommand models; and __fish_seen_subcommand_from help" -f -a "history" -d 'Who changed what, when and why'
complete -c llmbench -n "__fish_llmbench_using_subcommand models; and __fish_seen_subcommand_from help" -f -a "undo" -d 'Give every model of a batch the values back that it had before'
complete -c llmbench -n "__fish_llmbench_using_subcommand models; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c llmbench -n "__fish_llmbench_using_subcommand catalog; and not __fish_seen_subcommand_from sync diff list help" -l config -d 'Configuration file [env: LLMBENCH_CONFIG] [default: config.toml in the user\'s configuration directory]' -r -F
complete -c llmbench -n "__fish_llmbench_using_subcommand catalog; and not __fish_seen_subcommand_from sync diff list help" -l store -d 'Where results and the catalogue are: sqlite:FILE or mongodb://… [env: LLMBENCH_STORE, then MONGODB_URI] [default: SQLite in the user\'s data directory]' -r
complete -c llmbench -n "__fish_llmbench_using_subcommand catalog; and not __fish_seen_subcommand_from sync diff list help" -s h -l help -d 'Print help'
complete -c llmbench -n "__fish_llmbench_using_subcommand catalog; and not __fish_seen_subcommand_from sync diff list help" -s V -l version -d 'Print version'
complete -c llmbench -n "__fish_llmbench_using_subcommand catalog; and not __fish_seen_subcommand_from sync diff list help" -f -a "sync" -d 'Read the providers\' own lists of models, all pages, side by side, and store them'
complete -c llmbench -n "__fish_llmbench_using_subcommand catalog; and not __fish_seen_subcommand_from sync diff list help" -f -a "diff" -d 'Show what is new, gone or changed, listed and not measured, measured and not listed'
complete -c llmbench -n "__fish_llmbench_using_subcommand catalog; and not __fish_seen_subcommand_from sync diff list help" -f -a "list" -d 'Show what was listed, as it is stored'
complete -c llmbench -n "__fish_llmbench_using_subcommand catalog; and not __fish_seen_subcommand_from sync diff list help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c llmbench -n "__fish_llmbench_using_subcommand catalog; and __fish_seen_subcommand_from sync" -s p -l provider -d 'Read this provider\'s list (repeatable) [default: every provider with a key]' -r
complete -c llmbench -n "__fish_llmbench_using_subcommand catalog; and __fish_seen_subcommand_from sync" -l config -d 'Configuration file [env: LLMBENCH_CONFIG] [default: config.toml in the user\'s configuration directory]' -r -F
complete -c llmbench -n "__fish_llmbench_using_subcommand catalog; and __fish_seen_subcommand_from sync" -l store -d 'Where results and the catalogue are: sqlite:FILE or mongodb://… [env: LLMBENCH_STORE, then MONGODB_URI] [default: SQLite in the user\'s data directory]' -r
complete -c llmbench -n "__fish_llmbench_using_subcommand catalog; and __fish_seen_subcommand_from sync" -l json -d 'One JSON document on standard output'
complete -c llmbench -n "__fish_llmbench_using_subcommand catalog; and __fish_seen_subcommand_from sync" -s q -l quiet -d 'No progress, no notes, no table; errors still appear'
complete -c llmbench -n "__fish_llmbench_using_subcommand catalog; and __fish_seen_subcommand_from sync" -s h -l help -d 'Print help'
complete -c llmbench -n "__fish_llmbench_using_subcommand catalog; and __fish_seen_subcommand_from sync" -s V -l version -d 'Print version'
complete -c llmbench -n "__fish_llmbench_using_subcommand catalog; and __fish_seen_subcommand_from diff" -l since -d 'New, gone and changed since then: 24h, 7d, yesterday, 2026-11-01' -r
complete -c llmbench -n "__fish_llmbench_using_subcommand catalog; and __fish_seen_subcommand_from diff" -s p -l provider -d 'This provider alone (repeatable)' -r
complete -c llmbench -n "__fish_llmbench_using_subcommand catalog; and __fish_seen_subcommand_from diff" -l absent -d 'Complete reads in a row from which a model has to be missing before it is gone' -r
complete -c llmbench -n "__fish_llmbench_using_subcommand catalog; and __fish_seen_subcommand_from diff" -l config -d 'Configuration file [env: LLMBENCH_CONFIG] [default: config.toml in the user\'s configuration directory]' -r -F
complete -c llmbench -n "__fish_llmbench_using_subcommand catalog; and __fish_seen_subcommand_from diff" -l store -d 'Where results and the catalogue are: sqlite:FILE or mongodb://… [env: LLMBENCH_STORE, then MONGODB_URI] [default: SQLite in the user\'s data directory]' -r
complete -c llmbench -n "__fish_llmbench_using_subcommand catalog; and __fish_seen_subcommand_from diff" -l json -d 'One JSON document on standard output'
complete -c llmbench -n "__fish_llmbench_using_subcommand catalog; and __fish_seen_subcommand_from diff" -l wide -d 'Every finding, not the first ten of a kind, and what providers state about each'
complete -c llmbench -n "__fish_llmbench_using_subcommand catalog; and __fish_seen_subcommand_from diff" -s h -l help -d 'Print help'
complete -c llmbench -n "__fish_llmbench_using_subcommand catalog; and __fish_seen_subcommand_from diff" -s V -l version -d 'Print version'
complete -c llmbench -n "__fish_llmbench_using_subcommand catalog; and __fish_seen_subcommand_from list" -s p -l provider -d 'This provider alone (repeatable)' -r
complete -c llmbench -n "__fish_llmbench_using_subcommand catalog; and __fish_seen_subcommand_from list" -l match -d 'Only models whose id, or provider:id, fits this pattern: * is any text, ? one character' -r
complete -c llmbench -n "__fish_llmbench_using_subcommand catalog; and __fish_seen_subcommand_from list" -l config -d 'Configuration file [env: LLMBENCH_CONFIG] [default: config.toml in the user\'s configuration directory]' -r -F
complete -c llmbench -n "__fish_llmbench_using_subcommand catalog; and __fish_seen_subcommand_from list" -l store -d 'Where results and the catalogue are: sqlite:FILE or mongodb://… [env: LLMBENCH_STORE, then MONGODB_URI] [default: SQLite in the user\'s data directory]' -r
complete -c llmbench -n "__fish_llmbench_using_subcommand catalog; and __fish_seen_subcommand_from list" -l json -d 'One JSON document on standard output'
complete -c llmbench -n "__fish_llmbench_using_subcommand catalog; and __fish_seen_subcommand_from list" -l csv -d 'Comma-separated values'
complete -c llmbench -n "__fish_llmbench_using_subcommand catalog; and __fish_seen_subcommand_from list" -l ids -d 'provider:model_id, one a line'
complete -c llmbench -n "__fish_llmbench_using_subcommand catalog; and __fish_seen_subcommand_from list" -l counts -d 'How many there are, by provider, and how old the lists are (also with --json)'
complete -c llmbench -n "__fish_llmbench_using_subcommand catalog; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help'
complete -c llmbench -n "__fish_llmbench_using_subcommand catalog; and __fish_seen_subcommand_from list" -s V -l version -d 'Print version'
complete -c llmbench -n "__fish_llmbench_using_subcommand catalog; and __fish_seen_subcommand_from help" -f -a "sync" -d 'Read the providers\' own lists of models, all pages, side by side, and store them'
complete -c llmbench -n "__fish_llmbench_using_subcommand catalog; and __fish_seen_subcommand_from help" -f -a "diff" -d 'Show what is new, gone or changed, listed and not measured, measured and not listed'
complete -c llmbench -n "__fish_llmbench_using_subcommand catalog; and __fish_seen_subcommand_from help" -f -a "list" -d 'Show what was listed, as it is stored'
complete -c llmbench -n "__fish_llmbench_using_subcommand catalog; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c llmbench -n "__fish_llmbench_using_subcommand sim; and not __fish_seen_subcommand_from serve models help" -l config -d 'Configuration file [env: LLMBENCH_CONFIG] [default: config.toml in the user\'s configuration directory]' -r -F
complete -c llmbench -n "__fish_llmbench_using_subcommand sim; and not __fish_seen_subcommand_from serve models help" -l store -d 'Where results and the catalogue are: sqlite:FILE or mongodb://… [env: LLMBENCH_STORE, then MONGODB_URI] [default: SQLite in the user\'s data directory]' -r
complete -c llmbench -n "__fish_llmbench_using_subcommand sim; and not __fish_seen_subcommand_from serve models help" -s h -l help -d 'Print help'
complete -c llmbench -n "__fish_llmbench_using_subcommand sim; and not __fish_seen_subcommand_from serve models help" -s V -l version -d 'Print version'
complete -c llmbench -n "__fish_llmbench_using_subcommand sim; and not __fish_seen_subcommand_from serve models help" -f -a "serve" -d 'Serve every wire format over HTTP until interrupted; the model\'s name chooses timing and faults'
complete -c llmbench -n "__fish_llmbench_using_subcommand sim; and not __fish_seen_subcommand_from serve models help" -f -a "models" -d 'List the simulated models'
complete -c llmbench -n "__fish_llmbench_using_subcommand sim; and not __fish_seen_subcommand_from serve models help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c llmbench -n "__fish_llmbench_using_subcommand sim; and __fish_seen_subcommand_from serve" -l listen -d 'Address to listen on; port 0 takes a free one and prints it' -r
complete -c llmbench -n "__fish_llmbench_using_subcommand sim; and __fish_seen_subcommand_from serve" -l config -d 'Configuration file [env: LLMBENCH_CONFIG] [default: config.toml in the user\'s configuration directory]' -r -F
complete -c llmbench -n "__fish_llmbench_using_subcommand sim; and __fish_seen_subcommand_from serve" -l store -d 'Where results and the catalogue are: sqlite:FILE or mongodb://… [env: LLMBENCH_STORE, then MONGODB_URI] [default: SQLite in the user\'s data directory]' -r
complete -c llmbench -n "__fish_llmbench_using_subcommand sim; and __fish_seen_subcommand_from serve" -s h -l help -d 'Print help'
complete -c llmbench -n "__fish_llmbench_using_subcommand sim; and __fish_seen_subcommand_from serve" -s V -l version -d 'Print version'
complete -c llmbench -n "__fish_llmbench_using_subcommand sim; and __fish_seen_subcommand_from models" -l config -d 'Configuration file [env: LLMBENCH_CONFIG] [default: config.toml in the user\'s configuration directory]' -r -F
complete -c llmbench -n "__fish_llmbench_using_subcommand sim; and __fish_seen_subcommand_from models" -l store -d 'Where results and the catalogue are: sqlite:FILE or mongodb://… [env: LLMBENCH_STORE, then MONGODB_URI] [default: SQLite in the user\'s data directory]' -r
complete -c llmbench -n "__fish_llmbench_using_subcommand sim; and __fish_seen_subcommand_from models" -s h -l help -d 'Print help'
complete -c llmbench -n "__fish_llmbench_using_subcommand sim; and __fish_seen_subcommand_from models" -s V -l version -d 'Print version'
complete -c llmbench -n "__fish_llmbench_using_subcommand sim; and __fish_seen_subcommand_from help" -f -a "serve" -d 'Serve every wire format over HTTP until interrupted; the model\'s name chooses timing and faults'
complete -c llmbench -n "__fish_llmbench_using_subcommand sim; and __fish_seen_subcommand_from help" -f -a "models" -d 'List the simulated models'
complete -c llmbench -n "__fish_llmbench_using_subcommand sim; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c llmbench -n "__fish_llmbench_using_subcommand db; and not __fish_seen_subcommand_from init help" -l config -d 'Configuration file [env: LLMBENCH_CONFIG] [default: config.toml in the user\'s configuration directory]' -r -F
complete -c llmbench -n "__fish_llmbench_using_subcommand db; and not __fish_seen_subcommand_from init help" -l store -d 'Where results and the catalogue are: sqlite:FILE or mongodb://… [env: LLMBENCH_STORE, then MONGODB_URI] [default: SQLite in the user\'s data directory]' -r
complete -c llmbench -n "__fish_llmbench_using_subcommand db; and not __fish_seen_subcommand_from init help" -s h -l help -d 'Print help'
complete -c llmbench -n "__fish_llmbench_using_subcommand db; and not __fish_seen_subcommand_from init help" -s V -l version -d 'Print version'
complete -c llmbench -n "__fish_llmbench_using_subcommand db; and not __fish_seen_subcommand_from init help" -f -a "init" -d 'Create what is missing, after printing it; what exists is left alone'
complete -c llmbench -n "__fish_llmbench_using_subcommand db; and not __fish_seen_subcommand_from init help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c llmbench -n "__fish_llmbench_using_subcommand db; and __fish_seen_subcommand_from init" -l config -d 'Configuration file [env: LLMBENCH_CONFIG] [default: config.toml in the user\'s configuration directory]' -r -F
complete -c llmbench -n "__fish_llmbench_using_subcommand db; and __fish_seen_subcommand_from init" -l store -d 'Where results and the catalogue are: sqlite:FILE or mongodb://… [env: LLMBENCH_STORE, then MONGODB_URI] [default: SQLite in the user\'s data directory]' -r
complete -c llmbench -n "__fish_llmbench_using_subcommand db; and __fish_seen_subcommand_from init" -l dry-run -d 'Print what a store of this kind needs; open and create nothing'
complete -c llmbench -n "__fish_llmbench_using_subcommand db; and __fish_seen_subcommand_from init" -s h -l help -d 'Print help'
complete -c llmbench -n "__fish_llmbench_using_subcommand db; and __fish_seen_subcommand_from init" -s V -l version -d 'Print version'
complete -c llmbench -n "__fish_llmbench_using_subcommand db; and __fish_seen_subcommand_from help" -f -a "init" -d 'Create what is missing, after printing it; what exists is left alone'
complete -c llmbench -n "__fish_llmbench_using_subcommand db; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c llmbench -n "__fish_llmbench_using_subcommand doctor" -s p -l provider -d 'Ask this provider alone (repeatable) [default: every provider with a key, or with enabled models]' -r
complete -c llmbench -n "__fish_llmbench_using_subcommand doctor" -l config -d 'Configuration file [env: LLMBENCH_CONFIG] [default: config.toml in the user\'s configuration directory]' -r -F
complete -c llmbench -n "__fish_llmbench_using_subcommand doctor" -l store -d 'Where results and the catalogue are: sqlite:FILE or mongodb://… [env: LLMBENCH_STORE, then MONGODB_URI] [default: SQLite in the user\'s data directory]' -r
complete -c llmbench -n "__fish_llmbench_using_subcommand doctor" -l offline -d 'Ask no provider and run no key command; the store is looked at all the same'
complete -c llmbench -n "__fish_llmbench_using_subcommand doctor" -l json -d 'One JSON document on standard output'
complete -c llmbench -n "__fish_llmbench_using_subcommand doctor" -s h -l help -d 'Print help'
complete -c llmbench -n "__fish_llmbench_using_subcommand doctor" -s V -l version -d 'Print version'
complete -c llmbench -n "__fish_llmbench_using_subcommand errors; and not __fish_seen_subcommand_from summary show tail help" -l config -d 'Configuration file [env: LLMBENCH_CONFIG] [default: config.toml in the user\'s configuration directory]' -r -F
complete -c llmbench -n "__fish_llmbench_using_subcommand errors; and not __fish_seen_subcommand_from summary show tail help" -l store -d 'Where results and the catalogue are: sqlite:FILE or mongodb://… [env: LLMBENCH_STORE, then MONGODB_URI] [default: SQLite in the user\'s data directory]' -r
complete -c llmbench -n "__fish_llmbench_using_subcommand errors; and not __fish_seen_subcommand_from summary show tail help" -s h -l help -d 'Print help'
complete -c llmbench -n "__fish_llmbench_using_subcommand errors; and not __fish_seen_subcommand_from summary show tail help" -s V -l version -d 'Print version'
complete -c llmbench -n "__fish_llmbench_using_subcommand errors; and not __fish_seen_subcommand_from summary show tail help" -f -a "summary" -d 'Count errors in groups, with the successes beside them and what to do; of the last 24 hours unless --since says else'
complete -c llmbench -n "__fish_llmbench_using_subcommand errors; and not __fish_seen_subcommand_from summary show tail help" -f -a "show" -d 'Tell everything about the errors of one model, or about one fingerprint; of all time unless --since says else'
complete -c llmbench -n "__fish_llmbench_using_subcommand errors; and not __fish_seen_subcommand_from summary show tail help" -f -a "tail" -d 'Print errors as they happen, until interrupted'
complete -c llmbench -n "__fish_llmbench_using_subcommand errors; and not __fish_seen_subcommand_from summary show tail help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c llmbench -n "__fish_llmbench_using_subcommand errors; and __fish_seen_subcommand_from summary" -l since -l from -d 'From when on: 24h, 7d, 2w, today, yesterday, 2026-11-01, \'2026-11-01 13:00\' or RFC 3339; local time where no offset is given' -r
complete -c llmbench -n "__fish_llmbench_using_subcommand errors; and __fish_seen_subcommand_from summary" -l to -d 'Up to when, in the same forms; that moment itself is outside [default: without end]' -r
complete -c llmbench -n "__fish_llmbench_using_subcommand errors; and __fish_seen_subcommand_from summary" -s p -l provider -d 'Only this provider' -r
complete -c llmbench -n "__fish_llmbench_using_subcommand errors; and __fish_seen_subcommand_from summary" -s m -l model -d 'Only this model: provider:model_id, or a model_id beside --provider' -r
complete -c llmbench -n "__fish_llmbench_using_subcommand errors; and __fish_seen_subcommand_from summary" -l by -d 'What errors are grouped by [default: provider; model with --model, --only-failing or --enabled]' -r -f -a "provider\t'Provider'
model\t'Provider and model'
kind\t'What went wrong'
cause\t'What the message is about, whoever wrote it: aws_profile, rate_limit, token_mismatch, not_found, other'
stage\t'How far the attempt had come'
fingerprint\t'The same failure of the same model'"
complete -c llmbench -n "__fish_llmbench_using_subcommand errors; and __fish_seen_subcommand_from summary" -l max-error-rate -d 'Exit 1 where a larger share (5%) of attempts failed: of any line with --by provider or model, else of all; also where there was no attempt to judge by' -r
complete -c llmbench -n "__fish_llmbench_using_subcommand errors; and __fish_seen_subcommand_from summary" -l config -d 'Configuration file [env: LLMBENCH_CONFIG] [default: config.toml in the user\'s configuration directory]' -r -F
complete -c llmbench -n "__fish_llmbench_using_subcommand errors; and __fish_seen_subcommand_from summary" -l store -d 'Where results and the catalogue are: sqlite:FILE or mongodb://… [env: LLMBENCH_STORE, then MONGODB_URI] [default: SQLite in the user\'s data directory]' -r
complete -c llmbench -n "__fish_llmbench_using_subcommand errors; and __fish_seen_subcommand_from summary" -l only-failing -d 'Only models that failed and never succeeded in the window'
complete -c llmbench -n "__fish_llmbench_using_subcommand errors; and __fish_seen_subcommand_from summary" -l enabled -d 'Only models that the catalogue still has enabled'
complete -c llmbench -n "__fish_llmbench_using_subcommand errors; and __fish_seen_subcommand_from summary" -l probe -d 'Count the successes outside the published series, too'
complete -c llmbench -n "__fish_llmbench_using_subcommand errors; and __fish_seen_subcommand_from summary" -l json -d 'One JSON document on standard output'
complete -c llmbench -n "__fish_llmbench_using_subcommand errors; and __fish_seen_subcommand_from summary" -l csv -d 'CSV on standard output'
complete -c llmbench -n "__fish_llmbench_using_subcommand errors; and __fish_seen_subcommand_from summary" -l wide -d 'Every column and whole messages, however wide the terminal is'
complete -c llmbench -n "__fish_llmbench_using_subcommand errors; and __fish_seen_subcommand_from summary" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c llmbench -n "__fish_llmbench_using_subcommand errors; and __fish_seen_subcommand_from summary" -s V -l version -d 'Print version'
complete -c llmbench -n "__fish_llmbench_using_subcommand errors; and __fish_seen_subcommand_from show" -l since -l from -d 'From when on: 24h, 7d, 2w, today, yesterday, 2026-11-01, \'2026-11-01 13:00\' or RFC 3339; local time where no offset is given' -r
complete -c llmbench -n "__fish_llmbench_using_subcommand errors; and __fish_seen_subcommand_from show" -l to -d 'Up to when, in the same forms; that moment itself is outside [default: without end]' -r
complete -c llmbench -n "__fish_llmbench_using_subcommand errors; and __fish_seen_subcommand_from show" -s n -l lines -d 'How many of the newest errors are told in full' -r
complete -c llmbench -n "__fish_llmbench_using_subcommand errors; and __fish_seen_subcommand_from show" -l config -d 'Configuration file [env: LLMBENCH_CONFIG] [default: config.toml in the user\'s configuration directory]' -r -F
complete -c llmbench -n "__fish_llmbench_using_subcommand errors; and __fish_seen_subcommand_from show" -l store -d 'Where results and the catalogue are: sqlite:FILE or mongodb://… [env: LLMBENCH_STORE, then MONGODB_URI] [default: SQLite in the user\'s data directory]' -r
complete -c llmbench -n "__fish_llmbench_using_subcommand errors; and __fish_seen_subcommand_from show" -l json -d 'One JSON document on standard output'
complete -c llmbench -n "__fish_llmbench_using_subcommand errors; and __fish_seen_subcommand_from show" -l wide -d 'Every column and whole messages, however wide the terminal is'
complete -c llmbench -n "__fish_llmbench_using_subcommand errors; and __fish_seen_subcommand_from show" -s h -l help -d 'Print help'
complete -c llmbench -n "__fish_llmbench_using_subcommand errors; and __fish_seen_subcommand_from show" -s V -l version -d 'Print version'
complete -c llmbench -n "__fish_llmbench_using_subcommand errors; and __fish_seen_subcommand_from tail" -s p -l provider -d 'Only this provider' -r
complete -c llmbench -n "__fish_llmbench_using_subcommand errors; and __fish_seen_subcommand_from tail" -s m -l model -d 'Only this model: provider:model_id, or a model_id beside --provider' -r
complete -c llmbench -n "__fish_llmbench_using_subcommand errors; and __fish_seen_subcommand_from tail" -s n -l lines -d 'How many earlier errors are printed first' -r
complete -c llmbench -n "__fish_llmbench_using_subcommand errors; and __fish_seen_subcommand_from tail" -l config -d 'Configuration file [env: LLMBENCH_CONFIG] [default: config.toml in the user\'s configuration directory]' -r -F
complete -c llmbench -n "__fish_llmbench_using_subcommand errors; and __fish_seen_subcommand_from tail" -l store -d 'Where results and the catalogue are: sqlite:FILE or mongodb://… [env: LLMBENCH_STORE, then MONGODB_URI] [default: SQLite in the user\'s data directory]' -r
complete -c llmbench -n "__fish_llmbench_using_subcommand errors; and __fish_seen_subcommand_from tail" -l json -d 'One JSON line an error: the row as it is stored'
complete -c llmbench -n "__fish_llmbench_using_subcommand errors; and __fish_seen_subcommand_from tail" -l wide -d 'Whole messages, however wide the terminal is'
complete -c llmbench -n "__fish_llmbench_using_subcommand errors; and __fish_seen_subcommand_from tail" -s h -l help -d 'Print help'
complete -c llmbench -n "__fish_llmbench_using_subcommand errors; and __fish_seen_subcommand_from tail" -s V -l version -d 'Print version'
complete -c llmbench -n "__fish_llmbench_using_subcommand errors; and __fish_seen_subcommand_from help" -f -a "summary" -d 'Count errors in groups, with the successes beside them and what to do; of the last 24 hours unless --since says else'
complete -c llmbench -n "__fish_llmbench_using_subcommand errors; and __fish_seen_subcommand_from help" -f -a "show" -d 'Tell everything about the errors of one model, or about one fingerprint; of all time unless --since says else'
complete -c llmbench -n "__fish_llmbench_using_subcommand errors; and __fish_seen_subcommand_from help" -f -a "tail" -d 'Print errors as they happen, until interrupted'
complete -c llmbench -n "__fish_llmbench_using_subcommand errors; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c llmbench -n "__fish_llmbench_using_subcommand ingest; and not __fish_seen_subcommand_from key help" -l config -d 'Configuration file [env: LLMBENCH_CONFIG] [default: config.toml in the user\'s configuration directory]' -r -F
complete -c llmbench -n "__fish_llmbench_using_subcommand ingest; and not __fish_seen_subcommand_from key help" -l store -d 'Where results and the catalogue are: sqlite:FILE or mongodb://… [env: LLMBENCH_STORE, then MONGODB_URI] [default: SQLite in the user\'s data directory]' -r
complete -c llmbench -n "__fish_llmbench_using_subcommand ingest; and not __fish_seen_subcommand_from key help" -s h -l help -d 'Print help'
complete -c llmbench -n "__fish_llmbench_using_subcommand ingest; and not __fish_seen_subcommand_from key help" -s V -l version -d 'Print version'
complete -c llmbench -n "__fish_llmbench_using_subcommand ingest; and not __fish_seen_subcommand_from key help" -f -a "key" -d 'Keys of remote runners'
complete -c llmbench -n "__fish_llmbench_using_subcommand ingest; and not __fish_seen_subcommand_from key help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c llmbench -n "__fish_llmbench_using_subcommand ingest; and __fish_seen_subcommand_from key" -l config -d 'Configuration file [env: LLMBENCH_CONFIG] [default: config.toml in the user\'s configuration directory]' -r -F
complete -c llmbench -n "__fish_llmbench_using_subcommand ingest; and __fish_seen_subcommand_from key" -l store -d 'Where results and the catalogue are: sqlite:FILE or mongodb://… [env: LLMBENCH_STORE, then MONGODB_URI] [default: SQLite in the user\'s data directory]' -r
complete -c llmbench -n "__fish_llmbench_using_subcommand ingest; and __fish_seen_subcommand_from key" -s h -l help -d 'Print help'
complete -c llmbench -n "__fish_llmbench_using_subcommand ingest; and __fish_seen_subcommand_from key" -s V -l version -d 'Print version'
complete -c llmbench -n "__fish_llmbench_using_subcommand ingest; and __fish_seen_subcommand_from key" -f -a "add" -d 'Make a key for a runner and print it, this one time'
complete -c llmbench -n "__fish_llmbench_using_subcommand ingest; and __fish_seen_subcommand_from key" -f -a "list" -d 'Keys: whose, what they allow, when they were last used'
complete -c llmbench -n "__fish_llmbench_using_subcommand ingest; and __fish_seen_subcommand_from key" -f -a "rotate" -d 'Make the next key for a runner; the present one counts for a while longer'
complete -c llmbench -n "__fish_llmbench_using_subcommand ingest; and __fish_seen_subcommand_from key" -f -a "revoke" -d 'Take a key back, at once and for good'
complete -c llmbench -n "__fish_llmbench_using_subcommand ingest; and __fish_seen_subcommand_from key" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c llmbench -n "__fish_llmbench_using_subcommand ingest; and __fish_seen_subcommand_from help" -f -a "key" -d 'Keys of remote runners'
complete -c llmbench -n "__fish_llmbench_using_subcommand ingest; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c llmbench -n "__fish_llmbench_using_subcommand outbox; and not __fish_seen_subcommand_from list show retry replay help" -l state-dir -d 'The daemon\'s directory [env: LLMBENCH_STATE_DIR] [default: llmbench in the user\'s state directory]' -r -F
complete -c llmbench -n "__fish_llmbench_using_subcommand outbox; and not __fish_seen_subcommand_from list show retry replay help" -l config -d 'Configuration file [env: LLMBENCH_CONFIG] [default: config.toml in the user\'s configuration directory]' -r -F
complete -c llmbench -n "__fish_llmbench_using_subcommand outbox; and not __fish_seen_subcommand_from list show retry replay help" -l store -d 'Where results and the catalogue are: sqlite:FILE or mongodb://… [env: LLMBENCH_STORE, then MONGODB_URI] [default: SQLite in the user\'s data directory]' -r
complete -c llmbench -n "__fish_llmbench_using_subcommand outbox; and not __fish_seen_subcommand_from list show retry replay help" -s h -l help -d 'Print help'
complete -c llmbench -n "__fish_llmbench_using_subcommand outbox; and not __fish_seen_subcommand_from list show retry replay help" -s V -l version -d 'Print version'
complete -c llmbench -n "__fish_llmbench_using_subcommand outbox; and not __fish_seen_subcommand_from list show retry replay help" -f -a "list" -d 'Rows that wait or are quarantined, the newest first'
complete -c llmbench -n "__fish_llmbench_using_subcommand outbox; and not __fish_seen_subcommand_from list show retry replay help" -f -a "show" -d 'One row: where it stands, and its document as it will be stored'
complete -c llmbench -n "__fish_llmbench_using_subcommand outbox; and not __fish_seen_subcommand_from list show retry replay help" -f -a "retry" -d 'Try rows again now: quarantined ones, or those that wait'
complete -c llmbench -n "__fish_llmbench_using_subcommand outbox; and not __fish_seen_subcommand_from list show retry replay help" -f -a "replay" -d 'Send delivered rows once more, after the store was restored from a backup; harmless where it has them'
complete -c llmbench -n "__fish_llmbench_using_subcommand outbox; and not __fish_seen_subcommand_from list show retry replay help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c llmbench -n "__fish_llmbench_using_subcommand outbox; and __fish_seen_subcommand_from list" -l state -d 'Only rows in this state (repeatable) [default: pending and quarantined]' -r -f -a "pending\t'It waits for the store'
quarantined\t'Trying again cannot help'
delivered\t'The store has it'"
complete -c llmbench -n "__fish_llmbench_using_subcommand outbox; and __fish_seen_subcommand_from list" -s n -l lines -d 'How many of each state' -r
complete -c llmbench -n "__fish_llmbench_using_subcommand outbox; and __fish_seen_subcommand_from list" -l state-dir -d 'The daemon\'s directory [env: LLMBENCH_STATE_DIR] [default: llmbench in the user\'s state directory]' -r -F
complete -c llmbench -n "__fish_llmbench_using_subcommand outbox; and __fish_seen_subcommand_from list" -l config -d 'Configuration file [env: LLMBENCH_CONFIG] [default: config.toml in the user\'s configuration directory]' -r -F
complete -c llmbench -n "__fish_llmbench_using_subcommand outbox; and __fish_seen_subcommand_from list" -l store -d 'Where results and the catalogue are: sqlite:FILE or mongodb://… [env: LLMBENCH_STORE, then MONGODB_URI] [default: SQLite in the user\'s data directory]' -r
complete -c llmbench -n "__fish_llmbench_using_subcommand outbox; and __fish_seen_subcommand_from list" -l json -d 'One JSON document on standard output'
complete -c llmbench -n "__fish_llmbench_using_subcommand outbox; and __fish_seen_subcommand_from list" -l wide -d 'Every column, however wide the terminal is'
complete -c llmbench -n "__fish_llmbench_using_subcommand outbox; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c llmbench -n "__fish_llmbench_using_subcommand outbox; and __fish_seen_subcommand_from list" -s V -l version -d 'Print version'
complete -c llmbench -n "__fish_llmbench_using_subcommand outbox; and __fish_seen_subcommand_from show" -l state-dir -d 'The daemon\'s directory [env: LLMBENCH_STATE_DIR] [default: llmbench in the user\'s state directory]' -r -F
complete -c llmbench -n "__fish_llmbench_using_subcommand outbox; and __fish_seen_subcommand_from show" -l config -d 'Configuration file [env: LLMBENCH_CONFIG] [default: config.toml in the user\'s configuration directory]' -r -F
complete -c llmbench -n "__fish_llmbench_using_subcommand outbox; and __fish_seen_subcommand_from show" -l store -d 'Where results and the catalogue are: sqlite:FILE or mongodb://… [env: LLMBENCH_STORE, then MONGODB_URI] [default: SQLite in the user\'s data directory]' -r
complete -c llmbench -n "__fish_llmbench_using_subcommand outbox; and __fish_seen_subcommand_from show" -l json -d 'One JSON document on standard output'
complete -c llmbench -n "__fish_llmbench_using_subcommand outbox; and __fish_seen_subcommand_from show" -s h -l help -d 'Print help'
complete -c llmbench -n "__fish_llmbench_using_subcommand outbox; and __fish_seen_subcommand_from show" -s V -l version -d 'Print version'
complete -c llmbench -n "__fish_llmbench_using_subcommand outbox; and __fish_seen_subcommand_from retry" -l state-dir -d 'The daemon\'s directory [env: LLMBENCH_STATE_DIR] [default: llmbench in the user\'s state directory]' -r -F
complete -c llmbench -n "__fish_llmbench_using_subcommand outbox; and __fish_seen_subcommand_from retry" -l config -d 'Configuration file [env: LLMBENCH_CONFIG] [default: config.toml in the user\'s configuration directory]' -r -F
complete -c llmbench -n "__fish_llmbench_using_subcommand outbox; and __fish_seen_subcommand_from retry" -l store -d 'Where results and the catalogue are: sqlite:FILE or mongodb://… [env: LLMBENCH_STORE, then MONGODB_URI] [default: SQLite in the user\'s data directory]' -r
complete -c llmbench -n "__fish_llmbench_using_subcommand outbox; and __fish_seen_subcommand_from retry" -l all -d 'All that are quarantined'
complete -c llmbench -n "__fish_llmbench_using_subcommand outbox; and __fish_seen_subcommand_from retry" -l json -d 'One JSON document on standard output'
complete -c llmbench -n "__fish_llmbench_using_subcommand outbox; and __fish_seen_subcommand_from retry" -s h -l help -d 'Print help'
complete -c llmbench -n "__fish_llmbench_using_subcommand outbox; and __fish_seen_subcommand_from retry" -s V -l version -d 'Print version'
complete -c llmbench -n "__fish_llmbench_using_subcommand outbox; and __fish_seen_subcommand_from replay" -l to -d 'Up to when, in the same forms; that moment itself is outside [default: without end]' -r
complete -c llmbench -n "__fish_llmbench_using_subcommand outbox; and __fish_seen_subcommand_from replay" -l since -l from -d 'From when on: 24h, 7d, 2w, today, yesterday, 2026-11-01, \'2026-11-01 13:00\' or RFC 3339; local time where no offset is given' -r
complete -c llmbench -n "__fish_llmbench_using_subcommand outbox; and __fish_seen_subcommand_from replay" -l state-dir -d 'The daemon\'s directory [env: LLMBENCH_STATE_DIR] [default: llmbench in the user\'s state directory]' -r -F
complete -c llmbench -n "__fish_llmbench_using_subcommand outbox; and __fish_seen_subcommand_from replay" -l config -d 'Configuration file [env: LLMBENCH_CONFIG] [default: config.toml in the user\'s configuration directory]' -r -F
complete -c llmbench -n "__fish_llmbench_using_subcommand outbox; and __fish_seen_subcommand_from replay" -l store -d 'Where results and the catalogue are: sqlite:FILE or mongodb://… [env: LLMBENCH_STORE, then MONGODB_URI] [default: SQLite in the user\'s data directory]' -r
complete -c llmbench -n "__fish_llmbench_using_subcommand outbox; and __fish_seen_subcommand_from replay" -l json -d 'One JSON document on standard output'
complete -c llmbench -n "__fish_llmbench_using_subcommand outbox; and __fish_seen_subcommand_from replay" -s h -l help -d 'Print help'
complete -c llmbench -n "__fish_llmbench_using_subcommand outbox; and __fish_seen_subcommand_from replay" -s V -l version -d 'Print version'
complete -c llmbench -n "__fish_llmbench_using_subcommand outbox; and __fish_seen_subcommand_from help" -f -a "list" -d 'Rows that wait or are quarantined, the newest first'
complete -c llmbench -n "__fish_llmbench_using_subcommand outbox; and __fish_seen_subcommand_from help" -f -a "show" -d 'One row: where it stands, and its document as it will be stored'
complete -c llmbench -n "__fish_llmbench_using_subcommand outbox; and __fish_seen_subcommand_from help" -f -a "retry" -d 'Try rows again now: quarantined ones, or those that wait'
complete -c llmbench -n "__fish_llmbench_using_subcommand outbox; and __fish_seen_subcommand_from help" -f -a "replay" -d 'Send delivered rows once more, after the store was restored from a backup; harmless where it has them'
complete -c llmbench -n "__fish_llmbench_using_subcommand outbox; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c llmbench -n "__fish_llmbench_using_subcommand results; and not __fish_seen_subcommand_from list show help" -l config -d 'Configuration file [env: LLMBENCH_CONFIG] [default: config.toml in the user\'s configuration directory]' -r -F
complete -c llmbench -n "__fish_llmbench_using_subcommand results; and not __fish_seen_subcommand_from list show help" -l store -d 'Where results and the catalogue are: sqlite:FILE or mongodb://… [env: LLMBENCH_STORE, then MONGODB_URI] [default: SQLite in the user\'s data directory]' -r
complete -c llmbench -n "__fish_llmbench_using_subcommand results; and not __fish_seen_subcommand_from list show help" -s h -l help -d 'Print help'
complete -c llmbench -n "__fish_llmbench_using_subcommand results; and not __fish_seen_subcommand_from list show help" -s V -l version -d 'Print version'
complete -c llmbench -n "__fish_llmbench_using_subcommand results; and not __fish_seen_subcommand_from list show help" -f -a "list" -d 'The newest runs, newest first'
complete -c llmbench -n "__fish_llmbench_using_subcommand results; and not __fish_seen_subcommand_from list show help" -f -a "show" -d 'One run with its timeline, or one error'
complete -c llmbench -n "__fish_llmbench_using_subcommand results; and not __fish_seen_subcommand_from list show help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c llmbench -n "__fish_llmbench_using_subcommand results; and __fish_seen_subcommand_from list" -s p -l provider -d 'Only this provider' -r
complete -c llmbench -n "__fish_llmbench_using_subcommand results; and __fish_seen_subcommand_from list" -s m -l model -d 'Only this model: provider:model_id, or a model_id beside --provider' -r
complete -c llmbench -n "__fish_llmbench_using_subcommand results; and __fish_seen_subcommand_from list" -l since -l from -d 'From when on: 24h, 7d, 2w, today, yesterday, 2026-11-01, \'2026-11-01 13:00\' or RFC 3339; local time where no offset is given' -r
complete -c llmbench -n "__fish_llmbench_using_subcommand results; and __fish_seen_subcommand_from list" -l to -d 'Up to when, in the same forms; that moment itself is outside [default: without end]' -r
complete -c llmbench -n "__fish_llmbench_using_subcommand results; and __fish_seen_subcommand_from list" -s n -l lines -d 'How many' -r
complete -c llmbench -n "__fish_llmbench_using_subcommand results; and __fish_seen_subcommand_from list" -l config -d 'Configuration file [env: LLMBENCH_CONFIG] [default: config.toml in the user\'s configuration directory]' -r -F
complete -c llmbench -n "__fish_llmbench_using_subcommand results; and __fish_seen_subcommand_from list" -l store -d 'Where results and the catalogue are: sqlite:FILE or mongodb://… [env: LLMBENCH_STORE, then MONGODB_URI] [default: SQLite in the user\'s data directory]' -r
complete -c llmbench -n "__fish_llmbench_using_subcommand results; and __fish_seen_subcommand_from list" -l counts -d 'How many runs each model has and its newest instead, most first'
complete -c llmbench -n "__fish_llmbench_using_subcommand results; and __fish_seen_subcommand_from list" -l probe -d 'Runs outside the published series instead'
complete -c llmbench -n "__fish_llmbench_using_subcommand results; and __fish_seen_subcommand_from list" -l json -d 'One JSON document on standard output'
complete -c llmbench -n "__fish_llmbench_using_subcommand results; and __fish_seen_subcommand_from list" -l csv -d 'CSV on standard output, in the columns of `run --csv`'
complete -c llmbench -n "__fish_llmbench_using_subcommand results; and __fish_seen_subcommand_from list" -l wide -d 'Every column, however wide the terminal is'
complete -c llmbench -n "__fish_llmbench_using_subcommand results; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help'
complete -c llmbench -n "__fish_llmbench_using_subcommand results; and __fish_seen_subcommand_from list" -s V -l version -d 'Print version'
complete -c llmbench -n "__fish_llmbench_using_subcommand results; and __fish_seen_subcommand_from show" -l config -d 'Configuration file [env: LLMBENCH_CONFIG] [default: config.toml in the user\'s configuration directory]' -r -F
complete -c llmbench -n "__fish_llmbench_using_subcommand results; and __fish_seen_subcommand_from show" -l store -d 'Where results and the catalogue are: sqlite:FILE or mongodb://… [env: LLMBENCH_STORE, then MONGODB_URI] [default: SQLite in the user\'s data directory]' -r
complete -c llmbench -n "__fish_llmbench_using_subcommand results; and __fish_seen_subcommand_from show" -l json -d 'One JSON document on standard output: the row as it is stored'
complete -c llmbench -n "__fish_llmbench_using_subcommand results; and __fish_seen_subcommand_from show" -s v -l verbose -d 'Every stored field, too'
complete -c llmbench -n "__fish_llmbench_using_subcommand results; and __fish_seen_subcommand_from show" -s h -l help -d 'Print help'
complete -c llmbench -n "__fish_llmbench_using_subcommand results; and __fish_seen_subcommand_from show" -s V -l version -d 'Print version'
complete -c llmbench -n "__fish_llmbench_using_subcommand results; and __fish_seen_subcommand_from help" -f -a "list" -d 'The newest runs, newest first'
complete -c llmbench -n "__fish_llmbench_using_subcommand results; and __fish_seen_subcommand_from help" -f -a "show" -d 'One run with its timeline, or one error'
complete -c llmbench -n "__fish_llmbench_using_subcommand results; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c llmbench -n "__fish_llmbench_using_subcommand status" -s p -l provider -d 'This provider alone (repeatable)' -r
complete -c llmbench -n "__fish_llmbench_using_subcommand status" -l watch -d 'Refresh every 2 seconds, or as often as said, until interrupted' -r
complete -c llmbench -n "__fish_llmbench_using_subcommand status" -l state-dir -d 'Where this machine\'s daemon keeps its pulse [env: LLMBENCH_STATE_DIR] [default: the user\'s state directory]' -r -F
complete -c llmbench -n "__fish_llmbench_using_subcommand status" -l config -d 'Configuration file [env: LLMBENCH_CONFIG] [default: config.toml in the user\'s configuration directory]' -r -F
complete -c llmbench -n "__fish_llmbench_using_subcommand status" -l store -d 'Where results and the catalogue are: sqlite:FILE or mongodb://… [env: LLMBENCH_STORE, then MONGODB_URI] [default: SQLite in the user\'s data directory]' -r
complete -c llmbench -n "__fish_llmbench_using_subcommand status" -l json -d 'One JSON document on standard output; with --watch one line each time'
complete -c llmbench -n "__fish_llmbench_using_subcommand status" -l check -d 'Judge and print the reasons alone, one a line: the health check of a container. Where a daemon\'s pulse is in the state directory it alone is judged, and the store is not asked'
complete -c llmbench -n "__fish_llmbench_using_subcommand status" -l wide -d 'Every column and every heartbeat, whole, however wide the terminal is'
complete -c llmbench -n "__fish_llmbench_using_subcommand status" -s h -l help -d 'Print help'
complete -c llmbench -n "__fish_llmbench_using_subcommand status" -s V -l version -d 'Print version'
complete -c llmbench -n "__fish_llmbench_using_subcommand help; and not __fish_seen_subcommand_from run models catalog sim db doctor errors ingest outbox results status help" -f -a "run" -d 'Measure models: one request, one outcome, one row'
complete -c llmbench -n "__fish_llmbench_using_subcommand help; and not __fish_seen_subcommand_from run models catalog sim db doctor errors ingest outbox results status help" -f -a "models" -d 'The catalogue: which models are measured'
complete -c llmbench -n "__fish_llmbench_using_subcommand help; and not __fish_seen_subcommand_from run models catalog sim db doctor errors ingest outbox results status help" -f -a "catalog" -d 'What providers list, against what is measured'
complete -c llmbench -n "__fish_llmbench_using_subcommand help; and not __fish_seen_subcommand_from run models catalog sim db doctor errors ingest outbox results status help" -f -a "sim" -d 'The built-in simulated provider'
complete -c llmbench -n "__fish_llmbench_using_subcommand help; and not __fish_seen_subcommand_from run models catalog sim db doctor errors ingest outbox results status help" -f -a "db" -d 'The store\'s tables, collections and indexes'
complete -c llmbench -n "__fish_llmbench_using_subcommand help; and not __fish_seen_subcommand_from run models catalog sim db doctor errors ingest outbox results status help" -f -a "doctor" -d 'Look whether everything is in order, and say how to mend what is not'
complete -c llmbench -n "__fish_llmbench_using_subcommand help; and not __fish_seen_subcommand_from run models catalog sim db doctor errors ingest outbox results status help" -f -a "errors" -d 'What failed: in groups, one by one, as it happens'
complete -c llmbench -n "__fish_llmbench_using_subcommand help; and not __fish_seen_subcommand_from run models catalog sim db doctor errors ingest outbox results status help" -f -a "ingest" -d 'The bridge: runners post results over HTTP, without access to the database'
complete -c llmbench -n "__fish_llmbench_using_subcommand help; and not __fish_seen_subcommand_from run models catalog sim db doctor errors ingest outbox results status help" -f -a "outbox" -d 'Rows between measuring and storing'
complete -c llmbench -n "__fish_llmbench_using_subcommand help; and not __fish_seen_subcommand_from run models catalog sim db doctor errors ingest outbox results status help" -f -a "results" -d 'Stored runs: the newest, and one with its timeline'
complete -c llmbench -n "__fish_llmbench_using_subcommand help; and not __fish_seen_subcommand_from run models catalog sim db doctor errors ingest outbox results status help" -f -a "status" -d 'How measuring goes: what is wrong first, then every provider, daemons and lanes'
complete -c llmbench -n "__fish_llmbench_using_subcommand help; and not __fish_seen_subcommand_from run models catalog sim db doctor errors ingest outbox results status help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c llmbench -n "__fish_llmbench_using_subcommand help; and __fish_seen_subcommand_from models" -f -a "list" -d 'List models with the figures of their last day; enabled ones by default'
complete -c llmbench -n "__fish_llmbench_using_subcommand help; and __fish_seen_subcommand_from models" -f -a "add" -d 'Add models: checks first, then one real call each before it is enabled'
complete -c llmbench -n "__fish_llmbench_using_subcommand help; and __fish_seen_subcommand_from models" -f -a "disable" -d 'Stop measuring models, with a reason; nothing is deleted'
complete -c llmbench -n "__fish_llmbench_using_subcommand help; and __fish_seen_subcommand_from models" -f -a "enable" -d 'Measure models again'
complete -c llmbench -n "__fish_llmbench_using_subcommand help; and __fish_seen_subcommand_from models" -f -a "show" -d 'All that is known about models'
complete -c llmbench -n "__fish_llmbench_using_subcommand help; and __fish_seen_subcommand_from models" -f -a "history" -d 'Who changed what, when and why'
complete -c llmbench -n "__fish_llmbench_using_subcommand help; and __fish_seen_subcommand_from models" -f -a "undo" -d 'Give every model of a batch the values back that it had before'
complete -c llmbench -n "__fish_llmbench_using_subcommand help; and __fish_seen_subcommand_from catalog" -f -a "sync" -d 'Read the providers\' own lists of models, all pages, side by side, and store them'
complete -c llmbench -n "__fish_llmbench_using_subcommand help; and __fish_seen_subcommand_from catalog" -f -a "diff" -d 'Show what is new, gone or changed, listed and not measured, measured and not listed'
complete -c llmbench -n "__fish_llmbench_using_subcommand help; and __fish_seen_subcommand_from catalog" -f -a "list" -d 'Show what was listed, as it is stored'
complete -c llmbench -n "__fish_llmbench_using_subcommand help; and __fish_seen_subcommand_from sim" -f -a "serve" -d 'Serve every wire format over HTTP until interrupted; the model\'s name chooses timing and faults'
complete -c llmbench -n "__fish_llmbench_using_subcommand help; and __fish_seen_subcommand_from sim" -f -a "models" -d 'List the simulated models'
complete -c llmbench -n "__fish_llmbench_using_subcommand help; and __fish_seen_subcommand_from db" -f -a "init" -d 'Create what is missing, after printing it; what exists is left alone'
complete -c llmbench -n "__fish_llmbench_using_subcommand help; and __fish_seen_subcommand_from errors" -f -a "summary" -d 'Count errors in groups, with the successes beside them and what to do; of the last 24 hours unless --since says else'
complete -c llmbench -n "__fish_llmbench_using_subcommand help; and __fish_seen_subcommand_from errors" -f -a "show" -d 'Tell everything about the errors of one model, or about one fingerprint; of all time unless --since says else'
complete -c llmbench -n "__fish_llmbench_using_subcommand help; and __fish_seen_subcommand_from errors" -f -a "tail" -d 'Print errors as they happen, until interrupted'
complete -c llmbench -n "__fish_llmbench_using_subcommand help; and __fish_seen_subcommand_from ingest" -f -a "key" -d 'Keys of remote runners'
complete -c llmbench -n "__fish_llmbench_using_subcommand help; and __fish_seen_subcommand_from outbox" -f -a "list" -d 'Rows that wait or are quarantined, the newest first'
complete -c llmbench -n "__fish_llmbench_using_subcommand help; and __fish_seen_subcommand_from outbox" -f -a "show" -d 'One row: where it stands, and its document as it will be stored'
complete -c llmbench -n "__fish_llmbench_using_subcommand help; and __fish_seen_subcommand_from outbox" -f -a "retry" -d 'Try rows again now: quarantined ones, or those that wait'
complete -c llmbench -n "__fish_llmbench_using_subcommand help; and __fish_seen_subcommand_from outbox" -f -a "replay" -d 'Send delivered rows once more, after the store was restored from a backup; harmless where it has them'
complete -c llmbench -n "__fish_llmbench_using_subcommand help; and __fish_seen_subcommand_from results" -f -a "list" -d 'The newest runs, newest first'
complete -c llmbench -n "__fish_llmbench_using_subcommand help; and __fish_seen_subcommand_from results" -f -a "show" -d 'One run with its timeline, or one error'
