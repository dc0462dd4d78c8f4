# SOS: building, testing, trying out. "make help" lists the targets.
#
#   KERNEL=6.1|6.12|newest|debug   the lab's kernel
#   ONLY=NAME         make test: only tests whose name contains NAME, long ones among them

SHELL := /bin/bash
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

KERNEL ?= 6.1
KERNELS := 6.1 6.12
CONFIGURATION := Release
export KERNEL
export DOTNET_CLI_TELEMETRY_OPTOUT = 1
export DOTNET_NOLOGO = 1

.PHONY: help
help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' Makefile

.PHONY: setup
setup:
	@eng/setup.sh

.PHONY: build
build: setup ## builds every project
	dotnet build Sos.slnx -c $(CONFIGURATION) -v q

.PHONY: driver
driver: setup ## builds the driver for the lab's kernel
	eng/driver.sh $(KERNEL)

.PHONY: drivers
drivers: setup
	for kernel in $(KERNELS); do eng/driver.sh $$kernel || exit; done

# What the lab's guest runs: agent, sosctl, service images.
.PHONY: guest
guest: build
	eng/guest.sh

.PHONY: test
test: guest drivers ## all tests, virtual machines included (ONLY=name: those whose name contains it)
	@eng/test.sh $(ONLY)

.PHONY: exact
exact: setup ## the prefilter beside Linux over random rulesets with real connections (RULESETS=1000 PACKETS=10000 SEED=1): artifacts/exact.txt
	@dotnet build tests/Sos.Firewall.Tests -c $(CONFIGURATION) -v q
	@mkdir -p artifacts
	@SOS_EXACT_RULESETS=$(or $(RULESETS),1000) SOS_EXACT_PACKETS=$(or $(PACKETS),10000) SOS_EXACT_SEED=$(or $(SEED),1) \
		SOS_EXACT_REPORT=$(CURDIR)/artifacts/exact.txt dotnet test tests/Sos.Firewall.Tests -c $(CONFIGURATION) --no-build --nologo \
		--filter FullyQualifiedName~ExactnessTests --logger "console;verbosity=detailed"

.PHONY: share
share: setup ## which part of what Linux drops of mixed attack traffic the prefilter drops before it (RULESETS=directory of *.nft)
	@dotnet build tests/Sos.Firewall.Tests -c $(CONFIGURATION) -v q
	@$(if $(RULESETS),SOS_RULESETS=$(abspath $(RULESETS))) dotnet test tests/Sos.Firewall.Tests -c $(CONFIGURATION) --no-build --nologo \
		--filter FullyQualifiedName~AttackShareTests --logger "console;verbosity=detailed"

.PHONY: check
check: build drivers ## formatting, kernel style, annotations, shell scripts, house rules
	@eng/check.sh

.PHONY: lab
lab: guest driver ## a shell in a virtual machine: stock kernel, driver, network peers (KERNEL=6.1|6.12|newest|debug)
	@eng/lab.sh shell --kernel $(KERNEL)

.PHONY: lab-matrix
lab-matrix: guest ## driver and firewall on every kernel, the newest of Debian included: a table, artifacts/matrix.json
	@eng/lab.sh matrix

.PHONY: debug-kernel
debug-kernel: setup ## builds a kernel with KASAN, lockdep and fault injection into the cache, for KERNEL=debug
	@eng/debug-kernel.sh

.PHONY: fuzz-driver
fuzz-driver: guest debug-kernel ## the driver under its fuzzer and failing allocations, on the debug kernel
	@eng/fuzz-driver.sh

.PHONY: fuzz-verifier
fuzz-verifier: setup ## the verifier's claims on every allowed instruction beside this processor (FUZZ="--steps N --programs N")
	@eng/fuzz-verifier.sh $(FUZZ)

.PHONY: demo
demo: guest driver ## a machine under a real flood, twice: Linux alone, and with a service core (KERNEL=6.1|6.12)
	@dotnet lab/Sos.Demo/bin/Release/net10.0/Sos.Demo.dll

.PHONY: bench
bench: ## the firewall beside XDP, DPDK and nftables on the same packets (ONLY=section, ROUNDS=n)
	@eng/bench.sh $(if $(ONLY),--only=$(ONLY)) $(if $(ROUNDS),--rounds=$(ROUNDS))

.PHONY: bench-throughput
bench-throughput: setup ## TCP through the firewall on an isolated CPU beside Linux alone, with the same offloads (CPU=N, ROUNDS=n)
	@dotnet build services/firewall/Sos.Firewall -c $(CONFIGURATION) -v q
	@dotnet build src/Sos.Runner -c $(CONFIGURATION) -v q
	@dotnet build src/Sos.Ctl -c $(CONFIGURATION) -v q
	@eng/bench-throughput.sh $(if $(ROUNDS),--rounds=$(ROUNDS))

.PHONY: bench-router
bench-router: ## the router beside DPDK's FIBs, XDP and Linux on the same routes (ONLY=section, ROUNDS=n)
	@eng/bench-router.sh $(if $(ONLY),--only=$(ONLY)) $(if $(ROUNDS),--rounds=$(ROUNDS))

.PHONY: bench-follow
bench-follow: setup ## from a change of Linux's rules to the core's table, phase by phase (ROUNDS=n)
	@dotnet build bench/Sos.FollowBench -c $(CONFIGURATION) -v q --nologo
	@unshare --net dotnet bench/Sos.FollowBench/bin/$(CONFIGURATION)/net10.0/Sos.FollowBench.dll $(ROUNDS)

.PHONY: try
try: setup ## the firewall without the driver, on this machine: a fenced CPU, a real client, and all back (CPU=N)
	@dotnet build services/firewall/Sos.Firewall -c $(CONFIGURATION) -v q
	@dotnet build src/Sos.Runner -c $(CONFIGURATION) -v q
	@dotnet build src/Sos.Ctl -c $(CONFIGURATION) -v q
	@eng/try.sh

.PHONY: try-router
try-router: setup ## the router without the driver: a fenced CPU between two cables, by Linux's routes, and all back (CPU=N)
	@dotnet build services/router/Sos.Router -c $(CONFIGURATION) -v q
	@dotnet build src/Sos.Runner -c $(CONFIGURATION) -v q
	@dotnet build src/Sos.Ctl -c $(CONFIGURATION) -v q
	@eng/try-router.sh

.PHONY: try-console
try-console: setup ## the console without the driver: a fenced CPU, ssh to it from a client, and all back (CPU=N, HOLD=1 to look around)
	@dotnet build services/console/Sos.RemoteConsole -c $(CONFIGURATION) -v q
	@dotnet build src/Sos.Runner -c $(CONFIGURATION) -v q
	@dotnet build src/Sos.Ctl -c $(CONFIGURATION) -v q
	@eng/try-console.sh

.PHONY: console
console: guest driver ## a virtual machine whose Linux panics, and the ssh line to log in to it (KERNEL=6.1|6.12|newest, PORT=N)
	@eng/lab.sh console --kernel $(KERNEL) $(if $(PORT),--port $(PORT))

.PHONY: exact-router
exact-router: setup ## Linux and the router's core side by side under a thousand sequences of random changes (SEQUENCES=n, SEED=first)
	@dotnet build tests/Sos.Router.Tests -c $(CONFIGURATION) -v q
	@SOS_ROUTER_SEQUENCES=$(or $(SEQUENCES),1000) SOS_ROUTER_SEED=$(or $(SEED),1) \
		dotnet test tests/Sos.Router.Tests -c $(CONFIGURATION) --no-build --nologo -v q --filter DifferentialTests --logger "console;verbosity=normal"

.PHONY: bench-timer
bench-timer: guest driver ## timers and noise of a service core beside Linux's, in the virtual machine and natively (KERNEL=6.1|6.12)
	@dotnet bench/Sos.TimerBench/bin/Release/net10.0/Sos.TimerBench.dll $(ONLY)

.PHONY: torture
torture: guest drivers ## faults, hangs, panics, cycles by the dozen (TORTURE="--tries N --panics N --cycles N --kernel 6.1")
	@dotnet lab/Sos.Torture/bin/Release/net10.0/Sos.Torture.dll $(TORTURE)
	@eng/torture-console.sh $(or $(LOGINS),10000) $(or $(HANDSHAKES),1000000)

.PHONY: torture-console
torture-console: build ## the console's SSH for long (LOGINS=10000 HANDSHAKES=1000000): log-ins in a row, options, ssh-audit, damaged handshakes
	@eng/torture-console.sh $(or $(LOGINS),10000) $(or $(HANDSHAKES),1000000)

.PHONY: install
install: guest ## installs sosctl, the driver (DKMS, or for RELEASE=...) and the service images (DESTDIR=...)
	@eng/install.sh

.PHONY: deb
deb: guest ## Debian packages: artifacts/deb/sos-dkms_VERSION_all.deb (driver), sos_VERSION_amd64.deb (all else; needs no .NET)
	@eng/deb.sh

.PHONY: packages
packages: ## NuGet packages of the SDK and the template "sos-service", a feed: artifacts/packages (docs/own-repository.md)
	@eng/packages.sh

.PHONY: uninstall
uninstall:
	@eng/install.sh --uninstall

.PHONY: clean
clean: ## removes build products; downloads stay in the cache
	rm -rf artifacts
	find . \( -name bin -o -name obj \) -type d -not -path './.git/*' -prune -exec rm -rf {} +
