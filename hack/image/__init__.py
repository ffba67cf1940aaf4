"""The operator's image, from package registries alone where no image registry can be reached."""
