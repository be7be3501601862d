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
complete -c llmbench -n "__fish_llmbench_needs_command" -f -a "catalog" -d 'What providers list, against what is measured'
complete -c llmbench -n "__fish_llmbench_needs_command" -f -a "sim" -d 'The built-in simulated provider'
complete -c llmbench -n "__fish_llmbench_needs_command" -f -a "db" -d 'The store\'s tables, collections and indexes'
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
complete -c llmbench -n "__fish_llmbench_using_subcommand run" -l csv -d 'One line per run into a CSV file' -r -F
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
complete -c llmbench -n "__fish_llmbench_using_subcommand run" -s q -l quiet -d 'No progress, no notes, no table; errors still appear'
complete -c llmbench -n "__fish_llmbench_using_subcommand run" -s v -l verbose -d 'Phases, the provider\'s own clock, quality'
complete -c llmbench -n "__fish_llmbench_using_subcommand run" -l no-store -d 'Store nothing'
complete -c llmbench -n "__fish_llmbench_using_subcommand run" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c llmbench -n "__fish_llmbench_using_subcommand run" -s V -l version -d 'Print version'
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
complete -c llmbench -n "__fish_llmbench_using_subcommand db; and __fish_seen_subcommand_from init" -l dry-run -d 'Print what would be created, and create nothing'
complete -c llmbench -n "__fish_llmbench_using_subcommand db; and __fish_seen_subcommand_from init" -s h -l help -d 'Print help'
complete -c llmbench -n "__fish_llmbench_using_subcommand db; and __fish_seen_subcommand_from init" -s V -l version -d 'Print version'
complete -c llmbench -n "__fish_llmbench_using_subcommand db; and __fish_seen_subcommand_from help" -f -a "init" -d 'Create what is missing, after printing it; what exists is left alone'
complete -c llmbench -n "__fish_llmbench_using_subcommand db; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c llmbench -n "__fish_llmbench_using_subcommand help; and not __fish_seen_subcommand_from run catalog sim db help" -f -a "run" -d 'Measure models: one request, one outcome, one row'
complete -c llmbench -n "__fish_llmbench_using_subcommand help; and not __fish_seen_subcommand_from run catalog sim db help" -f -a "catalog" -d 'What providers list, against what is measured'
complete -c llmbench -n "__fish_llmbench_using_subcommand help; and not __fish_seen_subcommand_from run catalog sim db help" -f -a "sim" -d 'The built-in simulated provider'
complete -c llmbench -n "__fish_llmbench_using_subcommand help; and not __fish_seen_subcommand_from run catalog sim db help" -f -a "db" -d 'The store\'s tables, collections and indexes'
complete -c llmbench -n "__fish_llmbench_using_subcommand help; and not __fish_seen_subcommand_from run catalog sim db help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c llmbench -n "__fish_llmbench_using_subcommand help; and __fish_seen_subcommand_from catalog" -f -a "sync" -d 'Read the providers\' own lists of models, all pages, side by side, and store them'
complete -c llmbench -n "__fish_llmbench_using_subcommand help; and __fish_seen_subcommand_from catalog" -f -a "diff" -d 'Show what is new, gone or changed, listed and not measured, measured and not listed'
complete -c llmbench -n "__fish_llmbench_using_subcommand help; and __fish_seen_subcommand_from catalog" -f -a "list" -d 'Show what was listed, as it is stored'
complete -c llmbench -n "__fish_llmbench_using_subcommand help; and __fish_seen_subcommand_from sim" -f -a "serve" -d 'Serve every wire format over HTTP until interrupted; the model\'s name chooses timing and faults'
complete -c llmbench -n "__fish_llmbench_using_subcommand help; and __fish_seen_subcommand_from sim" -f -a "models" -d 'List the simulated models'
complete -c llmbench -n "__fish_llmbench_using_subcommand help; and __fish_seen_subcommand_from db" -f -a "init" -d 'Create what is missing, after printing it; what exists is left alone'
