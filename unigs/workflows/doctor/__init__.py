"""What this machine, its packages and a store are fit for, each finding with its hint."""
