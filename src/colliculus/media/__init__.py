"""Media: sound, images, video and events, from files to arrays."""
