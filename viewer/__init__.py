"""Everything a person sees: the command line, pictures, the report and the window."""
