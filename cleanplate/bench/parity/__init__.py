"""Are our networks the published ones? Each is run with weights that any program can make, on stored inputs."""
