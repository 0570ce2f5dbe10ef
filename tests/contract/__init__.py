"""The same cases over every broker that a desk can be given."""
