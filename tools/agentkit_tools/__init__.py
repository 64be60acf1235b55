"""Ready toolsets for agentkit agents. Each module is one toolset; nothing is imported until it is asked for."""
