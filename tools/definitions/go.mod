module causeway/tools/definitions

go 1.26.0

// Nothing is built from these modules: definitions of kinds are copied out of them (infra/causeway/toolchain/definitions.yaml).
require (
	github.com/argoproj/argo-cd/v3 v3.5.3
	github.com/external-secrets/external-secrets v1.3.2
	github.com/fluxcd/kustomize-controller v1.7.3
	github.com/fluxcd/source-controller v1.7.3
	sigs.k8s.io/gateway-api v1.5.1
	sigs.k8s.io/node-feature-discovery v0.18.3
)
