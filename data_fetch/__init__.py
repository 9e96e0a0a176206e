"""What touches the network: `python -m data_fetch gtsrb` downloads, checks and prepares a data set."""
