# What a developer runs; CI runs the same (see .ci/run).
BIN      := bin/docker-credential-ecr-sso
LINT     := bin/golangci-lint
FUZZTIME ?= 10s
LAB        := go -C .ci/lab run
FAULTFLAGS ?= -peer $(CURDIR)/bin/docker-credential-ecr-login -aws-cli /usr/bin/aws -json $(CURDIR)/bin/faultlab.json -write $(CURDIR)/docs/reliability.md
SWEEPFLAGS ?= -kills 10000 -write $(CURDIR)/docs/reliability.md
HERDFLAGS  ?= -write $(CURDIR)/docs/reliability.md
E2E        := go test -tags e2e -count=1 -timeout 15m -v ./docker-credential-ecr-sso/e2e/

.PHONY: help build test demo bench lint vuln generate hostile fuzz e2e e2e-all e2e-update faultlab crashsweep herd release-snapshot release-one reproducible check clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## /{printf "  make %-16s %s\n", $$1, $$2}' Makefile

build: ## build the helper into bin/
	CGO_ENABLED=0 go build -tags nethttpomithttp2 -trimpath -ldflags '-s -w' -o $(BIN) ./docker-credential-ecr-sso

test: ## run all tests but e2e, with the race detector (wants a C compiler)
	go test -race ./...

demo: ## sign in, push, pull and log out against a fake AWS, with comments
	go run ./pkg/awstest/cmd/demo

bench: ## measure beside amazon-ecr-credential-helper, 5 minutes on a quiet machine; ARGS='-only W1,C1'
	$(LAB) ./cmd/bench $(ARGS)

lint: ## run the linters of .golangci.yml, vet for macOS and Windows, and check workflows and scripts
	go -C .ci/lint build -o ../../$(LINT) github.com/golangci/golangci-lint/v2/cmd/golangci-lint
	$(LINT) run ./... ./.ci/mutate
	GOOS=darwin go vet ./...
	GOOS=windows go vet ./...
	go -C .ci/workflows build -o ../../bin/actionlint github.com/rhysd/actionlint/cmd/actionlint
	bin/actionlint
	if command -v shellcheck; then shellcheck .ci/run .ci/cover .ci/fuzz .ci/fuzz-compile .ci/clients/build $$(grep -lE '^#!.*sh' .ci/release/*); fi

vuln: ## look up known vulnerabilities of what is linked, offline, in a database of a pinned date
	go -C .ci/vuln build -o ../../bin/ golang.org/x/vuln/cmd/govulncheck golang.org/x/vulndb/cmd/indexdb
	bin/indexdb -vulns "$$(go -C .ci/vuln list -m -f '{{.Dir}}' golang.org/x/vulndb)/data/osv" -out bin/vulndb
	bin/govulncheck -db file://$(CURDIR)/bin/vulndb ./docker-credential-ecr-sso

generate: ## write the generated parts of the documentation
	go test ./pkg/cli -run GeneratedDocuments -update

hostile: ## feed the program all hostile and all real registry names, some minutes
	go test -count=1 -run Hostile ./pkg/registry -all $(CURDIR)/bin/hostile.tsv
	HOSTILE=$(CURDIR)/bin/hostile.tsv go test -count=1 -timeout 60m -run 'Hostile|RealNames' -v ./pkg/cli

fuzz: ## fuzz each parser for FUZZTIME (10s)
	.ci/fuzz $(FUZZTIME)

e2e: ## run real clients (see docs/clients.md) against the fake AWS; root, Linux
	-.ci/clients/build light
	$(E2E)

e2e-all: ## the same, with the clients that take minutes to build
	-.ci/clients/build all
	E2E_ALL=1 $(E2E)

e2e-update: ## keep what the clients show now, for docs/clients.md
	$(E2E) -run 'TestDocker(Current)?$$|Compose|Buildx|Skopeo|Podman|Buildah|Crane|Oras|Regctl|Helm' -update

faultlab: bin/docker-credential-ecr-login ## put ours, the ECR helper and the AWS CLI through every fault, 6 minutes; root (Linux)
	$(LAB) ./cmd/faultlab $(FAULTFLAGS)

bin/docker-credential-ecr-login:
	CGO_ENABLED=0 GOBIN=$(CURDIR)/bin go install -trimpath -ldflags '-s -buildid=' \
	github.com/awslabs/amazon-ecr-credential-helper/ecr-login/cli/docker-credential-ecr-login@v0.12.0

crashsweep: ## let every system call that writes fail, or kill there; 10,000 random kills (Linux)
	$(LAB) ./cmd/crashsweep $(SWEEPFLAGS)

herd: ## up to 1,000 processes at once, of every kind, up to 100 times: 15 minutes, quiet machine (Linux)
	$(LAB) ./cmd/herd $(HERDFLAGS)

.PHONY: soak
soak: ## a day of gets, sign-ins and outages in some seconds: nothing is left, no call is one too many
	go test -race -count=1 -v -run 'TestSoak$$' ./pkg/credhelper

release-snapshot: ## build what a release has into dist/, for all platforms
	.ci/release/snapshot

release-one: ## the same for Linux on amd64 alone, which e2e installs
	.ci/release/snapshot --one

reproducible: ## build the last commit's release twice and compare (ONE=--one: Linux on amd64)
	.ci/release/reproducible $(ONE)

check: lint test demo release-one e2e ## run what CI runs
	$(LAB) ./cmd/faultlab -quick
	$(MAKE) crashsweep SWEEPFLAGS='-quick -kills 300'
	$(MAKE) herd HERDFLAGS=-quick

.PHONY: mutate
mutate: ## change the code of a few packages in every small way: do their tests notice?
	go run ./.ci/mutate -v -least 80 -write docs/reliability.md pkg/registry pkg/internal/safefile pkg/internal/tokencache

.PHONY: cover
cover: ## which statements of what ships run in the whole test suite
	PAGE=docs/reliability.md .ci/cover

clean: ## remove what build and lint made
	rm -rf bin dist
