# shellcheck shell=bash
# What the scripts share. Source it first; it finds the root of the repository and turns every failure into one line.

set -Eeuo pipefail

root=$(cd -P -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd)
script=${0##*/}
current_step="starting"

trap 'failed "$?"' ERR

# Says in one line which step failed, and ends the script with that step's exit code.
failed() {
    trap - ERR
    printf '%s: failed: %s (exit code %s)\n' "$script" "$current_step" "$1" >&2
    exit "$1"
}

# Ends the script with one line that says what to do.
stop() {
    trap - ERR
    printf '%s: %s\n' "$script" "$1" >&2
    exit 1
}

# Names what comes next, so that a failure can be told by it.
step() {
    current_step=$1
    printf '== %s\n' "$1" >&2
}

# number OPTION TEXT [DIGITS]: takes a number into $number; no zero in front makes it octal, and none is too large to be one.
number() {
    local digits=${3:-18}
    [[ ${2-} =~ ^[0-9]+$ && ${#2} -le $digits ]] || stop "$1 needs a number of at most $digits digits"
    number=$((10#$2))
}

# Takes into $number a seed made from the commit that is checked out: new with each commit, the same whenever that one is tested.
# At most nine digits, above 0: what every rig and the fuzzer take.
commit_seed() {
    local hash
    hash=$(git -C "$root" rev-parse HEAD) || stop "needs a git checkout: the seed is made from the commit's hash"
    number=$((16#${hash:0:12} % 999999999 + 1))
}

as_root() {
    if [[ $(id -u) -eq 0 ]]; then
        "$@"
    elif sudo -n true 2>/dev/null; then
        sudo -n "$@"
    elif command -v sudo >/dev/null && [[ -t 0 ]]; then
        sudo "$@"
    else
        stop "needs root, or sudo, to run: $* (or run that yourself, then this again)"
    fi
}

have_zstd() {
    command -v pkg-config >/dev/null && pkg-config --exists libzstd
}

# The tests compare with the program itself; without it those tests do nothing.
install_zstd_program() {
    command -v zstd >/dev/null && return
    command -v apt-get >/dev/null || return 0
    step "installing zstd"
    as_root apt-get update -qq
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends zstd >/dev/null
}

# Installs the libraries that the build needs and that are not here yet.
install_missing() {
    if ! have_zstd; then
        case $(uname -s) in
            Darwin)
                stop "libzstd or pkg-config is missing; install them with: brew install zstd pkg-config"
                ;;
            *)
                command -v apt-get >/dev/null ||
                    stop "libzstd with its headers, or pkg-config, is missing; install them with this system's package manager"
                step "installing libzstd-dev and pkg-config"
                as_root apt-get update -qq
                as_root env DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends \
                    libzstd-dev pkg-config >/dev/null
                have_zstd || stop "libzstd is still not found after installing libzstd-dev and pkg-config"
                ;;
        esac
    fi
    install_zstd_program
    command -v swift >/dev/null ||
        stop "swift is not on the PATH; install Swift 6.2 or newer from https://www.swift.org/install"
}
