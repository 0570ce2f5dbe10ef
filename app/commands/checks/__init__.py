"""What `portfolio doctor` looks at, one module a neighbour. Looking changes nothing, here and there."""
