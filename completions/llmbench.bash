# Completions of llmbench for bash. What may stand at the cursor is asked of the program itself, which reads its own
# definition, the configuration and the store: silent, and within 300 ms.
_llmbench() {
    local lines=() line
    while IFS= read -r line; do
        lines+=("$line")
    done < <("${1/#\~/$HOME}" __complete --bash "$COMP_WORDBREAKS" -- "${COMP_LINE:0:COMP_POINT}" 2>/dev/null)
    COMPREPLY=("${lines[@]:1}")
    case "${lines[0]}" in
        files) compopt -o default 2>/dev/null ;;
        unfinished) compopt -o nospace 2>/dev/null ;;
    esac
}
complete -o nosort -F _llmbench llmbench 2>/dev/null || complete -F _llmbench llmbench
