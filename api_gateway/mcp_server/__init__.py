"""The MCP server in front of the brokerage: typed tools, a bearer token, and the order gate."""
