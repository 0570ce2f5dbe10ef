"""What the service says to a browser and to callers that did not get their way."""
