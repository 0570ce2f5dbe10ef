"""Plugins of the agent runtime."""
