# Completions of llmbench for fish. What may stand at the cursor is asked of the program itself, which reads its own
# definition, the configuration and the store: silent, and within 300 ms.
function __llmbench_complete
    set -l words (commandline -opc)
    set -l current (commandline -ct)
    set -l lines ($words[1] __complete -- $words[2..-1] "$current" 2>/dev/null)
    if test "$lines[1]" = files
        __fish_complete_path "$current"
    else
        string join \n -- $lines[2..-1]
    end
end
complete -c llmbench -f -a '(__llmbench_complete)'
