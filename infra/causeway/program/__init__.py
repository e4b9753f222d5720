"""The Pulumi program: components and resources that declare a plan, and a public API for programs of one's own."""
