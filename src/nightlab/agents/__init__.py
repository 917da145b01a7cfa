"""How coding agents plug in when they drive Nightlab: the MCP server, the hooks, and the skill."""
