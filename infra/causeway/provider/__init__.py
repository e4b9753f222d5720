"""The resource provider `causeway`: the Pulumi engine's calls over gRPC, translated into hosts, releases and leases."""
