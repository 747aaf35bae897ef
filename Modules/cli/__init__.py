"""The command line ``lindero``, in front of everything."""
