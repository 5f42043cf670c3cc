"""Maximum flow through layers of nodes, for attention flow."""
