"""What a person does with the backups: list, show, verify, restore, export."""
