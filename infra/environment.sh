# Sourced by run.sh and test.sh: makes a virtual environment and keeps it as setup.cfg and the constraints say.
# Works as root or as a user; system packages are asked of apt-get only where something is missing.

# Images of containers often set it: then no module would be kept compiled, and every start compile all of them.
unset PYTHONDONTWRITEBYTECODE

say() { printf '\033[1m%s\033[0m\n' "$*" >&2; }

# apt NAME...: install system packages, if this user may.
apt() {
    command -v apt-get >/dev/null || return 1
    local as_root=""
    if [ "$(id -u)" != 0 ]; then
        sudo -n true 2>/dev/null || return 1
        as_root="sudo -n"
    fi
    say "Installing system packages: $*"
    $as_root env DEBIAN_FRONTEND=noninteractive apt-get update -qq >&2 &&
        $as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >&2
}

# The first Python that is new enough for us and old enough for every library.
find_python() {
    local name
    for name in ${PYTHON:-} python3.11 python3.12 python3.13 python3; do
        if "$name" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null; then
            echo "$name"
            return
        fi
    done
    apt python3.11 python3.11-venv && { echo python3.11; return; }
    echo "Python 3.11, 3.12 or 3.13 is needed and was not found. Install it, say: apt-get install python3.11 python3.11-venv" >&2
    return 5
}

# make_venv FOLDER: a virtual environment with pip in it.
make_venv() {
    local folder=$1 python
    [ -x "$folder/bin/pip" ] && return
    python=$(find_python)
    rm -rf "$folder"
    if ! "$python" -m venv "$folder" 2>/dev/null; then
        rm -rf "$folder"
        apt "$(basename "$(readlink -f "$(command -v "$python")")")-venv" >/dev/null || true
        "$python" -m venv "$folder" || {
            echo "$python cannot make a virtual environment. Install its venv module, say: apt-get install python3-venv" >&2
            return 5
        }
    fi
}

# install_into FOLDER CONSTRAINTS REQUIREMENT...: pip install, unless nothing changed since the last time.
# Modules are compiled as they are first imported: of those installed most never are.
install_into() {
    local folder=$1 constraints=$2 stamp want
    shift 2
    make_venv "$folder"
    want=$(cat setup.cfg "$constraints" | sha256sum)" $*"
    stamp="$folder/.installed-$(echo "$want" | sha256sum | cut -c1-16)"
    if [ -e "$stamp" ]; then return; fi
    say "Installing Python packages into $folder (the first time takes some minutes)"
    "$folder/bin/pip" install --quiet --disable-pip-version-check --no-compile --constraint "$constraints" "$@"
    touch "$stamp"
}
