#!/usr/bin/env bash
# ONNX Runtime's C headers into a folder, for machines whose Debian release has no package of them:
# from the next release's libonnxruntime-dev, by the machine's own package source. Nothing is installed.
#   .ci/onnxruntime_headers.sh DIR     afterwards: cmake -DONNXRUNTIME_ROOT=DIR
set -euo pipefail
[ $# -eq 1 ] || { echo "usage: $0 DIR" >&2; exit 2; }
mkdir -p "$1"
target=$(cd "$1" && pwd)
codename=$(. /etc/os-release && echo "${VERSION_CODENAME:?}")
next=${ONNXRUNTIME_DEBIAN_RELEASE:-trixie}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/parts" "$work/lists/partial" "$work/cache/archives/partial"

for source in /etc/apt/sources.list /etc/apt/sources.list.d/*.list /etc/apt/sources.list.d/*.sources; do
    [ -f "$source" ] && grep -q "$codename" "$source" || continue
    sed "s/$codename/$next/g" "$source" > "$work/parts/${source##*/}"
done
[ -n "$(ls "$work/parts")" ] || { echo "no apt source of $codename on this machine" >&2; exit 1; }

# Lists and downloads stay in the temporary folder; apt's own user could not write there.
options=(-qq -o Dir::Etc::sourcelist=/dev/null -o "Dir::Etc::sourceparts=$work/parts" -o "Dir::State::Lists=$work/lists"
    -o "Dir::Cache=$work/cache" -o APT::Sandbox::User=root)
cd "$work"
apt-get "${options[@]}" update
apt-get "${options[@]}" download libonnxruntime-dev
dpkg -x libonnxruntime-dev_*.deb "$work/package"
mkdir -p "$target/include"
cp -r "$work/package/usr/include/onnxruntime/." "$target/include/"
find "$target/include" -name onnxruntime_c_api.h | grep -q . || { echo "no onnxruntime_c_api.h in the package" >&2; exit 1; }
