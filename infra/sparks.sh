#!/usr/bin/env bash
# The gates, every allowed function, the index, runs of what the gates accept, both corpora through every plan and the demo on every supported Spark, each installed from the package index: infra/sparks.sh [VERSION...]
# 4.1.1 is the one of .venv; the others go into build/sparks/VERSION and stand before it on Python's path.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. infra/environment.sh
versions=("$@")
[ $# -gt 0 ] || versions=(3.5.8 4.0.2 4.1.1)
install_into .venv constraints.txt -e '.[local,aws,dev]'
own=$(.venv/bin/python -c 'import pyspark; print(pyspark.__version__)')
shared=../shared

# place_of VERSION: the folder of that Spark, installed if it is not there; nothing for the one of .venv.
place_of() {
    local place=build/sparks/$1
    [ "$1" = "$own" ] && return
    if [ ! -e "$place/.installed" ]; then
        say "Installing PySpark $1 into $place"
        rm -rf "$place"
        .venv/bin/pip install --quiet --disable-pip-version-check --target "$place" "pyspark==$1" >&2 && touch "$place/.installed"
    fi
    echo "$PWD/$place"
}

# part VERSION NAME COMMAND...: run it on that Spark, keep what it prints, and say how it ended.
part() {
    local version=$1 name=$2 log=build/sparks/$1-$2.log started=$SECONDS outcome=passed
    shift 2
    PYTHONPATH=$place "$@" >"$log" 2>&1 || outcome=FAILED
    [ "$outcome" = passed ] || failed=1
    printf '%-6s %-14s %-6s %4s s  %s\n' "$version" "$name" "$outcome" $((SECONDS - started)) "$(tail -n 1 "$log" | cut -c1-90)" |
        tee -a "$summary"
}

# demo: play it in a home of its own, and print last what was decided on its days, without the time it took.
demo() {
    local home
    home=$(mktemp -d) && chmod 755 "$home"
    homes+=("$home")
    RULES_HOME=$home .venv/bin/rules demo && RULES_HOME=$home .venv/bin/rules down &&
        .venv/bin/python - "$home" <<'DECIDED'
import hashlib, json, pathlib, sys

days = {}
for path in pathlib.Path(sys.argv[1]).rglob("manifest.json"):
    manifest = json.loads(path.read_text())
    del manifest["evaluation"]["seconds"]
    days[manifest["as_of"]] = manifest["evaluation"]
print(json.dumps(days, indent=1, sort_keys=True))
said = json.dumps(days, sort_keys=True).encode()
print(f"{len(days)} days, {sum(day['evaluated_pairs'] for day in days.values())} pairs, {hashlib.sha256(said).hexdigest()[:16]}")
DECIDED
}

failed=0
homes=()
demos=()
trap 'rm -rf "${homes[@]}"' EXIT  # not sooner: a JVM that ends still writes there
mkdir -p build/sparks
summary=$(mktemp)
for version in "${versions[@]}"; do
    place=$(place_of "$version")
    found=$(PYTHONPATH=$place .venv/bin/python -c 'import pyspark; print(pyspark.__version__)')
    if [ "$found" != "$version" ]; then
        echo "PySpark $version could not be installed; Python finds $found." >&2
        failed=1
        continue
    fi
    say "Spark $version"
    files=(tests/data/hostile_rules.tsv tests/data/honest_rules.tsv)
    [ ! -d "$shared/security" ] || files+=("$shared/security/hostile_rules.tsv" "$shared/security/honest_rules.tsv")
    part "$version" rules .venv/bin/python -m tests.gate "${files[@]}"
    part "$version" gates .venv/bin/python -m pytest -q -p no:cacheprovider tests/functional/test_spark_gates.py
    part "$version" functions .venv/bin/python -m pytest -q -p no:cacheprovider tests/functional/test_function_table.py
    part "$version" index .venv/bin/python -m pytest -q -p no:cacheprovider tests/property/test_*_on_spark.py
    part "$version" accepted .venv/bin/python -m tests.accepted_runs --rules 200
    for corpus in berka german_credit; do
        [ ! -d "$shared/corpora/$corpus" ] || part "$version" "$corpus" .venv/bin/python -m tests.acceptance --plans "$shared/corpora/$corpus"
    done
    part "$version" demo demo
    demos+=("build/sparks/$version-demo.log")
done
say "All Sparks"
cat "$summary"
rm "$summary"
if [ "$(cat /dev/null "${demos[@]}" | grep ' days, .* pairs, ' | sort -u | wc -l)" -gt 1 ]; then
    echo "The demo decides differently on these Sparks; compare ${demos[*]}." >&2
    failed=1
fi
exit $failed
