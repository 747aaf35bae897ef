"""The forms that the database has had, one after another; each is as it was on its day."""
