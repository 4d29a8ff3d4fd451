"""What makes a service a process: its settings, its start, its logs, its end."""
