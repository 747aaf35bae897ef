"""The links from the output folders to OneDrive: configuration, script, set-up."""
