"""The desk: one portfolio's daily work, from the claim to the report. No agent framework, no HTTP, no database."""
