"""The gateway's endpoints by family. A route translates; what it translates is decided in the domain modules."""
