package main

// version of the agent. It is part of what a template depends on: a template made with another version is baked again.
const version = "0.1.0"
