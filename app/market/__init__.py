"""What is known of the market beside the broker: sessions, sectors, cached history."""
