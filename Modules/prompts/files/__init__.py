"""The files of prompts: read strictly, checked together, bundled into what a version is made of."""
