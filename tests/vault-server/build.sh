#!/usr/bin/env bash
# Builds the Vault server of the tests, once: build/vault-server/vault-server is kept until a source changes.
#
#   tests/vault-server/build.sh [DIRECTORY]     prints the binary's path
#
# Exit 77 where there is no Go of 1.21 or newer; 1 where it does not build.
set -euo pipefail
cd "$(dirname "$0")"
directory=${1:-../../build/vault-server}

find_go() {
    local candidate version
    for candidate in "$(command -v go || true)" /usr/local/go/bin/go; do
        [ -x "$candidate" ] || continue
        version=$("$candidate" env GOVERSION 2>/dev/null) || continue   # go1.26.8
        [[ $version =~ ^go1\.([0-9]+) ]] && [ "${BASH_REMATCH[1]}" -ge 21 ] && echo "$candidate" && return 0
    done
    return 1
}

mkdir -p "$directory"
directory=$(cd "$directory" && pwd)
sources=$(cat main.go go.mod go.sum | sha256sum)
if [ -x "$directory/vault-server" ] && [ "$(cat "$directory/sources" 2>/dev/null)" = "$sources" ]; then
    echo "$directory/vault-server"
    exit 0
fi
go=$(find_go) || { echo "no Go of 1.21 or newer, neither in PATH nor in /usr/local/go" >&2; exit 77; }
echo "building the tests' Vault server, once: 3 to 6 minutes" >&2
# GOTOOLCHAIN: what is here builds it or nothing does; no compiler is fetched.
CGO_ENABLED=0 GOTOOLCHAIN=local "$go" build -trimpath -ldflags="-s -w" -o "$directory/vault-server.new" .
mv "$directory/vault-server.new" "$directory/vault-server"
echo "$sources" >"$directory/sources"
echo "$directory/vault-server"
