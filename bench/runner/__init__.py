"""What run.py is made of: what to run, running it, and reporting it."""
