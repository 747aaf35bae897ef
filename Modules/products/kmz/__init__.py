"""The KMZ for phones: by campo, by lote, by cultivo."""
