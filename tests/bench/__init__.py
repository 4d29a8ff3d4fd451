"""What the platform costs on this machine: `make bench`. Machines differ and are noisy: goals are held against one run alone."""
