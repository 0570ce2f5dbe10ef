"""What the command line is made of: how work gets done, what a person sees, which processes run."""
