"""What the Vault stories stand on: a real Vault, a relay host, its authenticated upstream, vault-sync as a process."""
