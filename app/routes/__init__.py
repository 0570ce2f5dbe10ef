"""What the service is made of beside the daily run."""
