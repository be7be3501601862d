# Recipes for developers; `just` lists them. fmt, clippy, doc, deny, test and fuzz-all are the steps of .ci/run, in its order.

# Lists the recipes.
default:
    @just --list --unsorted

# What CI runs: fmt, clippy, doc, deny, test, and each fuzz target for some seconds.
ci:
    .ci/run

# Formatting is checked, not changed; `cargo fmt` changes it.
fmt:
    cargo fmt --check

# Warnings are errors.
clippy:
    cargo clippy --locked --all-targets -- -D warnings

# Every test, or those that match: just test --test it stores::
test *arguments:
    cargo test --locked {{arguments}}

# The figures of docs/benchmarks.md, all or some: just figures cold streams flood
figures *parts:
    cargo bench --locked --bench figures -- {{parts}}

# The other tables of it: how often comparisons and changes are right.
statistics *parts:
    cargo bench --locked --bench statistics -- {{parts}}

# One fuzz target for some seconds; needs a nightly compiler and cargo-fuzz: just fuzz decode_chat 60
fuzz target seconds="60":
    cargo +nightly fuzz run {{target}} fuzz/corpus/{{target}} -- -max_total_time={{seconds}}

# Each fuzz target for some seconds.
fuzz-all seconds="20":
    for target in fuzz/targets/*.rs; do just fuzz "$(basename "$target" .rs)" {{seconds}} || exit 1; done

# A daemon among faults, judged at the end.
soak minutes="5":
    cargo build --locked --release
    deploy/soak.sh {{minutes}}

# What may be in the dependency tree; needs cargo-deny.
deny:
    cargo deny --locked check bans licenses sources

# The documentation of the library, warnings as errors.
doc:
    RUSTDOCFLAGS="-D warnings" cargo doc --locked --no-deps --document-private-items

# Rewrites the man pages from the command definition.
man:
    BLESS=1 cargo test --locked --test it generated

# What is given away, in target/release-files: tarball, Debian package, bill of materials, checksums. With a target it is a
# cross build: just release aarch64-unknown-linux-gnu
release target="":
    cargo build --locked --profile dist {{ if target == "" { "" } else { "--target " + target } }}
    packaging/release.py --binary "target/{{ if target == "" { "" } else { target + "/" } }}dist/llmbench" {{ if target == "" { "" } else { "--target " + target } }} --out target/release-files

# The image; needs a container engine.
image tag="llmbench":
    docker build -f deploy/Dockerfile -t {{tag}} .
