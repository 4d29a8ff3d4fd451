"""The platform on one machine: its processes, its folder, its keys."""
