"""The corner where the agent framework lives: agents, plugins, prompts and models. Nothing else imports it."""
