"""From raw files to one folder of arrays: recipes of data sets, and fetching of public ones from official mirrors."""
