"""The condition of the service, which everything that can impair it reports to one place."""
