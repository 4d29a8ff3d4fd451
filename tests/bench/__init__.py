"""What the platform costs on this machine: `make bench`. It prints and judges nothing: machines differ, and are noisy."""
