#!/bin/bash
# usage: manuals.sh SOSCTL [FOLDER]
#
# Installs manual pages and the shells' completions below FOLDER/usr/share, as this sosctl writes them.
set -euo pipefail
cd "$(dirname "$0")/.."

sosctl=${1:?usage: manuals.sh SOSCTL [FOLDER]}
share=${2:-}/usr/share
install -d "$share/man/man8" "$share/bash-completion/completions" "$share/zsh/vendor-completions" "$share/fish/vendor_completions.d"
"$sosctl" manual | gzip -9n >"$share/man/man8/sosctl.8.gz"
gzip -9nc eng/sosd.8 >"$share/man/man8/sosd.8.gz"
"$sosctl" completion bash >"$share/bash-completion/completions/sosctl"
"$sosctl" completion zsh >"$share/zsh/vendor-completions/_sosctl"
"$sosctl" completion fish >"$share/fish/vendor_completions.d/sosctl.fish"
