# What developers run. CI runs the same targets (.ci/run).
# Everything is built with the toolchain that go.mod pins, as releases are. Images of Go set
# GOTOOLCHAIN=local, which ignores the pin. Another one: make build GOTOOLCHAIN=local
export GOTOOLCHAIN := $(shell sed -n 's/^toolchain //p' go.mod)

BIN        := bin/docker-credential-ecr-sso
LINT       := bin/golangci-lint
FUZZTIME   ?= 10s
LAB        := go -C .ci/lab run
FAULTFLAGS ?= -peer $(CURDIR)/bin/docker-credential-ecr-login -aws-cli /usr/bin/aws -json $(CURDIR)/bin/faultlab.json -write $(CURDIR)/docs/reliability.md
SWEEPFLAGS ?= -kills 10000 -write $(CURDIR)/docs/reliability.md
HERDFLAGS  ?= -write $(CURDIR)/docs/reliability.md
KUBELETFLAGS ?= -write $(CURDIR)/docs/kubernetes.md
E2E        := go test -tags e2e,nethttpomithttp2 -count=1 -timeout 15m -v ./docker-credential-ecr-sso/e2e/

.PHONY: help build test demo lint generate e2e check bench faultlab crashsweep herd clean
.PHONY: test-programs test-build test-full test-lab wine other-cpus mac-sim kubelet fleet cover picture soak fuzz hostile mutate vuln e2e-all e2e-update release-snapshot release-one manifests reproducible

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## /{printf "  make %-16s %s\n", $$1, $$2} /^# For maintainers/{exit}' Makefile
	@echo '  (targets for maintainers: docs/maintaining.md)'

build: ## build the helper into bin/
	CGO_ENABLED=0 go build -tags nethttpomithttp2 -trimpath -ldflags '-s -w' -o $(BIN) ./docker-credential-ecr-sso

# At exit, the race detector waits one second for other threads to report, in each of 29 packages.
# Four packages run at the same time, because their tests also wait for processes and clocks.
test: ## run unit and script tests, race detector on (needs cc)
	CGO_ENABLED=1 GORACE=atexit_sleep_ms=50 go test -race -timeout 30m -p 4 ./...

demo: ## sign in, push, pull, log out against a fake AWS
	go run ./pkg/awstest/cmd/demo

lint: ## run linters, vet for each system, check workflows
	.ci/tool golangci-lint
	$(LINT) run ./...
	cd .ci/lab && ../../$(LINT) run ./...
	go -C .ci/lint build -o ../../bin/vet ./vet
	for os in darwin windows freebsd openbsd netbsd; do \
		GOOS=$$os bin/vet ./... >bin/vet.log 2>&1 || { grep -vE 'analysis skipped|failed prerequisites' bin/vet.log; exit 1; }; done
	.ci/ran/seen 'FreeBSD, OpenBSD, NetBSD amd64' 'type-checked and vetted, not started'
	go -C .ci/workflows build -o ../../bin/actionlint github.com/rhysd/actionlint/cmd/actionlint
	bin/actionlint
	if command -v shellcheck; then shellcheck .ci/run .ci/tool .ci/cover .ci/fuzz .ci/fuzz-compile .ci/mac-sim .ci/other-cpus .ci/wine/run .ci/ran/seen .ci/ran/table .ci/clients/build .ci/vuln/check $$(grep -slE '^#!.*sh' .ci/release/*); fi

generate: ## write the generated parts of the documentation
	go test ./pkg/cli -run GeneratedDocuments -update

e2e: ## run real clients against the fake AWS; root, Debian
	-.ci/clients/build light
	$(E2E)

check: lint vuln test test-programs test-build soak test-full test-lab demo mac-sim other-cpus wine manifests release-one e2e ## run everything that CI runs, and what takes longer
	$(LAB) ./cmd/faultlab -quick
	$(MAKE) crashsweep SWEEPFLAGS='-kills 10000'
	$(MAKE) herd HERDFLAGS=-quick
	$(MAKE) kubelet hostile fleet

bench: ## compare speed with amazon-ecr-credential-helper, 5 min
	$(LAB) ./cmd/bench $(ARGS)

faultlab: bin/docker-credential-ecr-login ## run the helper through every fault, 6 minutes; root, Linux
	$(LAB) ./cmd/faultlab $(FAULTFLAGS)

crashsweep: ## fail or kill at each write; 10,000 random kills; Linux
	$(LAB) ./cmd/crashsweep $(SWEEPFLAGS)

herd: ## start up to 1,000 processes at once, 15 minutes; Linux
	$(LAB) ./cmd/herd $(HERDFLAGS)

# For maintainers (docs/maintaining.md).

test-programs: ## run the tests that need other programs: AWS CLI, pass, gnome-keyring, bash, curl, strace; Debian
	go test -tags programs,nethttpomithttp2 -count=1 -timeout 30m -run '^TestPrograms' ./pkg/cli ./pkg/internal/awsconfig ./pkg/internal/keychain

test-build: ## run the tests that link a program
	go test -tags buildtest,nethttpomithttp2 -count=1 -timeout 30m -run '^TestBuild' ./pkg/cli ./pkg/internal/safefile

test-full: ## run with full numbers the tests that `make test` shortens
	go test -count=1 -timeout 30m -run 'TestNoLoginCrosses$$|Denial|Throttled|Public' ./pkg/internal/kubelet -interleavings 10000 -pulls 30
	go test -count=1 -timeout 30m -run 'TestListingFollowsRateLimit$$' ./pkg/internal/populate -accounts 1000
	go test -count=1 -timeout 30m -run 'TestLoginIsFromCurrentSignIn$$' ./pkg/credhelper -walks 40
	go test -count=1 -timeout 30m -run 'TestEraseDuringGetsIsFinal$$' ./pkg/cli -rounds 30
	go test -count=1 -timeout 30m -run 'TestManyOtherRequestsDuringLogin$$' ./pkg/internal/login -requests 10000

test-lab: ## run the tests of the benches
	go -C .ci/lab test -timeout 30m ./...

picture: ## draw the terminal picture of the README from the program; Linux
	$(LAB) ./cmd/picture -write $(CURDIR)/docs/picture

wine: ## run the Windows program and its tests; wine64, gcc-mingw-w64-x86-64
	.ci/wine/run

other-cpus: ## run the program on 386, arm64, arm, s390x, ppc64le, riscv64; qemu-user
	.ci/other-cpus

mac-sim: ## run the scripts on Linux with the directories and certificates of macOS
	.ci/mac-sim

bin/docker-credential-ecr-login:
	CGO_ENABLED=0 GOBIN=$(CURDIR)/bin go install -trimpath -ldflags '-s -buildid=' \
	github.com/awslabs/amazon-ecr-credential-helper/ecr-login/cli/docker-credential-ecr-login@v0.12.0

# Vet would analyze all of Kubernetes.
kubelet: ## let the code of two kubelet versions call the program; the first build takes many minutes
	.ci/clients/build kubelet
	go -C .ci/kubelet test -vet=off -count=1 -timeout 30m -modfile=go.v1.34.mod .
	go -C .ci/kubelet test -vet=off -count=1 -timeout 30m . $(KUBELETFLAGS)

fleet: ## simulate 10,000 nodes that start at once, for docs/performance.md
	go test -count=1 -run 'TestFleet$$' -v ./pkg/internal/kubelet -fleet $(CURDIR)/docs/performance.md

cover: ## measure which statements run in the whole test suite
	PAGE=docs/reliability.md .ci/cover

soak: ## simulate a day of gets, sign-ins and outages in some seconds
	CGO_ENABLED=1 go test -race -count=1 -v -run 'TestSoak$$' ./pkg/credhelper -day

fuzz: ## fuzz each parser for FUZZTIME (10s)
	.ci/fuzz $(FUZZTIME)

hostile: ## feed all hostile and all real registry names to the program, some minutes
	mkdir -p bin
	go test -count=1 -run Hostile ./pkg/registry -all $(CURDIR)/bin/hostile.tsv
	HOSTILE=$(CURDIR)/bin/hostile.tsv go test -tags programs -count=1 -timeout 60m -run 'Hostile|RealNames' -v ./pkg/cli

mutate: ## change the code of some packages in small ways: do their tests notice?
	$(LAB) ./cmd/mutate -v -least 80 -write docs/reliability.md pkg/registry pkg/internal/safefile pkg/internal/tokencache

vuln: ## fail for a known vulnerability in code that the program calls, by a database of a pinned date
	.ci/vuln/check

e2e-all: ## run e2e with the clients that take minutes to build, too
	-.ci/clients/build all
	E2E_ALL=1 $(E2E)

e2e-update: ## record what the clients show now, for docs/clients.md
	$(E2E) -run 'TestDocker(Current)?$$|Compose|Buildx|Skopeo|Podman|Buildah|Crane|Oras|Regctl|Helm' -update

release-snapshot: ## build a release into dist/, for all platforms
	.ci/release/snapshot

release-one: ## build the release for Linux on amd64, which e2e installs
	.ci/release/snapshot --one

manifests: ## check the manifests for Homebrew, Scoop and winget, with placeholders for programs; ruby
	.ci/release/snapshot --manifests
	go -C .ci/release test -count=1 .

reproducible: ## build the last commit's release twice and compare (ONE=--one: Linux on amd64)
	.ci/release/reproducible $(ONE)

clean: ## remove what build and lint made
	rm -rf bin dist
