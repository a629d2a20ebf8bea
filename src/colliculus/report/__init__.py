"""One page about runs: a single HTML file that needs nothing else, no network and no script."""
