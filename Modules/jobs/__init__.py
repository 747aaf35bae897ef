"""What a flow calls: backup, products, weekly proof, and the words of a run. No Prefect."""
