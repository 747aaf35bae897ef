"""What lies on a disk: safe writing, publication, links, locks."""
